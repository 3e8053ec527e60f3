"""Planned texts as the clock looks at them: what is due, what messages were planned to say, and what became of each.

Whoever changes the state of planned rows holds their distribution's row (`storage.batches.lock`); or, of those that are
not due yet, the rows themselves (`waiting`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Select, Text, cast, exists, func, or_, select, text, type_coerce, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from storage.bulk import among, fetch, ids_as, ids_given, moments, values
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import Distribution, Event, Planned, PlannedState
from storage.tables.base import BigId, UtcDateTime

PLANNED = table_of(Planned)

# Exactly as the index `ix_planned_dry` says it: SQLite uses a partial index for no other words.
DRY = text("planned.state = 1")
_FIRST_STEP = select(func.min(Planned.step))

# Being sent, or done but for reminders.
_GOING = or_(
    Distribution.status == "sending",
    (Distribution.status == "done") & (cast(Distribution.reminders, Text) != "[]"),
)


class Due(NamedTuple):
    """What is asked of a planned text that is due: a fifth of what it takes to read all of it."""

    id: int
    customer_id: int
    step: int
    occurrence: int


class Told(NamedTuple):
    """What a message was planned to say: its step, whether it is the fallback text, the event's properties.

    `made_at`: when it became a message, by the business clock.
    """

    step: int
    fallback: bool
    properties: Mapping[str, Any]
    made_at: datetime


def of_messages(session: Session, message_ids: Collection[int]) -> dict[int, Told]:
    """By message: what it was planned to say; a first text of a manual distribution was not planned."""
    sqlite = is_sqlite(session)
    rows = fetch(session, _of_messages(sqlite), ids_as(sqlite, message_ids))
    return {row[0]: Told(row[1], bool(row[2]), row[3] or {}, _moment(row[4])) for row in rows}


def _moment(value: datetime | str) -> datetime:
    """A time as `fetch` reads it: on SQLite it is the text that is stored."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


@lru_cache(2)
def _of_messages(sqlite: bool) -> Select[*tuple[Any, ...]]:
    """What was planned of messages `ids`."""
    return (
        select(PLANNED.c.message_id, PLANNED.c.step, PLANNED.c.fallback, Event.__table__.c.properties)
        .add_columns(type_coerce(PLANNED.c.settled_at, Text) if sqlite else PLANNED.c.settled_at)
        .select_from(PLANNED.outerjoin(Event.__table__, Event.__table__.c.id == PLANNED.c.event_id))
        .where(ids_given(sqlite, PLANNED.c.message_id), PLANNED.c.message_id.is_not(None))
    )


def due_distributions(session: Session, now: datetime) -> list[int]:
    """Distributions of which something planned is due and may be made, in the order of their ids.

    One look into an index for each that is being sent; of those that are done, for such as have reminders.
    """
    waits = exists().where(
        Planned.distribution_id == Distribution.id, Planned.state == PlannedState.WAITING, Planned.due_at <= now
    )
    return list(session.scalars(select(Distribution.id).where(_GOING, waits).order_by(Distribution.id)))


def dry_distributions(session: Session) -> list[Distribution]:
    """Distributions of which texts wait for codes; likewise."""
    dry = exists().where(Planned.distribution_id == Distribution.id, Planned.state == PlannedState.DRY)
    return list(session.scalars(select(Distribution).where(_GOING, dry)))


def due(session: Session, distribution_id: int, now: datetime, limit: int) -> list[Planned]:
    """Up to `limit` planned texts of a distribution that are due, the first due first. Its row is locked."""
    mine = (Planned.distribution_id == distribution_id, Planned.state == PlannedState.WAITING, Planned.due_at <= now)
    found = select(Planned).where(*mine).order_by(Planned.due_at, Planned.id).limit(limit)
    return _held(session, found)


def dry(session: Session, distribution_id: int, steps: Collection[int], limit: int) -> list[Planned]:
    """Up to `limit` planned texts of these steps that wait for codes, the first due first. Its row is locked."""
    mine = (Planned.distribution_id == distribution_id, Planned.state == PlannedState.DRY, Planned.step.in_(steps))
    found = select(Planned).where(*mine).order_by(Planned.due_at, Planned.id).limit(limit)
    return _held(session, found)


def _held(session: Session, found: Select[Planned]) -> list[Planned]:
    """Planned rows as they are now, held until the commit but for those that somebody else holds (`waiting`)."""
    if not is_sqlite(session):
        found = found.with_for_update(skip_locked=True)
    return list(session.scalars(found.execution_options(populate_existing=True)))


def dry_steps(session: Session, distribution_id: int) -> list[int]:
    """The steps of a distribution of which texts wait for codes; a look-up for each, however many texts wait."""
    mine = (DRY, Planned.distribution_id == distribution_id)
    found: list[int] = []
    while (step := session.scalar(_FIRST_STEP.where(*mine, Planned.step > (found[-1] if found else -1)))) is not None:
        found.append(step)
    return found


def made(session: Session, rows: Sequence[tuple[Planned, int]], now: datetime) -> None:
    """These planned texts are messages now (by id)."""
    if not rows:
        return
    new = values(session, {"id": BigId, "message_id": BigId}, [(row.id, message_id) for row, message_id in rows])
    session.execute(
        update(PLANNED)
        .where(PLANNED.c.id == new.c.id)
        .values(state=int(PlannedState.MADE), message_id=new.c.message_id, settled_at=now)
    )
    for row, message_id in rows:
        set_committed_value(row, "state", PlannedState.MADE)
        set_committed_value(row, "message_id", message_id)
        set_committed_value(row, "settled_at", now)


def waiting(session: Session, distribution_id: int, customer_ids: Iterable[int], now: datetime) -> Sequence[Planned]:
    """The first texts of some customers that wait for a time after `now`; held until the commit, and without those that
    somebody else holds."""
    rows = select(Planned).where(
        Planned.distribution_id == distribution_id,
        among(session, Planned.customer_id, customer_ids),
        Planned.step == 0,
        Planned.state == PlannedState.WAITING,
        Planned.due_at > now,
    )
    return session.scalars(rows if is_sqlite(session) else rows.with_for_update(skip_locked=True)).all()


def of_events(session: Session, distribution_id: int, event_ids: Iterable[int]) -> Sequence[Planned]:
    """The first texts of a distribution that these events set off."""
    rows = select(Planned).where(among(session, Planned.event_id, event_ids), Planned.event_id.is_not(None))
    return session.scalars(rows.where(Planned.distribution_id == distribution_id, Planned.step == 0)).all()


def drop(session: Session, rows: Sequence[Planned] | Sequence[Due], reason: str, now: datetime) -> None:
    """These planned texts will not be made."""
    _set(session, rows, {"state": PlannedState.DROPPED, "reason": reason, "settled_at": now})


def wait_for_codes(session: Session, rows: Sequence[Planned]) -> None:
    """These planned texts wait until their groups have active codes."""
    _set(session, rows, {"state": PlannedState.DRY})


def put_off(session: Session, rows: Sequence[tuple[Planned, datetime]] | Sequence[tuple[Due, datetime]]) -> None:
    """These planned texts are looked at again then: in one statement, for each may have a time of its own."""
    if not rows:
        return
    lite, at = is_sqlite(session), moments(session)
    kind = Text() if lite else DateTime(timezone=True)
    given = [(row.id, at(due_at) if lite else due_at) for row, due_at in rows]
    new = values(session, {"id": BigId, "due_at": kind}, given)
    session.execute(
        update(PLANNED).where(PLANNED.c.id == new.c.id).values(due_at=type_coerce(new.c.due_at, UtcDateTime))
    )
    for row, due_at in rows:
        _shows(row, {"due_at": due_at})


def fall_back(session: Session, rows: Sequence[Planned]) -> None:
    """These planned texts go out as the one that needs no code."""
    _set(session, rows, {"fallback": True, "state": PlannedState.WAITING})


def _set(session: Session, rows: Sequence[Planned] | Sequence[Due], new: Mapping[str, Any]) -> None:
    if rows:
        ids = [row.id for row in rows]
        session.execute(
            update(Planned)
            .where(among(session, Planned.id, ids))
            .values(**new)
            .execution_options(synchronize_session=False)
        )
        for row in rows:
            _shows(row, new)


def _shows(row: Planned | Due, new: Mapping[str, Any]) -> None:
    """A row that was read whole shows what was written."""
    if isinstance(row, Planned):
        for name, value in new.items():
            set_committed_value(row, name, value)
