"""Looking at the database for so long and no longer, where somebody waits for the answer."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.plain import driver

# How many steps of SQLite's machine lie between two looks at the clock: some tenths of a millisecond.
STEPS = 20_000

# Seconds between two looks at whether somebody stopped a statement on PostgreSQL.
LOOK_EVERY = 0.05


class TooSlow(Exception):
    """The statement was stopped; the transaction can go on."""


@contextmanager
def at_most(session: Session, seconds: float) -> Iterator[None]:
    """Stop whatever runs in this block after `seconds`, and raise `TooSlow`. For reading only."""
    if is_sqlite(session):
        deadline = time.monotonic() + seconds
        with _interrupted(session, lambda: time.monotonic() > deadline):
            yield
        return
    try:
        with session.begin_nested():  # PostgreSQL forgets a failed statement only with its savepoint
            session.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
            yield
            session.execute(text("SET LOCAL statement_timeout = 0"))
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "57014":  # query_canceled
            raise TooSlow from None
        raise


@contextmanager
def unless(session: Session, stopped: threading.Event, seconds: float) -> Iterator[None]:
    """As `at_most`, and stop too once `stopped` is set, by whichever thread. Raises `TooSlow` for either."""
    if is_sqlite(session):
        deadline = time.monotonic() + seconds
        with _interrupted(session, lambda: stopped.is_set() or time.monotonic() > deadline):
            yield
        return
    over = threading.Event()
    running = driver(session)

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            if stopped.is_set():
                running.cancel_safe()  # psycopg: may be called from another thread
                return

    watcher = threading.Thread(target=watch, name="patience", daemon=True)
    watcher.start()
    try:
        with at_most(session, seconds):
            yield
    finally:
        over.set()
        watcher.join()


@contextmanager
def _interrupted(session: Session, when: Callable[[], bool]) -> Iterator[None]:
    """SQLite asks `when` while it works, and gives up once it says yes."""
    connection = driver(session)
    connection.set_progress_handler(when, STEPS)
    try:
        yield
    except OperationalError as error:
        if "interrupted" in str(error.orig):
            raise TooSlow from None
        raise
    finally:
        connection.set_progress_handler(None, 0)
