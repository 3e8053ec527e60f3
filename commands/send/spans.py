"""Lengths of time as people choose or write them: "2 hours", "90 min", "3 days". Pure."""

import re
from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Option

from commands.ui import blocks as ui
from distribution.errors import Refused
from distribution.limits import span

OTHER = "other"
DELAYS = (0, 15, 30, 60, 120, 240, 480, 720, 1440, 2880, 4320, 10_080, 20_160, 43_200)  # minutes
AFTER = (60, 240, 1440, 2880, 4320, 7200, 10_080, 14_400, 20_160, 43_200)

_WRITTEN = re.compile(r"(\d{1,6})\s*(m|min|mins|minutes?|h|hours?|d|days?|w|weeks?)", re.IGNORECASE)
_MINUTES = {"m": 1, "h": 60, "d": 1440, "w": 10_080}


def options(offered: tuple[int, ...], chosen: str) -> list[Option]:
    """Lengths to choose from, `chosen` among them (minutes as text), and another one that is written."""
    also = {int(chosen)} if chosen.isdecimal() else set()
    lengths = [ui.option(span(each) if each else "At once", each) for each in sorted(also.union(offered))]
    return [*lengths, ui.option("Another time…", OTHER)]


def minutes(chosen: str | None, written: str | None, field: str) -> int:
    """The length that was chosen, or written where it was to be another one. Raises `Refused`, field `field`."""
    if chosen != OTHER:
        return int(chosen or 0)
    read = _WRITTEN.fullmatch((written or "").strip())
    if read is None:
        raise Refused("Write it as 90 minutes, 36 hours or 3 days.", field=field)
    return int(read[1]) * _MINUTES[read[2][0].lower()]


def typed_into(field: str, typed: Mapping[str, Any]) -> str:
    """The input that a length of time was given in: the box where it was written, else the select."""
    return f"{field}_other" if f"{field}_other" in typed else field
