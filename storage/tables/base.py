"""What all tables share: the base, names of constraints, and column types that behave alike on both databases."""

from datetime import UTC, datetime
from enum import IntEnum

from sqlalchemy import BigInteger, DateTime, Integer, MetaData, SmallInteger, Text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import JSON, TypeDecorator

# A constraint needs a name of its own to be dropped by a later migration.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every mapped class."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC `datetime` in and out; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the database UTC. Raises `ValueError` on a naive time: its zone would be a guess."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the caller UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SmallEnum(TypeDecorator[IntEnum]):
    """An `IntEnum` kept as a small integer: the million-row tables carry their state in one byte or two."""

    impl = SmallInteger
    cache_ok = True

    def __init__(self, enum: type[IntEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        """Give the database a plain integer."""
        return None if value is None else int(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> IntEnum | None:
        """Give the caller the member."""
        return None if value is None else self.enum(value)

    def process_literal_param(self, value: int | None, dialect: Dialect) -> str:
        """Write the number where a statement is rendered with its values (index predicates)."""
        return "NULL" if value is None else str(int(value))


# SQLite gives a rowid only to a column that says INTEGER.
BigId = BigInteger().with_variant(Integer(), "sqlite")

# JSONB on PostgreSQL, text on SQLite.
Json: JSON = JSON().with_variant(postgresql.JSONB(), "postgresql")

# Compared byte by byte: promo codes and keys have no language, and "C" is what makes their index fast on PostgreSQL.
ByteText = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
