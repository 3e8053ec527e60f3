"""What is planned when, in the next 90 days: what is scheduled, each time of what repeats, reminders to come, ends.

Reminders and delayed first texts are counted by day. When one of them is truly due, and whether it is sent at all, is
decided when its time comes: the numbers are of what is planned now.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Integer, case, cast, func, literal, select, true
from sqlalchemy.orm import Session

from distribution.schedule import local, repeating
from distribution.schedule.conflicts import Conflict, conflicts
from distribution.schedule.takings import AHEAD, planned, times
from storage.bulk import seconds_between
from storage.tables import Distribution, Planned, PlannedState

__all__ = ["AHEAD", "Conflict", "Entry", "Live", "conflicts", "entries", "live", "paused"]

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Entry:
    """One line of the calendar, on `day` of its reader.

    `kind`: "once", "own_time" (at `at` by each customer's own clock), "repeat", "reminders", "texts" (first texts that
    wait for their delay), "piled" (texts that fell due in a pause), "end" (of an automatic one), or "late" (it fell due
    while nothing ran, and waits for a word).
    `at`: the time of day in the reader's zone. `texts`: how many customers, as reviewed, or how many planned texts;
    None where nobody has counted. `pending`: it waits for its approval.
    """

    day: date
    at: time
    kind: str
    distribution_id: int
    subject: str
    texts: int | None = None
    pending: bool = False


@dataclass(frozen=True)
class Live:
    """An automatic distribution that sends as things happen, without a time of its own."""

    distribution_id: int
    subject: str
    paused: bool


def entries(session: Session, now: datetime, zone: ZoneInfo) -> list[Entry]:
    """Everything that is planned for the next 90 days, in the order of time as the clocks of `zone` show it."""
    found = [*_scheduled(session, now, zone), *_ends(session, now, zone), *_planned_texts(session, now, zone)]
    return sorted(found, key=lambda each: (each.day, each.at, each.distribution_id, each.kind))


def live(session: Session) -> list[Live]:
    """What sends by itself, now or when it is resumed."""
    going = (Distribution.mode == "automatic") & Distribution.status.in_(("sending", "paused"))
    rows = session.execute(
        select(Distribution.id, Distribution.subject, Distribution.status).where(going).order_by(Distribution.id)
    )
    return [Live(row.id, row.subject, row.status == "paused") for row in rows]


def paused(session: Session) -> list[str]:
    """The subjects of what repeats, and has no next time before somebody resumes it."""
    held = (Distribution.status == "paused") & repeating.REPEATS
    return list(session.scalars(select(Distribution.subject).where(held).order_by(Distribution.id)))


def _scheduled(session: Session, now: datetime, zone: ZoneInfo) -> Iterator[Entry]:
    """What is sent at its time, and each time of what repeats (by the workspace's clock)."""
    here = repeating.zone_here(session)
    for row in planned(session):
        if row.send_at is None and row.put_off_to is None:
            continue  # it waits for its approval, and is sent then
        for place, at in enumerate(times(row, here, now, now + AHEAD)):
            kind = "late" if row.late_since and not place else "repeat" if row.repeat else "once"
            yield _entry(row, at, kind, zone)
    own = (Distribution.status.in_(("blocking", "sending", "paused"))) & Distribution.local_at.is_not(None)
    for row in session.scalars(select(Distribution).where(own).order_by(Distribution.id)):
        if local.not_yet(row.local_at, now) is not None:
            yield _entry(row, now, "own_time", zone)


def _entry(row: Distribution, at: datetime, kind: str, zone: ZoneInfo) -> Entry:
    """A distribution at a time; one by each customer's own clock stands at the time that this shows."""
    shown = at.astimezone(zone).replace(tzinfo=None)
    if row.local_at and kind != "late":
        shown, kind = local.parse(row.local_at), "own_time"
    recipients = (row.draft.get("review") or {}).get("recipients")
    return Entry(shown.date(), shown.time(), kind, row.id, row.subject, recipients, row.status == "pending")


def _ends(session: Session, now: datetime, zone: ZoneInfo) -> Iterator[Entry]:
    """When automatic ones end."""
    ending = (Distribution.mode == "automatic") & Distribution.status.in_(("sending", "paused"))
    soon = (Distribution.ends_at > now) & (Distribution.ends_at <= now + AHEAD)
    for row in session.scalars(select(Distribution).where(ending, soon)):
        if row.ends_at is not None:
            yield _entry(row, row.ends_at, "end", zone)


def _planned_texts(session: Session, now: datetime, zone: ZoneInfo) -> Iterator[Entry]:
    """Reminders and delayed first texts, counted by the reader's days, each day at its first one's time."""
    for first, midnight, until in _stretches(now.astimezone(zone).date(), zone):
        yield from _counted(session, first, midnight, until, now, zone)


def _stretches(first: date, zone: ZoneInfo) -> Iterator[tuple[date, datetime, datetime]]:
    """The days ahead, cut where one has not 24 hours: the first day of each stretch, its midnight, and its end."""
    ends = first + AHEAD
    while first < ends:
        midnight, length = _midnight(first, zone), DAY
        until = _midnight(first + DAY, zone)
        while until - midnight == length and first + length < ends:
            length += DAY
            until = _midnight(first + length, zone)
        if until - midnight != length and length > DAY:  # the last one is none of 24 hours: it stands by itself
            length -= DAY
            until = _midnight(first + length, zone)
        yield first, midnight, until
        first += length


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return local.moment(datetime.combine(day, time()), zone)


def _counted(
    session: Session, first: date, midnight: datetime, until: datetime, now: datetime, zone: ZoneInfo
) -> Iterator[Entry]:
    """What is planned from `midnight` of the day `first` up to `until`; what is overdue counts as today's."""
    today = midnight <= now
    since = seconds_between(session, midnight, Planned.due_at) + 0.001  # a database's days are not exact
    place: ColumnElement[int] = literal(0)
    if until - midnight >= 2 * DAY:
        place = cast(func.floor(since / 86400), Integer)
    place = case((Planned.due_at < midnight, 0), else_=place).label("place")
    reminder = case((Planned.step > 0, "reminders"), else_="texts")
    piled = (Distribution.status == "paused") & (Planned.due_at <= now)
    kind = case((piled, "piled"), else_=reminder).label("kind")
    rows = session.execute(
        select(Planned.distribution_id, Distribution.subject, place, kind, func.count(), func.min(Planned.due_at))
        .join(Distribution, Distribution.id == Planned.distribution_id)
        .where(Planned.state == PlannedState.WAITING, Planned.due_at < until)
        .where(true() if today else Planned.due_at >= midnight)
        .group_by(Planned.distribution_id, Distribution.subject, place, kind)
    )
    for distribution_id, subject, days, what, n, due in rows:
        at = max(due, now).astimezone(zone).time().replace(second=0, microsecond=0)
        yield Entry(first + days * DAY, at, what, distribution_id, subject, n)
