"""What people see of a distribution in its channel: one message that is its progress, and then its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement

from commands.ui import blocks as ui
from commands.ui import charts
from commands.ui.text import clip, count, duration, escape, moment, number, percent, who

CALL_BACK = "distributions.call_back"
PAUSE = "distributions.pause"
RESUME = "distributions.resume"
STOP = "distributions.stop"
RETRY = "distributions.retry"
SETTLE = "distributions.settle"
CSV = "distributions.csv"
AGAIN = "distributions.again"
CONTINUE = "distributions.continue"
OPEN = "distributions.open"

# A message is edited while somebody presses its buttons: under one id they stay the same buttons.
ACTIONS = "distributions.actions"

BAR = 20


@dataclass(frozen=True)
class Line:
    """One distribution and its numbers, as lists and progress show it.

    `total` is the audience without those left out; it is made of `sent` (accepted, whatever became of it), `failed`,
    `unknown`, `cancelled` and what is still to go.
    """

    id: int
    subject: str
    status: str
    requested_by: str
    reason: str = ""
    total: int = 0
    sent: int = 0
    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    cancelled: int = 0
    excluded: int = 0
    send_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    seconds_left: float | None = None
    asleep: int = 0  # texts that wait for the end of their customers' quiet hours
    wakes: datetime | None = None  # when the first of these end
    gives_up_at: datetime | None = None  # what has not left by then is not sent
    held_for: float | None = None  # seconds until the first text may leave; None once it may
    may_call_back: bool = False  # nothing has left yet
    called_back: bool = False  # and it goes back to a draft
    void: bool = False  # its approval holds no more
    opted_out: int = 0
    redeemed: int = 0
    to_settle: int = 0  # unknown ones that only a person can settle
    last_batch: int = 0  # a retry that knows of no later one was pressed once already

    @property
    def to_go(self) -> int:
        """Messages that are still to be sent."""
        return max(0, self.total - self.sent - self.failed - self.unknown - self.cancelled)

    @property
    def settled(self) -> int:
        """Messages whose fate is known, or as known as it will be without help."""
        return self.total - self.to_go


@dataclass(frozen=True)
class Codes:
    """What became of the codes that were set aside from one group."""

    group: str
    issued: int
    returned: int
    held: int
    redeemed: int = 0
    expired: int = 0  # of those issued, not used in time


@dataclass(frozen=True)
class Report:
    """What a report says beside the numbers of its line."""

    line: Line
    codes: Sequence[Codes] = ()
    excluded: Mapping[str, int] = field(default_factory=dict)  # words → how many
    failures: Mapping[str, int] = field(default_factory=dict)
    unknowns: Mapping[str, int] = field(default_factory=dict)
    redeemed: int | None = None  # None where no code was given
    repeated: int = 0  # codes sent again that their customers had
    retryable: int = 0  # failed ones that a click on Retry sends again
    segments: int = 0
    chart: charts.Chart | None = None
    balance_error: str | None = None


STATUS = {
    "draft": "Draft",
    "pending": "Waits for approval",
    "scheduled": "Scheduled",
    "blocking": "Setting codes aside",
    "sending": "Sending",
    "paused": "Paused",
    "done": "Sent",
    "stopped": "Stopped",
    "refused": "Not sent",
    "discarded": "Discarded",
}


def progress(line: Line) -> list[Block]:
    """The message of a distribution that is not over yet."""
    blocks: list[Block] = [ui.header(f"{title(line)} · {line.subject}")]
    if line.called_back:
        blocks.append(ui.section(f"{escape(line.reason)} Its codes are going back; in a moment it is a draft again."))
    elif line.status == "scheduled":
        blocks.append(ui.section(f"Goes out {moment(line.send_at)}." if line.send_at else "Goes out in a moment."))
    elif line.status == "blocking":
        what = "The audience is being fixed, and a code set aside for each customer. Nothing has left yet."
        blocks.append(ui.section(f"{what}{_leaves(line)}"))
    elif line.held_for is not None and line.status == "sending":
        blocks.append(ui.section(f"*{count(line.to_go, 'text')}* waiting, nothing has left yet.{_leaves(line)}"))
    else:
        bar = charts.bar(line.settled, line.total, BAR)
        blocks.append(ui.section(f"{bar}  {_how_far(line)}\n{_counts(line)}"))
        if line.status == "paused":
            why = escape(line.reason) or "Nothing is sent until somebody resumes it."
            blocks.append(ui.section(f"⚠ {why}" if line.reason else why))
        blocks += _waits(line)
    blocks.append(ui.context(f"Asked for by {who(line.requested_by)}"))
    buttons = _buttons(line)
    return [*blocks, ui.actions(*buttons, block_id=ACTIONS)] if buttons else blocks


def title(line: Line) -> str:
    """Where it stands, in a word or two."""
    if line.called_back:
        return "Called back"
    return "About to send" if line.status == "sending" and line.held_for is not None else STATUS[line.status]


def _leaves(line: Line) -> str:
    """When the first text leaves, and what can be done about it until then; in steps, so that edits are few."""
    if line.held_for is None:
        return ""
    seconds = 5 * ceil(line.held_for / 5) if line.held_for <= 60 else 60 * ceil(line.held_for / 60)
    return f"\nThe first leaves in *{duration(seconds)}*. Until then you can call it back and get it as a draft again."


def _waits(line: Line) -> list[Block]:
    """Who sleeps, and until when there is time; nothing where neither holds anything up."""
    words = []
    if line.asleep:
        wakes = f" The first leave {moment(line.wakes)}." if line.wakes else ""
        words.append(f"{count(line.asleep, 'text')} waiting for the end of quiet hours.{wakes}")
    if line.gives_up_at and line.to_go and (line.asleep or line.status == "paused"):
        words.append(f"What has not left {moment(line.gives_up_at)} is given up, and its codes are free again.")
    return [ui.context(" ".join(words))] if words else []


def _buttons(line: Line) -> list[ButtonElement]:
    """What can be done with it now."""
    if line.called_back:
        return []
    held = line.held_for is not None and line.status == "sending"
    buttons = [ui.button("Resume", RESUME, line.id, style="primary")] if line.status == "paused" else []
    if line.may_call_back:
        buttons.append(ui.button("Call back", CALL_BACK, line.id, style="primary" if held else None))
    if line.status == "sending":
        buttons.append(ui.button("Pause", PAUSE, line.id))
    if line.to_settle:
        buttons.append(ui.button(f"Settle {number(line.to_settle)} unknown…", SETTLE, line.id))
    if line.status != "blocking" and not held:
        buttons.append(_stop(line))
    return buttons


def paused(line: Line) -> list[Block]:
    """What is said in the channel when it pauses by itself: an edited message calls nobody."""
    return [ui.section(paused_in_a_line(line)), ui.actions(ui.button("Resume", RESUME, line.id, style="primary"))]


def paused_in_a_line(line: Line) -> str:
    """Why, whom it concerns, and what waits, in mrkdwn."""
    waits = f"{count(line.to_go, 'text waits', 'texts wait')}; what was sent stays sent."
    return f"{who(line.requested_by)}: *{escape(line.subject)}* paused by itself. {escape(line.reason)} {waits}"


def taken_back(line: Line) -> list[Block]:
    """The last words of a message whose distribution is a draft again: the next sending has a message of its own."""
    void = " Its approval is void: it needs a new one." if line.void else ""
    return [
        ui.header(f"Not sent · {line.subject}"),
        ui.section(
            f"{escape(line.reason) or 'It was taken back to be changed.'}\n"
            f"Nobody was texted, and every code is back.{void}"
        ),
        ui.context(f"{who(line.requested_by)} has it as a draft"),
        ui.actions(ui.button("Edit and send again…", CONTINUE, line.id, style="primary"), block_id=ACTIONS),
    ]


def too_late(text: str, line: Line) -> list[Block]:
    """What whoever calls back a moment too late is told, with what is left to do."""
    return [ui.section(text), ui.actions(_stop(line))]


def in_a_line(line: Line) -> str:
    """The same for notifications and screen readers."""
    if line.status in ("draft", "pending", "discarded"):
        return f"Not sent: {escape(line.subject)}. {escape(line.reason)}"
    words = f"{title(line)}: {escape(line.subject)}"
    if line.held_for is None and line.status in ("sending", "paused", "done", "stopped"):
        words += f", {number(line.sent)} of {number(line.total)} sent"
    return f"{words}. {escape(line.reason)}" if line.reason and line.status in ("paused", "refused") else words


def not_sent(line: Line) -> list[Block]:
    """The message of a distribution that came to nothing."""
    return [
        ui.header(f"Not sent · {line.subject}"),
        ui.section(f"{escape(line.reason) or 'It was not approved.'}\nNobody was texted, and every code is back."),
        ui.context(f"Asked for by {who(line.requested_by)}"),
        ui.actions(ui.button("Change and send again…", AGAIN, line.id), block_id=ACTIONS),
    ]


def report(facts: Report) -> list[Block]:
    """The report without its chart: the receipt, codes, failures, and what can be done."""
    line = facts.line
    blocks: list[Block] = [ui.header(f"{STATUS[line.status]} · {line.subject}")]
    if line.started_at and line.finished_at:
        took = duration((line.finished_at - line.started_at).total_seconds())
        blocks.append(ui.context(f"Asked for by {who(line.requested_by)} · {moment(line.started_at)} · took {took}"))
    if facts.balance_error:
        blocks.append(ui.section(f"⚠ These numbers do not add up: {escape(facts.balance_error)}. Tell an admin."))
    blocks.append(ui.section("\n".join([receipt(line, facts.excluded), *_after(facts)])))
    if facts.codes:
        blocks.append(ui.section("\n".join(_codes(codes) for codes in facts.codes)))
    if facts.failures:
        why = " · ".join(f"{escape(words)} ({number(n)})" for words, n in facts.failures.items())
        blocks.append(ui.section(f"*Why {number(line.failed)} failed*\n{why}"))
    if line.unknown:
        blocks.append(ui.section(_unknown(facts)))
    return blocks


def _unknown(facts: Report) -> str:
    """What is known of the texts that may or may not have left, and who finds out."""
    line = facts.line
    why = " · ".join(f"{escape(words)} ({number(n)})" for words, n in facts.unknowns.items())
    asked, told = line.unknown - line.to_settle, []
    if asked:
        told.append(f"The provider is being asked about {number(asked)}.")
    if line.to_settle:
        it, code = ("it", "Its code stays") if line.to_settle == 1 else ("them", "Their codes stay")
        told.append(
            f"Nobody can be asked about {number(line.to_settle)}: look in the provider's own log and settle {it}. "
            f"{code} held until then, so that nobody is texted twice."
        )
    return f"*{number(line.unknown)} unknown* · {why}\n{' '.join(told)}"


def report_actions(facts: Report) -> Block:
    """What can be done with a report."""
    line = facts.line
    buttons: list[ButtonElement] = []
    if facts.retryable:
        buttons.append(ui.button(f"Retry {number(facts.retryable)} failed", RETRY, f"{line.id}:{line.last_batch}"))
    if line.to_settle:
        buttons.append(ui.button(f"Settle {number(line.to_settle)} unknown…", SETTLE, line.id))
    buttons.append(ui.button("CSV", CSV, line.id))
    buttons.append(ui.button("Send again…", AGAIN, line.id))
    return ui.actions(*buttons, block_id=ACTIONS)


def with_chart(facts: Report, *, native: bool) -> list[Block | dict[str, Any]]:
    """The whole report; `native`: with Slack's own chart, else with its numbers as text."""
    middle: list[Block | dict[str, Any]] = []
    if facts.chart:
        middle.append(charts.block(facts.chart) if native else ui.section(charts.as_text(facts.chart)))
    return [*report(facts), *middle, report_actions(facts)]


def receipt(line: Line, excluded: Mapping[str, int]) -> str:
    """The sum that must balance: "412 in the audience = 14 left out + 395 sent + 2 failed + 1 unknown"."""
    audience = line.total + line.excluded
    parts = [f"{number(line.sent)} sent"]
    if line.excluded:
        parts.insert(0, f"{number(line.excluded)} left out")
    for n, word in (
        (line.failed, "failed"),
        (line.unknown, "unknown"),
        (line.cancelled, "stopped"),
        (line.to_go, "to go"),
    ):
        if n:
            parts.append(f"{number(n)} {word}")
    words = f"*{number(audience)} in the audience* = {' + '.join(parts)}"
    if excluded:
        words += "\nLeft out: " + " · ".join(f"{number(n)} {escape(why)}" for why, n in excluded.items())
    return words


def _after(facts: Report) -> list[str]:
    """What happened after the texts had left."""
    line = facts.line
    parts = [f"Delivered {number(line.delivered)} ({percent(line.delivered, line.sent)} of sent)"]
    if line.opted_out:
        parts.append(f"Opted out {number(line.opted_out)}")
    if facts.redeemed is not None:
        parts.append(f"Redeemed {number(facts.redeemed)} so far")
    if facts.repeated:
        parts.append(f"{count(facts.repeated, 'code')} sent again")
    if facts.segments:
        parts.append(count(facts.segments, "SMS segment"))
    return [" · ".join(parts)]


def _codes(codes: Codes) -> str:
    parts = [f"{number(codes.issued)} issued"]
    if codes.returned:
        parts.append(f"{number(codes.returned)} returned to active")
    if codes.held:
        parts.append(f"{number(codes.held)} held")
    if codes.redeemed:
        parts.append(f"{number(codes.redeemed)} redeemed ({percent(codes.redeemed, codes.issued)})")
    if codes.expired:
        parts.append(f"{number(codes.expired)} expired unused")
    return f"*Codes of “{escape(clip(codes.group, 60))}”* {' · '.join(parts)}"


def _how_far(line: Line) -> str:
    # The first few say little about the rest.
    known = line.seconds_left and line.status == "sending" and line.settled * 20 >= line.total
    left = f" · about {duration(line.seconds_left or 0)} left" if known else ""
    return f"*{number(line.settled)} of {number(line.total)}*{left}"


def _counts(line: Line) -> str:
    parts = [f"{number(line.sent)} sent", f"{number(line.delivered)} delivered so far"]
    if line.failed:
        parts.append(f"{number(line.failed)} failed")
    if line.unknown:
        parts.append(f"{number(line.unknown)} unknown")
    parts.append(f"{number(line.to_go)} to go")
    if line.opted_out:
        parts.append(f"{number(line.opted_out)} opted out")
    if line.redeemed:
        parts.append(f"{number(line.redeemed)} redeemed")
    return " · ".join(parts)


def _stop(line: Line) -> ButtonElement:
    """Stopping is for ever, so it asks."""
    if line.status == "scheduled":
        what = "It will not be sent. You can send it again as a new one."
        return ui.button(
            "Cancel the sending",
            STOP,
            line.id,
            confirm=ui.confirm("Cancel it?", what, "Cancel it", "Keep", danger=True),
        )
    what = (
        f"{count(line.to_go, 'customer')} will not be texted, and their codes go back to the group. "
        "What was sent stays sent. This cannot be undone; Pause can."
    )
    return ui.button(
        "Stop", STOP, line.id, style="danger", confirm=ui.confirm("Stop for good?", what, "Stop", "Go on", danger=True)
    )
