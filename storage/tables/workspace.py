"""What the workspace itself needs: its team, settings, providers, jobs, and counters for ids."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, BigId, Json, UtcDateTime


class TeamMember(Base):
    """Somebody in Slack and what they may do here."""

    __tablename__ = "team_member"
    __table_args__ = (CheckConstraint("role IN ('marketer', 'approver', 'admin', 'support')", name="role"),)

    user_id: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="")
    role: Mapped[str] = mapped_column(Text)
    time_zone: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)  # their own, for test sends


class Setting(Base):
    """One setting of the workspace (`distribution.settings` knows the keys, their types and defaults)."""

    __tablename__ = "setting"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[Any] = mapped_column(Json)


class Provider(Base):
    """A configured SMS integration, and its token bucket (SMS segments per second, shared by all workers).

    The bucket is one moment: up to `reserved_until` every segment that `rate` allows is spoken for.
    """

    __tablename__ = "provider"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str | None] = mapped_column(Text, unique=True)  # NULL once deleted
    kind: Mapped[str] = mapped_column(Text)  # sandbox, twilio, kannel, http
    config: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # nothing secret
    secret: Mapped[str | None] = mapped_column(Text)  # Fernet token of a JSON object
    is_default: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool] = mapped_column(default=True)
    rate: Mapped[float] = mapped_column(default=10.0)
    reserved_until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # by the machines' own clocks
    # For people; both may be some seconds old while texts go out (distribution.providers.health).
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_failure: Mapped[str | None] = mapped_column(Text)  # a key of distribution.reasons
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(Text)


class Job(Base):
    """A long piece of work, done in chunks: it may run twice, is shown while it runs, resumes after a restart."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        Index(None, "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    args: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    state: Mapped[str] = mapped_column(Text, default="queued")
    # How far it is, and whatever a resumed run needs to go on from there.
    done: Mapped[int] = mapped_column(BigId, default=0)
    total: Mapped[int | None] = mapped_column(BigId)
    progress: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    result: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    error: Mapped[str | None] = mapped_column(Text)
    owner: Mapped[str | None] = mapped_column(Text)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Where in Slack its progress and result are shown; None: nowhere.
    channel: Mapped[str | None] = mapped_column(Text)
    message_ts: Mapped[str | None] = mapped_column(Text)
    shown: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Sequence(Base):
    """Ids given out in ranges (`storage.sequences.take`): a bulk insert needs to know its own before it starts."""

    __tablename__ = "sequence"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    next: Mapped[int] = mapped_column(BigId, default=1)
