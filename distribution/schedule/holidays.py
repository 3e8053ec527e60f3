"""Days on which nobody is texted: dates as people write them, each with a name if they like. Pure.

    25 Dec Christmas, 26 Dec, 2026-05-03 Constitution Day

A date without a year is of every year. The day is that of the customer's own calendar.
"""

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from distribution.errors import Refused

MOST = 100
NAME_MAX = 60
OFF = "off"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WAYS = (
    re.compile(r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),
    re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?:(?P<y>\d{4})\b)?"),
    re.compile(r"(?P<d>\d{1,2})(?:st|nd|rd|th)?\.? +(?P<m>[a-z]{3,9})\b\.?(?: +(?P<y>\d{4})\b)?", re.I),
    re.compile(r"(?P<m>[a-z]{3,9})\.? +(?P<d>\d{1,2})(?:st|nd|rd|th)?\b(?:,? +(?P<y>\d{4})\b)?", re.I),
)
_REST = re.compile(r"[^,;\n]*")
_BETWEEN = re.compile(r"[\s,;]*")
_HOW = "Write dates such as 25 Dec (of every year) or 2026-05-03, with commas between, or off."


class Holiday(NamedTuple):
    """One day, of one year or (None) of every year, and its name ("" for none)."""

    month: int
    day: int
    year: int | None = None
    name: str = ""

    def __str__(self) -> str:
        """As it is written: "25 Dec Christmas"."""
        words = (str(self.day), _MONTHS[self.month - 1][:3].title(), str(self.year or ""), self.name)
        return " ".join(filter(None, words))


class Holidays(NamedTuple):
    """All of them, in the order in which they were written."""

    days: tuple[Holiday, ...] = ()

    def __str__(self) -> str:
        """As they are written; `parse` reads it."""
        return ", ".join(map(str, self.days)) or OFF

    def on(self, day: date) -> Holiday | None:
        """The holiday that a day is; None for another day."""
        for each in self.days:
            if (each.month, each.day) == (day.month, day.day) and each.year in (None, day.year):
                return each
        return None


NONE = Holidays()


@lru_cache(64)
def parse(text: str) -> Holidays:
    """Holidays as people write them; none for "off". Raises `Refused`."""
    if text.strip().casefold() in ("", OFF):
        return NONE
    found: list[Holiday] = []
    at = _end(_BETWEEN, text, 0)
    while at < len(text):
        read = next((read for way in _WAYS if (read := way.match(text, at))), None)
        end = _end(_REST, text, read.end() if read else at)
        if read is None:
            raise _no_date(text[at:end].strip())
        found.append(_holiday(read, text[read.end() : end], text[at:end].strip()))
        at = _end(_BETWEEN, text, end)
    if len(found) > MOST:
        raise Refused(f"{len(found)} holidays are too many: {MOST} at most.")
    return Holidays(tuple(dict.fromkeys(found)))


def _holiday(read: re.Match[str], rest: str, whole: str) -> Holiday:
    name = " ".join(rest.strip(" \t-–—:()").split())
    if len(name) > NAME_MAX:
        raise Refused(f"'{name[:NAME_MAX]}…' is too long for a holiday's name: {NAME_MAX} characters at most.")
    month, day, year = _month(read["m"]), int(read["d"]), int(read["y"]) if read["y"] else None
    try:
        date(year or 2000, month, day)  # 2000 had a 29 February
    except ValueError:
        raise _no_date(whole) from None
    return Holiday(month, day, year, name)


def _month(text: str) -> int:
    """A month's number, from that or its name or the first letters of it; 0 for what is none."""
    if text.isdecimal():
        return int(text)
    return next((number for number, name in enumerate(_MONTHS, 1) if name.startswith(text.casefold())), 0)


def _no_date(text: str) -> Refused:
    if re.match(r"\d{1,2}/\d{1,2}", text):
        return Refused(f"'{text}' can be read in two ways. {_HOW}")
    return Refused(f"'{text}' is no date. {_HOW}")


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a match at `at` ends."""
    found = pattern.match(text, at)
    return found.end() if found else at
