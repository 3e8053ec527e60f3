"""A statement that takes too long is stopped, and the transaction goes on."""

import time

import pytest
from sqlalchemy import text

from storage.database import Database
from storage.patience import TooSlow, at_most

SLOW = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000) SELECT count(*) FROM n"


def test_a_slow_statement_is_stopped_and_the_next_one_runs(db: Database) -> None:
    with db.read() as session:
        started = time.monotonic()
        with pytest.raises(TooSlow), at_most(session, 0.2):
            session.execute(text(SLOW)).all()
        assert time.monotonic() - started < 10
        assert session.scalar(text("SELECT 7")) == 7


def test_a_quick_statement_is_left_alone_and_so_is_what_follows(db: Database) -> None:
    with db.read() as session:
        with at_most(session, 0.2):
            assert session.scalar(text("SELECT 7")) == 7
        slow = SLOW.replace("300000000", "2000000")
        assert session.scalar(text(slow)) == 2_000_000


def test_an_error_of_another_kind_is_itself(db: Database) -> None:
    with db.read() as session, pytest.raises(ZeroDivisionError), at_most(session, 1):
        raise ZeroDivisionError
