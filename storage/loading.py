"""New rows by the thousand, as fast as each database takes them: `executemany` on SQLite, COPY on PostgreSQL."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.plain import driver

_ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def load(session: Session, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of text, numbers, None, and times as `moment` spells them. Names are the schema's own.

    Raises `IntegrityError` where one of them breaks a constraint; the transaction (or savepoint) is lost then.
    """
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(session):
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - no value is part of it
        session.connection().exec_driver_sql(statement, [tuple(row) for row in rows])
        return
    lines = "".join(["\t".join(map(_spelled, row)) + "\n" for row in rows])
    try:
        with driver(session).cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            copy.write(lines)
    except psycopg.IntegrityError as error:
        raise IntegrityError(f"COPY {table}", None, error) from error


def ids(session: Session, table: str, count: int) -> Iterable[int]:
    """Ids for `count` new rows of a table that counts its own: this transaction's for good."""
    if is_sqlite(session):  # one writer at a time
        first = session.scalar(text(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")) or 1  # noqa: S608
        return range(first, first + count)
    return session.scalars(
        text("SELECT nextval(pg_get_serial_sequence(:name, 'id')) FROM generate_series(1, :count)"),
        {"name": table, "count": count},
    ).all()


def moment(session: Session, at: datetime | None) -> str | None:
    """A time as `load` takes it: as SQLAlchemy stores it on SQLite, with its zone on PostgreSQL."""
    if at is None:
        return None
    if is_sqlite(session):
        return at.astimezone(UTC).isoformat(" ", "microseconds")[:26]
    return at.isoformat()


def _spelled(cell: Any) -> str:
    """A cell as COPY reads it (postgresql.org/docs/current/sql-copy.html, "Text Format")."""
    return "\\N" if cell is None else cell.translate(_ESCAPED) if isinstance(cell, str) else str(cell)
