"""What the columns of a file of customers mean: guessed from headings and first rows, corrected by a person."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from distribution.customers import clean, phone
from distribution.errors import Refused
from distribution.files import Row, Table
from storage.customers import fold

ROLES = {
    "phone": "Phone number",
    "name": "Name",
    "first_name": "First name",
    "last_name": "Last name",
    "source_id": "Source id",
    "consent": "Consent to texts",
    "region": "Country",
    "time_zone": "Time zone",
    "locale": "Locale",
    "attribute": "Attribute",
    "ignore": "Ignore",
}

# As `fold` writes them: small letters without accents.
HEADINGS: dict[str, str] = {
    heading: role
    for role, headings in {
        "phone": "phone|phone number|telephone|tel|mobile|mobile number|mobile phone|cell|cell phone|number|msisdn"
        "|telefon|numer|numer telefonu|handy|sms|phone e164",
        "name": "name|full name|customer|customer name|client|contact|imie i nazwisko|nazwa",
        "first_name": "first name|firstname|given name|forename|imie|vorname",
        "last_name": "last name|lastname|surname|family name|nazwisko|nachname",
        "source_id": "source id|id|customer id|external id|crm id|user id|client id|uid|customer number|loyalty id"
        "|klient id|id klienta|numer klienta|kundennummer",
        "consent": "consent|sms consent|opt in|optin|opted in|marketing consent|accepts marketing|sms opt in|agreed"
        "|subscribed|accepts sms|zgoda|zgoda na sms",
        "region": "country|country code|region|kraj|land",
        "time_zone": "time zone|timezone|tz",
        "locale": "locale|language|lang|jezyk",
    }.items()
    for heading in headings.split("|")
}


@dataclass(frozen=True)
class Column:
    """What one column is for: a role of `ROLES`; an attribute has a name and a type too.

    `order`: of a date such as 03/04/2026, what stands first, "day" or "month". `words`: what words of a consent column
    mean that do not say it themselves, small letters → given, opted_out or unknown.
    """

    role: str
    attribute: str | None = None
    type: str | None = None
    order: str | None = None
    words: Mapping[str, str] | None = None

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "role": self.role,
            "attribute": self.attribute,
            "type": self.type,
            "order": self.order,
            "words": dict(self.words) if self.words else None,
        }


@dataclass
class Record:
    """What a row says about one person; what it does not name is not there, and None takes away what was."""

    line: int
    cells: Sequence[str]
    phone: str | None = None
    source_id: str | None = None
    consent: str | None = None
    profile: dict[str, str | None] = field(default_factory=dict)  # name, region, time_zone, locale
    attributes: dict[str, Any] = field(default_factory=dict)
    without_phone: bool = False  # the row says that there is no number


def guess(table: Table, known: Mapping[str, str]) -> list[Column]:
    """What each column of `table` most likely is. `known`: attributes that there are, name → type."""
    columns: list[Column] = []
    taken: set[str] = set()
    headings = table.head or ()
    for at in range(table.width):
        heading = headings[at] if at < len(headings) else ""
        cells = [row[at] for row in table.sample if row[at]]
        column = _guess_one(heading, cells, known)
        name = column.attribute or column.role
        if column.role != "ignore" and name in taken:
            column = Column("ignore")
        taken.add(name)
        columns.append(column)
    if "phone" not in taken:
        columns = _with_phone(table, columns)
    return columns


def checked(columns: Iterable[Mapping[str, Any]], known: Mapping[str, str]) -> list[Column]:
    """Columns as a person left them. Raises `Refused`, field "column.3" (from 0) or "columns"."""
    result: list[Column] = []
    first: dict[str, int] = {}
    for at, given in enumerate(columns):
        where = f"column.{at}"
        column = Column(
            str(given.get("role")), given.get("attribute"), given.get("type"), given.get("order"), given.get("words")
        )
        if column.order not in (None, "day", "month"):
            raise Refused(f"'{column.order}' is not what a date begins with: day or month.", field="dates")
        if not set((column.words or {}).values()) <= {"given", "opted_out", "unknown"}:
            raise Refused("A consent is given, opted out, or unknown.", field="consent")
        if column.role not in ROLES:
            raise Refused(f"'{column.role}' is nothing that a column can be.", field=where)
        if column.role == "attribute":
            column = _checked_attribute(column, known, where)
        key = f"attribute {column.attribute}" if column.attribute else column.role
        if column.role != "ignore" and key in first:
            label = column.attribute or ROLES[column.role]
            raise Refused(f"Column {first[key] + 1} is '{label}' already. Choose something else here.", field=where)
        first[key] = at
        result.append(column)
    roles = {column.role for column in result}
    if not roles & {"phone", "source_id"}:
        raise Refused("Say which column has the phone number, or the source id.", field="column.0")
    if "name" in roles and roles & {"first_name", "last_name"}:
        where = next(f"column.{at}" for at, each in enumerate(result) if each.role in ("first_name", "last_name"))
        raise Refused("There is a column for the whole name already. Ignore this one.", field=where)
    return result


def read_columns(columns: Sequence[Column]) -> set[int]:
    """The columns (from 0) that are not ignored."""
    return {at for at, column in enumerate(columns) if column.role != "ignore"}


def read_row(row: Row, columns: Sequence[Column], region: str | None, names: Sequence[str]) -> Record:
    """What a row says. `region`: the country of numbers without one, where the row names none of its own.

    Raises `Refused` with the reason, the column's name first where it is not plain.
    """
    record = Record(row.line, row.values)
    parts: dict[str, str] = {}
    number = ""
    for at, column in enumerate(columns):
        cell = row[at].strip()
        if not cell or column.role == "ignore":
            continue
        try:
            if column.role == "phone":
                number = cell
            elif column.role == "attribute":
                record.attributes[column.attribute or ""] = clean.attribute(cell, column.type or "text", column.order)
            elif column.role == "consent":
                said = (column.words or {}).get(cell.casefold()) or clean.consent(cell)
                record.consent = None if said == "unknown" else said
            elif column.role in ("first_name", "last_name"):
                parts[column.role] = cell
            else:
                _take(record, column.role, cell)
        except Refused as refusal:
            raise Refused(f"{names[at]}: {refusal}") from None
    if parts:
        record.profile["name"] = clean.name(f"{parts.get('first_name', '')} {parts.get('last_name', '')}")
    if number:
        record.phone = phone.parse(number, record.profile.get("region") or region)
    if record.phone is None and record.source_id is None:
        raise Refused("The row has neither a phone number nor a source id: nobody can be told by it.")
    return record


def _take(record: Record, role: str, cell: str) -> None:
    """Put a cell where its role says. Raises `Refused`."""
    if role == "source_id":
        record.source_id = clean.source_id(cell)
    else:
        record.profile[role] = _PROFILE[role](cell)


_PROFILE: dict[str, Callable[[str], str]] = {
    "name": clean.name,
    "region": clean.region,
    "time_zone": clean.time_zone,
    "locale": clean.locale,
}


def guess_type(cells: Sequence[str]) -> str:
    """The type that all of `cells` have: numbers and dates only where nothing is lost by reading them so."""
    filled = [cell for cell in cells if cell.strip()]
    if not filled:
        return "text"
    if all(cell.strip().casefold() in {"yes", "no", "true", "false", "tak", "nie", "ja", "nein"} for cell in filled):
        return "boolean"
    if any(re.match(r"[+]|0\d", cell) or len(cell) > 15 for cell in filled):  # codes, numbers to call, not amounts
        return "date" if _all(filled, "date") else "text"
    for kind in ("number", "date"):
        if _all(filled, kind):
            return kind
    return "text"


def _all(cells: Sequence[str], kind: str) -> bool:
    """Whether every cell can be read as `kind`; dates with slashes in the one order or the other."""
    return any(_all_in(cells, kind, order) for order in ((None, "day", "month") if kind == "date" else (None,)))


def _all_in(cells: Sequence[str], kind: str, order: str | None) -> bool:
    """Whether every cell can be read as `kind`, with dates in this order."""
    for cell in cells:
        try:
            clean.attribute(cell, kind, order)
        except Refused:
            return False
    return True


def _guess_one(heading: str, cells: Sequence[str], known: Mapping[str, str]) -> Column:
    """By the heading; else an attribute of that name."""
    words = fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", heading))
    if role := HEADINGS.get(words):
        return Column(role)
    try:
        name = clean.attribute_name(heading)
    except Refused:
        return Column("ignore")
    kind = known.get(name) or guess_type(cells)
    return Column("attribute", name, kind, _order(cells) if kind == "date" else None)


def _order(cells: Sequence[str]) -> str | None:
    """What stands first in dates with slashes, where only one order makes days of them all; None where both do."""
    orders = [order for order in ("day", "month") if _all_in(cells, "date", order)]
    return orders[0] if len(orders) == 1 else None


def _with_phone(table: Table, columns: list[Column]) -> list[Column]:
    """The same, with the first column that is nothing yet and looks like phone numbers made the phone."""
    for at, column in enumerate(columns):
        cells = [row[at] for row in table.sample if row[at]]
        looks = sum(
            7 <= sum(char.isdecimal() for char in cell) <= 15 and not re.search("[^\\W\\d]", cell) for cell in cells
        )
        if cells and column.role in ("ignore", "attribute") and looks * 2 > len(cells):
            return [*columns[:at], Column("phone"), *columns[at + 1 :]]
    return columns


def _checked_attribute(column: Column, known: Mapping[str, str], where: str) -> Column:
    """An attribute with a name that can be one and the type that it has. Raises `Refused`."""
    try:
        name = clean.attribute_name(column.attribute or "")
    except Refused as refusal:
        raise Refused(str(refusal), field=where) from None
    if column.type not in ("text", "number", "boolean", "date"):
        raise Refused(f"'{column.type}' is no type of attribute.", field=where)
    if name in known and known[name] != column.type:
        raise Refused(f"Attribute '{name}' is a {known[name]} already. Choose that, or ignore the column.", field=where)
    return Column("attribute", name, column.type, column.order)
