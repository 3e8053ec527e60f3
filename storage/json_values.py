"""A value inside a JSON column, compared by the type that is asked about: no text is ever read as a number.

What is stored may be of another type than it should be (an API let it in, a type was changed): such a value is not
found by a comparison, and is found by "is set". The same on SQLite and PostgreSQL.

The name of the value is part of the statement, not a parameter of it: an index on it is only found that way
(`storage.attribute_indexes`). So a name is an identifier, and nothing else is let in.
"""

import operator
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Text,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.bulk import values
from storage.customers import texts
from storage.database import is_sqlite
from storage.rules import Condition

Column = InstrumentedAttribute[Any] | ColumnElement[Any]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}

BOOLEAN = false().type
ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
DAY_GLOB = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
DAY_REGEX = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def ascii_lower(text: str) -> str:
    """`text` with A–Z made small: what "is" and "contains" compare, the same on both databases (no locale's rules)."""
    return text.translate(ASCII_LOWER)


def opposite(expression: ColumnElement[bool]) -> ColumnElement[bool]:
    """Everything that `expression` is not, where NULL is no."""
    return not_(func.coalesce(expression, false()))


def compare_text(session: Session, column: Column, op: str, value: Any) -> ColumnElement[bool]:
    """A column of text compared with no character special. Raises `ValueError` for an operator that there is not."""
    if op == "is":
        return type_coerce(column == value, BOOLEAN)
    if op == "one_of":
        return column.in_(select(texts(session, value).c.value))
    position = func.instr(column, value) if is_sqlite(session) else func.strpos(column, value)
    if op == "contains":
        return position > 0
    if op == "starts_with":
        return position == 1
    raise ValueError(f"no such operator for text: {op!r}")


def compare(session: Session, column: Column, condition: Condition, op: str, today: date) -> ColumnElement[bool]:
    """Whether the value that `condition` names in the JSON object `column` is as `op`, not a negation, says.

    `today`: where the workspace is, for days that are counted from it.
    """
    value, kind, plain = condition.value, *parts(session, column, str(condition.attribute))
    if op == "set":
        return func.coalesce(kind, "null") != "null"
    if condition.type == "boolean":
        wanted = {"yes": "true", "no": "false"}[op]
        # SQLite tells true and false apart by type, PostgreSQL by text.
        return kind == wanted if is_sqlite(session) else case((kind == "boolean", plain)) == wanted
    if condition.type == "number":
        number = as_number(kind, plain)
        if op == "one_of":
            given = values(session, {"value": Double()}, [(float(each),) for each in value])
            return number.in_(select(given.c.value))
        return type_coerce(COMPARE[op](number, float(value)), BOOLEAN)
    if condition.type == "date":
        return _compare_day(session, as_text(kind, plain), op, value, today)
    lowered = func.lower(as_text(kind, plain))
    if op == "one_of":
        return compare_text(session, lowered, op, [ascii_lower(each) for each in value])
    return compare_text(session, lowered, op, ascii_lower(value))


def parts(session: Session, column: Column, name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The JSON type of a value, NULL where it is not there; and the value as text (a number as itself on SQLite).

    Raises `ValueError` for a name that is no identifier.
    """
    if not name.isidentifier():
        raise ValueError(f"not a name: {name!r}")
    if is_sqlite(session):
        path: ColumnElement[Any] = literal_column(f"'$.\"{name}\"'")
        return func.json_type(column, path), type_coerce(func.json_extract(column, path), Text())
    key: ColumnElement[Any] = literal_column(f"'{name}'")
    return func.jsonb_typeof(column.op("->")(key)), collate(type_coerce(column.op("->>")(key), Text()), "C")


def as_text(kind: ColumnElement[Any], plain: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value where it is text, else NULL."""
    return case((kind.in_((literal_column("'text'"), literal_column("'string'"))), plain))


def as_number(kind: ColumnElement[Any], plain: ColumnElement[Any]) -> ColumnElement[Any]:
    """The value where it is a number, else NULL."""
    kinds: list[ColumnElement[str]] = [literal_column(f"'{each}'") for each in ("integer", "real", "number")]
    return case((kind.in_(kinds), cast(plain, Double)))


def _compare_day(session: Session, text: ColumnElement[Any], op: str, value: Any, today: date) -> ColumnElement[bool]:
    """A day, "2026-06-15": text that looks like one, whose order is that of the days."""
    sqlite = is_sqlite(session)
    is_day = text.bool_op("GLOB")(DAY_GLOB) if sqlite else text.bool_op("~")(DAY_REGEX)
    if op == "anniversary":
        days = [today.strftime("%m-%d")]
        if today.strftime("%m-%d") == "02-28" and (today + timedelta(days=1)).month == 3:
            days.append("02-29")  # born on a day that this year has not: the day before
        tail = func.substr(text, 6)
        return and_(is_day, or_(*(tail == day for day in days)), text < today.isoformat())
    if op == "last_days":
        return and_(is_day, text >= _far(today, -value), text <= today.isoformat())
    if op == "next_days":
        return and_(is_day, text >= today.isoformat(), text <= _far(today, value))
    if op == "older_days":
        return and_(is_day, text < _far(today, -value))
    order = {"before": operator.lt, "after": operator.gt, "on": operator.eq}[op]
    return and_(is_day, order(text, value))


def _far(today: date, days: int) -> str:
    """The day so many days from today."""
    return (today + timedelta(days=days)).isoformat()
