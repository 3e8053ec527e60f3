"""Many rows or ids in one statement: `json_each` on SQLite, `unnest` on PostgreSQL (measured fastest on each)."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    cast,
    column,
    extract,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import JSON, BigInteger, TypeEngine

from storage.database import is_sqlite
from storage.plain import driver
from storage.tables import Base

# How a time is written.
Moment = Callable[[datetime], str]

Column = ColumnElement[int] | InstrumentedAttribute[int] | InstrumentedAttribute[int | None]


def values(
    session: Session, columns: Mapping[str, TypeEngine[Any] | type[TypeEngine[Any]]], rows: Sequence[Sequence[Any]]
) -> FromClause:
    """`rows` as something to join with: its columns are those of `columns`, in that order.

    Cells are integers, floats, text or None. The statement's text does not depend on how many rows there are.
    """
    if is_sqlite(session):
        each = func.json_each(bindparam(None, json.dumps(rows, separators=(",", ":")))).table_valued("value")
        cells = [
            type_coerce(func.json_extract(each.c.value, f"$[{index}]"), kind).label(name)
            for index, (name, kind) in enumerate(columns.items())
        ]
        # Without the limit SQLite flattens the subquery into the join and may parse the JSON once for each row.
        return select(*cells).limit(-1).subquery()
    arrays = [
        cast(bindparam(None, [row[index] for row in rows], ARRAY(kind)), ARRAY(kind))
        for index, kind in enumerate(columns.values())
    ]
    return func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in columns.items())).render_derived()


def listed(session: Session, ids: Iterable[int]) -> FromClause:
    """`ids` as something to select from: its column is `id`. A tenth of what `values` takes for that."""
    if is_sqlite(session):
        each = func.json_each(bindparam(None, json.dumps(list(ids), separators=(",", ":")))).table_valued("value")
        return select(type_coerce(each.c.value, BigInteger).label("id")).subquery()
    given = cast(bindparam(None, list(ids), ARRAY(BigInteger)), ARRAY(BigInteger))
    return func.unnest(given).table_valued(column("id", BigInteger)).render_derived()


def among(session: Session, what: Column, ids: Iterable[int]) -> ColumnElement[bool]:
    """Whether the integer column `what` is one of `ids`."""
    if is_sqlite(session):
        each = func.json_each(bindparam(None, json.dumps(list(ids), separators=(",", ":")))).table_valued("value")
        return what.in_(select(each.c.value))
    return what == func.any(bindparam(None, list(ids), ARRAY(BigInteger)))


def rows_given(sqlite: bool, columns: Mapping[str, TypeEngine[Any] | type[TypeEngine[Any]]]) -> FromClause:
    """Like `values`, for a statement that is built once and executed with `rows_as` (building one costs 0.3 ms)."""
    if sqlite:
        each = func.json_each(bindparam("rows")).table_valued("value")
        cells = [
            type_coerce(func.json_extract(each.c.value, f"$[{index}]"), kind).label(name)
            for index, (name, kind) in enumerate(columns.items())
        ]
        return select(*cells).limit(-1).subquery()
    arrays = [
        cast(bindparam(f"rows_{index}", type_=ARRAY(kind)), ARRAY(kind)) for index, kind in enumerate(columns.values())
    ]
    return func.unnest(*arrays).table_valued(*(column(name, kind) for name, kind in columns.items())).render_derived()


def rows_as(sqlite: bool, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """The parameters of a statement with `rows_given`. At least one row."""
    if sqlite:
        return {"rows": json.dumps(rows, separators=(",", ":"))}
    return {f"rows_{index}": list(cells) for index, cells in enumerate(zip(*rows, strict=True))}


def ids_given(sqlite: bool, what: Column) -> ColumnElement[bool]:
    """Like `among`, for a statement that is built once and executed with `ids_as`."""
    if sqlite:
        each = func.json_each(bindparam("ids")).table_valued("value")
        return what.in_(select(each.c.value))
    return what == func.any(bindparam("ids", type_=ARRAY(BigInteger)))


def ids_as(sqlite: bool, ids: Iterable[int]) -> dict[str, Any]:
    """The parameters of a statement with `ids_given`."""
    return {"ids": json.dumps(list(ids), separators=(",", ":")) if sqlite else list(ids)}


def fetch(session: Session, query: Select[*tuple[Any, ...]], given: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """All rows of a query that is built once, in any order. Its cells are integers, floats, text, JSON or None.

    On SQLite as one row of JSON: Python's driver lets go of the interpreter before each row and waits for it after,
    five milliseconds at a time where another thread is as busy as the sender's loop.
    """
    if is_sqlite(session):
        rows: list[list[Any]] = json.loads(session.scalar(_as_one_row(query), given) or "[]")
        return rows
    return session.execute(query, given).all()


@lru_cache(64)
def _as_one_row(query: Select[*tuple[Any, ...]]) -> Select[str]:
    rows = query.subquery()
    cells = [func.json(cell) if isinstance(cell.type, JSON) else cell for cell in rows.c]
    return select(type_coerce(func.json_group_array(func.json_array(*cells)), Text))


def seconds_between(
    session: Session, start: datetime, moment: ColumnElement[Any] | InstrumentedAttribute[Any]
) -> ColumnElement[Any]:
    """Seconds from `start` to the time in column `moment`, as the database counts them."""
    if is_sqlite(session):
        return (func.julianday(moment) - func.julianday(start.strftime("%Y-%m-%d %H:%M:%S.%f"))) * 86400.0
    return extract("epoch", moment - start)


def load(
    session: Session, table: type[Base], columns: Sequence[str], rows: Sequence[Sequence[int | str | None]]
) -> None:
    """Insert whole rows as fast as the driver does: COPY on PostgreSQL, its own `executemany` on SQLite.

    Nothing is converted: times come from `moments`, JSON is text, enums are integers. No text has a tab or a newline.
    """
    if not rows:
        return
    named = f"{table.__tablename__} ({', '.join(columns)})"
    if is_sqlite(session):
        marks = ", ".join("?" * len(columns))
        driver(session).executemany(f"INSERT INTO {named} VALUES ({marks})", rows)  # noqa: S608 -- names of ours
        return
    text = "\n".join(["\t".join([_copied(cell) for cell in row]) for row in rows])
    with driver(session).cursor() as cursor, cursor.copy(f"COPY {named} FROM STDIN") as copy:
        copy.write(text + "\n")


def _copied(cell: int | str | None) -> str:
    """A cell as COPY's text format spells it."""
    if cell is None:
        return "\\N"
    return cell.replace("\\", "\\\\") if isinstance(cell, str) else str(cell)


def moments(session: Session) -> Moment:
    """How a time (aware) is written in a row for `load`; the last few thousand are remembered."""
    form = "%Y-%m-%d %H:%M:%S.%f" if is_sqlite(session) else "%Y-%m-%d %H:%M:%S.%f+00"

    @lru_cache(4096)
    def written(at: datetime) -> str:
        return at.astimezone(UTC).strftime(form)

    return written
