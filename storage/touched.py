"""Customers of whom something changed that a live trigger may ask about, until somebody has looked."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from storage.bulk import among, values
from storage.database import is_sqlite
from storage.tables import Event, Touched

_ANY = select(Touched.id).where(Touched.id > bindparam("after")).limit(1)


class Mark(NamedTuple):
    """A touched row: its id, the customer, and the event that a live trigger waits for (None: something else)."""

    id: int
    customer_id: int
    event_id: int | None


def add(session: Session, touched: Collection[tuple[int, int | None]]) -> None:
    """Note customers with their events (None: whatever else changed), to be looked at once this is committed."""
    if not touched:
        return
    rows = sorted(set(touched), key=lambda each: (each[0], each[1] or 0))
    given = values(session, {"customer_id": BigInteger(), "event_id": BigInteger()}, rows)
    session.execute(
        insert(Touched).from_select(["customer_id", "event_id"], select(given.c.customer_id, given.c.event_id))
    )


def take(session: Session, limit: int, *, after: int = 0) -> list[Mark]:
    """The next rows beyond an id, held until the commit; what another process holds is left to it."""
    rows = select(Touched.id, Touched.customer_id, Touched.event_id).where(Touched.id > after)
    rows = rows.order_by(Touched.id).limit(limit)
    found = session.execute(rows if is_sqlite(session) else rows.with_for_update(skip_locked=True))
    return [Mark(*row) for row in found]


def any_after(session: Session, after: int) -> bool:
    """Whether there is a row beyond an id, whoever holds it."""
    return session.scalar(_ANY, {"after": after}) is not None


def last(session: Session) -> int:
    """The id of the newest row, whoever holds it; 0 where there is none."""
    return session.scalar(select(func.max(Touched.id))) or 0


def any_up_to(session: Session, last_id: int) -> bool:
    """Whether there is a row up to an id, whoever holds it."""
    return session.scalar(select(Touched.id).where(Touched.id <= last_id).limit(1)) is not None


def of_event(session: Session, event: str, *, after: int, limit: int) -> list[tuple[int, int]]:
    """Rows of the events of one name, beyond the id `after`, by id: their ids and the events'."""
    rows = select(Touched.id, Event.id).join(Event, Event.id == Touched.event_id)
    mine = (Event.name == event, Touched.id > after)
    return [(row[0], row[1]) for row in session.execute(rows.where(*mine).order_by(Touched.id).limit(limit))]


def count_of_event(session: Session, event: str, most: int) -> int:
    """How many events of one name are noted; at most `most` are counted."""
    rows = select(Touched.id).join(Event, Event.id == Touched.event_id).where(Event.name == event).limit(most)
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def any_told_before(session: Session, event: str, at: datetime) -> bool:
    """Whether an event of this name that came in before a time has not been looked at, whoever holds it."""
    told = select(Touched.id).join(Event, Event.id == Touched.event_id)
    return session.scalar(told.where(Event.name == event, Event.received_at < at).limit(1)) is not None


def drop(session: Session, ids: Iterable[int]) -> None:
    """Forget rows that were looked at."""
    session.execute(delete(Touched).where(among(session, Touched.id, ids)))
