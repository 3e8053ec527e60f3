"""Messages and the batches that carry them to a provider (DESIGN §6).

Neither claiming nor intending touches a message row: a `batch` row names its messages, who holds them and since when
their sockets may be open. A message that is not settled is either beyond its distribution's `claimed_to` or in exactly
one open batch.
"""

from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, ByteText, Json, SmallEnum, UtcDateTime


class MessageState(IntEnum):
    """Where a message stands. `queued` includes leased and dispatching: the batch knows which."""

    QUEUED = 0
    EXCLUDED = 1  # left out before anything was sent, with a reason
    ACCEPTED = 2  # the provider took it
    DELIVERED = 3
    UNDELIVERED = 4  # accepted, and then said to have failed
    REJECTED = 5  # refused for good
    UNKNOWN = 6  # may or may not have left
    CANCELLED = 7  # stopped by a person before it left


class BatchState(IntEnum):
    """A batch is open until every message in it is recorded."""

    LEASED = 0  # nothing has left: an expired lease may be taken over
    DISPATCHING = 1  # intent committed: its sockets may be open
    DONE = 2
    WAITING = 3  # nobody's, not before `not_before` (sent back by 429 or "not processed")


class Message(Base):
    """One text to one customer from one distribution, at one step (0 = first, 1… = reminders) and one occurrence."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("distribution_id", "customer_id", "step", "occurrence"),
        CheckConstraint("state <> 1 OR reason IS NOT NULL", name="excluded_has_a_reason"),
        Index("ix_message_customer", "customer_id"),
        Index(
            "ix_message_provider_ref",
            "provider_ref",
            sqlite_where=text("provider_ref IS NOT NULL"),
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    distribution_id: Mapped[int]
    customer_id: Mapped[int] = mapped_column(BigId)
    step: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    occurrence: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    state: Mapped[MessageState] = mapped_column(
        SmallEnum(MessageState), default=MessageState.QUEUED, server_default=text("0")
    )
    # Why it was left out or failed: a short stable key (`distribution.reasons` has the words).
    reason: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)  # as it was when the audience was fixed
    provider_ref: Mapped[str | None] = mapped_column(ByteText)  # the provider's own id of the text
    segments: Mapped[int | None]
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Batch(Base):
    """Messages that one worker hands to one provider together. attempt id = batch id and message id."""

    __tablename__ = "batch"
    __table_args__ = (
        Index(
            "ix_batch_open",
            "distribution_id",
            "state",
            sqlite_where=text("state <> 2"),
            postgresql_where=text("state <> 2"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    distribution_id: Mapped[int]
    state: Mapped[BatchState] = mapped_column(SmallEnum(BatchState))
    message_ids: Mapped[list[int]] = mapped_column(Json)
    owner: Mapped[str | None] = mapped_column(Text)  # the worker that holds it
    fence: Mapped[int] = mapped_column(
        default=0
    )  # rises with every change of owner; a stale holder's writes match nothing
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CallbackInbox(Base):
    """What a provider told us, as it came; applied afterwards, once, and only forward."""

    __tablename__ = "callback_inbox"
    __table_args__ = (
        UniqueConstraint("provider_id", "key"),
        Index(
            "ix_callback_inbox_new",
            "id",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider_id: Mapped[int]
    key: Mapped[str] = mapped_column(ByteText)  # what makes this news and not a repetition
    payload: Mapped[dict[str, Any]] = mapped_column(Json)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    applied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
