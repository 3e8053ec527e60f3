"""What sets an automatic distribution off, from JSON and back, refused where it is not what the clock can act on.

{"kind": "event", "event": "cart_abandoned",
 "where": [{"property": "cart_total", "type": "number", "op": "ge", "value": 100}],
 "delay": 120, "unless": {"event": "order_paid", "where": []}, "reentry": "days", "days": 7,
 "most": 5000, "most_daily": 200}

{"kind": "segment", "segment_id": 3, "members": "new", "delay": 0, "reentry": "once"}

`delay` is in minutes, counted from the event's own time or the entry; `unless`: what calls the text off if it happens
between that time and the end of the delay. `members`: "new" leaves out who is in the segment when it is set live,
"all" texts them too. `reentry`: "once" a customer, "always", or at most once every `days`. `most`, `most_daily`: how
many first texts at all, and in a day of the workspace's zone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distribution.errors import Refused
from distribution.segments import rules
from storage.rules import Condition, Rules

EVENT, SEGMENT = "event", "segment"
NEW, ALL = "new", "all"
ONCE, ALWAYS, DAYS = "once", "always", "days"
REENTRIES = (ONCE, ALWAYS, DAYS)

LONGEST_DELAY = 90 * 24 * 60  # minutes
MOST_DAYS = 3650
MOST_TEXTS = 100_000_000

FIELDS = frozenset(
    {"kind", "event", "where", "segment_id", "members", "delay", "unless", "reentry", "days", "most", "most_daily"}
)


@dataclass(frozen=True)
class Happening:
    """An event by its name, with conditions on its properties, all of which must hold."""

    event: str
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Trigger:
    """What sets a distribution off; see the module."""

    kind: str
    happening: Happening | None = None  # of kind "event"
    segment_id: int | None = None  # of kind "segment"
    members: str = NEW
    delay: int = 0
    unless: Happening | None = None
    reentry: str = ONCE
    days: int | None = None
    most: int | None = None
    most_daily: int | None = None


def parse(data: Mapping[str, Any]) -> Trigger:
    """A trigger from its JSON form.

    Raises `Refused` at "trigger", "event", "where", "segment", "delay", "unless", "unless_where", "reentry", "days",
    "most" or "most_daily".
    """
    for key in data:
        if key not in FIELDS:
            raise Refused(f"A trigger has no '{str(key)[:40]}'.", field="trigger")
    kind = data.get("kind")
    if kind not in (EVENT, SEGMENT):
        raise Refused("Choose what sets it off: entering a segment, or an event.", field="trigger")
    delay = _whole(data.get("delay", 0), "delay", 0, LONGEST_DELAY, "A delay is from 0 minutes to 90 days.")
    unless = data.get("unless")
    if unless is not None and not delay:
        raise Refused("What calls it off needs time to happen: choose a delay.", field="delay")
    reentry = data.get("reentry", ONCE)
    if reentry not in REENTRIES:
        raise Refused("Choose how often one customer may get it.", field="reentry")
    days = None
    if reentry == DAYS:
        days = _whole(data.get("days"), "days", 1, MOST_DAYS, "Say every how many days: 1 to 3,650.")
    return Trigger(
        kind,
        happening=_happening(data, "event", "where") if kind == EVENT else None,
        segment_id=_segment(data) if kind == SEGMENT else None,
        members=_members(data.get("members", NEW)),
        delay=delay,
        unless=None if unless is None else _unless(unless),
        reentry=reentry,
        days=days,
        most=_ceiling(data, "most"),
        most_daily=_ceiling(data, "most_daily"),
    )


def to_json(trigger: Trigger) -> dict[str, Any]:
    """The JSON form of a trigger, without what was not chosen; `parse` gives it back."""
    found: dict[str, Any] = {"kind": trigger.kind}
    if trigger.happening is not None:
        found |= _happening_json(trigger.happening)
    else:
        found |= {"segment_id": trigger.segment_id, "members": trigger.members}
    found |= {"delay": trigger.delay, "reentry": trigger.reentry}
    if trigger.unless is not None:
        found["unless"] = _happening_json(trigger.unless)
    return found | {
        key: value
        for key, value in (("days", trigger.days), ("most", trigger.most), ("most_daily", trigger.most_daily))
        if value is not None
    }


def _happening(data: Mapping[str, Any], event: str, where: str) -> Happening:
    """The event that sets it off, or calls it off; the refusals stand at these fields."""
    name = data.get("event")
    if not isinstance(name, str) or not name.isidentifier() or len(name) > 60:
        raise Refused("Say which event: a name such as cart_abandoned.", field=event)
    try:
        # As segments ask about events: one way to write, check and describe a condition on a property.
        asked = rules.condition({"field": "event", "event": name, "op": "did", "where": data.get("where") or []})
    except Refused as refusal:
        raise Refused(str(refusal), field=where) from None
    return Happening(name, asked.where)


def _unless(data: Any) -> Happening:
    if not isinstance(data, Mapping):
        raise Refused("What calls it off is an event: its name, and conditions on its properties.", field="unless")
    return _happening(data, "unless", "unless_where")


def _happening_json(happening: Happening) -> dict[str, Any]:
    asked = Condition("event", "did", None, event=happening.event, where=happening.where)
    return {
        "event": happening.event,
        "where": rules.to_json(Rules("all", False, (asked,)))["rules"][0].get("where", []),
    }


def _segment(data: Mapping[str, Any]) -> int:
    segment_id = data.get("segment_id")
    if not isinstance(segment_id, int) or isinstance(segment_id, bool):
        raise Refused("Choose the segment that customers enter.", field="segment")
    return segment_id


def _members(members: Any) -> str:
    if members not in (NEW, ALL):
        raise Refused("Choose whether today's members get it too.", field="members")
    return str(members)


def _ceiling(data: Mapping[str, Any], key: str) -> int | None:
    if data.get(key) is None:
        return None
    return _whole(data[key], key, 1, MOST_TEXTS, "Write a number of texts from 1, or leave it empty for no limit.")


def _whole(value: Any, field: str, least: int, most: int, says: str) -> int:
    """A whole number within bounds. Raises `Refused`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Refused(says, field=field)
    return value
