"""The time that a wall clock shows, in one zone and in all of them: a text at 09:00 by each customer's own clock.

Pure. A wall time has no zone ("2026-07-01T09:00"): it comes at another moment in each. On nights when clocks change, a
time that a zone skips is the first that it has after it, and one that it has twice is the first of the two.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from distribution.errors import Refused
from distribution.limits import clocks_change

# The first clocks on earth to show a time are on Kiribati's Line Islands, the last on Baker Island (tzdata).
FIRST, LAST = timedelta(hours=14), timedelta(hours=-12)


def parse(text: str) -> datetime:
    """A wall time from how it is kept ("2026-07-01T09:00"), without a zone. Raises `Refused`, field "local_at"."""
    try:
        wall = datetime.fromisoformat(text)
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


def words(wall: datetime) -> str:
    """A wall time for people: "1 Jul 2026 at 09:00, each customer's own time"."""
    return f"{wall.day} {wall:%b %Y} at {wall:%H:%M}, each customer's own time"
