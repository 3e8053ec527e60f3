"""Distributions, the approvals they need, and the promotions they may tell about."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Json, SmallEnum, UtcDateTime
from storage.tables.messages import MessageState

STATUSES = (
    "draft",  # still in the wizard
    "pending",  # sealed, waits for an approval
    "scheduled",  # approved (or needs none), waits for its time
    "blocking",  # audience and codes are being fixed; nothing has left
    "sending",
    "paused",
    "done",
    "stopped",  # by a person; codes of unsent messages went back
    "refused",  # rejected by an approver, or could not be blocked; nothing was sent
    "discarded",  # a draft thrown away
)


class Promotion(Base):
    """A cart-level discount without a code: a message only informs those eligible."""

    __tablename__ = "promotion"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text, unique=True)  # NULL once deleted
    terms: Mapped[str] = mapped_column(Text, default="")  # what the customer gets at checkout, in words
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Distribution(Base):
    """One messaging workflow, from its first draft to its report."""

    __tablename__ = "distribution"
    __table_args__ = (
        CheckConstraint("mode IN ('manual', 'automatic')", name="mode"),
        CheckConstraint("purpose IN ('promotion', 'unique_codes', 'custom')", name="purpose"),
        CheckConstraint(f"status IN ({', '.join(map(repr, STATUSES))})", name="status"),
        Index(None, "status"),
        Index(None, "created_by", "status"),
        # A repeated one is sent once for each time, whoever's clock strikes.
        UniqueConstraint("repeats_id", "repeats_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(Text, default="draft")
    # Why it stands where it stands, in words for people ("98 codes are missing in 'Summer 10%'").
    status_reason: Mapped[str | None] = mapped_column(Text)
    # It is paused because it could not go on: nothing of it is tried until somebody resumes it.
    held_up: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    mode: Mapped[str] = mapped_column(Text, default="manual")
    purpose: Mapped[str] = mapped_column(Text, default="unique_codes")
    group_id: Mapped[int | None] = mapped_column(ForeignKey("promo_code_group.id"))  # the one picked in step 2
    promotion_id: Mapped[int | None] = mapped_column(ForeignKey("promotion.id"))
    # {"kind": "segment" | "list", "segment_id": 3} or {"kind": "customer", "customer_id": 7}
    audience: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    subject: Mapped[str] = mapped_column(Text, default="")
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("provider.id"))
    body: Mapped[str] = mapped_column(Text, default="")
    # "new": `client.promocode` issues a new code each time; "same": the one that the customer has until it is redeemed.
    code_policy: Mapped[str] = mapped_column(Text, default="new", server_default=text("'new'"))
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: as soon as it may
    # A text that could not be sent so many minutes after the sending began is given up; None: as the settings say.
    lifetime_minutes: Mapped[int | None]
    # Since when that is counted, and when it is over, by the business clock: set when sending begins, and anew when it
    # begins again. None: never.
    time_counts_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    gives_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # By each customer's own clock: the time that theirs shows when they are texted, "2026-07-01T09:00"; `send_at` is
    # then the moment at which the first clocks on earth show it. None: everybody at once.
    local_at: Mapped[str | None] = mapped_column(Text)
    # Sent again and again (`distribution.schedule.repeat`): `send_at` is the next time, at which a copy is launched.
    repeat: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    repeats_id: Mapped[int | None]  # such a copy: of which distribution, and for which time
    repeats_on: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # It fell due while nothing ran, too long ago to be sent without a person's word: since when it waits for one.
    # Of one that repeats: the last moment whose times wait for it; what comes after that goes.
    late_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # That word was another time. Not `send_at`, which is what was approved.
    put_off_to: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # Automatic ones: what sets them off (`distribution.automatic.trigger`), until when, and what is done where a group
    # has no active code: "wait", "top_up", "fallback" (send that text) or "pause".
    trigger: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    # It watches a segment: when it had noted who was in it, since when it knows who enters. None: not yet.
    members_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    when_dry: Mapped[str] = mapped_column(Text, default="wait", server_default=text("'wait'"))
    fallback_body: Mapped[str] = mapped_column(Text, default="", server_default=text("''"))
    # How many first texts it made: {"total": 120, "day": "2026-06-15", "today": 12}, that day being the workspace's.
    first_texts: Mapped[dict[str, Any]] = mapped_column(Json, default=dict, server_default=text("'{}'"))
    # An edited live one is a new distribution that takes over: of which, and which was the first of all.
    replaces_id: Mapped[int | None]
    family_id: Mapped[int | None]
    # [{"after": minutes} or {"before_expiry": minutes}, each with "body"] (`distribution.automatic.reminders`)
    reminders: Mapped[list[dict[str, Any]]] = mapped_column(Json, default=list, server_default=text("'[]'"))

    # Until then whoever sent it can call it back: nothing leaves before. None: it never waited so.
    held_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The wizard's own: the step reached, what was typed and not yet accepted.
    draft: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    # What left for approval or sending: a hash of everything that DESIGN §5.8 names, and the facts it was made of.
    seal: Mapped[str | None] = mapped_column(Text)
    sealed: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)

    # Manual ones: ids of their messages are one range; those up to `claimed_to` are in a batch or settled.
    first_message_id: Mapped[int | None] = mapped_column(BigId)
    last_message_id: Mapped[int | None] = mapped_column(BigId)
    claimed_to: Mapped[int | None] = mapped_column(BigId)
    # Codes ever blocked for it, by group id; less those still bound to its messages, they are those that went back.
    codes_taken: Mapped[dict[str, int]] = mapped_column(Json, default=dict)

    channel: Mapped[str | None] = mapped_column(Text)  # where it was asked for: progress and report go there
    progress_ts: Mapped[str | None] = mapped_column(Text)  # the one progress message, once posted
    progress_shown: Mapped[str | None] = mapped_column(Text)  # a hash of what it shows now

    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when fixing its codes began
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DistributionTally(Base):
    """How many messages of a distribution stand where; moved in the same transaction as the messages."""

    __tablename__ = "distribution_tally"
    __table_args__ = (CheckConstraint("n >= 0", name="not_negative"),)

    distribution_id: Mapped[int] = mapped_column(ForeignKey("distribution.id"), primary_key=True)
    state: Mapped[MessageState] = mapped_column(SmallEnum(MessageState), primary_key=True)
    n: Mapped[int] = mapped_column(BigId, default=0)


class Approval(Base):
    """One request for a second person's decision on a sealed distribution, and the decision."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'approved', 'rejected', 'void')", name="state"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="not_by_oneself"),
        Index(None, "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    distribution_id: Mapped[int] = mapped_column(ForeignKey("distribution.id"), index=True)
    seal: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, default="pending")
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(Text)  # why rejected, or what changed when void
    channel: Mapped[str | None] = mapped_column(Text)
    card_ts: Mapped[str | None] = mapped_column(Text)
    # The state that the card shows and the requester was told of; "unposted": the channel is closed to us, they know.
    shown: Mapped[str | None] = mapped_column(Text)
