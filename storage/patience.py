"""Looking at the database for so long and no longer, where somebody waits for the answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from storage.database import is_sqlite

# How many steps of SQLite's machine lie between two looks at the clock: some tenths of a millisecond.
STEPS = 20_000


class TooSlow(Exception):
    """The statement was stopped; the transaction can go on."""


@contextmanager
def at_most(session: Session, seconds: float) -> Iterator[None]:
    """Stop whatever runs in this block after `seconds`, and raise `TooSlow`. For reading only."""
    if is_sqlite(session):
        connection = session.connection().connection.driver_connection
        assert connection is not None  # noqa: S101  it is only None once it was closed
        deadline = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            yield
        except OperationalError as error:
            if "interrupted" in str(error.orig):
                raise TooSlow from None
            raise
        finally:
            connection.set_progress_handler(None, 0)
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
