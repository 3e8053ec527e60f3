"""What customers did, as other systems tell it: checked, bound to customers, written once.

An event is a mapping as JSON gives it:

| key | value |
| --- | --- |
| `customer` | the source id of the customer, or their phone number |
| `name` | what they did: a name of letters, digits and _ (`cart_abandoned`), at most 60 characters |
| `at` | when: ISO 8601 with a zone, "2026-06-15T12:00:00Z"; left out, it is now |
| `source_id` | its id where it comes from, at most 200 characters: told twice, it is one event |
| `properties` | an object of up to 50 texts (500 characters each), numbers, booleans, dates; names as above |

A late event counts by its own time. One of somebody who is no customer is refused, and may be told again.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import watching
from distribution.customers import clean, phone
from distribution.errors import Refused
from storage import customers
from storage import events as rows
from storage.events import NewEvent, Seen, Told
from storage.tables import Customer

MOST = 10_000
NAME_LIMIT = 60
PROPERTIES_MAX = 50
# Clocks of other systems run ahead by minutes, not by days.
AHEAD = timedelta(days=1)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)

FIELDS = frozenset({"source_id", "customer", "name", "at", "properties"})
A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Recorded:
    """What became of event `index`: recorded, again (its source id was told before), or refused, and why.

    One that is told again and says something else has a reason, too: what was told first stays. `field` is "customer",
    "name", "at", "source_id", "properties.total"; None where the event as a whole is to blame.
    """

    index: int
    status: str
    field: str | None = None
    reason: str | None = None
    customer_id: int | None = None


class _Read(NamedTuple):
    """An event that is sound by itself; its customer is not looked up yet."""

    place: int
    customer: str
    name: str
    at: datetime
    properties: Mapping[str, Any]
    source_id: str | None
    now: bool  # nobody said when

    def of(self, customer_id: int) -> NewEvent:
        """As it is written."""
        text = json.dumps(self.properties, ensure_ascii=False, separators=(",", ":")) if self.properties else "{}"
        return NewEvent(customer_id, self.name, self.at, text, self.source_id)


def record(session: Session, events: Sequence[Mapping[str, Any]], *, now: datetime) -> list[Recorded]:
    """Record up to `MOST` events; one that is wrong does not hold up the others.

    Raises `Refused`, field "events", for too many.
    """
    if len(events) > MOST:
        raise Refused(f"{len(events):,} events are too many at once. Send up to {MOST:,}.", field="events")
    reader = _Reader(now)
    told: dict[int, Recorded] = {}
    sound: list[_Read] = []
    for index, event in enumerate(events):
        try:
            sound.append(reader.read(index, event))
        except Refused as refusal:
            told[index] = Recorded(index, "refused", refusal.field, str(refusal))
    who = _customers(session, {each.customer for each in sound})
    before = rows.known(session, [each.source_id for each in sound if each.source_id])
    taken: list[tuple[_Read, NewEvent]] = []
    for each in sound:
        customer_id = who[each.customer]
        if isinstance(customer_id, Refused):
            told[each.place] = Recorded(each.place, "refused", "customer", str(customer_id))
        elif each.source_id is not None and each.source_id in before:
            told[each.place] = _again(each, customer_id, before[each.source_id])
        else:
            if each.source_id is not None:
                before[each.source_id] = Told(customer_id, each.name, each.at, each.properties)
            taken.append((each, each.of(customer_id)))
    first = rows.begin(session, len(taken))
    gone = customers.erased(session, {new.customer_id for _, new in taken})
    told |= {
        each.place: Recorded(each.place, "refused", "customer", str(_nobody(each.customer)))
        for each, new in taken
        if new.customer_id in gone
    }
    taken = [(each, new) for each, new in taken if new.customer_id not in gone]
    written = list(zip(taken, rows.add(session, first, [new for _, new in taken], now), strict=True))
    before |= rows.known(session, [new.source_id or "" for (_, new), event_id in written if event_id is None])
    for (each, new), event_id in written:
        if event_id is None:  # another transaction was quicker
            told[each.place] = _again(each, new.customer_id, before[each.source_id or ""])
        else:
            told[each.place] = Recorded(each.place, "recorded", customer_id=new.customer_id)
    rows.note(session, reader.seen({new.name for _, new in taken}), now)
    new_ones = [(new.customer_id, new.name, event_id) for (_, new), event_id in written if event_id is not None]
    watching.happened(session, new_ones)
    return [told[index] for index in range(len(events))]


def _again(each: _Read, customer_id: int, before: Told) -> Recorded:
    """What is told of an event that was told before; where it is another thing, it is not taken, and why is said."""
    other = next((name for name, value in each.properties.items() if before.properties.get(name) != value), None)
    if customer_id != before.customer_id:
        what = "of another customer"
    elif each.name != before.name:
        what = f"as '{before.name}'"
    elif not each.now and abs(each.at - before.at) >= timedelta(seconds=1):
        what = f"of {before.at:%Y-%m-%d %H:%M:%S} UTC"
    elif other is not None:
        what = f"with another '{other}'" if other in before.properties else f"without '{other}'"
    else:
        return Recorded(each.place, "again", customer_id=customer_id)
    why = f"The id '{each.source_id}' was told before, {what}: that stays. Give each event an id of its own."
    return Recorded(each.place, "again", "source_id", why, customer_id)


def names(session: Session) -> dict[str, dict[str, str]]:
    """The kinds of event that were seen, and their properties: {name: {property: type}}; a type may be "mixed"."""
    return rows.names(session)


def checked_name(value: Any, field: str) -> str:
    """A name of an event or a property. Raises `Refused` at `field`, with the name that it could have."""
    if isinstance(value, str) and value.isidentifier() and len(value) <= NAME_LIMIT:
        return value
    if value is None or value == "":
        raise Refused(
            "Say what it is called: a letter first, then letters, digits, _, such as 'order_paid'.", field=field
        )
    shown = clean.text(value[:60]) if isinstance(value, str) else json.dumps(value, default=str)[:60]
    better = re.sub(r"\W+", "_", shown).strip("_").lower() if isinstance(value, str) else ""
    hint = f" Call it '{better}'." if better.isidentifier() and better != value else ""
    raise Refused(
        f"'{shown}' cannot be a name: a letter first, then letters, digits, _; at most {NAME_LIMIT}.{hint}", field=field
    )


class _Reader:
    """Checks events one by one, and remembers which properties each name has; the types are the batch's own."""

    def __init__(self, now: datetime) -> None:
        self.now, self.latest = now, now + AHEAD
        self._types: dict[str, dict[str, str]] = {}
        self._first: dict[str, datetime] = {}

    def read(self, index: int, event: Mapping[str, Any]) -> _Read:
        """One event. Raises `Refused` with the field that is wrong."""
        if not isinstance(event, Mapping):
            raise Refused('An event is an object, such as {"customer": "C1", "name": "cart_abandoned"}.')
        if not FIELDS.issuperset(event):
            wrong = str(next(key for key in event if key not in FIELDS))[:60]
            raise Refused(
                f"There is no field '{wrong}'. What an event tells besides goes into properties.", field=wrong
            )
        customer = event.get("customer")
        if not isinstance(customer, str) or not customer.strip():
            raise Refused("Say whose event it is: their source id, or their phone number.", field="customer")
        name = checked_name(event.get("name"), "name")
        source_id = event.get("source_id")
        if source_id is not None:
            source_id = _source_id(source_id)
        at = self._at(event.get("at"))
        properties, types = self._properties(event.get("properties") or {})
        # Only now: an event that is refused tells nothing about its name.
        known = self._types.setdefault(name, {})
        for key, kind in types.items():
            if known.setdefault(key, kind) != kind:
                known[key] = "mixed"
        if name not in self._first or at < self._first[name]:
            self._first[name] = at
        return _Read(index, customer.strip(), name, at, properties, source_id, event.get("at") is None)

    def seen(self, taken: Iterable[str]) -> dict[str, Seen]:
        """What the batch tells about the names of which events were taken."""
        return {name: Seen(self._types[name], self._first[name]) for name in taken}

    def _at(self, value: Any) -> datetime:
        """When it happened. Raises `Refused`, field "at"."""
        if value is None:
            return self.now
        at = value
        if isinstance(value, str):
            try:
                at = datetime.fromisoformat(value)
            except ValueError:
                at = None
        if not isinstance(at, datetime):
            raise Refused(f"'{str(value)[:40]}' is not a time. Write it as 2026-06-15T12:00:00Z.", field="at")
        if at.tzinfo is None:
            raise Refused(f"'{value}' has no time zone. End it with Z for UTC, or with +02:00.", field="at")
        if not EARLIEST <= at <= self.latest:
            when = "more than a day ahead" if at > self.latest else "before 1990"
            raise Refused(f"'{value}' is {when}. Send the time at which it happened.", field="at")
        return at.astimezone(UTC)  # PostgreSQL knows no zone that is ahead by parts of a second

    def _properties(self, given: Any) -> tuple[dict[str, Any], dict[str, str]]:
        """The properties as they are kept, and their types. Raises `Refused`, field "properties…"."""
        if not isinstance(given, Mapping):
            raise Refused('Properties are an object, such as {"total": 59.9}.', field="properties")
        if len(given) > PROPERTIES_MAX:
            raise Refused(f"{len(given)} properties are too many: {PROPERTIES_MAX} are kept.", field="properties")
        kept: dict[str, Any] = {}
        types: dict[str, str] = {}
        for name, value in given.items():
            if value is None:
                continue
            if not name.isidentifier() or len(name) > NAME_LIMIT:
                checked_name(name, f"properties.{clean.text(name[:60])}")
            if isinstance(value, str):
                kept[name] = value if value.isprintable() and len(value) <= clean.TEXT_LIMIT else _property(name, value)
                types[name] = "date" if _is_day(value) else "text"
            elif isinstance(value, bool):
                kept[name], types[name] = value, "boolean"
            elif isinstance(value, int | float):
                if abs(value) > clean.EXACT or not math.isfinite(value):
                    why = f"{name}: numbers up to {clean.EXACT:,} are kept exactly; this one is too large."
                    raise Refused(why, field=f"properties.{name}")
                kept[name], types[name] = value, "number"
            else:
                what = "an object" if isinstance(value, Mapping) else "a list"
                why = f"{name}: a property is a text, a number, true or false, not {what}."
                raise Refused(why, field=f"properties.{name}")
        return kept, types


def _source_id(value: Any) -> str:
    """An event's own id. Raises `Refused`, field "source_id"."""
    if not isinstance(value, str):
        raise Refused("An event's source_id is a text.", field="source_id")
    if value.isprintable() and 0 < len(value) <= clean.NAME_LIMIT and value == value.strip():
        return value
    if not (kept := clean.source_id(value)):
        raise Refused("The source_id is empty. Leave it out where there is none.", field="source_id")
    return kept


def _property(name: str, value: str) -> str:
    """A text on one line, without what cannot be seen. Raises `Refused` where it is too long."""
    try:
        return clean.text(value)
    except Refused as refusal:
        raise Refused(f"{name}: {refusal}", field=f"properties.{name}") from None


def _is_day(value: str) -> bool:
    """Whether a text is a day as attributes keep them."""
    if len(value) != 10 or not A_DAY.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _customers(session: Session, wanted: set[str]) -> dict[str, int | Refused]:
    """Who each text names: by source id, else by number; or why nobody."""
    found: dict[str, int | Refused] = dict(customers.ids_by(session, Customer.source_id, sorted(wanted)))
    region = settings.get(session, "region.default")
    numbers: dict[str, str] = {}
    for text in wanted - found.keys():
        try:
            numbers[text] = phone.parse(text, region)
        except Refused:
            found[text] = _nobody(text)
    by_phone = customers.ids_by(session, Customer.phone, sorted(set(numbers.values())))
    for text, number in numbers.items():
        found[text] = by_phone.get(number) or _nobody(text)
    return found


def _nobody(text: str) -> Refused:
    """Why an event was not taken: its customer is not known."""
    return Refused(
        f"No customer has the source id or phone number '{text[:60]}'. Send the customer first, then the event again.",
        field="customer",
    )
