"""The time that a wall clock shows, in one zone and in all of them: a text at 09:00 by each customer's own clock.

Pure. A wall time has no zone ("2026-07-01T09:00"): it comes at another moment in each. On nights when clocks change, a
time that a zone skips is the first that it has after it, and one that it has twice is the first of the two.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from distribution.errors import Refused

# The first clocks on earth to show a time are on Kiribati's Line Islands, the last on Baker Island (tzdata).
FIRST, LAST = timedelta(hours=14), timedelta(hours=-12)


def parse(text: str) -> datetime:
    """A wall time from how it is kept ("2026-07-01T09:00"), without a zone. Raises `Refused`, field "local_at"."""
    try:
        wall = datetime.fromisoformat(text) if len(text) > len("2026-07-01") else None  # a day alone is no time
    except (TypeError, ValueError):
        wall = None
    if wall is None or wall.tzinfo is not None:
        raise Refused(
            f"'{text}' is no time of a wall clock. Write it without a time zone: 2026-07-01T09:00.", field="local_at"
        )
    return wall.replace(second=0, microsecond=0)


def to_text(wall: datetime) -> str:
    """How a wall time is kept; `parse` gives it back."""
    return wall.strftime("%Y-%m-%dT%H:%M")


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks of `zone` show `wall`, UTC: the first time, or the first after it where they skip it."""
    found = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == wall:
        return found
    # They go forward over it: read with the later offset it lies before that, and with the earlier one after it.
    return clocks_change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), found, zone)


def first(wall: datetime) -> datetime:
    """When the first clocks on earth show `wall`, UTC: when the sending begins."""
    return wall.replace(tzinfo=UTC) - FIRST


def last(wall: datetime) -> datetime:
    """When the last clocks on earth show `wall`, UTC: by then it was time for everybody."""
    return wall.replace(tzinfo=UTC) - LAST


def not_yet(text: str | None, now: datetime) -> datetime | None:
    """The wall time that is kept as `text`, while some clock on earth may not show it yet; None for none."""
    wall = parse(text) if text else None
    return wall if wall is not None and last(wall) > now else None


def words(wall: datetime) -> str:
    """A wall time for people: "1 Jul 2026 at 09:00, each customer's own time"."""
    return f"{wall.day} {wall:%b %Y} at {wall:%H:%M}, each customer's own time"


def clocks_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first moment, UTC, between two with different offsets at which the offset is not the first one's."""
    offset = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
