"""A process of some roles: starts what it is asked for, alone on SQLite, and stops within seconds."""

import contextlib
import itertools
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bot import runner
from bot.clockwork import Clockwork
from bot.runner import Bot, only_instance, stop_signals
from bot.settings import Settings, Unset
from storage import schema
from storage.database import Database
from storage.schema import Standing
from storage.tables import Setting
from tests.ports import free_ports
from tests.sending import make_customers, make_provider
from tests.unit.automatic.lively import happens, make_live, messages


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, database_url=f"sqlite:///{tmp_path}/promobot.db", port=free_ports())


@pytest.fixture
def bot(settings: Settings) -> Iterator[Bot]:
    running = Bot(settings, {"web", "clock", "sender"})
    running.start()
    yield running
    running.stop()


def test_without_the_slack_role_it_starts_with_no_token_and_migrates_its_own_database(bot: Bot) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{bot.settings.port}/readyz", timeout=5) as answer:
        assert answer.status == 200


def test_a_second_process_on_the_same_sqlite_file_is_refused_in_words(bot: Bot) -> None:
    second = Bot(bot.settings.model_copy(update={"port": free_ports()}), {"clock"})
    with pytest.raises(Unset, match="Another promobot is running"):
        second.start()


def test_the_lock_is_free_again_after_the_stop(settings: Settings) -> None:
    for _ in range(2):
        bot = Bot(settings, {"web"})
        bot.start()
        bot.stop()


def test_a_port_that_is_taken_stops_the_start_and_leaves_nothing_running(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", settings.port)):
        bot = Bot(settings, {"web", "clock", "sender"})
        with pytest.raises(OSError, match="in use"):
            bot.start()
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("web", "sender")]
    with only_instance(tmp_path / "promobot.db"):
        pass


def test_the_clock_fires_makes_and_sweeps(settings: Settings) -> None:
    """Each look is called where the process has the clock, and what was set off is made at once."""
    bot = Bot(settings, {"clock"}, look_every=60.0)
    bot.start()
    try:
        through = make_provider(bot.runtime, "http://127.0.0.1:9")
        customers = make_customers(bot.runtime, 2)
        live = make_live(bot.runtime, through, body="Hi")
        happens(bot.runtime, customers)
        end = time.monotonic() + 20
        while len(messages(bot.runtime, live)) < 2:
            assert time.monotonic() < end, "nobody looked"
            time.sleep(0.02)
    finally:
        bot.stop()


def test_looks_do_not_all_begin_at_once() -> None:
    """Fourteen at once opened more connections than are kept, every two seconds."""
    clockwork = Clockwork(2.0)
    for name in ("one", "two", "three"):
        clockwork.add(name, lambda: None)
    first = [job.next_run_time for job in clockwork._scheduler.get_jobs()]
    assert first == sorted(first) and len({at.isoformat(timespec="milliseconds") for at in first}) == 3


class Wall(datetime):
    """The machine's time of day, put `off` from what it is."""

    off = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.off


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(days=3650)], ids=["back an hour", "ahead ten years"])
def test_it_goes_on_looking_where_the_machines_clock_is_put_right(
    monkeypatch: pytest.MonkeyPatch, by: timedelta
) -> None:
    """Put back, every look waited until that time came again; put ahead, each that was passed over was written down."""
    monkeypatch.setattr(Wall, "off", timedelta())
    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Wall)
    monkeypatch.setattr("bot.clockwork.datetime", Wall)
    looked = {name: threading.Event() for name in ("often", "seldom")}
    clockwork = Clockwork(0.02)
    clockwork.add("often", looked["often"].set)
    clockwork.add("seldom", looked["seldom"].set, every=600.0)
    clockwork.start()
    try:
        assert all(each.wait(10) for each in looked.values())
        Wall.off = by
        for each in looked.values():  # one may have begun before
            each.clear()
        assert all(each.wait(10) for each in looked.values())
        looked["often"].clear()
        assert looked["often"].wait(10)
    finally:
        clockwork.stop()


def test_it_stops_within_seconds(settings: Settings) -> None:
    bot = Bot(settings, {"web", "clock", "sender"})
    bot.start()
    started = time.monotonic()
    bot.stop()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_postgresql_is_not_migrated_by_a_process_that_starts(db: Database, db_url: str) -> None:
    """Only an empty database gets the schema: another version may be at work on any other."""
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    unmigrated = Settings(_env_file=None, database_url=db_url, secret_key="a secret key for tests")
    with pytest.raises(Unset, match="promobot db upgrade"):
        Bot(unmigrated, {"clock"}).start()


@pytest.mark.parametrize(("asked", "stopped", "starts"), [(3, False, True), (3, True, False), (10**9, False, False)])
def test_a_database_that_is_away_is_waited_for(
    beside_others: Settings, monkeypatch: pytest.MonkeyPatch, asked: int, stopped: bool, starts: bool
) -> None:
    """Restarted while a worker started, it ended that; not for ever, and not beyond Ctrl-C. `asked`: how often it is
    asked until it is there."""
    monkeypatch.setattr(runner, "DATABASE_AGAIN", 0.01)
    monkeypatch.setattr(runner, "DATABASE_WITHIN", 60.0 if asked < 10**9 else 0.1)
    bot, real, times = Bot(beside_others, {"sender"}), Database.standing, itertools.count(1)

    def away(db: Database) -> Standing:
        if next(times) < asked:
            if stopped:
                bot.ended.set()
            raise OperationalError("SELECT", {}, psycopg.OperationalError("server closed the connection unexpectedly"))
        return real(db)

    monkeypatch.setattr(Database, "standing", away)
    with contextlib.nullcontext() if starts else pytest.raises(OperationalError, match="closed the connection"):
        bot.start()
        bot.stop()


@pytest.fixture
def beside_others(db_url: str) -> Settings:
    return Settings(_env_file=None, database_url=db_url, secret_key="a secret key for tests")


def newer(db: Database, oldest: str) -> None:
    """Have a newer version upgrade the database, on which versions from `oldest` on may go on."""
    with db.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.get_one(Setting, schema.KEY).value = oldest


def test_a_process_of_an_older_version_starts_beside_newer_ones_where_it_may(
    beside_others: Settings, db: Database
) -> None:
    """It may have crashed in the middle of a rolling upgrade, before its machine had the new version."""
    newer(db, schema.OLDEST)
    bot = Bot(beside_others, {"clock", "sender"})
    bot.start()
    bot.stop()
    newer(db, "9999")
    with pytest.raises(Unset, match="Install that version"):
        Bot(beside_others, {"clock"}).start()


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_a_process_ends_when_the_schema_is_upgraded_beyond_what_it_understands(
    beside_others: Settings, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOOK_AT_SCHEMA_EVERY", 0.05)
    bot = Bot(beside_others, {"jobs"})
    bot.start()
    try:
        newer(db, schema.OLDEST)
        assert not bot.ended.wait(0.2), "that one it may work on"
        newer(db, "9999")
        assert bot.ended.wait(10)
        assert "Install that version" in str(bot.failure)
    finally:
        bot.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_and_its_like_ask_for_the_end(number: signal.Signals) -> None:
    stop = threading.Event()
    with stop_signals(stop):
        os.kill(os.getpid(), number)
        assert stop.wait(5)
