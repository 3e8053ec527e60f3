"""Two who fire on PostgreSQL, whose statements come between each other's: nobody enters more often than they did.

One process looks; before one of its statements, or two, all that another one does happens and is committed. Every such
place is tried. The other waits for nobody: where it would have to, the database undoes it.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from distribution.automatic import entering, firing
from distribution.customers.upsert import upsert
from distribution.runtime import Runtime
from storage import customers
from storage.database import Database
from storage.tables import Planned, TriggerMember
from tests.conftest import NOON
from tests.faults.choices import LONG, SEED
from tests.unit.automatic.living import live, segment
from tests.unit.customers.people import customer

pytestmark = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)  # SQLite has one writer at a time

VIP = {"field": "attribute", "attribute": "vip", "type": "boolean", "op": "yes"}
SETTLED = re.compile(r"(FROM|INTO) (trigger_member|customer|planned) ")  # statements that decide who enters
MOST = 9  # of them in one look

Do = Callable[[], object]


class Pair:
    """Two processes on one database, and a live distribution that texts whoever becomes a VIP, every time."""

    def __init__(self, runtime: Runtime, other: Runtime) -> None:
        self.runtime, self.other = runtime, other
        self.customers = 0
        with runtime.db.write() as session:
            customers.add_attribute(session, "vip", "boolean", at=NOON)
            trigger = {"kind": "segment", "reentry": "always", "segment_id": segment(session, VIP).id}
            entering.remember(session, live(session, trigger), NOON)

    def somebody(self) -> str:
        """A new customer's source id; nobody's VIP."""
        self.customers += 1
        with self.runtime.db.write() as session:
            customer(session, NOON, source_id=f"C{self.customers}", attributes={"vip": False})
        return f"C{self.customers}"

    def told(self, who: str, **row: Any) -> None:
        """A shop tells of a customer."""
        with self.other.db.write() as session:
            (answer,) = upsert(session, [{"source_id": who, **row}], by="U0", source="API", now=NOON, region="GB")
            assert answer.status in ("updated", "unchanged")

    def vip(self, who: str, is_vip: bool) -> None:
        """A customer becomes a VIP, or is one no more."""
        self.told(who, attributes={"vip": is_vip})

    def looks(self, by: Callable[[Runtime], int] = firing.look) -> None:
        """The other process looks; the database undoes what would have to wait for the first."""
        try:
            by(self.other)
        except OperationalError as error:
            assert "lock timeout" in str(error), error

    def texts(self) -> dict[str, int]:
        """How many are planned for whom."""
        with self.runtime.db.read() as session:
            rows = session.execute(select(Planned.customer_id, func.count()).group_by(Planned.customer_id))
            return {f"C{customer_id}": number for customer_id, number in rows}

    def members(self) -> set[str]:
        """Who is known to be in the segment."""
        with self.runtime.db.read() as session:
            return {f"C{each}" for each in session.scalars(select(TriggerMember.customer_id))}


@pytest.fixture
def pair(runtime: Runtime, db_url: str) -> Iterator[Pair]:
    """Both, with a database of their own."""
    other = Database(db_url)
    event.listen(other.engine, "connect", lambda connection, _: connection.execute("SET lock_timeout = '20ms'"))
    yield Pair(runtime, replace(runtime, db=other))
    other.close()


@contextmanager
def between(db: Database, meanwhile: dict[int, Do]) -> Iterator[None]:
    """Before so manieth a statement on `db` that decides, what happens meanwhile."""
    seen = 0

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        if SETTLED.search(statement):
            seen += 1
            if do := meanwhile.pop(seen, None):
                do()

    event.listen(db.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", before)


def looked(pair: Pair, by: Callable[[Runtime], int], at: Sequence[int], do: Sequence[Do]) -> bool:
    """The first process looks, and the other does each thing before one of its statements; whether it came to all."""
    meanwhile = dict(zip(at, do, strict=True))
    with between(pair.runtime.db, meanwhile):
        by(pair.runtime)
    return not meanwhile


@pytest.mark.parametrize("by", [firing.look, entering.sweep])
def test_who_enters_while_somebody_looks_enters_once(pair: Pair, by: Callable[[Runtime], int]) -> None:
    """They are noted for one thing, become a VIP while that is looked at, and the other sees it first."""
    for at in range(1, MOST + 1):
        who = pair.somebody()
        pair.told(who, name="Anna")

        def becomes(who: str = who) -> None:
            pair.vip(who, True)
            pair.looks()

        came = looked(pair, by, [at], [becomes])
        if not came:
            pair.vip(who, True)
        firing.look(pair.runtime)
        entering.sweep(pair.runtime)
        assert pair.texts()[who] == 1, f"before statement {at}"
        if not came:
            break
    assert pair.members() == set(pair.texts()) and not came


@pytest.mark.parametrize("by", [firing.look, entering.sweep])
@pytest.mark.parametrize("was", [False, True])
def test_who_comes_and_goes_while_somebody_looks_is_texted_once_at_most_for_each_time(
    pair: Pair, by: Callable[[Runtime], int], was: bool
) -> None:
    """They change before one statement, and back before another one, once the other has seen it."""
    places = list(combinations(range(1, MOST + 1), 2))
    if not LONG:
        places = random.Random(SEED).sample(places, 8)
    for first, second in places:
        who = pair.somebody()
        if was:
            pair.vip(who, True)
            firing.look(pair.runtime)
        pair.told(who, name="Anna")

        def back(who: str = who) -> None:
            pair.looks(entering.sweep)
            pair.vip(who, was)
            pair.looks()
            pair.looks(entering.sweep)

        looked(pair, by, [first, second], [lambda who=who: pair.vip(who, not was), back])  # type: ignore[misc]
        pair.vip(who, was)
        entering.sweep(pair.runtime)
        assert pair.texts().get(who, 0) <= 1 + was, f"before statements {first} and {second}"
        assert (who in pair.members()) == was, f"before statements {first} and {second}"
