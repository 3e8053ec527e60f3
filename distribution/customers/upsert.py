"""Customers told by other systems, some hundreds at once: the same merging as a file's rows, an answer for each.

A row is a mapping as JSON gives it. It is about the customer with its `source_id`, else the one with its `phone`, else
a new one; it changes what it names and leaves the rest. `null` takes away what was there (not a source id or consent).

| key | value |
| --- | --- |
| `source_id` | text, at most 200 characters |
| `phone` | E.164, or as written in `region`, the row's own or the caller's |
| `name`, `locale`, `time_zone`, `region` | text, as in a file |
| `consent` | "given", "opted_out" or "unknown"; "unknown" changes nothing, and nobody who opted out is opted in |
| `attributes` | an object of texts, numbers, booleans, and dates as "2026-06-15" |

An attribute keeps the type that it was first seen with.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.customers import clean, phone
from distribution.customers.columns import Record
from distribution.customers.merging import Merge, Outcome
from distribution.errors import Refused
from storage import customers

MOST = 1_000
# Attributes that there may be in all: each is a choice in every picker.
ATTRIBUTES_MAX = 500
TRIES = 3

FIELDS = frozenset({"source_id", "phone", "name", "consent", "region", "locale", "time_zone", "attributes"})
A_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Upserted:
    """What became of row `index`: created, updated, unchanged, or refused (then `field` and `reason` say why).

    `field` is "phone", "attributes.city", … or None where the row as a whole is to blame.
    """

    index: int
    status: str
    customer_id: int | None = None
    source_id: str | None = None
    field: str | None = None
    reason: str | None = None


def upsert(
    session: Session, rows: Sequence[Mapping[str, Any]], *, by: str, source: str, now: datetime, region: str | None
) -> list[Upserted]:
    """Add or change up to `MOST` customers; one bad row does not hold up the others.

    `source` and `by` are kept as the word that a consent goes by ("API by token 'CRM'"). `region`: the country of
    numbers without one, None: such numbers are refused. Raises `Refused`, field "customers", for too many rows.
    """
    if len(rows) > MOST:
        raise Refused(f"{len(rows):,} customers are too many at once. Send up to {MOST:,}.", field="customers")
    reader = _Reader(session, region, now)
    read: list[Record | Refused] = []
    for index, row in enumerate(rows):
        try:
            read.append(reader.record(index, row))
        except Refused as refusal:
            read.append(refusal)
    records = [each for each in read if isinstance(each, Record)]
    outcomes = {record.line: outcome for record, outcome in _merged(session, records, f"{source} by {by}", now)}
    return [
        _refused(index, rows[index], each) if isinstance(each, Refused) else _told(index, rows[index], outcomes[index])
        for index, each in enumerate(read)
    ]


def _merged(session: Session, records: list[Record], word: str, now: datetime) -> list[tuple[Record, Outcome]]:
    """Merge in a savepoint, again where somebody else added one of them a moment ago: then they are found."""
    for attempt in range(1, TRIES + 1):
        try:
            with session.begin_nested():
                return list(zip(records, Merge(session, now).take(records, None, word), strict=True))
        except IntegrityError:
            if attempt == TRIES:
                raise
    raise AssertionError("not reached")


def _told(index: int, row: Mapping[str, Any], outcome: Outcome) -> Upserted:
    """The answer about a row that was read."""
    if outcome.profile is None:
        return _refused(index, row, outcome.refusal or Refused("Not taken."))
    return Upserted(index, outcome.status, outcome.profile.id, outcome.profile.source_id)


def _refused(index: int, row: Mapping[str, Any], refusal: Refused) -> Upserted:
    """The answer about a row that was not taken."""
    said = row.get("source_id") if isinstance(row, Mapping) else None
    known = said if isinstance(said, str) else None
    return Upserted(index, "refused", source_id=known, field=refusal.field, reason=str(refusal))


class _Reader:
    """Rows of JSON to records, with the attributes that there are; a new one is made known by its first value."""

    def __init__(self, session: Session, region: str | None, now: datetime) -> None:
        self.session, self.region, self.now = session, region, now
        self.kinds = customers.attributes(session)

    def record(self, index: int, row: Mapping[str, Any]) -> Record:
        """What a row says. Raises `Refused` with the field that is wrong."""
        if not isinstance(row, Mapping):
            raise Refused('A customer is an object, such as {"source_id": "C1", "phone": "+48501234218"}.')
        for key in row:
            if key not in FIELDS:
                raise Refused(
                    f"There is no field '{str(key)[:60]}'. What a customer has besides goes into attributes.",
                    field=str(key)[:60],
                )
        record = Record(index, ())
        if row.get("source_id") is not None:
            record.source_id = clean.source_id(_text(row, "source_id"))
            if not record.source_id:
                raise Refused("The source id is empty. Leave it out where there is none.", field="source_id")
        for name, parse in _PROFILE.items():
            if name in row:
                said = row[name] and _text(row, name)
                record.profile[name] = parse(said) if said else "" if name == "name" else None
        self._phone(record, row)
        if row.get("consent") is not None:
            given = row["consent"]
            consent = clean.consent(("no", "yes")[given] if isinstance(given, bool) else _text(row, "consent"))
            record.consent = None if consent == "unknown" else consent
        attributes = row.get("attributes") or {}
        if not isinstance(attributes, Mapping):
            raise Refused('Attributes are an object, such as {"city": "Warsaw"}.', field="attributes")
        for name, value in attributes.items():
            record.attributes[str(name)] = self._attribute(str(name), value)
        return record

    def _phone(self, record: Record, row: Mapping[str, Any]) -> None:
        """The number of a row. Raises `Refused` where there is neither a number nor a source id."""
        if row.get("phone") is not None:
            record.phone = phone.parse(_text(row, "phone"), record.profile.get("region") or self.region)
        elif record.source_id is None:
            raise Refused("Give a source_id or a phone: nobody can be told by neither.", field="source_id")
        else:
            record.without_phone = "phone" in row

    def _attribute(self, name: str, value: Any) -> Any:
        """A value as it is stored; None takes the attribute away. Raises `Refused`, field "attributes.NAME"."""
        field = f"attributes.{name[:60]}"
        try:
            if clean.attribute_name(name) != name:
                raise Refused(f"Call it '{clean.attribute_name(name)}': small letters, digits and _.")
            if value is None:
                return None
            kind = self.kinds.get(name)
            stored = _as(kind or _kind(value), value)
            if kind is None:
                self._make_known(name, _kind(value))
            return stored
        except Refused as refusal:
            raise Refused(f"{name[:60]}: {refusal}", field=field) from None

    def _make_known(self, name: str, kind: str) -> None:
        """Note a new attribute. Raises `Refused` beyond `ATTRIBUTES_MAX`, or where another type came first."""
        if len(self.kinds) >= ATTRIBUTES_MAX:
            raise Refused(f"there are {ATTRIBUTES_MAX} attributes already, which is as many as there may be.")
        self.kinds[name] = customers.add_attribute(self.session, name, kind, at=self.now)
        if self.kinds[name] != kind:
            raise Refused(f"it is a {self.kinds[name]} by now. Send it as that.")


def _text(row: Mapping[str, Any], name: str) -> str:
    """A text of a row. Raises `Refused` where it is something else."""
    if not isinstance(row[name], str):
        raise Refused(f"{name} is a text, not {_json_name(row[name])}.", field=name)
    return str(row[name])


def _as(kind: str, value: Any) -> Any:
    """A JSON value as an attribute of type `kind` keeps it. Raises `Refused`."""
    if isinstance(value, str):
        return clean.attribute(value, kind)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) > clean.EXACT or not math.isfinite(value):
            raise Refused(f"{value} is too large: numbers up to {clean.EXACT:,} are kept exactly.")
        return int(value) if float(value).is_integer() else value
    raise Refused(f"it is a {kind}, and {_json_name(value)} is none.")


def _kind(value: Any) -> str:
    """The type of an attribute that is first seen with this value. Raises `Refused`."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "date" if A_DAY.fullmatch(value) else "text"
    raise Refused(f"a value is a text, a number, true or false, not {_json_name(value)}.")


def _json_name(value: Any) -> str:
    """What a JSON value is called."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"'{value[:40]}'"
    return "a list" if isinstance(value, Sequence) else "an object" if isinstance(value, Mapping) else "null"


_PROFILE: dict[str, Callable[[str], str]] = {
    "name": clean.name,
    "region": clean.region,
    "locale": clean.locale,
    "time_zone": clean.time_zone,
}
