"""The calendar in a modal: day by day what is planned, with what lacks codes on top."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from slack_sdk.models.blocks import Block

from commands.groups.views import OPEN as OPEN_GROUP
from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import count, escape, number
from distribution.schedule.calendar import AHEAD, Entry, Live

CALENDAR = "calendar"
OPEN = "calendar.open"
TURN = "calendar.page"

PAGE = 20
CONFLICTS = 3  # that are told in full
NAMED = 5  # of what has no day


@dataclass(frozen=True)
class Lacking:
    """A group that runs short, in words, and which one of what is planned is the first to find too few."""

    group_id: int
    distribution_id: int
    words: str


@dataclass(frozen=True)
class Facts:
    """A page of the calendar, as of `today` by the clock of `zone`."""

    today: date
    zone: str
    page: paging.Page[Entry]
    lacking: Sequence[Lacking]
    live: Sequence[Live]
    paused: Sequence[str] = ()  # subjects of what repeats and is not going on


def opening() -> dict[str, Any]:
    """What stands there while it is read."""
    return ui.modal("Calendar", [ui.section("Looking…")], callback_id=CALENDAR, close="Close")


def view(facts: Facts) -> dict[str, Any]:
    """The whole modal."""
    blocks: list[Block] = [*_lacking(facts.lacking)]
    if not facts.page.total:
        blocks.append(
            ui.section(
                f"Nothing is planned for the next {AHEAD.days} days. `/promo send` plans it: in step 5, choose when."
            )
        )
    day: date | None = None
    for entry in facts.page.items:
        if entry.day != day:
            day = entry.day
            blocks.append(ui.section(f"*{_day(day, facts.today)}*"))
        blocks.append(ui.section(line(entry), accessory=ui.button("Open", OPEN, entry.distribution_id)))
    blocks += paging.turner(facts.page, TURN)
    if facts.live:
        blocks.append(ui.context(_live(facts.live)))
    if facts.paused:
        blocks.append(ui.context(f"Paused, with no next time before it is resumed: {_named(facts.paused)}."))
    blocks.append(ui.context(f"The next {AHEAD.days} days. Times are those of {escape(facts.zone)}."))
    return ui.modal("Calendar", blocks, callback_id=CALENDAR, close="Close")


def line(entry: Entry) -> str:
    """One thing that is planned, in a line of mrkdwn."""
    parts = [f"{entry.at:%H:%M}  *{escape(entry.subject)}*", *_what(entry)]
    if entry.pending:
        parts.append("waits for its approval")
    return " · ".join(parts)


def _what(entry: Entry) -> list[str]:
    """What happens then, and to how many."""
    n = entry.texts or 0
    customers = [count(n, "customer")] if entry.texts else []
    match entry.kind:
        case "repeat":
            return ["repeats", *(f"about {each}" for each in customers)]
        case "own_time":
            return ["by each customer's own clock", *customers]
        case "reminders":
            return [f"{count(n, 'reminder')} that day" if n > 1 else "1 reminder"]
        case "texts":
            return [f"{count(n, 'text')} that {'wait' if n > 1 else 'waits'} for {'their' if n > 1 else 'its'} delay"]
        case "piled":
            return [f"{count(n, 'text')} fell due in its pause, and {'wait' if n > 1 else 'waits'} until it is resumed"]
        case "end":
            return ["ends"]
        case "late":
            return ["fell due while promobot was not running: it waits for a word in its channel", *customers]
        case _:
            return customers


def _lacking(found: Sequence[Lacking]) -> list[Block]:
    """Groups that run short, each with the way to its codes and to what finds too few."""
    if not found:
        return []
    what = "1 group runs" if len(found) == 1 else f"{number(len(found))} groups run"
    blocks: list[Block] = [ui.section(f"⚠ *{what} short of codes by what is planned*")]
    for each in found[:CONFLICTS]:
        blocks.append(ui.section(escape(each.words)))
        blocks.append(
            ui.actions(
                ui.button("Open the group", OPEN_GROUP, each.group_id),
                ui.button("Open what lacks them", f"{OPEN}:lacking", each.distribution_id),
            )
        )
    if len(found) > CONFLICTS:
        blocks.append(ui.context(f"And {count(len(found) - CONFLICTS, 'more group')}."))
    return [*blocks, ui.divider()]


def _day(day: date, today: date) -> str:
    """ "Today, Monday 22 June", "Tuesday 23 June"; with the year once that is another."""
    named = f"{day:%A} {day.day} {day:%B}" + (f" {day.year}" if day.year != today.year else "")
    word = {today: "Today", today + timedelta(days=1): "Tomorrow"}.get(day)
    return f"{word}, {named}" if word else named


def _live(found: Sequence[Live]) -> str:
    """What has no time of its own."""
    return f"Live, whenever something sets them off: {_named([_as_it_stands(each) for each in found])}."


def _as_it_stands(found: Live) -> str:
    return found.subject + (" (paused)" if found.paused else "")


def _named(subjects: Sequence[str]) -> str:
    """The first of them by name, and how many more."""
    more = f" and {number(len(subjects) - NAMED)} more" if len(subjects) > NAMED else ""
    return ", ".join(map(escape, subjects[:NAMED])) + more
