"""Step 3 of an automatic distribution: what sets it off, for whom again, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DateTimePickerElement,
    InputInteractiveElement,
    NumberInputElement,
    PlainTextInputElement,
)

from commands.segments.draft import Draft
from commands.segments.views import segment_select
from commands.send import spans
from commands.send.place import Place
from commands.send.views import audience, conditions, frame
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import count, number
from distribution.segments.asking import Known

TRIGGER, MEMBERS, EVENT, UNLESS = "send.trigger", "send.members", "send.event", "send.unless"
DELAY, REENTRY = "send.delay", "send.reentry"

KINDS = {
    "segment": ("Enters a segment", "When a customer begins to match its rules"),
    "event": ("Performs an event", "When a customer does something that your shop sends in"),
}
REENTRIES = {
    "once": ("Once", "Each customer gets it one time"),
    "always": ("Every time", "Each time that it happens"),
    "days": ("At most every so many days", "However often it happens"),
}


@dataclass(frozen=True)
class TriggerStep:
    """What step 3 shows; numbers and times as they were typed."""

    kind: str
    known: Known = field(default_factory=Known)
    segments: Sequence[tuple[int, str]] = ()
    segment_id: int | None = None
    count: audience.Count | None = None
    members: str = "new"
    event: str = ""
    where: Draft = field(default_factory=Draft)
    delay: str = "0"
    delay_other: str = ""
    unless: str = ""
    unless_where: Draft = field(default_factory=Draft)
    reentry: str = "once"
    days: str = ""
    most: str = ""
    most_daily: str = ""
    ends_at: int | None = None  # Unix time
    time_zone: str = "UTC"


def view(place: Place, facts: TriggerStep, decided: Sequence[str] = ()) -> dict[str, Any]:
    """The modal of step 3."""
    options = [ui.option(label, value, about) for value, (label, about) in KINDS.items()]
    radios = choose.radios(TRIGGER, options, chosen=facts.kind)
    blocks: list[Block] = [ui.field("Set off when a customer…", place.block_id("trigger"), radios, dispatch=True)]
    blocks += _segment(place, facts) if facts.kind == "segment" else _event(place, facts)
    blocks += [*_delay(place, facts), ui.divider(), *_again(place, facts), *_limits(place, facts)]
    return frame.step(place, decided, blocks, name="Trigger")


def _segment(place: Place, facts: TriggerStep) -> list[Block]:
    build = ui.actions(ui.button("Build a new segment…", audience.NEW_SEGMENT), block_id="send.segment_tools")
    if not facts.segments:
        return [ui.section("There is no segment yet. Build one here."), build]
    select = segment_select(facts.segments, audience.SEGMENT, facts.segment_id)
    blocks: list[Block] = [ui.field("Segment", place.block_id("segment"), select, dispatch=True), build]
    if facts.segment_id not in dict(facts.segments):
        return blocks
    size = (
        f"{count(facts.count.total, 'customer')}, {number(facts.count.textable)} can be texted" if facts.count else ""
    )
    members = {
        "new": ("Only those who enter from now on", "Today's members get it when they leave and enter again"),
        "all": ("Today's members too", f"{size}: at once when it is set live" if size else "When it is set live"),
    }
    options = [ui.option(label, value, about) for value, (label, about) in members.items()]
    radios = choose.radios(MEMBERS, options, chosen=facts.members)
    return [*blocks, ui.field("Who is in it today", place.block_id("members"), radios)]


def _event(place: Place, facts: TriggerStep) -> list[Block]:
    return [
        ui.field(
            "Event",
            place.block_id("event"),
            _events(EVENT, facts.event, "Choose one, or type its name"),
            hint="Sent in by your shop (POST /v1/events) or imported from a CSV.",
            dispatch=True,
        ),
        *(conditions.rows(place, facts.where, facts.known, "where") if facts.event else []),
    ]


def _events(action_id: str, chosen: str, placeholder: str) -> InputInteractiveElement:
    """A search among the names of events that offers what is typed, too."""
    return choose.search(action_id, initial=ui.option(chosen, chosen) if chosen else None, placeholder=placeholder)


def _delay(place: Place, facts: TriggerStep) -> list[Block]:
    blocks: list[Block] = [
        ui.field(
            "Then wait",
            place.block_id("delay"),
            choose.select(DELAY, spans.options(spans.DELAYS, facts.delay), chosen=facts.delay),
            dispatch=True,
        )
    ]
    if facts.delay == spans.OTHER:
        box = PlainTextInputElement(
            action_id="send.delay_other", initial_value=facts.delay_other or None, placeholder="36 hours"
        )
        blocks.append(ui.field("How long", place.block_id("delay_other"), box, hint="90 minutes, 36 hours, 3 days."))
    if facts.delay != "0":
        blocks.append(
            ui.field(
                "Unless meanwhile they do",
                place.block_id("unless"),
                _events(UNLESS, facts.unless, "An event, such as order_paid"),
                hint="Then nothing is sent. Leave it empty to send in any case.",
                optional=True,
                dispatch=True,
            )
        )
        if facts.unless:
            blocks += conditions.rows(place, facts.unless_where, facts.known, "unless_where")
    return blocks


def _again(place: Place, facts: TriggerStep) -> list[Block]:
    options = [ui.option(label, value, about) for value, (label, about) in REENTRIES.items()]
    radios = choose.radios(REENTRY, options, chosen=facts.reentry)
    blocks: list[Block] = [ui.field("How often for one customer", place.block_id("reentry"), radios, dispatch=True)]
    if facts.reentry == "days":
        blocks.append(
            ui.field("At most once in how many days", place.block_id("days"), _number("send.days", facts.days))
        )
    return blocks


def _limits(place: Place, facts: TriggerStep) -> list[Block]:
    daily = _number("send.most_daily", facts.most_daily)
    picker = DateTimePickerElement(action_id="send.ends_at", initial_date_time=facts.ends_at)
    zone = f"In your time zone, {facts.time_zone}. Empty: until somebody stops it."
    return [
        ui.field(
            "At most so many texts a day",
            place.block_id("most_daily"),
            daily,
            hint="Who comes after these on a day gets nothing. Reminders are not counted. Empty: no limit.",
            optional=True,
        ),
        ui.field(
            "At most so many texts in all", place.block_id("most"), _number("send.most", facts.most), optional=True
        ),
        ui.field("Ends", place.block_id("ends_at"), picker, hint=zone, optional=True),
    ]


def _number(action_id: str, typed: str) -> NumberInputElement:
    whole = typed if typed.isascii() and typed.isdigit() else None
    return NumberInputElement(action_id=action_id, is_decimal_allowed=False, initial_value=whole)
