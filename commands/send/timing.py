"""From what is typed about when a distribution is sent to what the draft keeps, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from commands.send.views.schedule import Timing
from distribution.errors import Refused
from distribution.schedule import local
from distribution.suited import When
from storage.tables import Distribution

# The engine's fields that are typed into inputs of another name.
FIELDS = {
    "local_at": "local_time",
    "repeat": "every",
    "repeat_weekdays": "weekdays",
    "repeat_day": "day",
    "repeat_at": "at",
    "repeat_until": "until",
}
KEPT = ("when", "send_at", "local_date", "local_time", "every", "weekdays", "day", "at", "until")


def facts(draft: Distribution, kept: Mapping[str, Any], *, time_zone: str, workspace_zone: str) -> Timing:
    """What is chosen: typed last (`kept`), else accepted."""
    chosen = {**_accepted(draft), **{name: kept[name] for name in KEPT if name in kept}}
    return Timing(
        when=chosen.get("when") or "now",
        send_at=chosen.get("send_at"),
        local_date=chosen.get("local_date"),
        local_time=chosen.get("local_time"),
        every=chosen.get("every") or "week",
        weekdays=[str(day) for day in chosen.get("weekdays") or ()],
        day=str(chosen.get("day") or ""),
        at=chosen.get("at"),
        until=chosen.get("until"),
        time_zone=time_zone,
        workspace_zone=workspace_zone,
    )


def when(typed: Mapping[str, Any]) -> When:
    """When it is to be sent. Raises `Refused` at what was not picked."""
    chosen = typed.get("when")
    if chosen == "later":
        if not typed.get("send_at"):
            raise Refused("Pick a date and a time, or choose Now.", field="send_at")
        return When(datetime.fromtimestamp(int(typed["send_at"]), UTC))
    if chosen == "local":
        for name, what in (("local_date", "day"), ("local_time", "time")):
            if not typed.get(name):
                raise Refused(f"Pick a {what}, or choose Now.", field=name)
        return When(local_at=f"{typed['local_date']}T{typed['local_time']}")
    if chosen == "repeat":
        day = str(typed.get("day") or "")
        return When(
            repeat={
                "every": typed.get("every"),
                "weekdays": [int(each) for each in typed.get("weekdays") or ()],
                "day": int(day) if day.isascii() and day.isdigit() else None,
                "at": typed.get("at"),
                "until": typed.get("until"),
            }
        )
    return When()


def _accepted(draft: Distribution) -> dict[str, Any]:
    """What a draft keeps, as it would be typed."""
    if draft.repeat:
        return {"when": "repeat", **draft.repeat}
    if draft.local_at:
        wall = local.parse(draft.local_at)
        return {"when": "local", "local_date": f"{wall:%Y-%m-%d}", "local_time": f"{wall:%H:%M}"}
    if draft.send_at:
        return {"when": "later", "send_at": int(draft.send_at.timestamp())}
    return {"when": "now"}
