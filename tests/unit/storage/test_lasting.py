"""Commits that wait for the disk, and those that need not."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from storage.database import Database
from storage.tables import Setting

FULL, NORMAL = 2, 1  # https://www.sqlite.org/pragma.html#pragma_synchronous


def waits(session: Session) -> int:
    """How SQLite waits for the disk in a transaction."""
    return session.scalar(text("PRAGMA synchronous")) or 0


def test_only_what_need_not_last_does_not_wait_for_the_disk(db: Database) -> None:
    if not db.is_sqlite:
        pytest.skip("PostgreSQL's commits always last")
    for _ in range(3):  # the connection is the same each time
        with db.write(lasting=False) as session:
            assert waits(session) == NORMAL
        with db.write() as session:
            assert waits(session) == FULL
        with db.read() as session:
            assert waits(session) == FULL


def test_what_need_not_last_is_committed_all_the_same_and_undone_when_it_fails(db: Database) -> None:
    with db.write(lasting=False) as session:
        session.add(Setting(key="kept", value=1))
    with pytest.raises(ZeroDivisionError), db.write(lasting=False) as session:
        session.add(Setting(key="undone", value=1))
        session.flush()
        raise ZeroDivisionError
    with db.write() as session:
        assert session.get(Setting, "kept") is not None
        assert session.get(Setting, "undone") is None
        if db.is_sqlite:
            assert waits(session) == FULL
