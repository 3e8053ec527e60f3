"""A look at who matches: counted in one pass, and stopped when somebody says so."""

import threading
import time

import pytest
from sqlalchemy import ColumnElement, Integer, func, literal_column, select, true
from sqlalchemy.orm import Session

from distribution.runtime import Runtime
from distribution.segments import looking
from storage.database import is_sqlite
from storage.patience import TooSlow
from storage.tables import Customer
from tests.conftest import NOON
from tests.unit.customers.people import customer


@pytest.fixture
def people(runtime: Runtime) -> Runtime:
    """Thirty customers, of whom every third has opted out and the last has no number."""
    with runtime.db.write() as session:
        for number in range(1, 31):
            consent = "opted_out" if number % 3 == 0 else "given"
            phone = None if number == 29 else f"+485012342{number:02d}"
            customer(session, NOON, name=f"P{number}", phone=phone, source_id=f"S{number}", consent=consent)
    return runtime


def test_it_tells_how_many_how_many_can_be_texted_and_who_is_first(people: Runtime) -> None:
    with people.db.read() as session:
        found = looking.look(session, Customer.id > 5, threading.Event(), members=3)
    assert (found.size, found.of_all, found.textable) == (25, 30, 15)
    assert [each.name for each in found.members] == ["P6", "P7", "P8"]


def test_nobody_is_nobody(people: Runtime) -> None:
    with people.db.read() as session:
        assert looking.look(session, Customer.id < 0, threading.Event()) == looking.Look(0, 30, 0, [])


def test_pages_follow_each_other(people: Runtime) -> None:
    with people.db.read() as session:
        first = looking.page(session, true(), threading.Event(), after=0, limit=20)
        rest = looking.page(session, true(), threading.Event(), after=first[-1].id, limit=20)
    assert [each.id for each in [*first, *rest]] == list(range(1, 31))


def endless(session: Session) -> ColumnElement[bool]:
    """A condition that takes minutes to find out."""
    if not is_sqlite(session):
        return func.pg_sleep(100).is_not(None)
    counting = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000000)"
    return literal_column(f"({counting} SELECT count(*) FROM c)", Integer) > 0


def test_it_is_stopped_by_another_thread_and_the_session_goes_on(people: Runtime) -> None:
    stopped = threading.Event()
    with people.db.read() as session:
        threading.Timer(0.1, stopped.set).start()
        began = time.monotonic()
        with pytest.raises(TooSlow):
            looking.look(session, endless(session), stopped)
        assert time.monotonic() - began < 5
        assert session.scalar(select(func.count()).select_from(Customer)) == 30


def test_it_gives_up_by_itself(people: Runtime) -> None:
    with people.db.read() as session:
        with pytest.raises(TooSlow):
            looking.look(session, endless(session), threading.Event(), seconds=0.1)
        assert looking.look(session, true(), threading.Event()).size == 30
