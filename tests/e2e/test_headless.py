"""promobot without Slack, as docs/headless.md says: its commands as they stand, a real process, a double of Twilio's.

The commands of the page are the test: first those that set it up, then the process, then everything over HTTP.
"""

import asyncio
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import structlog

from bot import cli
from tests.ports import free_ports
from tests.unit.providers.fake_twilio import SID, TOKEN, FakeTwilio, serving, sign

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "headless.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```(?:\n\n```json\n(.*?)```)?", PAGE, flags=re.DOTALL)
PATIENCE = 30.0  # seconds


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    """The double that the official client was checked against, in a thread."""
    fake, loop, up, done = FakeTwilio(), asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(fake):
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(PATIENCE)
    yield fake
    loop.call_soon_threadsafe(done.set)
    thread.join(PATIENCE)
    loop.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, twilio: FakeTwilio, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """What a shell of somebody who follows the page has, and nothing of Slack's; an empty folder, an empty database."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("SLACK_") or name in ("PUBLIC_URL", "DATABASE_URL", "SECRET_KEY", "HOST"):
            monkeypatch.delenv(name)
    told = {"ACCOUNT_SID": SID, "AUTH_TOKEN": TOKEN, "GATEWAY": twilio.url, "PORT": str(free_ports())}
    if request.param == "postgresql":
        server: str = request.getfixturevalue("postgres_url")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE headless")
        head, _, query = server.partition("?")
        told["DATABASE_URL"] = f"{head.rsplit('/', 1)[0]}/headless?{query}"
        told["SECRET_KEY"] = "the same for every process"
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield told
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    if request.param == "postgresql":
        with psycopg.connect(request.getfixturevalue("postgres_url"), autocommit=True) as connection:
            connection.execute("DROP DATABASE headless WITH (FORCE)")


def promobot(line: str, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """What a line of the command line says; in this process, for a new one takes a second to start."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", shlex.split(os.path.expandvars(line)))
        capture.readouterr()
        try:
            cli.main()
        except SystemExit as end:
            assert not end.code, capture.readouterr().err
    return capture.readouterr().out


def shell(script: str, told: dict[str, str]) -> str:
    """What a shell says to a block of the page; fails where a command does."""
    script = re.sub(r"curl (-s )?", "curl -sS --fail-with-body ", script).replace("sleep 1", "sleep 0.05")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"} | told, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def process(line: str, told: dict[str, str]) -> Iterator[None]:
    """A real process of promobot's, ready; it ends at SIGTERM within seconds."""
    words = [str(Path(sys.executable).parent / "promobot"), *shlex.split(line)[1:]]
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: running.poll() is not None or answers(f"http://127.0.0.1:{told['PORT']}/readyz"))
        assert running.poll() is None, running.communicate()[0]
        yield
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0 and "Traceback" not in said, said
    finally:
        if running.poll() is None:
            running.kill()
            running.communicate()


def answers(url: str) -> bool:
    """Whether a page is there and well."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)


def deliver(twilio: FakeTwilio, told: dict[str, str]) -> None:
    """Call back about every text as Twilio does, signed, until the report has them; what is not signed is kept out."""
    for text in twilio.texts:
        assert httpx.post(text["callback"], data=twilio.status_form(text, "undelivered", 30003)).status_code == 204
        form = twilio.status_form(text, "delivered")
        signed = {"X-Twilio-Signature": sign(text["callback"], form)}
        assert httpx.post(text["callback"], data=form, headers=signed).status_code == 204
    report, shown = f"{told['URL']}/v1/distributions/1/report", {"Authorization": f"Bearer {told['TOKEN']}"}
    until(lambda: httpx.get(report, headers=shown).json()["delivered"] == 3)


def test_the_page_from_an_empty_folder_to_a_report_that_adds_up(
    environment: dict[str, str],
    twilio: FakeTwilio,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told, blocks = dict(environment), list(BLOCKS)
    assert len(blocks) >= 7
    for line in blocks.pop(0)[0].splitlines():
        command = re.fullmatch(r"TOKEN=\$\((.*)\)", line)
        said = promobot(command[1] if command else line, capsys, monkeypatch)
        if command:
            told["TOKEN"] = said.strip()
    told["URL"] = f"http://127.0.0.1:{told['PORT']}"
    with process(blocks.pop(0)[0], told):
        for script, answer in blocks:
            if script.startswith("promobot "):
                assert "as it should be" in promobot(script, capsys, monkeypatch)
                continue
            if "/report" in script:
                deliver(twilio, told)
            said = shell(script, told)
            if answer:
                assert without_times(json.loads(said)) == json.loads(answer)
    assert Counter(text["to"] for text in twilio.texts) == {f"+4850123421{n}": 1 for n in (1, 2, 3)}
    assert len({text["body"] for text in twilio.texts}) == 3
    assert promobot("promobot check", capsys, monkeypatch) == "All is as it should be.\n"


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """A report as the page shows it."""
    assert not any(report["planned"].values())
    assert report["audience"] == sum(report["excluded"].values()) + report["sent"] + report["failed"]
    return {name: value for name, value in report.items() if name not in ("started_at", "finished_at", "planned")}
