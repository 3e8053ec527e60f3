"""What the channel is asked and told of texts that wait: late ones for a word, dry ones for codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, DateTimePickerElement

from commands.distributions.views import RESUME_PILED
from commands.groups.views import ADD
from commands.ui import blocks as ui
from commands.ui.text import count, escape, moment, number, who
from distribution.codes.rules import GENERATE_MAX

SEND_NOW = "automatic.send_now"
RESCHEDULE = "automatic.reschedule"
CANCEL = "automatic.cancel"
RESCHEDULED = "automatic.rescheduled"
AT = "automatic.rescheduled:at"


@dataclass(frozen=True)
class Late:
    """What of a distribution fell due while nothing ran: so many texts, or all of it where it was `scheduled`."""

    distribution_id: int
    subject: str
    requested_by: str
    texts: int
    since: datetime
    scheduled: bool
    repeats: bool = False


@dataclass(frozen=True)
class Group:
    """A group that texts wait for; `suggested`: how many codes to make."""

    id: int
    name: str
    active: int
    has_format: bool
    suggested: int


@dataclass(frozen=True)
class Dry:
    """A distribution whose groups ran out of codes: who waits, and what it does meanwhile (`when_dry`)."""

    distribution_id: int
    subject: str
    requested_by: str
    groups: Sequence[Group]  # those without an active code
    texts: int  # that wait for codes
    when_dry: str
    paused: bool = False


def late(facts: Late) -> tuple[str, list[Block]]:
    """The text and blocks of the card that asks what becomes of what is late."""
    subject = escape(facts.subject)
    if facts.scheduled:
        what = (
            f"{who(facts.requested_by)}: *{subject}* was to go out {moment(facts.since)}, and nothing ran then. "
            "It waits for a word."
        )
        text = f"{facts.subject} was to go out while nothing ran: it waits for a word"
    else:
        them = "It was not sent late by itself: it waits" if facts.texts == 1 else (
            "They were not sent late by themselves: they wait"
        )  # fmt: skip
        what = (
            f"{who(facts.requested_by)}: {count(facts.texts, 'text')} of *{subject}* fell due while nothing ran, "
            f"the first {moment(facts.since)}. {them} for a word."
        )
        text = f"{count(facts.texts, 'text')} of {facts.subject} fell due while nothing ran: what now?"
    buttons = [
        ui.button("Send now", SEND_NOW, facts.distribution_id, style="primary"),
        ui.button("Reschedule…", RESCHEDULE, facts.distribution_id),
        ui.button("Cancel", CANCEL, facts.distribution_id, confirm=_cancelling(facts)),
    ]
    return text, [ui.section(what), ui.actions(*buttons, block_id=f"automatic.late:{facts.distribution_id}")]


def _cancelling(facts: Late) -> Any:
    """The question before what is late is given up."""
    if not facts.scheduled:
        texts = count(facts.texts, "text")
        what = f"{texts} {'is' if facts.texts == 1 else 'are'} never sent. What falls due from now on goes as ever."
        return ui.confirm("Give up what is late?", what, "Give it up", "Keep", danger=True)
    what = "This time is left out; the next goes as planned." if facts.repeats else (
        "It is not sent. You can send it again as a new one."
    )  # fmt: skip
    return ui.confirm("Cancel it?", what, "Cancel it", "Keep", danger=True)


def dry(facts: Dry) -> tuple[str, list[Block]]:
    """The text and blocks of the alert that a distribution has no codes to give."""
    names = " and ".join(f"“{escape(group.name)}”" for group in facts.groups)
    has = "has" if len(facts.groups) == 1 else "have"
    subject = escape(facts.subject)
    if facts.groups:
        lines = [f"{who(facts.requested_by)}: *{subject}* has no codes to give: {names} {has} no active code left."]
    else:
        lines = [f"{who(facts.requested_by)}: *{subject}* ran out of codes; there are some again."]
    if meanwhile := _meanwhile(facts):
        lines.append(meanwhile)
    lines += [
        f"“{escape(group.name)}” has no format to make codes by: add codes, or give it one."
        for group in facts.groups
        if not group.has_format
    ]
    buttons = [_more(facts, group, at) for at, group in enumerate(facts.groups[:3])]
    if facts.paused:
        buttons.append(
            ui.button("Resume…", RESUME_PILED, facts.distribution_id, style=None if facts.groups else "primary")
        )
    blocks: list[Block] = [ui.section("\n".join(lines))]
    if buttons:
        blocks.append(ui.actions(*buttons, block_id=f"automatic.dry:{facts.distribution_id}"))
    waiting = f", {count(facts.texts, 'customer waits', 'customers wait')}" if facts.texts else ""
    return f"{facts.subject} has no codes to give{waiting}", blocks


def _meanwhile(facts: Dry) -> str:
    """Who waits, and what happens until there are codes."""
    parts = [f"{count(facts.texts, 'customer waits', 'customers wait')}."] if facts.texts else []
    if facts.when_dry == "pause":
        parts += ["It is paused until somebody resumes it."] if facts.paused else []
    elif facts.when_dry == "fallback":
        parts.insert(0, "Customers get the text without a code until there are codes.")
    elif facts.texts:
        parts += ["Codes are made by the group's format."] if facts.when_dry == "top_up" else []
        parts.append("Each is texted as soon as there are codes.")
    return " ".join(parts)


def _more(facts: Dry, group: Group, at: int) -> ButtonElement:
    """The button that opens the form for more codes; enough for those who wait."""
    name = f" for “{group.name}”" if len(facts.groups) > 1 else ""
    style = "primary" if at == 0 else None
    if not group.has_format:
        return ui.button(f"Add codes{name}", f"{ADD}:dry{at}", group.id, style=style)
    wanted = min(max(group.suggested, facts.texts, 1), GENERATE_MAX)
    return ui.button(f"Make {number(wanted)} more codes{name}", f"{ADD}:dry{at}", f"{group.id}+{wanted}", style=style)


def over(subject: str, words: str) -> tuple[str, list[Block]]:
    """The last edit of either: what became of it. `words` is mrkdwn."""
    return f"{subject}: settled", [ui.section(f"*{escape(subject)}* · {words}")]


def reschedule(facts: Late, at: datetime, time_zone: str) -> dict[str, Any]:
    """The modal that asks when what is late goes, `at` to begin with. `time_zone`: the reader's own."""
    what = "It goes" if facts.scheduled else f"{count(facts.texts, 'text')} go" + ("es" if facts.texts == 1 else "")
    picker = DateTimePickerElement(action_id="automatic.at", initial_date_time=int(at.timestamp()))
    blocks: list[Block] = [
        ui.section(f"*{escape(facts.subject)}*: {what} then. Who may not be texted any more by then is left out."),
        ui.field("Date and time", AT, picker, hint=f"In your time zone, {time_zone}."),
    ]
    return ui.modal(
        "Reschedule", blocks, callback_id=RESCHEDULED, submit="Reschedule", metadata=str(facts.distribution_id)
    )
