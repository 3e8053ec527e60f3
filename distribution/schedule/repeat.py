"""What is sent again and again: every day, on days of the week, or on a day of each month, at a time of the wall clock.

    {"every": "week", "weekdays": [0, 3], "at": "09:00", "until": "2026-12-31"}

`every`: "day", "week" (with `weekdays`, 0 is Monday) or "month" (with `day`, 1 to 31; in a shorter month its last day).
`until`: the last day on which it may be sent, or left out. The wall clock is the workspace's; nights when it changes
are as `distribution.schedule.local` has them. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from distribution.errors import Refused
from distribution.schedule.local import moment

EVERY = ("day", "week", "month")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAY = timedelta(days=1)
_KEYS = frozenset({"every", "weekdays", "day", "at", "until"})
_LOOK = 63  # days: two months and a day, more than lies between any two times


@dataclass(frozen=True)
class Repeat:
    """When something is sent again; `weekdays` only with "week", `day` only with "month"."""

    every: str
    at: time
    weekdays: tuple[int, ...] = ()
    day: int | None = None
    until: date | None = None

    def on(self, day: date) -> bool:
        """Whether it is sent on a day."""
        if self.until is not None and day > self.until:
            return False
        if self.every == "week":
            return day.weekday() in self.weekdays
        if self.every == "month" and self.day is not None:
            return day.day == self.day or (day.day < self.day and (day + DAY).day == 1)
        return True

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """The first time after `instant` at which it is sent, UTC; None where `until` has passed by then."""
        today = instant.astimezone(zone).date()
        for ahead in range(-1, _LOOK):
            day = today + ahead * DAY
            if self.on(day):
                found = moment(datetime.combine(day, self.at), zone)
                if found > instant:
                    return found
        return None

    def between(self, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """All times after `since`, up to `until` included, UTC, in their order."""
        found = self.after(since, zone)
        while found is not None and found <= until:
            yield found
            found = self.after(found, zone)

    def words(self, zone: str) -> str:
        """It for people: "every Monday and Thursday at 09:00 (Europe/Warsaw), until 31 Dec 2026"."""
        until = f", until {self.until.day} {self.until:%b %Y}" if self.until else ""
        return f"every {self._days()} at {self.at:%H:%M} ({zone}){until}"

    def _days(self) -> str:
        if self.every == "week":
            names = [WEEKDAYS[day] for day in self.weekdays]
            return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        if self.every == "month":
            day = self.day or 1
            return f"month on the {day}{_ordinal(day)}" + (" or its last day" if day > 28 else "")
        return "day"


def parse(data: Mapping[str, Any], *, today: date | None = None) -> Repeat | None:
    """A rule from its JSON form; None for {}: it is sent once.

    Where `today` is given, `until` must not lie before it. Raises `Refused` at "repeat", "repeat_weekdays",
    "repeat_day", "repeat_at" or "repeat_until".
    """
    if not isinstance(data, Mapping):
        raise Refused("How it is repeated is an object with every and at.", field="repeat")
    if not data:
        return None
    unknown = sorted(set(map(str, data)) - _KEYS)
    if unknown:
        raise Refused(f"Nobody knows '{unknown[0]}' of how it is repeated.", field="repeat")
    every = data.get("every")
    if every not in EVERY:
        raise Refused("Choose how often it is sent: every day, week or month.", field="repeat")
    until = _date(data.get("until"))
    if until is not None and today is not None and until < today:
        raise Refused("That day has passed. Pick one to come, or none.", field="repeat_until")
    return Repeat(
        str(every),
        _time(data.get("at")),
        _weekdays(data.get("weekdays")) if every == "week" else (),
        _month_day(data.get("day")) if every == "month" else None,
        until,
    )


def to_json(repeat: Repeat | None) -> dict[str, Any]:
    """The JSON form of a rule, only with what it says; {} for None. `parse` gives it back."""
    if repeat is None:
        return {}
    found: dict[str, Any] = {"every": repeat.every, "at": f"{repeat.at:%H:%M}"}
    if repeat.every == "week":
        found["weekdays"] = list(repeat.weekdays)
    if repeat.every == "month":
        found["day"] = repeat.day
    if repeat.until is not None:
        found["until"] = repeat.until.isoformat()
    return found


def first(repeat: Repeat, now: datetime, zone: ZoneInfo) -> datetime:
    """The first time to come, UTC. Raises `Refused`, field "repeat_until", where there is none."""
    found = repeat.after(now.astimezone(UTC), zone)
    if found is None:
        raise Refused(
            "It would never be sent: there is no such time up to that day. Pick a later one, or none.",
            field="repeat_until",
        )
    return found


def _time(value: Any) -> time:
    """A time of day, "09:00"."""
    try:
        found = time.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is not None or len(value) != 5:
        raise Refused("Pick a time of day, such as 09:00.", field="repeat_at")
    return found


def _date(value: Any) -> date | None:
    """A day, "2026-12-31"; None for none."""
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Refused("Write the last day as 2026-12-31, or leave it empty.", field="repeat_until") from None


def _weekdays(value: Any) -> tuple[int, ...]:
    """Days of the week in their order, each once."""
    days = value if isinstance(value, list | tuple) else []
    if not days or not all(_whole(day, 0, 6) for day in days):
        raise Refused("Choose the days of the week on which it is sent.", field="repeat_weekdays")
    return tuple(sorted(set(days)))


def _month_day(value: Any) -> int:
    if not _whole(value, 1, 31):
        raise Refused("Choose the day of the month, from 1 to 31.", field="repeat_day")
    return int(value)


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _ordinal(day: int) -> str:
    return "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
