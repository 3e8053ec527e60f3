"""The one way to a database session, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from storage import schema, tickets
from storage.schema import Standing
from storage.turns import Turns

# SQLite: how long a writer waits for the one before it, and how much of the file a connection keeps in memory
# (measured: a bulk load wants 64 MB or more), and all together: who sends to a million has little more in memory
# than who sends to ten thousand (measured: 105 MiB more for a million with 80 MiB, 76 with these). So nothing is mapped
# either, which would count up to the whole file. A bulk load has the larger share for as long as a chunk takes.
BUSY_TIMEOUT_MS = 30_000
CACHE_KIB = 131_072
TOGETHER_KIB, QUICK_TOGETHER_KIB = 57_344, 81_920
# After how many pages (4 KiB) of its log SQLite carries them over to the file: 1,000 is its own choice. A bulk load
# writes the same pages of an index again and again, and would carry each of them over after every chunk: a tenth of its
# time. Beyond `LOG_KEPT` bytes the log is cut off again afterwards.
PAGES, QUICK_PAGES = 1_000, 40_000
LOG_KEPT = 67_108_864
# SQLite's codes for what passes: busy, locked, no memory, interrupted, the disk's errors, full, cannot open.
PASSING = frozenset((5, 6, 7, 9, 10, 13, 14))
# PostgreSQL: a server that cannot be reached any more is noticed within half a minute, and not when the kernel gives up
# after two hours (https://www.postgresql.org/docs/current/libpq-connect.html). DATABASE_URL may say otherwise.
NOTICE = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Database:
    """An engine and its two kinds of transaction.

    `read()` sees one snapshot and takes no lock; `write()` is the only way to change anything. PostgreSQL has to be
    asked for the one snapshot (`REPEATABLE READ`), or each statement has its own: half of what a card says would be
    from before a click, and half from after it. On SQLite a write takes the lock at once (`BEGIN IMMEDIATE`): a
    transaction that reads first and writes later would otherwise fail half-way.
    """

    def __init__(self, url: str) -> None:
        """Open `url` ("sqlite:///path", "postgresql+psycopg://…"). Nothing is created or migrated: see `upgrade`."""
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.connect_args: dict[str, Any] = {}  # of whoever opens a connection that is not the engine's
        if self.is_sqlite:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(
                parsed, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(
                self.engine,
                "begin",
                lambda connection: connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN")),
            )
        else:
            self.connect_args = {key: value for key, value in NOTICE.items() if key not in parsed.query}
            self.engine = create_engine(
                parsed, pool_size=10, max_overflow=20, pool_pre_ping=True, connect_args=self.connect_args
            )
        self._reader = (
            self.engine
            if self.is_sqlite
            else self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        )
        self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        self._turns = Turns()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: PostgreSQL refuses to change anything in it, SQLite rolls it back. Rows read in it may
        be used after it."""
        with Session(self._reader, expire_on_commit=False, autoflush=False) as session:
            yield session
            session.expunge_all()  # or rolling back would empty every object that was read
            session.rollback()

    @contextmanager
    def write(self, *, lasting: bool = True) -> Iterator[Session]:
        """A session that commits at the end of the block, and rolls back when the block raises.

        Not `lasting`: on SQLite the commit does not wait for the disk. A power cut may undo it, together with all that
        was not lasting just before it, and never breaks anything; whoever commits lastingly afterwards makes it last
        too (https://www.sqlite.org/pragma.html#pragma_synchronous). For work that would then be done again. On
        PostgreSQL, which may fall without those who work on it, every commit lasts.
        """
        # Other processes (the command line) are waited for by SQLite itself.
        turn = self._turns.take(BUSY_TIMEOUT_MS / 1000) if self.is_sqlite else nullcontext()
        quick = self._quick() if self.is_sqlite and not lasting else nullcontext(self._writer)
        with turn, quick as bind, Session(bind, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _quick(self) -> Iterator[Connection]:
        """A connection whose commits do not wait for the disk; said to the driver, before SQLAlchemy says BEGIN."""
        with self._writer.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA synchronous = NORMAL")
            cursor.execute(f"PRAGMA wal_autocheckpoint = {QUICK_PAGES}")
            cursor.execute(f"PRAGMA soft_heap_limit = {QUICK_TOGETHER_KIB * 1024}")
            try:
                yield connection
            finally:
                connection.rollback()  # what was not committed: the pragma does nothing inside a transaction
                cursor.execute("PRAGMA synchronous = FULL")
                cursor.execute(f"PRAGMA wal_autocheckpoint = {PAGES}")
                cursor.execute(f"PRAGMA soft_heap_limit = {TOGETHER_KIB * 1024}")
                cursor.close()

    def upgrade(self) -> None:
        """Bring the schema to the newest migration, or leave it as it was. Safe to call at each start, and by several
        machines at once. A schema newer than this version's is left alone."""
        if self.standing() is not Standing.BEHIND:
            return
        with self.engine.connect() as connection, self._alone(connection), self._keys_unheeded(connection):
            behind = schema.standing(connection) is Standing.BEHIND
            connection.rollback()  # or what Alembic begins would be a part of what was only looked at
            if behind:
                schema.upgrade(connection)

    def standing(self) -> Standing:
        """How the schema stands to this version."""
        with self.engine.connect() as connection:
            return schema.standing(connection)

    def is_empty(self) -> bool:
        """Whether there is nothing in it: no table of anybody's."""
        return not inspect(self.engine).get_table_names()

    def is_current(self) -> bool:
        """Whether the schema is the one that this version was written for."""
        return self.standing() is Standing.CURRENT

    @contextmanager
    def _alone(self, connection: Connection) -> Iterator[None]:
        """Let others who would upgrade a PostgreSQL database wait: the second one finds nothing left to do."""
        if self.is_sqlite:
            yield
            return
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({tickets.MIGRATING})")
        connection.commit()
        try:
            yield
        finally:
            connection.rollback()
            connection.exec_driver_sql(f"SELECT pg_advisory_unlock({tickets.MIGRATING})")
            connection.commit()

    @contextmanager
    def _keys_unheeded(self, connection: Connection) -> Iterator[None]:
        """SQLite changes a table by copying and dropping it, which foreign keys forbid once rows point at it; the
        migrations check them before they commit. The pragma does nothing inside a transaction
        (https://www.sqlite.org/lang_altertable.html#otheralter), so it is said to the driver before one begins."""
        if not self.is_sqlite:
            yield
            return
        cursor = connection.connection.cursor()
        cursor.execute("PRAGMA foreign_keys = OFF")
        try:
            yield
        finally:
            connection.rollback()  # what failed half-way
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()

    def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def engine_of(session: Session) -> Engine:
    """The engine behind `session`, for the few statements that are spelled differently on the two databases."""
    bind = session.get_bind()
    return bind if isinstance(bind, Engine) else bind.engine


def is_sqlite(session: Session) -> bool:
    """Whether `session` talks to SQLite (else: PostgreSQL)."""
    return session.get_bind().dialect.name == "sqlite"


def is_away(error: DBAPIError) -> bool:
    """Whether an error says that PostgreSQL could not be reached or ended the connection, and not that it refused or
    undid a statement (https://www.postgresql.org/docs/current/errcodes-appendix.html: classes 08 and 57P; a connection
    that broke has no code). SQLite is never away."""
    code = getattr(error.orig, "sqlstate", "")
    return code is None or code.startswith(("08", "57P"))


def is_passing(error: Exception) -> bool:
    """Whether an error is the database's own doing, so that the same may succeed a moment later: it is away, it undid
    one of two transactions that waited for each other, or it lacks room, memory or connections (classes 25, 40, 53, 55
    and 58 beside those of `is_away`). Of SQLite: busy, locked, full, or the disk's (https://www.sqlite.org/rescode.html).
    """
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in PASSING
    return is_away(error) or str(getattr(error.orig, "sqlstate", "")).startswith(("25", "40", "53", "55", "58"))


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """WAL, a commit is on disk when it returns, foreign keys hold; and SQLAlchemy says BEGIN, not pysqlite."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "foreign_keys = ON",
        f"cache_size = -{CACHE_KIB}",
        "temp_store = MEMORY",
        f"journal_size_limit = {LOG_KEPT}",
        f"soft_heap_limit = {TOGETHER_KIB * 1024}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
