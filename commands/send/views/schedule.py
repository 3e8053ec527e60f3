"""When a manual distribution is sent: now, at a time, by each customer's own clock, or again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    DatePickerElement,
    DateTimePickerElement,
    NumberInputElement,
    TimePickerElement,
)

from commands.send.place import Place
from commands.ui import blocks as ui
from commands.ui import choose
from distribution.schedule.repeat import WEEKDAYS

WHEN = "send.when"
EVERY = "send.every"

WHENS = {
    "now": ("Now", "As soon as you send it and it is approved"),
    "later": ("At a date and time", "For everybody at the same moment"),
    "local": ("At a time by each customer's own clock", "Such as at 09:00 where each of them is"),
    "repeat": ("Again and again", "Every day, week or month, to whoever is in the audience then"),
}
EVERIES = {"day": "Every day", "week": "Every week", "month": "Every month"}


@dataclass(frozen=True)
class Timing:
    """What is chosen, as it was typed: days and times of the wall clock, `send_at` in Unix time."""

    when: str = "now"
    send_at: int | None = None
    local_date: str | None = None
    local_time: str | None = None
    every: str = "week"
    weekdays: Sequence[str] = ()
    day: str = ""
    at: str | None = None
    until: str | None = None
    time_zone: str = "UTC"  # the person's
    workspace_zone: str = "UTC"


def blocks(place: Place, facts: Timing) -> list[Block]:
    """The choice, and the inputs that belong to it."""
    options = [ui.option(label, value, about) for value, (label, about) in WHENS.items()]
    radios = choose.radios(WHEN, options, chosen=facts.when)
    chosen: list[Block] = [ui.field("When", place.block_id("when"), radios, dispatch=True)]
    return chosen + {"now": _now, "later": _later, "local": _local, "repeat": _repeat}[facts.when](place, facts)


def _now(place: Place, facts: Timing) -> list[Block]:
    return []


def _later(place: Place, facts: Timing) -> list[Block]:
    picker = DateTimePickerElement(action_id="send.send_at", initial_date_time=facts.send_at)
    return [ui.field("Date and time", place.block_id("send_at"), picker, hint=f"In your time zone, {facts.time_zone}.")]


def _local(place: Place, facts: Timing) -> list[Block]:
    day = DatePickerElement(action_id="send.local_date", initial_date=facts.local_date)
    time = TimePickerElement(action_id="send.local_time", initial_time=facts.local_time)
    hint = "In each customer's own time zone: from their profile, else from their number, else the workspace's."
    return [
        ui.field("Day", place.block_id("local_date"), day),
        ui.field("Time", place.block_id("local_time"), time, hint=hint),
    ]


def _repeat(place: Place, facts: Timing) -> list[Block]:
    every = choose.select(EVERY, [ui.option(label, key) for key, label in EVERIES.items()], chosen=facts.every)
    found: list[Block] = [ui.field("How often", place.block_id("every"), every, dispatch=True)]
    if facts.every == "week":
        days = [ui.option(name, number) for number, name in enumerate(WEEKDAYS)]
        chosen = [option for option in days if option.value in facts.weekdays]
        boxes = CheckboxesElement(action_id="send.weekdays", options=days, initial_options=chosen or None)
        found.append(ui.field("On", place.block_id("weekdays"), boxes))
    elif facts.every == "month":
        day = NumberInputElement(
            action_id="send.day",
            is_decimal_allowed=False,
            initial_value=facts.day if facts.day.isascii() and facts.day.isdigit() else None,
        )
        hint = "1 to 31; in a shorter month its last day."
        found.append(ui.field("Day of the month", place.block_id("day"), day, hint=hint))
    at = TimePickerElement(action_id="send.at", initial_time=facts.at)
    until = DatePickerElement(action_id="send.until", initial_date=facts.until)
    zone = f"In the workspace's time zone, {facts.workspace_zone}."
    return [
        *found,
        ui.field("At", place.block_id("at"), at, hint=zone),
        ui.field("Last day", place.block_id("until"), until, hint="Empty: until somebody stops it.", optional=True),
    ]
