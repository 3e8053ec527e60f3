"""What customers did (`cart_abandoned`), with properties, as other systems tell it.

Tens of millions of rows: no foreign keys, and two indexes, one for each way of asking: who did it lately, and what this
customer did.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, ByteText, Json, UtcDateTime


class Event(Base):
    """Something that a customer did, once."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "name", "at", "customer_id"), Index(None, "customer_id", "name", "at"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(BigId)
    name: Mapped[str] = mapped_column(ByteText)  # an identifier: `cart_abandoned`
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it happened, by the system that tells of it
    properties: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # Its id in the system that it comes from: told twice, it is one.
    source_id: Mapped[str | None] = mapped_column(ByteText, unique=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventName(Base):
    """A kind of event that was seen, and the types of its properties: what people choose from."""

    __tablename__ = "event_name"

    name: Mapped[str] = mapped_column(ByteText, primary_key=True)
    # By property: "text", "number", "boolean" or "date"; "mixed" where events disagree.
    properties: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
