"""What the home tab shows: reads across nouns, each bounded, none of them counting a large table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, Text, case, cast, func, select
from sqlalchemy.orm import Session

from storage import planned_counts
from storage.tables import Approval, Distribution, DistributionTally, Message, MessageState, PlannedState

# States of messages that were handed to a provider, whatever became of them then.
SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)
UNDER_WAY = ("pending", "scheduled", "blocking", "sending", "paused")

LINES = 5


@dataclass(frozen=True)
class UnderWay:
    """A distribution that is not over: how many were sent of how many."""

    id: int
    subject: str
    status: str
    send_at: datetime | None
    sent: int
    total: int


@dataclass(frozen=True)
class Live:
    """An automatic distribution that texts by itself: since when, how many texts left, and what holds it up."""

    id: int
    subject: str
    status: str
    since: datetime | None
    ends_at: datetime | None
    sent: int
    dry: int  # texts that wait for codes
    late: int  # and for a person's word


def drafts(session: Session, user_id: str) -> Sequence[Distribution]:
    """A person's drafts, the newest first, at most five."""
    return session.scalars(
        select(Distribution)
        .where(Distribution.created_by == user_id, Distribution.status == "draft")
        .order_by(Distribution.updated_at.desc())
        .limit(LINES)
    ).all()


def approvals_asked(session: Session, user_id: str) -> int:
    """How many approvals this person asked for and nobody has answered."""
    return _count_pending(session, Approval.requested_by == user_id)


def approvals_to_decide(session: Session, user_id: str) -> int:
    """How many approvals wait for somebody else than their requester, and so may be this person's to decide."""
    return _count_pending(session, Approval.requested_by != user_id)


def _count_pending(session: Session, whose: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Approval).where(Approval.state == "pending", whose)) or 0


def under_way(session: Session) -> list[UnderWay]:
    """Distributions that are not over, the newest first, at most five; live ones are listed by `live`."""
    moving = (Distribution.status.in_(UNDER_WAY), ~_is_live())
    rows = session.scalars(select(Distribution).where(*moving).order_by(Distribution.id.desc()).limit(LINES)).all()
    tally = _tallies(session, [row.id for row in rows])
    return [
        UnderWay(
            row.id,
            row.subject,
            row.status,
            row.send_at,
            sum(tally.get(row.id, {}).get(state, 0) for state in SENT),
            sum(n for state, n in tally.get(row.id, {}).items() if state != MessageState.EXCLUDED),
        )
        for row in rows
    ]


def live(session: Session) -> list[Live]:
    """Live distributions, the newest first, at most five."""
    rows = session.scalars(select(Distribution).where(_is_live()).order_by(Distribution.id.desc()).limit(LINES)).all()
    tally = _tallies(session, [row.id for row in rows])
    dry, late = (
        {held.distribution_id: held.texts for held in planned_counts.held(session, state)} if rows else {}
        for state in (PlannedState.DRY, PlannedState.LATE)
    )
    return [
        Live(
            row.id,
            row.subject,
            row.status,
            row.started_at,
            row.ends_at,
            sum(tally.get(row.id, {}).get(state, 0) for state in SENT),
            dry.get(row.id, 0),
            late.get(row.id, 0),
        )
        for row in rows
    ]


def live_count(session: Session) -> int:
    """How many distributions are live."""
    return session.scalar(select(func.count()).select_from(Distribution).where(_is_live())) or 0


def _is_live() -> ColumnElement[bool]:
    return (Distribution.mode == "automatic") & Distribution.status.in_(("sending", "paused"))


def _tallies(session: Session, ids: Sequence[int]) -> dict[int, dict[MessageState, int]]:
    """How many messages of each distribution stand where."""
    tally: dict[int, dict[MessageState, int]] = {}
    for found, state, n in session.execute(
        select(DistributionTally.distribution_id, DistributionTally.state, DistributionTally.n).where(
            DistributionTally.distribution_id.in_(ids)
        )
    ):
        tally.setdefault(found, {})[state] = n
    return tally


def sent_by_day(session: Session, *, now: datetime, zone: tzinfo, days: int = 7) -> dict[date, int]:
    """How many texts left in each of the last `days` days in `zone`, by the day on which their distribution started.

    Live ones, and those with reminders, go on for long: `sent_by_day_live`.
    """
    first = (now.astimezone(zone) - timedelta(days=days - 1)).date()
    counts = {first + timedelta(days=n): 0 for n in range(days)}
    rows = session.execute(
        select(Distribution.started_at, func.sum(DistributionTally.n))
        .join(DistributionTally, DistributionTally.distribution_id == Distribution.id)
        .where(Distribution.started_at >= now - timedelta(days=days), DistributionTally.state.in_(SENT), ~_for_long())
        .group_by(Distribution.id, Distribution.started_at)
    )
    for started, n in rows:
        day = started.astimezone(zone).date() if started else None
        if day is not None and day in counts:
            counts[day] += n
    return counts


def sent_by_day_live(session: Session, *, now: datetime, zone: tzinfo, days: int = 7) -> dict[date, int]:
    """The same of distributions that go on for long, each text by its own day. Reads all their texts."""
    first = (now.astimezone(zone) - timedelta(days=days - 1)).date()
    midnights = [datetime.combine(first + timedelta(days=n), time(), zone).astimezone(UTC) for n in range(days + 1)]
    place = case(*((Message.settled_at < end, n) for n, end in enumerate(midnights[1:])), else_=days).label("place")
    lately = _for_long() & (Distribution.status.in_(("sending", "paused")) | (Distribution.updated_at >= midnights[0]))
    found = session.execute(
        select(place, func.count())
        .where(
            Message.distribution_id.in_(select(Distribution.id).where(lately)),
            Message.state.in_(SENT),
            Message.settled_at >= midnights[0],
        )
        .group_by(place)
    )
    return {first + timedelta(days=n): count for n, count in found if n < days}


def _for_long() -> ColumnElement[bool]:
    return (Distribution.mode == "automatic") | (cast(Distribution.reminders, Text) != "[]")
