"""What people see of a distribution in its channel while it is under way, or where it came to nothing."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil

from slack_sdk.models.blocks import Block, ButtonElement

from commands.ui import blocks as ui
from commands.ui import charts
from commands.ui.text import count, duration, escape, is_person, moment, number, who

CALL_BACK = "distributions.call_back"
PAUSE = "distributions.pause"
RESUME = "distributions.resume"
RESUME_PILED = f"{RESUME}:piled"  # asks what becomes of what piled up
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
    resting: bool = False  # which may be a holiday
    lapses: str = ""  # "24 hours": of those asleep, some have their time from when each was made, and not enough of it
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
    automatic: bool = False
    ends_at: datetime | None = None  # when an automatic one fires for the last time
    ending: bool = False  # it fires no more; what is planned goes on
    reminders_left: int = 0  # reminders that are still to come, however many customers each is for
    next_reminder_at: datetime | None = None
    repeats: str = ""  # "every Monday at 09:00": it is sent again and again
    copies: int = 0  # how many times it was sent so far
    copies_refused: int = 0  # and how many times it could not be: no codes, or nobody
    late: bool = False  # it fell due while nothing ran, and waits for a word
    own_time: str = ""  # "1 Jul 2026 at 09:00, each customer's own time": until the last clocks on earth show it

    @property
    def to_go(self) -> int:
        """Messages that are still to be sent."""
        return max(0, self.total - self.sent - self.failed - self.unknown - self.cancelled)

    @property
    def settled(self) -> int:
        """Messages whose fate is known, or as known as it will be without help."""
        return self.total - self.to_go


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
AUTOMATIC = {"scheduled": "About to go live", "sending": "Live", "done": "Ended"}


def progress(line: Line) -> list[Block]:
    """The message of a distribution that is not over yet."""
    blocks: list[Block] = [ui.header(f"{title(line)} · {line.subject}")]
    if line.called_back:
        blocks.append(ui.section(f"{escape(line.reason)} Its codes are going back; in a moment it is a draft again."))
    elif line.status == "scheduled":
        blocks.append(ui.section(_goes_out(line)))
    elif line.status == "blocking":
        what = "The audience is being fixed, and a code set aside for each customer. Nothing has left yet."
        blocks.append(ui.section(f"{what}{_leaves(line)}"))
    elif line.held_for is not None and line.status == "sending":
        blocks.append(ui.section(f"*{count(line.to_go, 'text')}* waiting, nothing has left yet.{_leaves(line)}"))
    elif line.repeats:
        blocks.append(ui.section(f"⚠ {escape(line.reason)} Nothing of it is sent until somebody resumes it."))
        blocks.append(ui.section(_goes_out(line)))
    else:
        bar = charts.bar(line.settled, line.total, BAR)
        blocks.append(ui.section(f"{bar}  {_how_far(line)}\n{_counts(line)}"))
        if line.status == "paused":
            why = escape(line.reason) or "Nothing is sent until somebody resumes it."
            blocks.append(ui.section(f"⚠ {why}" if line.reason else why))
        blocks += waits(line)
        if line.reminders_left:
            blocks.append(ui.context(f"{reminders_to_come(line)}."))
    blocks.append(ui.context(f"Asked for by {who(line.requested_by)}"))
    buttons = _buttons(line)
    return [*blocks, ui.actions(*buttons, block_id=ACTIONS)] if buttons else blocks


def title(line: Line) -> str:
    """Where it stands, in a word or two."""
    if line.called_back:
        return "Called back"
    if line.automatic:
        return "Ending" if line.ending and line.status == "sending" else AUTOMATIC.get(line.status, STATUS[line.status])
    if line.repeats and line.status == "done":
        return "Ended"
    return "About to send" if line.status == "sending" and line.held_for is not None else STATUS[line.status]


def _goes_out(line: Line) -> str:
    """When a scheduled one is sent; a repeating one: by which rule, and next when."""
    if line.late:
        return "It was to go out while promobot was not running. Its card asks what now: at once, later, or not at all."
    if line.repeats:
        sent_so_far = f" {times(line)} so far." if line.copies or line.copies_refused else ""
        at = f" Next {moment(line.send_at)}." if line.send_at and line.status == "scheduled" else ""
        return f"Sent {escape(line.repeats)}.{at}{sent_so_far} Each time is a distribution with a report of its own."
    if line.own_time:
        return f"Goes out on {line.own_time}."
    return f"Goes out {moment(line.send_at)}." if line.send_at else "Goes out in a moment."


def times(line: Line) -> str:
    """How often a repeating one was sent, and how often it could not be: "Sent 4 times, and not sent 1 time"."""
    parts = [f"sent {count(line.copies, 'time')}"] if line.copies else []
    parts += [f"not sent {count(line.copies_refused, 'time')}"] if line.copies_refused else []
    words = ", and ".join(parts)
    return words[:1].upper() + words[1:]


def reminders_to_come(line: Line) -> str:
    """ "2 reminders to come, the next on 5 Nov at 12:00"."""
    at = f", the next {moment(line.next_reminder_at)}" if line.next_reminder_at else ""
    return f"{count(line.reminders_left, 'reminder')} to come{at}"


def _leaves(line: Line) -> str:
    """When the first text leaves, and what can be done about it until then; in steps, so that edits are few."""
    if line.held_for is None:
        return ""
    seconds = 5 * ceil(line.held_for / 5) if line.held_for <= 60 else 60 * ceil(line.held_for / 60)
    first = f"The first leaves in *{duration(seconds)}*."
    if line.own_time:  # which may be hours from now, and is not known before the texts are looked at
        first = f"They leave on {escape(line.own_time)}, and none in the next *{duration(seconds)}*."
    return f"\n{first} Until then you can call it back and get it as a draft again."


def waits(line: Line) -> list[Block]:
    """Who sleeps, or whose own clock does not show the time yet, and until when there is time to send."""
    words = []
    if line.asleep:
        what = f"for the end of quiet hours{' or a holiday' if line.resting else ''}"
        what = f"for {line.own_time}" if line.own_time else what
        words.append(f"{count(line.asleep, 'text')} waiting {what}{_wakes(line)}")
    if line.gives_up_at and line.to_go and (line.asleep or line.status == "paused"):
        words.append(f"What has not left {moment(line.gives_up_at)} is given up, and its codes are free again.")
    return [ui.context(" ".join(words))] if words else []


def _wakes(line: Line) -> str:
    """When those who sleep are texted, or that for some of them it is too late then."""
    if line.wakes is None or line.status != "sending":
        return "."
    too_late = line.gives_up_at is not None and line.gives_up_at <= line.wakes and not line.own_time
    if line.lapses or too_late:
        given_up = f" What has waited {line.lapses} by then is given up." if line.lapses else ""
        return f", {moment(line.wakes)} at the earliest.{given_up}"
    return f". {'It leaves' if line.asleep == 1 else 'The first leave'} {moment(line.wakes)}."


def _buttons(line: Line) -> list[ButtonElement]:
    """What can be done with it now."""
    if line.called_back:
        return []
    held = line.held_for is not None and line.status == "sending"
    buttons = []
    if line.status == "paused":
        buttons.append(_resume(line))
    if line.may_call_back:
        buttons.append(ui.button("Call back", CALL_BACK, line.id, style="primary" if held else None))
    if line.status == "sending" or (line.status == "scheduled" and line.repeats and not line.late):
        buttons.append(ui.button("Pause", PAUSE, line.id))
    if line.to_settle:
        buttons.append(ui.button(f"Settle {number(line.to_settle)} unknown…", SETTLE, line.id))
    if line.status != "blocking" and not held:
        buttons.append(_stop(line))
    return buttons


def _resume(line: Line) -> ButtonElement:
    """Go on; it asks first where something may have piled up."""
    asks = line.automatic or line.reminders_left > 0
    label, action = ("Resume…", RESUME_PILED) if asks else ("Resume", RESUME)
    return ui.button(label, action, line.id, style="primary")


def retry(line: Line, retryable: int) -> ButtonElement:
    """Send again what failed. It knows the batches that there are, so that a second press finds it done."""
    return ui.button(f"Retry {number(retryable)} failed", RETRY, f"{line.id}:{line.last_batch}")


def paused(line: Line) -> list[Block]:
    """What is said in the channel when it pauses by itself: an edited message calls nobody."""
    return [ui.section(paused_in_a_line(line)), ui.actions(_resume(line))]


def paused_in_a_line(line: Line) -> str:
    """Why, whom it concerns, and what waits, in mrkdwn."""
    waiting = f"{count(line.to_go, 'text waits', 'texts wait')}; what" if line.to_go else "What"
    you = f"{who(line.requested_by)}: " if is_person(line.requested_by) else ""
    return f"{you}*{escape(line.subject)}* paused by itself. {escape(line.reason)} {waiting} was sent stays sent."


def taken_back(line: Line) -> list[Block]:
    """The last words of a message whose distribution is a draft again: the next sending has a message of its own."""
    void = " Its approval is void: it needs a new one." if line.void else ""
    nobody = "Nobody was texted, and every code is back."
    if line.copies or line.copies_refused:
        nobody = f"{times(line)} so far: each has a report of its own. No further time comes."
    # A system's draft is nobody's here to go on with: whoever presses gets one like it.
    does = CONTINUE if is_person(line.requested_by) else AGAIN
    return [
        ui.header(f"{'Not sent' if not line.copies else 'Called back'} · {line.subject}"),
        ui.section(f"{escape(line.reason) or 'It was taken back to be changed.'}\n{nobody}{void}"),
        ui.context(f"{who(line.requested_by)} has it as a draft"),
        ui.actions(ui.button("Edit and send again…", does, line.id, style="primary"), block_id=ACTIONS),
    ]


def too_late(text: str, line: Line) -> list[Block]:
    """What whoever calls back a moment too late is told, with what is left to do."""
    return [ui.section(text), ui.actions(_stop(line))]


def in_a_line(line: Line) -> str:
    """The same for notifications and screen readers."""
    if line.status in ("draft", "pending", "discarded"):
        return f"Not sent: {escape(line.subject)}. {escape(line.reason)}"
    words = f"{title(line)}: {escape(line.subject)}"
    if line.held_for is None and line.status in ("sending", "paused", "done", "stopped") and not line.repeats:
        words += f", {number(line.sent)} of {number(line.total)} sent"
    return f"{words}. {escape(line.reason)}" if line.reason and line.status in ("paused", "refused") else words


def repeated(line: Line) -> list[Block]:
    """The message of a repeating one that is over."""
    sent = f"{times(line)}: each has a report of its own." if times(line) else "It was never sent."
    return [
        ui.header(f"{title(line)} · {line.subject}"),
        ui.section(f"{escape(line.reason)} It was to be sent {escape(line.repeats)}. {sent}"),
        ui.context(f"Asked for by {who(line.requested_by)}"),
        ui.actions(ui.button("Send again as a new one…", AGAIN, line.id), block_id=ACTIONS),
    ]


def not_sent(line: Line) -> list[Block]:
    """The message of a distribution that came to nothing."""
    return [
        ui.header(f"Not sent · {line.subject}"),
        ui.section(f"{escape(line.reason) or 'It was not approved.'}\nNobody was texted, and every code is back."),
        ui.context(f"Asked for by {who(line.requested_by)}"),
        ui.actions(ui.button("Change and send again…", AGAIN, line.id), block_id=ACTIONS),
    ]


def _how_far(line: Line) -> str:
    # The first few say little about the rest.
    # Who sleeps is texted hours later, whatever the speed.
    known = line.seconds_left and line.status == "sending" and line.settled * 20 >= line.total and not line.asleep
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
    if line.status == "scheduled" or line.repeats:
        what = "It will not be sent. You can send it again as a new one."
        if line.repeats:
            what = "It is not sent any more. What was sent stays sent. You can send it again as a new one."
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
