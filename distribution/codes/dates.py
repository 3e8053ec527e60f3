"""Days on which codes expire, as a file writes them: one way for the whole column, or nothing is taken.

03/04/2026 is two days, depending on who wrote it; a column in which 31/08/2026 stands above 08/31/2026 has been through
two hands. Guessing line by line would expire codes on the wrong day, so the whole column decides, and what it does not
decide a person does.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from distribution.errors import Refused

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?"

Moment = date | datetime  # a day as a whole, or a time of day (without a zone where the file gives none)


@dataclass(frozen=True)
class Way:
    """One way to write a day: what it is called, the pattern, and which groups of it are year, month and day."""

    key: str
    words: str
    pattern: re.Pattern[str]
    order: str  # "ymd", "dmy" or "mdy"

    def read(self, text: str) -> Moment | None:
        """The moment that a text means when it is written this way, or None when it is not."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        parts = dict(zip(self.order, found.groups()[:3], strict=True))
        try:
            day = date(int(parts["y"]), _month(parts["m"]), int(parts["d"]))
            hour, minute, second, zone = found.groups()[3:]
            if hour is None:
                return day
            moment = datetime.combine(day, time(int(hour), int(minute), int(second or 0)))
            return moment if zone is None else (moment - _offset(zone)).replace(tzinfo=UTC)
        except (ValueError, OverflowError):  # years 1 and 9999 are what systems write for "never"
            return None


def _offset(text: str) -> timedelta:
    """How far a zone is ahead of UTC: "Z", "+0530", "-05:00". Raises `ValueError` for what no clock shows."""
    if text == "Z":
        return timedelta()
    shown = time(int(text[1:3]), int(text[-2:]))
    offset = timedelta(hours=shown.hour, minutes=shown.minute)
    return -offset if text[0] == "-" else offset


def _month(text: str) -> int:
    """A month by its number or its English name. Raises `ValueError`."""
    return int(text) if text.isdecimal() else _MONTHS.index(text[:3].lower()) + 1


def _way(key: str, words: str, shape: str, order: str) -> Way:
    return Way(key, words, re.compile(shape + _TIME, re.ASCII), order)


_N, _Y, _NAME = r"(\d{1,2})", r"(\d{4})", r"([A-Za-z]{3,9})\.?"
WAYS = (
    _way("y-m-d", "year-month-day", rf"{_Y}-{_N}-{_N}", "ymd"),
    _way("y/m/d", "year/month/day", rf"{_Y}/{_N}/{_N}", "ymd"),
    _way("d.m.y", "day.month.year", rf"{_N}\.{_N}\.{_Y}", "dmy"),
    _way("d/m/y", "day/month/year", rf"{_N}/{_N}/{_Y}", "dmy"),
    _way("m/d/y", "month/day/year", rf"{_N}/{_N}/{_Y}", "mdy"),
    _way("d-m-y", "day-month-year", rf"{_N}-{_N}-{_Y}", "dmy"),
    _way("m-d-y", "month-day-year", rf"{_N}-{_N}-{_Y}", "mdy"),
    _way("d mon y", "day, name of the month, year", rf"{_N}[ -]{_NAME}[ -],?{_Y}", "dmy"),
    _way("mon d y", "name of the month, day, year", rf"{_NAME} {_N},? {_Y}", "mdy"),
)
BY_KEY = {way.key: way for way in WAYS}

# What a person can say about 03/04/2026.
ORDERS = {"dmy": "Day before month: 31/08/2026", "mdy": "Month before day: 08/31/2026"}


@lru_cache(maxsize=100_000)
def ways_of(text: str) -> frozenset[str]:
    """The keys of the ways in which a text may be written; none where it is no day."""
    return frozenset(way.key for way in WAYS if way.read(text) is not None)


class Column:
    """Finds the one way in which a column's days are written. Cells that are no day at all decide nothing."""

    def __init__(self, filename: str, order: str = "") -> None:
        """`order`: what a person says about days that could be read in two ways ("dmy", "mdy"); "" for nothing."""
        self._filename = filename
        self._order = order
        self._left: frozenset[str] | None = None
        self._first: tuple[int, str] | None = None
        self._unclear: tuple[int, str] | None = None

    def see(self, cells: Iterable[tuple[int, str]]) -> None:
        """Look at more cells (line, text). Raises `Refused` (field "expiry") where one is written another way."""
        for line, text in cells:
            ways = self._asked(ways_of(text)) if text else frozenset()
            if not ways:
                continue
            left = ways if self._left is None else self._left & ways
            if not left:
                raise self._mixed(line, text, ways)
            self._left, self._first = left, self._first or (line, text)
            if self._unclear is None and len({BY_KEY[key].read(text) for key in left}) > 1:
                self._unclear = (line, text)

    def way(self) -> str | None:
        """The key of the way, None where no cell is a day. Raises `Refused` (field "dates") where two are possible."""
        if not self._left:
            return None
        if len(self._left) > 1 and self._unclear is not None:
            line, text = self._unclear
            raise Refused(
                f"'{text}' in line {line} of '{self._filename}' can be read in two ways, and no line tells which. Say "
                "how the dates are written.",
                field="dates",
            )
        return min(self._left)

    def _asked(self, ways: frozenset[str]) -> frozenset[str]:
        """Those of the ways that a person's word allows."""
        if not self._order or len(ways) < 2:
            return ways
        return frozenset(key for key in ways if BY_KEY[key].order in (self._order, "ymd")) or ways

    def _mixed(self, line: int, text: str, ways: frozenset[str]) -> Refused:
        first, before = self._first or (line, text)
        return Refused(
            f"Line {line} of '{self._filename}' says '{text}' ({_words(ways)}), line {first} says '{before}' "
            f"({_words(self._left or frozenset())}). Write all dates in one way, and upload the file again.",
            field="expiry",
        )


def _words(ways: frozenset[str]) -> str:
    return " or ".join(way.words for way in WAYS if way.key in ways)


def reader(way: str | None, time_zone: str) -> Callable[[str], datetime | None]:
    """What reads the cells of a column that is written one `way`: a cell's moment, None for what is no day.

    A day ends at midnight in `time_zone`; a time of day without a zone is meant there too.
    """
    if way is None:
        return lambda _text: None
    zone, read = ZoneInfo(time_zone), BY_KEY[way].read

    @lru_cache(maxsize=100_000)
    def moment(text: str) -> datetime | None:
        found = read(text)
        if found is None:
            return None
        try:
            return _in_utc(found if isinstance(found, datetime) else found + timedelta(days=1), zone)
        except OverflowError:
            return None

    return moment


def beginning(text: str, way: str | None, time_zone: str) -> datetime | None:
    """When something happened, written one `way`; None for what is no day, or lies beyond what can be kept. A day alone
    is its beginning there."""
    found = BY_KEY[way].read(text) if way else None
    try:
        moment = None if found is None else _in_utc(found, ZoneInfo(time_zone))
    except OverflowError:
        return None
    return moment if moment is not None and MINYEAR < moment.year < MAXYEAR else None  # any zone's clock can show it


def _in_utc(found: Moment, zone: ZoneInfo) -> datetime:
    """A moment; a day is its beginning, and what has no zone is meant in `zone`. Raises `OverflowError` at the ends of
    time."""
    moment = found if isinstance(found, datetime) else datetime.combine(found, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
