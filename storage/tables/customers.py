"""Customers and the history of their consent."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, ByteText, Json, UtcDateTime

CONSENTS = ("unknown", "given", "opted_out")


class Customer(Base):
    """A person with a phone number in E.164 (or none yet), attributes, a time zone and an SMS consent state."""

    __tablename__ = "customer"
    __table_args__ = (CheckConstraint("consent IN ('unknown', 'given', 'opted_out')", name="consent"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    phone: Mapped[str | None] = mapped_column(ByteText, unique=True)
    # The customer's id in the system that they come from, where there is one.
    source_id: Mapped[str | None] = mapped_column(ByteText, unique=True)
    name: Mapped[str] = mapped_column(Text, default="")
    # Name and number folded for search (`storage.customers.search_key`).
    search: Mapped[str] = mapped_column(Text, default="", index=True)
    region: Mapped[str | None] = mapped_column(Text, index=True)  # ISO 3166-1 alpha-2, as phonenumbers names it
    locale: Mapped[str | None] = mapped_column(Text)
    time_zone: Mapped[str | None] = mapped_column(Text)  # IANA name
    consent: Mapped[str] = mapped_column(Text, default="unknown", index=True)
    consent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConsentChange(Base):
    """One change of a customer's consent: what it became, when, and on whose word. Never updated, never deleted."""

    __tablename__ = "consent_change"
    __table_args__ = (Index(None, "customer_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    consent: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)  # "import of spring.csv by U0MAYA", "STOP reply"
    at: Mapped[datetime] = mapped_column(UtcDateTime)
