"""What SQLAlchemy types loosely, said once: a model's table, a driver's connection, how many rows changed."""

from typing import Any, cast

from sqlalchemy import CursorResult, Delete, Table, Update
from sqlalchemy.orm import Session

from storage.tables import Base


def table_of(of: type[Base]) -> Table:
    """The table of a mapped class, for statements that are no ORM's."""
    return of.metadata.tables[of.__tablename__]


def driver(session: Session) -> Any:
    """The driver's own connection, under that of the session's transaction. It is only None once it was closed."""
    return session.connection().connection.driver_connection


def rows_changed(session: Session, statement: Delete | Update) -> int:
    """Run a statement on many rows, past what the session remembers of them; returns how many it changed."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount
