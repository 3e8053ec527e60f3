"""What the columns of a file of events say: guessed from headings and first rows, corrected by a person."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from distribution import events
from distribution.codes import dates
from distribution.customers import clean
from distribution.customers.columns import guess_type
from distribution.errors import Refused
from distribution.files import Row, Table
from storage.customers import fold

ROLES = {
    "customer": "Customer: source id or number",
    "name": "Event",
    "at": "When it happened",
    "source_id": "The event's own id",
    "properties": "Properties, as JSON",
    "property": "Property",
    "ignore": "Ignore",
}
TYPES = ("text", "number", "boolean", "date")

# Rows that are looked at while a person waits.
LOOKED_AT = 2_000

# As `fold` writes headings: small letters without accents.
HEADINGS: dict[str, str] = {
    heading: role
    for role, headings in {
        "customer": "customer|customer id|client|client id|user|user id|uid|source customer|customer source id|phone"
        "|phone number|mobile|msisdn|klient|id klienta|telefon|kunde|kundennummer",
        "name": "event|event name|name|event type|type|action|zdarzenie|ereignis",
        "at": "at|when|time|timestamp|date|happened at|occurred at|created at|event time|event date|kiedy|data|datum",
        "source_id": "source id|id|event id|event source id|uuid|message id|id zdarzenia",
        "properties": "properties|props|payload|attributes|wlasciwosci",
    }.items()
    for heading in headings.split("|")
}
_PREFIXES = ("properties.", "property.", "properties_", "props.")


@dataclass(frozen=True)
class Column:
    """What one column is for: a role of `ROLES`; a property has a name and a type of `TYPES` too."""

    role: str
    property: str | None = None
    type: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {"role": self.role, "property": self.property, "type": self.type}


@dataclass(frozen=True)
class Layout:
    """How a file's rows are read.

    `name`: what all of them tell of, where no column says it. `order`: what a person says about days that can be read
    in two ways (`dates.ORDERS`). `time_zone`: where times without a zone were written down. `way`: how its times are
    written, once all of them were looked at.
    """

    columns: tuple[Column, ...]
    name: str = ""
    order: str = ""
    time_zone: str = "UTC"
    way: str | None = None

    @property
    def read(self) -> set[int]:
        """The columns (from 0) that are not ignored."""
        return {at for at, column in enumerate(self.columns) if column.role != "ignore"}

    def at(self, role: str) -> int | None:
        """The column (from 0) of a role; None where no column has it."""
        return next((at for at, column in enumerate(self.columns) if column.role == role), None)


@dataclass(frozen=True)
class Preview:
    """The first rows as they would be read, as `distribution.events` takes them, or the reason against it, by line."""

    taken: list[Mapping[str, Any]]
    refused: list[tuple[int, str]]
    names: frozenset[str]  # what they tell of


def guess(table: Table, known: Mapping[str, Mapping[str, str]]) -> list[Column]:
    """What each column of `table` most likely is. `known`: `distribution.events.names`."""
    headings = table.head or ()
    found: list[Column] = []
    taken: set[str] = set()
    for at in range(table.width):
        cells = [row[at] for row in table.sample if row[at]]
        column = _guess_one(headings[at] if at < len(headings) else "", cells, known)
        key = column.property or column.role
        if column.role != "ignore" and key in taken:
            column = Column("ignore")
        taken.add(key)
        found.append(column)
    return found


def checked(columns: Sequence[Mapping[str, Any]], *, name: str, order: str, time_zone: str) -> Layout:
    """A layout as a person left it. Raises `Refused`, field "column.3" (from 0), "name" or "dates"."""
    read: list[Column] = []
    first: dict[str, int] = {}
    for at, given in enumerate(columns):
        column, where = _checked_column(given, f"column.{at}"), f"column.{at}"
        key = f"property {column.property}" if column.property else column.role
        if column.role != "ignore" and key in first:
            label = column.property or ROLES[column.role]
            raise Refused(f"Column {first[key] + 1} is '{label}' already. Choose something else here.", field=where)
        first[key] = at
        read.append(column)
    if "customer" not in first:
        raise Refused("Say which column has the customer: their source id, or their number.", field="column.0")
    if order not in ("", *dates.ORDERS):
        raise Refused(f"'{order}' is not how dates are written: {' or '.join(dates.ORDERS)}.", field="dates")
    if "name" in first and name:
        raise Refused("A column says which event each row is. Leave this empty, or ignore that column.", field="name")
    if "name" not in first:
        if not name:
            raise Refused(
                "Say which event these rows are, such as cart_abandoned, or which column says it.", field="name"
            )
        name = events.checked_name(name, "name")
    return Layout(tuple(read), name, order, time_zone)


def preview(table: Table, layout: Layout, limit: int = 3) -> Preview:
    """Read the first rows of `table`: up to `limit` that would be taken, and why others of its sample would not."""
    taken: list[Mapping[str, Any]] = []
    refused: list[tuple[int, str]] = []
    names = table.column_names()
    try:
        layout = looked_at(table.filename, layout, islice(table.rows(), LOOKED_AT))
    except Refused as refusal:  # it is refused on submit, at its field
        return Preview([], [(table.sample[0].line, str(refusal))] if table.sample else [], frozenset())
    for row in table.sample:
        try:
            table.check(row, layout.read)
            taken.append(read_row(row, layout, names))
        except Refused as refusal:
            refused.append((row.line, str(refusal)))
    return Preview(taken[:limit], refused, frozenset(str(each["name"]) for each in taken))


def read_row(row: Row, layout: Layout, names: Sequence[str]) -> dict[str, Any]:
    """A row as an event that `distribution.events` takes. `names`: the columns'.

    Raises `Refused` with the reason, the column's name first where it is not plain.
    """
    event: dict[str, Any] = {"name": layout.name, "properties": {}}
    for at, column in enumerate(layout.columns):
        cell = row[at]
        if column.role == "ignore" or not (cell or column.role == "at"):
            continue
        try:
            if column.role == "at":
                event["at"] = _moment(cell, layout)
            elif column.role == "property":
                event["properties"][column.property] = _property(cell, column, layout)
            elif column.role == "properties":
                event["properties"] = _object(cell) | event["properties"]
            else:
                event[column.role] = cell
        except Refused as refusal:
            raise Refused(f"{names[at]}: {refusal}") from None
    return event


def looked_at(filename: str, layout: Layout, rows: Iterable[Row], *, all_of_them: bool = True) -> Layout:
    """The layout with the one way in which the times of these rows are written.

    Raises `Refused`: field "column.3" where there are several ways, "dates" where `all_of_them` could be read in two.
    """
    at = layout.at("at")
    if at is None:
        return layout
    seen = dates.Column(filename, layout.order)
    try:
        seen.see((row.line, row[at]) for row in rows)
    except Refused as refusal:
        raise Refused(str(refusal), field=f"column.{at}") from None
    return replace(layout, way=seen.way()) if all_of_them else layout


def _guess_one(heading: str, cells: Sequence[str], known: Mapping[str, Mapping[str, str]]) -> Column:
    """By the heading; else a property of that name."""
    words = fold(heading).replace("_", " ").replace("-", " ")
    if role := HEADINGS.get(words):
        return Column(role)
    try:
        name = property_name(heading)
    except Refused:
        return Column("ignore")
    return Column("property", name, _guess_type(name, cells, known))


def property_name(heading: str) -> str:
    """The property that a heading names: "properties.cart_total" and "Cart total" are cart_total. Raises `Refused`.

    A heading that is a name already, as a system writes one, stays as it is: cartTotal.
    """
    for prefix in _PREFIXES:
        heading = heading.removeprefix(prefix)
    named = heading.isidentifier() and not heading[0].isupper() and len(heading) <= events.NAME_LIMIT
    return heading if named else clean.attribute_name(heading)


def _guess_type(name: str, cells: Sequence[str], known: Mapping[str, Mapping[str, str]]) -> str:
    """The type that the property has in all events so far, if the cells can be that; else what the cells look like."""
    before = {properties[name] for properties in known.values() if name in properties}
    kind = next(iter(before)) if len(before) == 1 else ""
    return kind if kind in TYPES and all(_fits(cell, kind) for cell in cells) else guess_type(cells)


def _fits(cell: str, kind: str) -> bool:
    try:
        clean.attribute(cell, kind)
    except Refused:
        return False
    return True


def _checked_column(given: Mapping[str, Any], where: str) -> Column:
    """One column as it was chosen. Raises `Refused` at `where`."""
    role, name, kind = str(given.get("role")), given.get("property"), given.get("type")
    if role not in ROLES:
        raise Refused(f"'{role}' is nothing that a column can be.", field=where)
    if role != "property":
        return Column(role)
    if kind not in TYPES:
        raise Refused(f"'{kind}' is no type of property.", field=where)
    return Column(role, events.checked_name(name, where), kind)


def _moment(cell: str, layout: Layout) -> Any:
    """When it happened; a day alone is its beginning. Raises `Refused`: "now" for no time might text somebody."""
    found = dates.beginning(cell, layout.way, layout.time_zone) if cell else None
    if found is None:
        raise Refused(f"'{cell[:30]}' is no date." if cell else "there is no time.")
    return found


def _property(cell: str, column: Column, layout: Layout) -> Any:
    """A property's value. Dates with slashes are read as a person said, else as the file's times are."""
    order = layout.order or (dates.BY_KEY[layout.way].order if layout.way else "")
    return clean.attribute(cell, column.type or "text", {"dmy": "day", "mdy": "month"}.get(order))


def _object(cell: str) -> dict[str, Any]:
    """The properties in a cell. Raises `Refused`."""
    try:
        found = json.loads(cell)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(f"'{cell[:30]}' is not a JSON object such as {{\"cart_total\": 59.9}}.")
    return found
