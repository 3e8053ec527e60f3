"""The world that scenarios play in: a real sandbox, and the real bot connected to it over Socket Mode."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from bot import hook, log, wiring
from bot.runner import Bot
from bot.settings import Settings
from distribution import settings as workspace_settings
from distribution.runtime import Runtime
from sandbox.people import APP_TOKEN, BOT_TOKEN
from sandbox.server import Sandbox
from sandbox.testing import Clock, Person, Phone, Stage
from storage.tables import Provider
from tests import patience
from tests.ports import free_ports

T = TypeVar("T")

ROOT = Path(__file__).parents[1]
LOOK_EVERY = 0.2  # seconds; nobody waits two seconds in a test, and who looks twice as often keeps all others waiting


class Failures(logging.Handler):
    """Everything logged as an error: a listener that failed is a defect even where the test does not look."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it for the teardown; but not that another test's connection was thrown out with its database."""
        if not record.name.startswith("sqlalchemy.pool"):
            self.records.append(record)


@dataclass
class World:
    """Everybody and everything: act as `maya`, `lee`, `ada`; read the `phone`; move the `clock`."""

    bot: Bot
    sandbox: Sandbox
    stage: Stage
    provider_id: int
    allow_errors: bool = False  # for tests that break something on purpose
    refused_blocks: tuple[str, ...] = ()  # kinds of block that a test makes the workspace refuse

    @property
    def runtime(self) -> Runtime:
        """The bot's own: its database, clock, jobs."""
        return self.bot.runtime

    @property
    def maya(self) -> Person:
        """The marketer."""
        return self.stage.maya

    @property
    def lee(self) -> Person:
        """The approver."""
        return self.stage.lee

    @property
    def ada(self) -> Person:
        """The admin."""
        return self.stage.ada

    @property
    def phone(self) -> Phone:
        """Every customer's phone."""
        return self.stage.phone

    @property
    def clock(self) -> Clock:
        """The sandbox's clock, which moves the bot's."""
        return self.stage.clock

    @property
    def web(self) -> str:
        """Where the bot's own pages are."""
        return self.bot.settings.links_url

    def refuse_blocks(self, *kinds: str) -> None:
        """Be a workspace that has no such blocks."""
        self.refused_blocks = kinds
        self.stage.behave(refuse_blocks=list(kinds))

    def told_to_refuse(self, problem: str) -> bool:
        """Whether a test itself made the workspace refuse this kind of block."""
        return any(problem == f"unsupported type: {kind}" for kind in self.refused_blocks)

    def wait_for(self, look: Callable[[], T | None], what: str, timeout: float = 10.0) -> T:
        """What `look` returns once it is true: it may look at the database, the phone, anything."""
        return self.maya.wait_for(look, what, timeout)


@pytest.fixture
def world(db_url: str) -> Iterator[World]:
    """A running world on an empty database; on SQLite and on PostgreSQL."""
    with running(db_url) as found:
        yield found


@contextmanager
def running(db_url: str, *, look_every: float = LOOK_EVERY) -> Iterator[World]:
    """A world on a migrated, empty database, with one provider: the sandbox's phone. `look_every`: seconds between two
    looks of the bot's clock.

    At the end it fails where the bot sent anything beyond Slack's limits, or logged an error.
    """
    web = free_ports(2)
    page = web + 1
    settings = Settings(
        _env_file=None,
        slack_bot_token=BOT_TOKEN,
        slack_app_token=APP_TOKEN,
        slack_api_url=f"http://127.0.0.1:{page}/api/",
        database_url=db_url,
        port=web,
        public_url=f"http://127.0.0.1:{web}",
        secret_key="a secret key for tests",
    )
    runtime = wiring.build(settings)
    with runtime.db.write() as session:
        provider = Provider(
            name="Sandbox phone",
            name_key="sandbox phone",
            kind="sandbox",
            config={"base_url": f"http://127.0.0.1:{page}"},
            is_default=True,
            rate=1000.0,
            created_at=runtime.clock.now(),
            created_by="U0ADA",
        )
        session.add(provider)
        session.flush()
        workspace_settings.put(session, "approvals.channel", "C0APPROVALS")
        workspace_settings.put(session, "sending.hold", "0")  # nobody waits but the tests of calling back
        workspace_settings.put(session, "region.default", "PL")
        workspace_settings.put(session, "time_zone", "Europe/Warsaw")
        provider_id = provider.id
    log.use_standard_logging()
    failures = Failures()
    logging.getLogger().addHandler(failures)
    sandbox = Sandbox(
        port=page,
        manifest=ROOT / "manifest.yml",
        inbound_url=runtime.links.callback(provider_id),
        clock_hooks=[f"{settings.links_url}{hook.PATH}"],
        ack_seconds=patience.SECONDS,
        trigger_seconds=patience.SECONDS,
    )
    bot = Bot(settings, runtime=runtime, look_every=look_every, extend_web=hook.mount)
    try:
        with sandbox:
            bot.start()
            world = World(bot, sandbox, Stage(sandbox.url), provider_id)
            try:
                yield world
            finally:
                bot.stop()
            wrong = [
                f"{sent.method}: {problem.path} {problem.message}"
                for sent in sandbox.payloads
                for problem in sent.problems
                if problem.is_error and not world.told_to_refuse(problem.message)
            ]
            assert not wrong, "beyond Slack's limits:\n" + "\n".join(wrong)
            if not world.allow_errors:
                logged = "\n".join(record.getMessage() for record in failures.records)
                assert not logged, f"the bot logged errors:\n{logged}"
    finally:
        logging.getLogger().removeHandler(failures)
