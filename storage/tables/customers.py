"""Customers and the history of their consent."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, ByteText, Json, UtcDateTime

CONSENTS = ("unknown", "given", "opted_out")
ATTRIBUTE_TYPES = ("text", "number", "boolean", "date")


class Customer(Base):
    """A person with a phone number in E.164 (or none yet), attributes, a time zone and an SMS consent state."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("consent IN ('unknown', 'given', 'opted_out')", name="consent"),
        # Few: everybody else is told from them without a look at the rows.
        Index(
            "ix_customer_erased",
            "id",
            sqlite_where=text("erased_at IS NOT NULL"),
            postgresql_where=text("erased_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str | None] = mapped_column(ByteText, unique=True)
    # The customer's id in the system that they come from, where there is one.
    source_id: Mapped[str | None] = mapped_column(ByteText, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    # The name folded for search, as written and with its last word first (`storage.customers.search_keys`): a prefix
    # of either is found through its index. Byte by byte, or PostgreSQL could not use the index for prefixes.
    search: Mapped[str] = mapped_column(ByteText, default="", index=True)
    search_last: Mapped[str] = mapped_column(ByteText, default="", index=True)
    region: Mapped[str | None] = mapped_column(Text, index=True)  # ISO 3166-1 alpha-2, as phonenumbers names it
    locale: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str | None] = mapped_column(Text)  # IANA name
    consent: Mapped[str] = mapped_column(Text, default="unknown", index=True)
    consent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Everything personal was removed then; the row stays, so that codes and messages keep adding up.
    erased_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ConsentChange(Base):
    """One change of a customer's consent: what it became, when, and on whose word. Never updated, never deleted."""

    __tablename__ = "consent_change"
    __table_args__ = (Index(None, "customer_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    consent: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # "import of spring.csv by U0MAYA", "STOP reply"
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CustomerAttribute(Base):
    """An attribute that customers may have: the key in `Customer.attributes`, and the type of its values.

    In JSON a *text* is a string, a *number* a number, a *boolean* true or false, a *date* a string "2026-06-15".
    """

    __tablename__ = "customer_attribute"
    __table_args__ = (CheckConstraint("type IN ('text', 'number', 'boolean', 'date')", name="type"),)

    name: Mapped[str] = mapped_column(ByteText, primary_key=True)  # an identifier: `client.attributes.city` reads it
    type: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ImportRefusal(Base):
    """A row of a file of customers that was not taken: where it stood, what it said, and why not."""

    __tablename__ = "import_refusal"

    job_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    line: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    cells: Mapped[list[str]] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(Text)


class Suppression(Base):
    """A number whose owner opted out and was erased: only a keyed hash of it, so that no later file texts them.

    `docs/decisions/erasing.md` says why this much is kept, and `storage.suppressions` with what key.
    """

    __tablename__ = "suppression"

    hash: Mapped[str] = mapped_column(ByteText, primary_key=True)  # HMAC-SHA-256 of the number in E.164, hex
    at: Mapped[datetime] = mapped_column(UtcDateTime)
