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
    segments: Mapped[int | None]  # as the provider counted; 0: it left as a picture message
    # Sent again on a person's word: of attempts up to this batch only "delivered" is news, the rest is known.
    retried_after: Mapped[int | None] = mapped_column(BigId)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when its outcome was recorded
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it was said to have arrived, or not to


class Batch(Base):
    """Messages that one worker hands to one provider together, once; attempt id = batch id and message id.

    `message_ids` are those whose outcome is this batch's to find out: what is sent back leaves for a batch of its own.
    """

    __tablename__ = "batch"
    __table_args__ = (
        Index(
            "ix_batch_open",
            "distribution_id",
            "state",
            sqlite_where=text("state <> 2"),
            postgresql_where=text("state <> 2"),
        ),
        Index(None, "distribution_id", "id"),  # the latest ones say how fast it goes
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    distribution_id: Mapped[int]
    state: Mapped[BatchState] = mapped_column(SmallEnum(BatchState))
    size: Mapped[int] = mapped_column(default=0)  # how many messages it was dispatched with
    message_ids: Mapped[list[int]] = mapped_column(Json)
    owner: Mapped[str | None] = mapped_column(Text)  # the worker that holds it
    fence: Mapped[int] = mapped_column(
        default=0
    )  # rises with every change of owner; a stale holder's writes match nothing
    # LEASED: how long it is held. DISPATCHING: when every request of it must have ended. By the machines' own clocks.
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # WAITING: when its customers' quiet hours end. By the business clock, unlike `not_before`: nobody may be called
    # out of bed because a machine's clock differs, and the sandbox's clock can be moved to that morning.
    quiet_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tries: Mapped[int] = mapped_column(default=0)
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UnknownAttempt(Base):
    """An attempt that may or may not have left: what is known about it, and when its provider is asked next.

    Open while `outcome` is NULL. A person decides where `look_at` is NULL too: the provider cannot be asked.
    """

    __tablename__ = "unknown_attempt"
    __table_args__ = (
        CheckConstraint("outcome IN ('found', 'absent', 'callback', 'response', 'person')", name="outcome"),
        Index(
            "ix_unknown_attempt_open",
            "distribution_id",
            "look_at",
            sqlite_where=text("outcome IS NULL"),
            postgresql_where=text("outcome IS NULL"),
        ),
    )

    message_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    batch_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    distribution_id: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    look_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    absences: Mapped[int] = mapped_column(default=0)  # times its provider said, after all had ended: no such text
    looks_failed: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str | None] = mapped_column(Text)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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


class Reply(Base):
    """A text that a customer sent to us, and the answer that it got (STOP, START and HELP get one)."""

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("provider_id", "provider_ref"),
        CheckConstraint("answer_state IN ('queued', 'dispatching', 'sent', 'failed', 'unknown')", name="answer_state"),
        Index(
            "ix_reply_to_answer",
            "id",
            sqlite_where=text("answer_state IN ('queued', 'dispatching')"),
            postgresql_where=text("answer_state IN ('queued', 'dispatching')"),
        ),
        # What people have not seen yet: `commands.replies` looks every two seconds.
        Index(
            "ix_reply_to_show",
            "id",
            sqlite_where=text("shown IS NULL AND meaning = 'other' AND distribution_id IS NOT NULL"),
            postgresql_where=text("shown IS NULL AND meaning = 'other' AND distribution_id IS NOT NULL"),
        ),
        Index(None, "distribution_id", "id"),
        Index(None, "customer_id", "id"),
        Index(None, "phone"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    provider_id: Mapped[int]
    provider_ref: Mapped[str] = mapped_column(ByteText)  # the provider's own id of the text
    phone: Mapped[str] = mapped_column(ByteText)
    customer_id: Mapped[int | None] = mapped_column(BigId)
    distribution_id: Mapped[int | None]  # the one that texted this customer last
    body: Mapped[str] = mapped_column(Text)
    meaning: Mapped[str] = mapped_column(Text)  # stop, start, help, other
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # The answer: committed as dispatching before it is posted, and never posted again. At most once.
    answer: Mapped[str | None] = mapped_column(Text)
    answer_state: Mapped[str | None] = mapped_column(Text)
    shown: Mapped[str | None] = mapped_column(Text)  # where Slack shows it, once it does: channel and message
