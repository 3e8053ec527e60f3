"""What the channel is asked and told of texts that wait: late ones for a word, dry ones for codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, DateTimePickerElement

from commands.distributions.views import RESUME_PILED
from commands.groups.views import ADD
from commands.ui import blocks as ui
from commands.ui.text import count, escape, is_person, moment, who
from distribution.codes.rules import GENERATE_MAX

SEND_NOW = "automatic.send_now"
RESCHEDULE = "automatic.reschedule"
CANCEL = "automatic.cancel"
RESCHEDULED = "automatic.rescheduled"
AT = "automatic.rescheduled:at"


@dataclass(frozen=True)
class Late:
    """What of a distribution fell due while nothing ran: so many texts, or all of it where it was `scheduled`.

    Of one that `repeats`: how many of its times, the `last` of them, and the `following` one (None: there is none).
    """

    distribution_id: int
    subject: str
    requested_by: str
    texts: int
    since: datetime
    scheduled: bool
    repeats: bool = False
    missed: int = 1
    last: datetime | None = None
    following: datetime | None = None


@dataclass(frozen=True)
class Group:
    """A group that texts wait for; `suggested`: how many codes to make. `full`: how many it has, where top-up makes no
    more."""

    id: int
    name: str
    active: int
    has_format: bool
    suggested: int
    full: int | None = None


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
        what = f"{_to(facts.requested_by)}*{subject}* was to go out {_missed(facts)}"
        text = f"{facts.subject} was to go out while promobot was not running: what now?"
    else:
        them = "It is" if facts.texts == 1 else "They are"
        what = (
            f"{_to(facts.requested_by)}{count(facts.texts, 'text')} of *{subject}* fell due while promobot was not "
            f"running, the first {moment(facts.since)}. {them} not sent before somebody decides."
        )
        text = f"{count(facts.texts, 'text')} of {facts.subject} fell due while promobot was not running: what now?"
    buttons = [
        ui.button("Send now", SEND_NOW, facts.distribution_id, style="primary"),
        ui.button("Reschedule…", RESCHEDULE, facts.distribution_id),
        ui.button("Cancel", CANCEL, facts.distribution_id, confirm=_cancelling(facts)),
    ]
    return text, [ui.section(what), ui.actions(*buttons, block_id=f"automatic.late:{facts.distribution_id}")]


def _to(requested_by: str) -> str:
    """Calls whoever asked for it, where that is somebody who can be called."""
    return f"{who(requested_by)}: " if is_person(requested_by) else ""


def decided(facts: Late, by: str, then: str, at: datetime | None = None) -> str:
    """What became of what was late, in mrkdwn: `then` is one of the buttons, `at` the new time of `RESCHEDULE`."""
    them = "it" if facts.scheduled else count(facts.texts, "late text")
    if then == SEND_NOW:
        return f"{who(by)} had it sent late." if facts.scheduled else f"{who(by)} had {them} sent."
    if at is not None:
        return f"{who(by)} put {them} off to {moment(at)}."
    are = "it is" if facts.scheduled or facts.texts == 1 else "they are"
    next_ = " The next time goes as planned." if facts.following else ""
    return f"{who(by)} cancelled {them}: {are} not sent.{next_}"


def _missed(facts: Late) -> str:
    """When what was scheduled was to go out, and what becomes of it."""
    if facts.missed == 1:
        words = f"{moment(facts.since)}, but promobot was not running. It is not sent before somebody decides."
    else:
        last = f" to {moment(facts.last)}" if facts.last else ""
        words = (
            f"{count(facts.missed, 'time')} while promobot was not running, from {moment(facts.since)}{last}. None is "
            "sent before somebody decides: *Send now* sends one text for all of them."
        )
    if facts.following is None:
        return words
    return f"{words} Its next time is {moment(facts.following)}: what was missed and is not sent by then is left out."


def _cancelling(facts: Late) -> Any:
    """The question before what is late is given up."""
    if not facts.scheduled:
        texts = count(facts.texts, "text")
        what = f"{texts} {'is' if facts.texts == 1 else 'are'} never sent. What falls due from now on goes as ever."
        return ui.confirm("Give up what is late?", what, "Give it up", "Keep", danger=True)
    what = "It is not sent. You can send it again as a new one."
    if facts.repeats:
        left = "This time is" if facts.missed == 1 else f"These {count(facts.missed, 'time')} are"
        what = f"{left} left out. {'The next goes as planned.' if facts.following else 'There is none after that.'}"
    return ui.confirm("Cancel it?", what, "Cancel it", "Keep", danger=True)


def dry(facts: Dry) -> tuple[str, list[Block]]:
    """The text and blocks of the alert that a distribution has no codes to give."""
    names = " and ".join(f"“{escape(group.name)}”" for group in facts.groups)
    has = "has" if len(facts.groups) == 1 else "have"
    subject = escape(facts.subject)
    if facts.groups:
        lines = [f"{_to(facts.requested_by)}*{subject}* has no codes to give: {names} {has} no active code left."]
    else:
        lines = [f"{_to(facts.requested_by)}*{subject}* ran out of codes; there are some again."]
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
        parts += [_topped_up(facts)] if facts.when_dry == "top_up" else []
        parts.append("Each is texted as soon as there are codes.")
    return " ".join(parts)


def _topped_up(facts: Dry) -> str:
    """Whether codes come by themselves: not where a group has as many as it may have."""
    full = [group for group in facts.groups if group.full is not None]
    if not full:
        return "Codes are made by the group's format."
    most = " and ".join(f"“{escape(group.name)}” has {count(group.full or 0, 'code')}" for group in full)
    return f"{most}, the most that top-up makes: no more come by themselves."


def _more(facts: Dry, group: Group, at: int) -> ButtonElement:
    """The button that opens the form for more codes; enough for those who wait."""
    name = f" for “{group.name}”" if len(facts.groups) > 1 else ""
    style = "primary" if at == 0 else None
    if not group.has_format:
        return ui.button(f"Add codes{name}", f"{ADD}:dry{at}", group.id, style=style)
    wanted = min(max(group.suggested, facts.texts, 1), GENERATE_MAX)
    return ui.button(f"Make {count(wanted, 'more code')}{name}", f"{ADD}:dry{at}", f"{group.id}+{wanted}", style=style)


def over(subject: str, words: str) -> tuple[str, list[Block]]:
    """The last edit of either: what became of it. `words` is mrkdwn."""
    return f"{subject}: settled", [ui.section(f"*{escape(subject)}* · {words}")]


def reschedule(facts: Late, at: datetime, time_zone: str) -> dict[str, Any]:
    """The modal that asks when what is late goes, `at` to begin with. `time_zone`: the reader's own."""
    goes = "goes" if facts.texts == 1 else "go"
    times = f", once for all {count(facts.missed, 'time')} that were missed" if facts.missed > 1 else ""
    what = f"*{escape(facts.subject)}* goes out then{times}." if facts.scheduled else (
        f"{count(facts.texts, 'late text')} of *{escape(facts.subject)}* {goes} out then."
    )  # fmt: skip
    picker = DateTimePickerElement(action_id="automatic.at", initial_date_time=int(at.timestamp()))
    blocks: list[Block] = [
        ui.section(f"{what} Who may not be texted any more by then is left out."),
        ui.field("Date and time", AT, picker, hint=f"In your time zone, {time_zone}."),
    ]
    return ui.modal(
        "Reschedule", blocks, callback_id=RESCHEDULED, submit="Reschedule", metadata=str(facts.distribution_id)
    )
