"""Segments: rules over customers, or a fixed list of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Json, UtcDateTime


class Segment(Base):
    """A named part of the customers. *dynamic*: those who match `rules` now. *static*: its members.

    *list* is a static segment without a name of its own: the pasted or uploaded audience of one distribution.
    """

    __tablename__ = "segment"
    __table_args__ = (CheckConstraint("kind IN ('dynamic', 'static', 'list')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text, unique=True)  # NULL for lists and deleted segments
    kind: Mapped[str] = mapped_column(Text)
    rules: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    # How many customers it had when it was counted last: lists show it at once, and count again afterwards.
    counted: Mapped[int | None] = mapped_column(BigId)
    counted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    # When its name, rules or members were changed last; None: never since it was made.
    updated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SegmentMember(Base):
    """A customer on a static segment or a list."""

    __tablename__ = "segment_member"

    segment_id: Mapped[int] = mapped_column(ForeignKey("segment.id"), primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId, ForeignKey("customer.id"), primary_key=True, index=True)
