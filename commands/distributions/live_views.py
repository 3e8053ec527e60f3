"""A live distribution as its channel sees it: what sets it off, what came of it, what is planned, what was dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement, Option

from commands.distributions.views import (
    ACTIONS,
    AGAIN,
    PAUSE,
    RESUME_PILED,
    SETTLE,
    STOP,
    Line,
    in_a_line,
    retry,
    title,
    waits,
)
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import count, escape, moment, number, who
from distribution import reasons
from distribution.automatic.missed import MOST, Missed
from storage.planned_counts import Counts, Piled

RESUMED = "distributions.resumed"
PILED = "distributions.resumed:piled"
EDIT = "distributions.edit"
REPORT = "distributions.report"
SEND, DROP = "send", "drop"

# Over the wizard, where a live one is edited: what the edit does, and when.
EDITED = (
    "This is a copy of the live distribution, which goes on as it is until the copy is set live. That takes a new "
    "approval where one is needed. Texts that are planned or under way by then keep the old text."
)


@dataclass(frozen=True)
class Live:
    """An automatic distribution and what its message says of it beside its numbers; texts are plain."""

    line: Line
    since: str = ""  # "3 Nov", in the workspace's zone
    sets_off: str = ""
    planned: Counts = field(default_factory=Counts)
    piled: Piled | None = None  # of these, what fell due while it is paused
    full: bool = False  # it made as many first texts as it may
    reminders: Sequence[str] = ()  # when each goes
    retryable: int = 0  # failed texts that a click on Retry sends again
    replaced_by: int | None = None  # the edited one that took over
    replaces: str = ""  # the subject of the one that it took over from


def card(live: Live) -> list[Block]:
    """Its one message, while it is not over."""
    line = live.line
    since = f" · since {live.since}" if live.since else ""
    blocks: list[Block] = [ui.header(f"{title(line)} · {line.subject}{since}")]
    if live.sets_off:
        blocks.append(ui.section("\n".join([escape(live.sets_off), *_reminders(live)])))
    blocks.append(ui.section("\n".join([sent(line), *planned(live.planned)])))
    blocks += waits(line)
    blocks += [ui.context(dropped) for dropped in not_sent(live.planned)]
    if state := _state(live):
        blocks.append(ui.section(state))
    blocks.append(ui.context(" · ".join(_facts(live))))
    return [*blocks, ui.actions(*_buttons(live), block_id=ACTIONS)]


def card_in_a_line(live: Live) -> str:
    """The same for notifications and screen readers."""
    line = live.line
    if line.status == "sending":
        return f"{title(line)}: {escape(line.subject)}, {number(line.sent)} sent"
    return in_a_line(line)


def sent(line: Line) -> str:
    """What left so far, in a line of mrkdwn."""
    parts = [f"*{number(line.sent)} sent*", f"{number(line.delivered)} delivered"]
    if line.failed:
        parts.append(f"{number(line.failed)} failed")
    if line.unknown:
        parts.append(f"{number(line.unknown)} unknown")
    if leaving := max(0, line.to_go - line.asleep):
        parts.append(f"{number(leaving)} {'held' if line.status == 'paused' else 'leaving'}")
    if line.redeemed:
        parts.append(f"{number(line.redeemed)} redeemed")  # of codes: reminders are texts, too
    if line.opted_out:
        parts.append(f"{number(line.opted_out)} opted out")
    if line.excluded:
        parts.append(f"{number(line.excluded)} left out")
    return " · ".join(parts)


def planned(counts: Counts) -> list[str]:
    """What is to come, and what waits for codes or for a word, in lines of mrkdwn; none where nothing is."""
    lines, waiting = [], []
    if first := counts.waiting.get(0, 0):
        waiting.append(count(first, "text"))
    if reminders := sum(n for step, n in counts.waiting.items() if step):
        waiting.append(count(reminders, "reminder"))
    if waiting:
        at = f" · the next {moment(counts.next_at)}" if counts.next_at else ""
        lines.append(f"Planned: {' and '.join(waiting)}{at}")
    if counts.dry:
        lines.append(f"⚠ {count(counts.dry, 'customer waits', 'customers wait')} for codes: the group has none left.")
    if counts.late:
        are = "It is" if counts.late == 1 else "They are"
        lines.append(
            f"⚠ {count(counts.late, 'text')} fell due while promobot was not running. {are} not sent before somebody "
            "decides."
        )
    return lines


def not_sent(counts: Counts) -> list[str]:
    """What was planned and is not sent, by reason, in lines of mrkdwn."""
    first = counts.dropped.get(0, {})
    later: dict[str, int] = {}
    for step, found in counts.dropped.items():
        for reason, n in found.items() if step else ():
            later[reason] = later.get(reason, 0) + n
    lines = []
    if first:
        lines.append(f"Not sent: {_by_reason(first)}")
    if later:
        lines.append(f"Reminders not sent: {_by_reason(later)}")
    return lines


def _by_reason(found: Mapping[str, int]) -> str:
    """ "88 called off by an event · 12 over the day's ceiling", the most first."""
    most_first = sorted(found.items(), key=lambda each: -each[1])
    return " · ".join(f"{number(n)} {escape(reasons.dropped(reason))}" for reason, n in most_first)


def _reminders(live: Live) -> list[str]:
    if not live.reminders:
        return []
    return [f"{count(len(live.reminders), 'reminder')}: {escape('; '.join(live.reminders))}"]


def _state(live: Live) -> str:
    """Why it does not go on as it did; "" where it does."""
    line = live.line
    if line.status == "paused":
        why = escape(line.reason)
        by_itself = f"⚠ {why}" if why and not why.startswith("Paused by ") else why
        words = f"{by_itself or 'Paused.'} {_held(live)}"
        if live.piled and (due := sum(live.piled)):
            words += f" {_them(live.piled)} fell due meanwhile and {'waits' if due == 1 else 'wait'}."
        return words
    if line.status == "sending" and line.ending:
        what = "What is planned still goes; nothing new is." if _open(live) else "What is under way still goes."
        if live.replaced_by:
            return f"It was edited: the new one took over. {what}"
        return f"Its time is over: it fires no more. {what}"
    if live.full:
        return "Its limit of texts in all is reached: it texts nobody new. *Edit…* raises it."
    return ""


def _held(live: Live) -> str:
    """What a paused one still does, and what becomes of the rest."""
    if not live.line.ending:
        return "It still notices customers; nobody is texted until somebody resumes it."
    over = "It was edited, and the new one took over" if live.replaced_by else "Its time is over"
    return f"{over}: it notices nobody new. What it planned waits until somebody resumes it, or stops it for good."


def _facts(live: Live) -> list[str]:
    """Small print: whose it is, until when, what it took over from."""
    facts = [f"Asked for by {who(live.line.requested_by)}"]
    if live.line.ends_at and not live.line.ending:
        facts.append(f"until {moment(live.line.ends_at)}")
    if live.replaces:
        facts.append(f"took over from “{escape(live.replaces)}”")
    return facts


def _open(live: Live) -> int:
    """Texts that are planned."""
    return sum(live.planned.waiting.values()) + live.planned.dry + live.planned.late


def _buttons(live: Live) -> list[ButtonElement]:
    """What can be done with it now."""
    line = live.line
    buttons: list[ButtonElement] = []
    if line.status == "paused":
        buttons.append(ui.button("Resume…", RESUME_PILED, line.id, style="primary"))
    if line.status == "sending":
        buttons.append(ui.button("Pause", PAUSE, line.id))
    if live.retryable:
        buttons.append(retry(line, live.retryable))
    buttons.append(ui.button("Report", REPORT, line.id))
    if not line.ending and line.status in ("sending", "paused"):
        buttons.append(ui.button("Edit…", EDIT, line.id))
    buttons.append(ui.button("Clone…", AGAIN, line.id))
    if line.to_settle:
        buttons.append(ui.button(f"Settle {number(line.to_settle)} unknown…", SETTLE, line.id))
    return [*buttons, _stop(live)]


def _stop(live: Live) -> ButtonElement:
    """Stopping is for ever, so it asks, and says what returns."""
    line, lost = live.line, []
    if waiting := _open(live):
        lost.append(f"{count(waiting, 'planned text is', 'planned texts are')} not sent.")
    if line.to_go:
        lost.append(f"{count(line.to_go, 'text')} about to leave {'is' if line.to_go == 1 else 'are'} held back, and "
                    f"{'its code goes' if line.to_go == 1 else 'their codes go'} back to the group.")  # fmt: skip
    what = f"It fires no more. {' '.join(lost)} What was sent stays sent. This cannot be undone; Pause can."
    question = ui.confirm("Stop for good?", what.replace("  ", " "), "Stop", "Go on", danger=True)
    return ui.button("Stop", STOP, line.id, style="danger", confirm=question)


def _them(piled: Piled) -> str:
    """What piled up: "3 texts and up to 2 reminders"; some reminders may not be due after all."""
    parts = [count(piled.texts, "text")] if piled.texts else []
    parts += [f"up to {count(piled.reminders, 'reminder')}"] if piled.reminders else []
    return " and ".join(parts)


def resumed(metadata: str) -> tuple[int, str]:
    """Whose modal `resume` is, and the id of the view below it ("" for none)."""
    distribution_id, _, below = metadata.partition(" ")
    return int(distribution_id), below


def resume(line: Line, piled: Piled, missed: Missed, below: str = "") -> dict[str, Any]:
    """The modal that asks what becomes of what fell due in the pause, or was missed where it was held up. `below`: the
    view that it lies on."""
    words, options = _stood_still(line, piled, missed) if any(missed) else _went_on(line, piled)
    blocks: list[Block] = [
        ui.section(words),
        ui.field("What piled up", PILED, choose.radios("distributions.piled", options, chosen=SEND)),
    ]
    if line.to_go:
        already = count(line.to_go, "text that was about to leave goes", "texts that were about to leave go")
        blocks.append(ui.context(f"{already} out either way."))
    return ui.modal("Resume", blocks, callback_id=RESUMED, submit="Resume", metadata=f"{line.id} {below}".strip())


def _went_on(line: Line, piled: Piled) -> tuple[str, list[Option]]:
    """What fell due in a pause by a person, and what may become of it."""
    them = _them(piled)
    leave = "It leaves now" if sum(piled) == 1 else "They leave now, in the order in which they fell due"
    options = [
        ui.option(f"Send what piled up: {them}", SEND, leave),
        ui.option("Only what comes from now", DROP, f"Never sent: {them}"),
    ]
    return f"*{escape(line.subject)}* went on noticing while it was paused: {them} fell due and waited.", options


def _stood_still(line: Line, piled: Piled, missed: Missed) -> tuple[str, list[Option]]:
    """What became of one that was held up, and what may become of what it missed."""
    words = [f"*{escape(line.subject)}* could not go on, and stood still."]
    if any(piled):
        words.append(f"{_them(piled)} fell due and {'waits' if sum(piled) == 1 else 'wait'}.")
    if missed.events:
        more = "More than " if missed.events > MOST else ""
        events = count(min(missed.events, MOST), "event")
        words.append(f"{more}{events} came in that may set it off, not looked at yet.")
    if missed.members:
        words.append("Who entered its segment meanwhile is found once it goes on.")
    never = (
        "Nobody is texted for having entered by now"
        if missed.members
        else "What would have left by now is never sent; the rest goes in its time"
    )
    options = [
        ui.option("Send what piled up", SEND, "What is due leaves now, and the rest in its time"),
        ui.option("Only what comes from now", DROP, never),
    ]
    return " ".join(words), options
