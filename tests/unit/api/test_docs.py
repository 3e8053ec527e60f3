"""What the API says of itself: all of it there, all of it true, and nothing loaded from anywhere."""

import json
import re
import subprocess
import time
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
from distribution import settings, tokens
from distribution.sending.status import finish_if_over
from storage import stock
from storage.batches import lock
from storage.codes import find
from storage.tables import CodeState, Customer, Distribution, MessageState, Planned, PlannedState
from tests.ports import free_ports
from tests.sending import make_provider, messages_of, outcome

ROOT = Path(__file__).parents[3]
# What is done with a distribution, in an order in which all of it can be done with one.
VERBS = ("request-approval", "call-back", "send", "pause", "resume", "late", "retry", "stop")
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
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]
        assert body["example"] and body["schema"]["properties"]
    else:  # nothing but a path says what is to be done
        assert method in ("get", "delete") or path.rpartition("/")[2] in VERBS
    if method in ("post", "put"):
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
    process = Settings(_env_file=None, database_url=db_url, port=port, secret_key="a secret key for tests")
    bot = Bot(process, {"web", "clock"}, look_every=0.1)
    bot.start()
    try:
        with bot.runtime.db.write() as session:
            text = tokens.create(session, "shop", by="U0ADA", now=bot.runtime.clock.now())[1]
        make_provider(bot.runtime, "http://127.0.0.1:1", name="main")
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


def ending(call: tuple[str, str]) -> str:
    """The last word of a path."""
    return call[0].rpartition("/")[2]


def ready(bot: Bot, verb: str) -> None:
    """Have the first distribution where a verb finds it."""
    choices = {
        "request-approval": {"approvals.required": "always", "approvals.channel": "C0APPROVALS"},
        "send": {"approvals.required": "never"},
    }
    with bot.runtime.db.write() as session:
        for key, value in choices.get(verb, {}).items():
            settings.put(session, key, value)
    if verb == "pause":
        wait_for(bot, "sending")
    if verb == "late":
        with bot.runtime.db.write() as session:
            now = bot.runtime.clock.now()
            late = Planned(distribution_id=1, customer_id=1, step=1, state=PlannedState.LATE, due_at=now, fired_at=now)
            session.add(late)
    if verb == "retry":
        outcome(bot.runtime, messages_of(bot.runtime, 1), MessageState.REJECTED)
        with bot.runtime.db.write() as session:
            row = lock(session, 1)
            row.claimed_to = row.last_message_id
            assert finish_if_over(session, row, bot.runtime.clock.now())


def wait_for(bot: Bot, status: str) -> None:
    """Until the first distribution has this status."""
    ends = time.monotonic() + 20
    while True:
        with bot.runtime.db.read() as session:
            if session.get_one(Distribution, 1).status == status:
                return
        assert time.monotonic() < ends, f"it is never {status}"
        time.sleep(0.02)


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
    verbs = sorted((call for call in calls if ending(call) in VERBS), key=lambda call: VERBS.index(ending(call)))
    later = [(path, method) for path, method in calls if method == "delete" or "/redemptions" in path]
    first = [call for call in calls if call not in (*later, *verbs) and "/jobs/" not in call[0]]
    last = sorted(later, key=lambda call: ("/redemptions" not in call[0], call[1] == "delete"))
    for path, method in [*first, *verbs, *last]:
        if path.endswith("/redemptions") and method == "post":
            issue(bot, "SUMMER-4821")
        ready(bot, ending((path, method)))
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
        if "/request-approval" in script:
            ready(bot, "request-approval")
        fail = "" if "about:blank" in answer else "--fail-with-body "
        said = run(script.replace("curl ", f"curl -sS {fail}"), tmp_path, TOKEN=token, URL=url)
        if answer:
            assert json.loads(said) == json.loads(answer), script
    with bot.runtime.db.read() as session:
        assert find(session, "FILE-24999") is not None
