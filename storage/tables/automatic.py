"""What happens by itself: triggers that fire, what is planned for a later time, and when the clock looked last."""

from datetime import datetime
from enum import IntEnum

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, SmallEnum, UtcDateTime


class PlannedState(IntEnum):
    """Where a planned text stands."""

    WAITING = 0  # for `due_at`
    DRY = 1  # it was due, and its group has no active code: it waits for codes
    LATE = 2  # it fell due while nothing ran: it waits for a person's word
    MADE = 3  # there is a message
    DROPPED = 4  # there will be none, with a reason


class Planned(Base):
    """One text to be made for one customer at a time: a first one that a trigger fired, or a reminder.

    The key is the message's own: it fires once, whoever sweeps. A row is made by firing (step 0) or with the first
    message (reminders), and is the only way to a message of an automatic distribution or of a later step.
    """

    __tablename__ = "planned"
    __table_args__ = (
        UniqueConstraint("distribution_id", "customer_id", "step", "occurrence"),
        Index(
            "ix_planned_due",
            "due_at",
            "id",
            sqlite_where=text("state = 0"),
            postgresql_where=text("state = 0"),
        ),
        Index(
            "ix_planned_message",
            "message_id",
            unique=True,
            sqlite_where=text("message_id IS NOT NULL"),
            postgresql_where=text("message_id IS NOT NULL"),
        ),
        # The steps of which texts wait for codes: the clock asks for them every two seconds.
        Index(
            "ix_planned_dry",
            "distribution_id",
            "step",
            sqlite_where=text("state = 1"),
            postgresql_where=text("state = 1"),
        ),
        # The few that wait for codes or for a person's word: Slack asks for them every two seconds.
        Index(
            "ix_planned_held",
            "distribution_id",
            "state",
            "due_at",
            sqlite_where=text("state IN (1, 2)"),
            postgresql_where=text("state IN (1, 2)"),
        ),
        # An event fires a distribution once.
        Index(
            "ix_planned_event",
            "event_id",
            "distribution_id",
            unique=True,
            sqlite_where=text("event_id IS NOT NULL AND step = 0"),
            postgresql_where=text("event_id IS NOT NULL AND step = 0"),
        ),
        # What is due of one distribution, however much of it waits; its step, so that counting reads nothing else.
        Index(None, "distribution_id", "state", "due_at", "step"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    distribution_id: Mapped[int]
    customer_id: Mapped[int] = mapped_column(BigId)
    step: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # 0: the first text; 1, 2, …: reminders
    occurrence: Mapped[int] = mapped_column(default=0, server_default=text("0"))  # the customer's how-manieth entry
    state: Mapped[PlannedState] = mapped_column(
        SmallEnum(PlannedState), default=PlannedState.WAITING, server_default=text("0")
    )
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it is looked at next, by the business clock
    fired_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the event's own time, or when the customer entered
    event_id: Mapped[int | None] = mapped_column(BigId)  # what it tells of; of a reminder: what the first text told of
    fallback: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # sent without a code
    reason: Mapped[str | None] = mapped_column(Text)  # why it was dropped (`distribution.reasons`)
    message_id: Mapped[int | None] = mapped_column(BigId)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when it was made or dropped


class Touched(Base):
    """A customer of whom something changed that a live trigger may ask about; gone once it was looked at.

    `event_id`: an event whose name a live trigger waits for; None where any other thing changed.
    """

    __tablename__ = "touched"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigId)
    event_id: Mapped[int | None] = mapped_column(BigId)


class TriggerMember(Base):
    """A customer who is known to be in the segment that a live distribution watches: they enter by not being here.

    No foreign keys: who fires would wait for whoever holds the distribution's row, who may wait for them.
    """

    __tablename__ = "trigger_member"
    __table_args__ = ({"sqlite_with_rowid": False},)

    distribution_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)


class ClockMark(Base):
    """When a look of the clock ended last, by both clocks: a gap says that nothing ran."""

    __tablename__ = "clock_mark"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    machine_at: Mapped[datetime] = mapped_column(UtcDateTime)
    business_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notice(Base):
    """A message in Slack about a distribution beside its progress: what waits for a word, or for codes."""

    __tablename__ = "notice"

    distribution_id: Mapped[int] = mapped_column(ForeignKey("distribution.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Text, primary_key=True)  # "late", "dry"
    channel: Mapped[str] = mapped_column(Text)
    ts: Mapped[str | None] = mapped_column(Text)
    shown: Mapped[str | None] = mapped_column(Text)  # a hash of what it shows now
    settled: Mapped[str | None] = mapped_column(Text)  # a person's word on it, in mrkdwn: its last edit
