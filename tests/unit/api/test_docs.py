"""What the API says of itself: all of it there, all of it true, and nothing loaded from anywhere."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from bot.runner import Bot
from bot.settings import Settings
from bot.web.api.app import ROUTERS, document
from bot.web.api.describing import PREFIX, operations
from bot.web.api.page import curl
from distribution import tokens
from storage import stock
from storage.codes import find
from storage.tables import CodeState, Customer
from tests.ports import free_ports

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}") for path, method, operation in operations(document())
]


def test_the_document_has_every_endpoint() -> None:
    there = {(method, path) for path, method, _ in operations(document())}
    routes = [route for router in ROUTERS for route in router.routes]
    wanted = {
        (method.lower(), PREFIX + re.sub(r":\w+}", "}", route.path)) for route in routes for method in route.methods
    }
    assert there == wanted


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_endpoint_says_what_it_does_takes_and_answers(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"] and operation["description"] and operation["tags"]
    assert operation["security"] and set(operation["security"][0]["token"]) <= set(tokens.SCOPES)
    statuses = set(operation["responses"])
    assert {"401", "403", "422"} <= statuses and any(status < "300" for status in statuses)
    for status, each in operation["responses"].items():
        assert len(each["description"]) > 5
        kind = "application/json" if status < "300" else "application/problem+json"
        assert status == "204" or each["content"][kind]["schema"]
    if "{" in path:
        assert "404" in statuses or method == "put"
    for parameter in operation.get("parameters", ()):
        assert parameter["description"]
    if method in ("post", "put"):
        body = operation["requestBody"]["content"]["application/json"]
        assert body["example"] and body["schema"]["properties"]
        assert {"400", "413", "415"} <= statuses
    if method == "post":
        assert "Idempotency-Key" in [each["name"] for each in operation["parameters"]]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_the_guide_names_every_endpoint_and_its_scope(path: str, method: str, operation: dict[str, Any]) -> None:
    row = next((line for line in GUIDE.splitlines() if f"`{method.upper()} {path}`" in line), None)
    assert row is not None, f"docs/api.md has no row for {method.upper()} {path}"
    for scope in operation["security"][0]["token"]:
        assert f"`{scope}`" in row


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = json.dumps(document())
    assert "$defs" not in text
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document()["components"]["schemas"]


def test_the_page_needs_no_token_and_loads_nothing(web: TestClient) -> None:
    page = web.get("/docs")
    assert page.status_code == 200 and "default-src 'none'" in page.headers["content-security-policy"]
    assert not re.search(r"<(script|link|img|iframe|object)|@import|url\(|src=", page.text)
    for _path, _method, operation in operations(document()):
        assert operation["summary"] in page.text
    assert web.get("/openapi.json").json() == document()


@pytest.fixture
def server(db_url: str, tmp_path: Path) -> Iterator[tuple[str, str, Bot]]:
    """A real process part that serves HTTP: its address, a token, and the bot; an issued code, and a shell's folder."""
    port = free_ports()
    settings = Settings(_env_file=None, database_url=db_url, port=port, secret_key="a secret key for tests")
    bot = Bot(settings, {"web", "clock"}, look_every=0.1)
    bot.start()
    try:
        with bot.runtime.db.write() as session:
            text = tokens.create(session, "shop", by="U0ADA", now=bot.runtime.clock.now())[1]
        yield f"http://127.0.0.1:{port}", text, bot
    finally:
        bot.stop()


def issue(bot: Bot, code: str) -> None:
    """Give a code to the customer C-1001, as a distribution would."""
    with bot.runtime.db.write() as session:
        row, customer = find(session, code), session.query(Customer).filter_by(source_id="C-1001").one()
        assert row is not None
        row.state, row.customer_id, row.issued_at = CodeState.ISSUED, customer.id, bot.runtime.clock.now()
        stock.move(session, row.group_id, active=-1, issued=1)


def run(script: str, folder: Path, **env: str) -> str:
    """What a shell says to a script; fails where a command does."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"} | env, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_examples_of_the_page_work_as_they_stand(server: tuple[str, str, Bot], tmp_path: Path) -> None:
    """Each is run by a shell against a real server, in the page's order, what removes something last."""
    url, token, bot = server
    calls = [(path, method) for path, method, _ in operations(document())]
    later = [(path, method) for path, method in calls if method == "delete" or "/redemptions" in path]
    first = [call for call in calls if call not in later and "/jobs/" not in call[0]]
    for path, method in [*first, *sorted(later, key=lambda call: ("/redemptions" not in call[0], call[1] == "delete"))]:
        if path.endswith("/redemptions") and method == "post":
            issue(bot, "SUMMER-4821")
        command = curl(document(), url, path, method).replace("curl", "curl -sS --fail-with-body", 1)
        said = run(command, tmp_path, TOKEN=token)
        assert method == "delete" or json.loads(said), command


def test_the_guides_commands_work_as_they_stand(server: tuple[str, str, Bot], tmp_path: Path) -> None:
    """Every shell block of docs/api.md in its order; where it shows an answer, that is what is answered."""
    url, token, bot = server
    (tmp_path / "codes.txt").write_text("".join(f"FILE-{number:05}\n" for number in range(25_000)))
    blocks = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", GUIDE, flags=re.DOTALL)
    assert len(blocks) >= 8
    for script, answer in blocks:
        if "promobot token" in script:  # how the token and the address come about
            continue
        if "/redemptions" in script:
            issue(bot, "WINTER-1")
        fail = "" if "about:blank" in answer else "--fail-with-body "
        said = run(script.replace("curl ", f"curl -sS {fail}"), tmp_path, TOKEN=token, URL=url)
        if answer:
            assert json.loads(said) == json.loads(answer), script
    with bot.runtime.db.read() as session:
        assert find(session, "FILE-24999") is not None
