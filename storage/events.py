"""Events written by the thousand, read by customer, and the names and properties that people choose from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, DateTime, Insert, Text, bindparam, cast, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from storage.bulk import rows_as, rows_given
from storage.customers import texts
from storage.database import is_sqlite
from storage.plain import table_of
from storage.sequences import take
from storage.tables import Event, EventName
from storage.tables.base import UtcDateTime

EVENT = table_of(Event)


class NewEvent(NamedTuple):
    """An event to be written; `properties` as a JSON object's text."""

    customer_id: int
    name: str
    at: datetime
    properties: str
    source_id: str | None


class Seen(NamedTuple):
    """What a batch tells about one name: the types of its properties, and the earliest of its events."""

    properties: Mapping[str, str]
    first_at: datetime


class Told(NamedTuple):
    """What was told of an event that is recorded."""

    customer_id: int
    name: str
    at: datetime
    properties: Mapping[str, Any]


def known(session: Session, source_ids: Sequence[str]) -> dict[str, Told]:
    """Those of `source_ids` that were recorded before, and what was told of them."""
    if not source_ids:
        return {}
    given = texts(session, source_ids)
    rows = select(Event.source_id, Event.customer_id, Event.name, Event.at, Event.properties)
    found = session.execute(rows.join(given, Event.source_id == given.c.value))
    return {str(source_id): Told(*row) for source_id, *row in found}


def begin(session: Session, count: int) -> int:
    """Reserve ids for events that are to be written; returns the first. From here on until the commit nobody else
    writes any, and nobody is erased (`hold`)."""
    return take(session, "event", count) if count else 0


def hold(session: Session) -> None:
    """Wait for those who write events, and let nobody write any until the commit: for the moment in which a customer is
    erased, or one that was told just then would stay."""
    take(session, "event", 0)


def add(session: Session, first: int, events: Sequence[NewEvent], now: datetime) -> list[int | None]:
    """Write events under ids from `first` on (`begin`), each source id once; returns the ids, None for what another
    transaction wrote a moment before."""
    if not events:
        return []
    lite = is_sqlite(session)
    rows = [
        (first + number, each.customer_id, each.name, _moment(each.at, lite), each.properties, each.source_id)
        for number, each in enumerate(events)
    ]
    session.execute(_insert(lite), rows_as(lite, rows) | {"now": now})
    ids = range(first, first + len(events))
    if lite:  # one writer at a time: `known` and this are of one transaction
        return list(ids)
    written = set(session.scalars(select(Event.id).where(Event.id.between(ids[0], ids[-1]))))
    return [each if each in written else None for each in ids]


@lru_cache(2)
def _insert(lite: bool) -> Insert:
    """Insert the rows given, and leave out those whose source id is there."""
    moment = Text() if lite else DateTime(timezone=True)
    given = rows_given(
        lite,
        {
            "id": BigInteger(),
            "customer_id": BigInteger(),
            "name": Text(),
            "at": moment,
            "properties": Text(),
            "source_id": Text(),
        },
    )
    row: dict[str, Any] = dict(given.c) | {"received_at": bindparam("now", type_=UtcDateTime())}
    if not lite:
        row["properties"] = cast(given.c.properties, JSONB)
    # The WHERE keeps SQLite from reading ON CONFLICT as the ON of a join.
    chosen = select(*row.values()).where(given.c.id.is_not(None))
    into = (sqlite.insert if lite else postgresql.insert)(EVENT)
    return into.from_select(list(row), chosen).on_conflict_do_nothing(index_elements=["source_id"])


def _moment(at: datetime, lite: bool) -> Any:
    """A time as `rows_as` takes it: on SQLite the text that SQLAlchemy would store."""
    return at.astimezone(UTC).isoformat(" ", "microseconds")[:26] if lite else at


def of_customer(session: Session, customer_id: int, limit: int, offset: int = 0) -> Sequence[Event]:
    """What a customer did, the latest first."""
    mine = select(Event).where(Event.customer_id == customer_id)
    return session.scalars(mine.order_by(Event.at.desc(), Event.id.desc()).limit(limit).offset(offset)).all()


def names(session: Session) -> dict[str, dict[str, str]]:
    """The kinds of event that were seen, by name, with the types of their properties."""
    rows = session.execute(select(EventName.name, EventName.properties).order_by(EventName.name))
    return {name: dict(sorted(properties.items())) for name, properties in rows}


def note(session: Session, seen: Mapping[str, Seen], now: datetime) -> None:
    """Remember names and properties; a property whose events disagree becomes "mixed". Writes only what is news."""
    rows = {row.name: row for row in session.scalars(select(EventName).where(EventName.name.in_(sorted(seen))))}
    news = [name for name in sorted(seen) if name not in rows or _news(rows[name], seen[name])]
    if not news:
        return
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(EventName)
    session.execute(
        into.on_conflict_do_nothing(),
        [{"name": name, "properties": {}, "first_at": seen[name].first_at, "created_at": now} for name in news],
    )
    # Locked in one order, and read again: another transaction may have noted something since.
    locked = select(EventName).where(EventName.name.in_(news)).order_by(EventName.name)
    if not is_sqlite(session):
        locked = locked.with_for_update()
    for row in session.scalars(locked.execution_options(populate_existing=True)):
        row.properties = row.properties | _merged(row.properties, seen[row.name].properties)
        row.first_at = min(row.first_at, seen[row.name].first_at)
    session.flush()


def _news(row: EventName, seen: Seen) -> bool:
    """Whether a batch tells anything that its name's row does not say."""
    merged = _merged(row.properties, seen.properties)
    return seen.first_at < row.first_at or any(row.properties.get(name) != kind for name, kind in merged.items())


def _merged(before: Mapping[str, str], seen: Mapping[str, str]) -> dict[str, str]:
    """The types of the properties that were seen, with what was known of them before."""
    return {name: kind if before.get(name, kind) == kind else "mixed" for name, kind in seen.items()}
