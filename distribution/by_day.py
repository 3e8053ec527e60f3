"""What a distribution that goes on for long came to day by day, or week by week, by the calendar of a time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.belonging import carried_by, messages_of
from storage.tables import Distribution, Message, MessageState, PromoCode

DAYS = 20  # as many as Slack's chart has categories
SENT = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)


@dataclass(frozen=True)
class Days:
    """Texts that left, and codes that were used, from each of `days` up to the next, `width` days later."""

    days: Sequence[date]
    width: int
    sent: Sequence[int]
    redeemed: Sequence[int]


def of(session: Session, row: Distribution, zone: ZoneInfo, now: datetime) -> Days | None:
    """The days since a distribution began; None on its first. Reads all its messages.

    More than `DAYS` days are counted by weeks, or by several weeks: all that left is in them, as in the report beside.
    """
    if row.started_at is None:
        return None
    today = min(row.finished_at or now, now).astimezone(zone).date()
    first = row.started_at.astimezone(zone).date()
    if first >= today:
        return None
    count = (today - first).days + 1
    width = 1 if count <= DAYS else 7 * ceil(count / (7 * DAYS))
    days = [first + timedelta(days=n) for n in range(0, count, width)]
    # Each midnight by the zone's own clock: a day in which it changes has 23 or 25 hours.
    ends = [datetime.combine(day + timedelta(days=width), time(), zone).astimezone(UTC) for day in days]
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    sent = _count(session, Message.settled_at, begin, ends, messages_of(row) & Message.state.in_(SENT))
    used = _count(session, PromoCode.redeemed_at, begin, ends, carried_by(row, PromoCode.message_id))
    return Days(days, width, sent, used)


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
