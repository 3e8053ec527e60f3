"""When, and how often, customers may be texted: quiet hours, holidays and the frequency cap, as the settings keep them.

Pure: a text in, an answer out. `distribution.sending.door` asks before each text leaves, `distribution.review` ahead.
"""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from distribution.errors import Refused
from distribution.schedule.holidays import Holidays
from distribution.schedule.local import clocks_change, moment

OFF = "off"
DAY = timedelta(days=1)

MOST_TEXTS, MOST_DAYS = 100, 90

# "21:00-09:00", "21-9", with any dash.
_HOURS = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|—|to|until)\s*(\d{1,2})(?:[:.](\d{2}))?")
# "3 in 7 days", "3 / 7", "1 per day".
_CAP = re.compile(r"(\d+)\s*(?:texts?)?\s*(?:in|per|/)\s*(?:(\d+)\s*(?:days?)?|day)")


class Quiet(NamedTuple):
    """Hours in which nobody is texted, by the clock on the customer's wall: minutes after midnight, start included.

    `end` before `start` is on the next morning.
    """

    start: int
    end: int

    def __str__(self) -> str:
        """As it is written: "21:00-09:00"."""
        return f"{_clock(self.start)}-{_clock(self.end)}"

    def within(self, local: datetime) -> bool:
        """Whether it is quiet at a time as its own zone writes it."""
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end

    def ends(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours that `at` lies in are over in `zone`, UTC; None where it is not quiet then.

        It is what somebody would find who looks at the wall clock from `at` on: where clocks go forward over the end,
        it is that moment; where they go back over it, it is quiet once more after an interval in which it is not.
        """
        found = at
        while self.within(local := found.astimezone(zone)):
            passed = timedelta(
                hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond
            )
            left = (timedelta(minutes=self.end) - passed) % DAY
            ahead = found + left
            if ahead.astimezone(zone).utcoffset() == local.utcoffset():
                return ahead.astimezone(UTC)
            found = clocks_change(found, ahead, zone)
        return None if found is at else found


class Silence(NamedTuple):
    """When customers are not texted: in quiet hours, where there are any, and on holidays, by their own clock."""

    hours: Quiet | None
    holidays: Holidays

    def ends(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the silence that `at` lies in is over in `zone`, UTC; None where it is not silent then.

        The night after a holiday is quiet too, and the day after that may be the next one.
        """
        found = at
        while (later := self._over(found, zone)) is not None:
            found = later
        return None if found is at else found

    def _over(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the holiday, or the quiet hours, of this moment are over."""
        today = at.astimezone(zone).date()
        if self.holidays.on(today) is not None:
            return moment(datetime.combine(today + DAY, time()), zone)
        return self.hours.ends(at, zone) if self.hours else None


class Cap(NamedTuple):
    """At most so many texts for one customer in so many days, across all distributions."""

    texts: int
    days: int

    def __str__(self) -> str:
        """As it is written: "3 in 7 days"."""
        return f"{self.texts} in {self.days} {'day' if self.days == 1 else 'days'}"

    def since(self, now: datetime) -> datetime:
        """From when on texts count at `now`."""
        return now - timedelta(days=self.days)


@lru_cache(64)
def quiet_hours(text: str) -> Quiet | None:
    """Quiet hours as people write them ("21:00-09:00"); None for "off". Raises `Refused`."""
    word = text.strip().casefold()
    if word in ("", OFF):
        return None
    read = _HOURS.fullmatch(word)
    hours = [int(part or 0) for part in read.groups()] if read else []
    if not read or not (_is_time(hours[0], hours[1]) and _is_time(hours[2], hours[3])):
        raise Refused(f"'{text}' are no quiet hours. Write them as 21:00-09:00, or off.")
    found = Quiet(hours[0] * 60 + hours[1], (hours[2] * 60 + hours[3]) % 1440)
    if found.start == found.end:
        raise Refused(
            f"'{text}' would be quiet all day: nothing would ever be sent. Write them as 21:00-09:00, or off."
        )
    return found


@lru_cache(64)
def cap(text: str) -> Cap | None:
    """A cap as people write it ("3 in 7 days"); None for "off". Raises `Refused`."""
    word = text.strip().casefold()
    if word in ("", OFF):
        return None
    read = _CAP.fullmatch(word)
    if not read:
        raise Refused(f"'{text}' is not a cap. Write it as 3 in 7 days, or off.")
    found = Cap(int(read[1]), int(read[2] or 1))
    if not (1 <= found.texts <= MOST_TEXTS and 1 <= found.days <= MOST_DAYS):
        raise Refused(
            f"A cap is from 1 to {MOST_TEXTS} texts in 1 to {MOST_DAYS} days. Write it as 3 in 7 days, or off."
        )
    return found


@lru_cache(1024)
def zone_of(name: str | None, workspace: str) -> ZoneInfo:
    """A customer's time zone: their own, which an import takes from the number where nobody says, else the workspace's.

    A name that tzdata does not know any more is as good as none.
    """
    for each in (name, workspace):
        try:
            if each:
                return ZoneInfo(each)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def span(minutes: int) -> str:
    """A number of minutes in words: "90 minutes", "4 hours", "2 days"."""
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= length and minutes % length == 0 and (unit != "day" or minutes > length):
            n = minutes // length
            return f"{n:,} {unit if n == 1 else unit + 's'}"
    raise AssertionError("every number of minutes is one of minutes")


def _is_time(hour: int, minute: int) -> bool:
    return (hour < 24 and minute < 60) or (hour, minute) == (24, 0)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
