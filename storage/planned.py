"""Planned texts as firing writes them: each first text once, whoever sweeps and how many of them (DESIGN §4).

Two who fire for one customer at once meet at the unique key: one is first, the other sees what that one wrote and
decides again. So nothing is locked but for the hand-over of an edited distribution (`hold`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, DateTime, Integer, Select, Text, bindparam, func, literal, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.bulk import among, ids_as, ids_given, moments, rows_as, rows_given
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import Planned, PlannedState

PLANNED = table_of(Planned)

# First texts of some distributions (`of`).
_IN_FAMILY = PLANNED.c.distribution_id.in_(bindparam("of", expanding=True))
_COLUMNS = ("customer_id", "distribution_id", "occurrence", "state", "fired_at", "event_id")
_FIRST = select(*(PLANNED.c[name] for name in _COLUMNS)).where(_IN_FAMILY, PLANNED.c.step == 0)

# How far apart two entries of one customer must be: once a customer, and every time.
ONCE, ALWAYS = timedelta.max, timedelta()

# As often somebody else may be quicker for the same customers in one transaction's time.
TRIES = 100

# The advisory lock on PostgreSQL that those who fire share (`storage.tickets` has others).
FIRING = 7_700_003


class Entry(NamedTuple):
    """A customer for whom a trigger went off: when, when the first text is due, and by which event."""

    customer_id: int
    fired_at: datetime
    due_at: datetime
    event_id: int | None = None


class _Past(NamedTuple):
    """A first text that was planned before, in this distribution or in one that it took over from."""

    distribution_id: int
    occurrence: int
    state: PlannedState
    fired_at: datetime
    event_id: int | None


def fire(
    session: Session, distribution_id: int, entries: Iterable[Entry], *, apart: timedelta, family: Collection[int] = ()
) -> list[Entry]:
    """Plan a first text for each entry that may be; returns those that are new, the earliest first.

    `apart`: how far apart, by their own time, two entries of one customer must be that were not dropped (`ONCE`,
    `ALWAYS`). `family`: the distributions whose entries count beside its own. An event fires once in all of them.
    """
    left = sorted(entries, key=lambda each: (each.fired_at, each.event_id or 0))
    fired: list[Entry] = []
    for _ in range(TRIES):
        chosen = _chosen(left, _past(session, distribution_id, family, left, apart), distribution_id, apart)
        new = _insert(session, distribution_id, chosen)
        fired += [each for key, each in chosen.items() if key in new]
        # Somebody else was quicker for these: what they wrote is seen now.
        left = [each for key, each in chosen.items() if key not in new]
        if not left:
            return sorted(fired, key=lambda each: each.fired_at)
    raise RuntimeError(f"distribution {distribution_id} could not be fired for customer {left[0].customer_id}")


def entered_after(
    session: Session, distribution_ids: Collection[int], customer_ids: Collection[int], at: datetime
) -> set[int]:
    """Those of some customers for whom one of these distributions fired at a later time than `at`."""
    if not customer_ids:
        return set()
    fired = select(Planned.customer_id).where(
        Planned.distribution_id.in_(distribution_ids),
        among(session, Planned.customer_id, customer_ids),
        Planned.step == 0,
        Planned.fired_at > at,
    )
    return set(session.scalars(fired))


def share(session: Session) -> None:
    """Fire beside others, and not while an edited distribution is handed over (`hold`); until the commit."""
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": FIRING})


def hold(session: Session) -> None:
    """Wait for those who fire, and let nobody fire until the commit: for the moment in which one distribution takes
    over from another, or a customer could enter both."""
    if not is_sqlite(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRING})


def _chosen(
    entries: Sequence[Entry], past: dict[int, list[_Past]], distribution_id: int, apart: timedelta
) -> dict[tuple[int, int], Entry]:
    """The entries that may fire, by customer and occurrence; each one counts for those after it."""
    chosen: dict[tuple[int, int], Entry] = {}
    for each in entries:
        before = past[each.customer_id]
        if each.event_id is not None and any(one.event_id == each.event_id for one in before):
            continue
        if any(one.state != PlannedState.DROPPED and abs(one.fired_at - each.fired_at) < apart for one in before):
            continue
        occurrence = max((one.occurrence for one in before if one.distribution_id == distribution_id), default=-1) + 1
        before.append(_Past(distribution_id, occurrence, PlannedState.WAITING, each.fired_at, each.event_id))
        chosen[each.customer_id, occurrence] = each
    return chosen


def _past(
    session: Session, distribution_id: int, family: Collection[int], entries: Sequence[Entry], apart: timedelta
) -> dict[int, list[_Past]]:
    """What was planned for the customers of `entries`, by customer; of those who may enter every time only how often
    they did, and which of the events fired before."""
    past: dict[int, list[_Past]] = defaultdict(list)
    if not entries:
        return past
    lite, customers = is_sqlite(session), sorted({each.customer_id for each in entries})
    if apart > ALWAYS:
        given = ids_as(lite, customers) | {"of": sorted({distribution_id, *family})}
        for customer_id, *row in session.execute(_all_of(lite), given):
            past[customer_id].append(_Past(*row))
        return past
    given = ids_as(lite, customers) | {"of": [distribution_id]}
    for customer_id, occurrence in session.execute(_last_of(lite), given):
        past[customer_id].append(_Past(distribution_id, occurrence, PlannedState.DROPPED, entries[0].fired_at, None))
    events = sorted({each.event_id for each in entries if each.event_id is not None})
    given = ids_as(lite, events) | {"of": sorted({distribution_id, *family})}
    for customer_id, *row in session.execute(_of_events(lite), given) if events else ():
        past[customer_id].append(_Past(*row))
    return past


@lru_cache(2)
def _all_of(lite: bool) -> Select[Any]:
    """Every first text of customers."""
    return _FIRST.where(ids_given(lite, PLANNED.c.customer_id))


@lru_cache(2)
def _of_events(lite: bool) -> Select[Any]:
    """The first texts that events fired."""
    return _FIRST.where(ids_given(lite, PLANNED.c.event_id))


@lru_cache(2)
def _last_of(lite: bool) -> Select[Any]:
    """The last occurrence of customers: theirs may be many."""
    last = select(PLANNED.c.customer_id, func.max(PLANNED.c.occurrence)).where(_IN_FAMILY, PLANNED.c.step == 0)
    return last.where(ids_given(lite, PLANNED.c.customer_id)).group_by(PLANNED.c.customer_id)


def _insert(session: Session, distribution_id: int, chosen: dict[tuple[int, int], Entry]) -> set[tuple[int, int]]:
    """Write the rows that nobody wrote before; returns their customers and occurrences."""
    if not chosen:
        return set()
    lite, written_as = is_sqlite(session), moments(session)
    given: list[tuple[Any, ...]] = []
    for (customer_id, occurrence), each in sorted(chosen.items()):  # in one order, or two who fire could deadlock
        times = (each.due_at, each.fired_at)
        given.append((customer_id, occurrence, *(map(written_as, times) if lite else times), each.event_id))
    written = session.execute(_statement(lite), rows_as(lite, given) | {"distribution_id": distribution_id})
    return {(customer_id, occurrence) for customer_id, occurrence in written}


@lru_cache(2)
def _statement(lite: bool) -> Any:
    """Insert the first texts given, and leave out those that are there, by entry or by event."""
    moment = Text() if lite else DateTime(timezone=True)
    columns = {"customer_id": BigInteger(), "occurrence": Integer(), "due_at": moment, "fired_at": moment}
    given = rows_given(lite, columns | {"event_id": BigInteger()})
    row = {"distribution_id": bindparam("distribution_id", type_=Integer()), "step": literal(0)} | dict(given.c)
    # The WHERE keeps SQLite from reading ON CONFLICT as the ON of a join.
    rows = select(*row.values()).where(given.c.customer_id.is_not(None))
    into = (sqlite.insert if lite else postgresql.insert)(PLANNED)
    written = into.from_select(list(row), rows, include_defaults=False).on_conflict_do_nothing()
    return written.returning(PLANNED.c.customer_id, PLANNED.c.occurrence)
