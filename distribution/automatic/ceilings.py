"""Ceilings: how many first texts an automatic distribution may make at all, and in a day of the workspace's zone.

Counted in its own row, under its lock, as they are made: exact, and as quick for the millionth as for the first. Those
who are left out count for nothing. An edited distribution goes on from the count of the one that it takes over from.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from distribution import settings
from distribution.automatic import trigger
from distribution.limits import zone_of
from storage.tables import Distribution

TOTAL, DAILY = "ceiling", "ceiling_daily"  # the reasons (`distribution.reasons`)


@dataclass(frozen=True)
class Left:
    """How many first texts there is room for; None: no limit."""

    total: int | None = None
    today: int | None = None

    def reached(self, made: int) -> str | None:
        """Which ceiling is reached after so many more; None while none is."""
        if self.total is not None and made >= self.total:
            return TOTAL
        if self.today is not None and made >= self.today:
            return DAILY
        return None


def left(session: Session, row: Distribution, now: datetime) -> Left:
    """What the ceilings of a distribution leave at `now`. Its row is locked."""
    if row.mode != "automatic":
        return Left()
    asked = trigger.parse(row.trigger)
    total = None if asked.most is None else max(0, asked.most - row.first_texts.get("total", 0))
    today = None
    if asked.most_daily is not None:
        same = row.first_texts.get("day", "") >= _day(session, now)
        today = max(0, asked.most_daily - (row.first_texts.get("today", 0) if same else 0))
    return Left(total, today)


def count(session: Session, row: Distribution, made: int, now: datetime) -> None:
    """Remember that so many first texts of an automatic distribution were made. Its row is locked."""
    if row.mode != "automatic" or not made:
        return
    day, before = _day(session, now), row.first_texts
    if before.get("day", "") >= day:  # a clock that was set back does not begin a day anew
        day, today = before["day"], before["today"]
    else:
        today = 0
    row.first_texts = {"total": before.get("total", 0) + made, "day": day, "today": today + made}


def _day(session: Session, now: datetime) -> str:
    """The day at the workspace's."""
    return now.astimezone(zone_of(None, settings.get(session, "time_zone"))).date().isoformat()
