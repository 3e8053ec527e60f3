"""The command line: quick to answer, plain when something is missing."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from sqlalchemy import text

from bot import cli
from storage import schema
from storage.database import Database
from storage.tables import Setting


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def promobot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command line in an empty folder, with nothing of this process's environment that is for us."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("SLACK_") or name in ("PORT", "PUBLIC_URL", "DATABASE_URL", "SECRET_KEY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "200")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def run(*words: str, **env: str) -> Said:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["promobot", *words])
            for name, value in env.items():
                patch.setenv(name, value)
            code: object = 0
            try:
                cli.main()
            except SystemExit as end:
                code = end.code or 0
        said = capsys.readouterr()
        assert isinstance(code, int)
        return Said(code, said.out, said.err)

    yield run
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'slack_bolt', 'fastapi', 'alembic', 'aiohttp', 'pydantic'}"
    script = f"import sys, bot.cli; print(sorted({heavy} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == "[]"


def test_run_says_what_is_missing(promobot: Run) -> None:
    said = promobot("run")
    assert said.code == 2
    assert "SLACK_BOT_TOKEN is missing" in said.err and "Traceback" not in said.err


@pytest.mark.parametrize(
    ("words", "env", "expected"),
    [
        (("run", "--roles", "slak"), {}, "no role 'slak'"),
        (("run",), {"PORT": "many"}, "PORT: "),
        (("settings", "list"), {}, "promobot db upgrade"),
        (("settings", "list"), {"DATABASE_URL": "nonsense"}, "DATABASE_URL cannot be read"),
        (
            ("settings", "list"),
            {"DATABASE_URL": "postgresql://localhost:1/x", "SECRET_KEY": "k" * 20},
            "cannot be reached",
        ),
        (("demo", "--port", "70000"), {}, "Port 70000 is not possible"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(
    promobot: Run, words: tuple[str, ...], env: dict[str, str], expected: str
) -> None:
    said = promobot(*words, **env)
    assert said.code == 2
    assert expected in said.err and "Traceback" not in said.err


def test_an_installation_from_nothing(promobot: Run) -> None:
    assert promobot("db", "upgrade").code == 0
    assert "30 customers" in promobot("sample", "--customers", "30", "--codes", "20").out
    assert "empty database" in promobot("sample").err
    assert promobot("settings", "set", "region.default", "se").out == "region.default = SE\n"
    assert promobot("settings", "get", "region.default").out == "SE\n"
    assert "There is no setting 'colour'" in promobot("settings", "set", "colour", "red").err
    assert "region.default" in promobot("settings", "list").out
    assert "no provider yet" in promobot("provider", "list").out
    added = promobot("provider", "add", "sandbox", "--name", "Phone", "--base-url", "http://localhost:1")
    assert "/callbacks/1-" in added.out
    assert "Phone (default)" in promobot("provider", "list").out
    assert "No such command 'pigeon'" in promobot("provider", "add", "pigeon").err
    assert promobot("check").out == "All is as it should be.\n"


@pytest.mark.parametrize(
    "words",
    [
        ("settings", "set", "approvals.required", "above:100"),
        ("token", "create", "shop"),
        ("provider", "add", "sandbox", "--name", "Phone", "--base-url", "http://localhost:1"),
    ],
)
def test_what_an_installation_begins_with_makes_the_database(promobot: Run, words: tuple[str, ...]) -> None:
    """In an empty folder; what only looks makes none, for it may be the wrong folder."""
    assert "promobot db upgrade" in promobot("check").err
    assert promobot(*words).code == 0
    assert promobot("check").code == 0


def test_twilio_is_set_up_and_its_token_is_never_shown(promobot: Run, tmp_path: Path) -> None:
    assert promobot("db", "upgrade").code == 0
    sid, token = "AC" + "0" * 32, "f00dfeed" * 4
    words = ("provider", "add", "twilio", "--name", "main", "--account-sid", sid, "--auth-token", token)
    nowhere = promobot(*words)
    assert nowhere.code == 2 and "a number to send from" in nowhere.err
    assert "Traceback" not in nowhere.err
    more = (
        "--from",
        "+15550100200",
        "--rate",
        "100",
        "--api-base-url",
        "http://127.0.0.1:1",
        "--default",
        "--pictures",
    )
    added = promobot(*words, *more)
    assert added.code == 0 and "/callbacks/1-" in added.out
    listed = promobot("provider", "list")
    assert "main (default)" in listed.out and "twilio" in listed.out and "100" in listed.out
    for said in (nowhere, added, listed):
        assert token not in said.out + said.err
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("promobot.db*"))
    assert b'"pictures": "yes"' in stored
    assert sid.encode() in stored and token.encode() not in stored


def test_the_token_may_come_from_the_environment(promobot: Run) -> None:
    assert promobot("db", "upgrade").code == 0
    words = ("provider", "add", "twilio", "--name", "main", "--account-sid", "AC" + "0" * 32, "--from", "PROMO")
    assert promobot(*words, TWILIO_AUTH_TOKEN="f00dfeed" * 4).code == 0


def test_providers_are_run_without_slack_and_secrets_asked_for_or_taken_from_the_environment(promobot: Run) -> None:
    assert promobot("db", "upgrade").code == 0
    kannel = ("provider", "add", "kannel", "--name", "K", "--api-base-url", "http://10.0.0.5:13013", "--username", "p")
    assert promobot(*kannel, KANNEL_PASSWORD="s3cret-word").code == 0
    http = ("provider", "add", "http", "--name", "H", "--api-base-url", "http://127.0.0.1:1/sms", "--look-up")
    assert "at least 16 characters" in promobot(*http, PROMOBOT_SIGNING_KEY="short").err
    assert promobot(*http, PROMOBOT_SIGNING_KEY="a key that is long").code == 0
    assert "is changed" in promobot("provider", "edit", "h", "--rate", "2.5", "--set", "from=PROMO").out
    assert "There is no field 'key'" in promobot("provider", "edit", "H", "--set", "key=another").err
    assert "give the signing key again" in promobot("provider", "edit", "H", "--set", "api_base_url=http://x.y/z").err
    assert "is the default now" in promobot("provider", "default", "H").out
    assert "is disabled now" in promobot("provider", "disable", "K").out
    assert "is disabled" in promobot("provider", "default", "K").err
    assert "could not be reached" in promobot("provider", "test", "H", "+48501234218").err
    listed = promobot("provider", "list").out
    assert "H (default)" in listed and "K (disabled)" in listed and "could not be reached" in listed
    assert "s3cret-word" not in listed
    assert "is deleted now" in promobot("provider", "delete", "K").out
    assert "Did you mean" in promobot("provider", "enable", "HH").err


def test_a_token_is_printed_once_and_alone_so_that_a_shell_can_keep_it(promobot: Run, tmp_path: Path) -> None:
    assert promobot("db", "upgrade").code == 0
    assert "no token yet" in promobot("token", "list").out
    made = promobot("token", "create", "checkout", "--scope", "codes:read", "--scope", "events:write")
    token = made.out.strip()
    assert token.startswith("promobot_") and "codes:read, events:write" in made.err and token not in made.err
    assert "everything" not in (listed := promobot("token", "list").out)
    assert "checkout" in listed and token[-4:] in listed and "never" in listed and token not in listed
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("promobot.db*"))
    assert "Did you mean 'codes:read'" in promobot("token", "create", "x", "--scope", "codes:raed").err
    assert "'checkout' already" in promobot("token", "create", "Checkout").err
    assert "Did you mean 'checkout'" in promobot("token", "revoke", "chekout").err
    assert "opens nothing any more" in promobot("token", "revoke", "checkout").out
    assert promobot("token", "create", "checkout").code == 0
    assert "everything" in promobot("token", "list").out


def test_a_worker_without_postgresql_is_told_what_it_needs(promobot: Run) -> None:
    said = promobot("worker")
    assert said.code == 2
    assert "needs PostgreSQL" in said.err and "DATABASE_URL" in said.err


def test_a_worker_has_no_role_of_the_process_that_people_meet(promobot: Run) -> None:
    said = promobot("worker", "--roles", "jobs,slack")
    assert said.code == 2
    assert "There is no role 'slack'" in said.err and "clock, jobs, sender" in said.err


def test_a_database_of_a_newer_version_is_left_alone_in_words(promobot: Run, db_url: str) -> None:
    env = {"DATABASE_URL": db_url, "SECRET_KEY": "a secret key for tests"}
    db = Database(db_url)
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    said = promobot("db", "upgrade", **env)
    assert said.code == 0 and "newer version's schema already" in said.out
    with db.write() as session:
        session.get_one(Setting, schema.KEY).value = "9999"
    db.close()
    for words in (("db", "upgrade"), ("check",)):
        said = promobot(*words, **env)
        assert said.code == 2 and "Install that version" in said.err
