"""What is asked of planned texts every second or two is a few look-ups into an index, however many texts there are.

A million were made by hand to see it (of 1,000,000 texts that wait for codes the steps took 60 ms on PostgreSQL and
500 ms on SQLite, under the distribution's lock). Here the tables are nearly empty, so PostgreSQL is told not to read
them whole where it can do without.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from distribution.runtime import Runtime
from storage import late, notices, planned_counts, planned_reading, reminded
from storage.tables import Distribution, Planned, PlannedState
from tests.conftest import NOON

S = PlannedState
LATER = NOON + timedelta(hours=1)
HELD, DUE = "ix_planned_held", "ix_planned_distribution_id_state_due_at_step"


@pytest.fixture
def planned(runtime: Runtime) -> Runtime:
    """Two distributions: of one texts of steps 0 and 2 wait for codes, of the other some wait for a word."""
    rows = [(1, 0, S.DRY), (1, 0, S.DRY), (1, 2, S.DRY), (1, 1, S.WAITING), (2, 0, S.LATE), (2, 1, S.DROPPED)]
    with runtime.db.write() as session:
        for distribution_id, status in ((1, "sending"), (2, "paused"), (3, "done")):
            values: dict[str, Any] = {"mode": "automatic", "created_by": "U0MAYA", "subject": "Carts"}
            session.add(Distribution(id=distribution_id, status=status, created_at=NOON, updated_at=NOON, **values))
        for customer, (distribution_id, step, state) in enumerate(rows):
            of = {"distribution_id": distribution_id, "customer_id": customer, "step": step}
            session.add(Planned(**of, state=state, due_at=NOON, fired_at=NOON))
    return runtime


@contextmanager
def statements(session: Session, which: str = "FROM planned") -> Iterator[list[tuple[str, Any]]]:
    """What is asked of the planned texts meanwhile."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if which in statement:
            asked.append((statement, parameters))

    event.listen(session.connection(), "before_cursor_execute", note)
    yield asked
    event.remove(session.connection(), "before_cursor_execute", note)


def plans(runtime: Runtime, ask: Callable[[Session], object]) -> list[str]:
    """How the database answers each of these questions."""
    with runtime.db.read() as session:
        if not runtime.db.is_sqlite:
            session.execute(text("SET LOCAL enable_seqscan = off"))
            session.execute(text("SET LOCAL enable_bitmapscan = off"))
        with statements(session) as asked:
            ask(session)
        assert asked
        explain = "EXPLAIN QUERY PLAN " if runtime.db.is_sqlite else "EXPLAIN "
        rows = [session.connection().exec_driver_sql(explain + sql, given).all() for sql, given in asked]
        return ["\n".join(str(row[-1]) for row in each) for each in rows]


def dry_steps(session: Session) -> object:
    return planned_reading.dry_steps(session, 1)


def waits_for_codes(session: Session) -> object:
    return planned_counts.dry(session, 1)


def any_open(session: Session) -> object:
    return reminded.any_open(session, 3)


@pytest.mark.parametrize(
    ("ask", "index", "condition"),
    [
        (dry_steps, "ix_planned_dry", r"distribution_id ?= ?.* AND \(?step ?>"),  # no other row of the step before
        (notices.wanted, f"{HELD}|{DUE}", ""),
        (waits_for_codes, f"{HELD}|ix_planned_dry", r"distribution_id ?="),
        (any_open, DUE, r"distribution_id ?="),
    ],
)
def test_it_is_looked_up(planned: Runtime, ask: Callable[[Session], object], index: str, condition: str) -> None:
    for plan in plans(planned, ask):
        assert re.search(index, plan) and re.search(condition, plan), plan
        assert not re.search("Seq Scan on planned|SCAN planned|TEMP B-TREE|Sort Key|Aggregate  .*Group", plan), plan


def test_the_answers_are_right(planned: Runtime) -> None:
    with planned.db.read() as session:
        assert planned_reading.dry_steps(session, 1) == [0, 2]
        assert planned_reading.dry_steps(session, 2) == []
        assert [planned_counts.dry(session, each) for each in (1, 2)] == [3, 0]
        assert planned_counts.of_whom(session) == [(1, S.DRY), (2, S.LATE)]
        assert notices.wanted(session) == [(1, "dry"), (2, "late")]
        assert [reminded.any_open(session, each) for each in (1, 2, 3)] == [True, True, False]
        assert late.with_due(session, NOON) == [1]


@pytest.mark.parametrize("reminders", [0, 2])
def test_they_are_counted_by_step_in_one_pass(planned: Runtime, reminders: int) -> None:
    """SQLite sorted every row for it (a million: 0.6 s, and 0.2 s without); and where there are other steps it must."""
    with planned.db.write() as session:
        session.get_one(Distribution, 1).reminders = [{}] * reminders
        session.add(Planned(distribution_id=1, customer_id=9, step=0, due_at=LATER, fired_at=NOON))
    with planned.db.read() as session:
        assert planned_counts.to_come(session, 1) == ({0: (1, LATER), 1: (1, NOON)}, 3)
        counts = planned_counts.of(session, 1)
        assert (counts.waiting, counts.dry, counts.next_at, counts.next_reminder_at) == ({0: 1, 1: 1}, 3, NOON, NOON)
        assert planned_counts.of(session, 2).dropped == {1: {"stopped": 1}}
    if planned.db.is_sqlite and reminders:
        assert "TEMP B-TREE" not in "".join(plans(planned, lambda session: planned_counts.to_come(session, 1)))


def test_texts_are_put_off_in_one_statement_each_to_a_time_of_its_own(planned: Runtime) -> None:
    with planned.db.write() as session:
        rows = session.query(Planned).order_by(Planned.id).all()
        times = [NOON + timedelta(minutes=minute, microseconds=1) for minute, _ in enumerate(rows)]
        with statements(session, "UPDATE planned") as asked:
            planned_reading.put_off(session, list(zip(rows, times, strict=True)))
        assert len(asked) == 1
        assert [row.due_at for row in rows] == times
    with planned.db.read() as session:
        assert [row.due_at for row in session.query(Planned).order_by(Planned.id)] == times
