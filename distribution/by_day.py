"""What a distribution that goes on for long came to day by day, by the calendar of a time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.belonging import carried_by, messages_of
from storage.tables import Distribution, Message, MessageState, PromoCode

DAYS = 20  # as many as Slack's chart has categories
SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)


@dataclass(frozen=True)
class Days:
    """Texts that left, and codes that were used, on each of some days in a row; the last is today."""

    days: Sequence[date]
    sent: Sequence[int]
    redeemed: Sequence[int]


def of(session: Session, row: Distribution, zone: ZoneInfo, now: datetime) -> Days | None:
    """The days since a distribution began, the last `DAYS` of them; None on its first day. Reads all its messages."""
    if row.started_at is None:
        return None
    today = min(row.finished_at or now, now).astimezone(zone).date()
    first = max(row.started_at.astimezone(zone).date(), today - timedelta(days=DAYS - 1))
    if first >= today:
        return None
    days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    # Each midnight by the zone's own clock: a day in which it changes has 23 or 25 hours.
    ends = [datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) for day in days]
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    sent = _count(session, Message.settled_at, begin, ends, messages_of(row) & Message.state.in_(SENT))
    used = _count(session, PromoCode.redeemed_at, begin, ends, carried_by(row, PromoCode.message_id))
    return Days(days, sent, used)


def _count(
    session: Session,
    at: InstrumentedAttribute[datetime | None],
    begin: datetime,
    ends: Sequence[datetime],
    where: ColumnElement[bool],
) -> list[int]:
    """How many rows have their time `at` in each span between two of `begin` and `ends`."""
    place = case(*((at < end, n) for n, end in enumerate(ends)), else_=len(ends)).label("place")
    found = session.execute(select(place, func.count()).where(where, at >= begin).group_by(place))
    counts = dict[int, int](tuple(each) for each in found)
    return [counts.get(n, 0) for n in range(len(ends))]
