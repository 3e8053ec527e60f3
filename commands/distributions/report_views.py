"""What people see of a distribution when it is over, or when they ask: its report, in numbers that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, ButtonElement

from commands.distributions.live_views import not_sent, planned
from commands.distributions.views import ACTIONS, AGAIN, CSV, PAUSE, SETTLE, STOP, Line, retry, title
from commands.ui import blocks as ui
from commands.ui import charts
from commands.ui.text import clip, count, duration, escape, moment, number, percent, who
from distribution.steps import Step
from storage.planned_counts import Counts


@dataclass(frozen=True)
class Codes:
    """What became of the codes that were set aside from one group."""

    group: str
    issued: int
    returned: int
    held: int
    redeemed: int = 0
    expired: int = 0  # of those issued, not used in time
    kept: int = 0  # of those issued, with no text that counts as sent


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
    without_code: int = 0  # sent as the text for when no code is left
    retryable: int = 0  # failed ones that a click on Retry sends again
    segments: int = 0
    pictures: int = 0
    planned: Counts = field(default_factory=Counts)  # texts that were not made (yet): beside the balance
    steps: Sequence[Step] = ()  # where there are reminders: each text by itself
    reminders: Sequence[str] = ()  # when each reminder goes
    chart: charts.Chart | None = None
    balance_error: str | None = None


def report(facts: Report) -> list[Block]:
    """The report without its chart: the receipt, codes, failures, and what can be done."""
    line = facts.line
    blocks: list[Block] = [ui.header(f"{title(line)} · {line.subject}")]
    if line.automatic and line.started_at:
        until = f" until {moment(line.finished_at)}" if line.finished_at else ""
        blocks.append(
            ui.context(f"Asked for by {who(line.requested_by)} · live since {moment(line.started_at)}{until}")
        )
    elif line.started_at and line.finished_at:
        took = duration((line.finished_at - line.started_at).total_seconds())
        blocks.append(ui.context(f"Asked for by {who(line.requested_by)} · {moment(line.started_at)} · took {took}"))
    if facts.balance_error:
        blocks.append(ui.section(f"⚠ These numbers do not add up: {escape(facts.balance_error)}. Tell an admin."))
    blocks.append(ui.section("\n".join([receipt(facts), *_after(facts)])))
    if facts.steps:
        blocks.append(ui.section("\n".join(_step(facts, step) for step in facts.steps)))
    if beside := [*planned(facts.planned), *not_sent(facts.planned)]:
        blocks.append(ui.section("\n".join(beside)))
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
        buttons.append(retry(line, facts.retryable))
    if line.to_settle:
        buttons.append(ui.button(f"Settle {number(line.to_settle)} unknown…", SETTLE, line.id))
    if line.reminders_left and line.status == "done":
        buttons += _reminders_to_come(line)
    buttons.append(ui.button("CSV", CSV, line.id))
    buttons.append(ui.button("Clone…" if line.automatic else "Send again…", AGAIN, line.id))
    return ui.actions(*buttons, block_id=ACTIONS)


def with_chart(facts: Report, *, native: bool) -> list[Block | dict[str, Any]]:
    """The whole report; `native`: with Slack's own chart, else with its numbers as text."""
    middle: list[Block | dict[str, Any]] = []
    if facts.chart:
        middle.append(charts.block(facts.chart) if native else ui.section(charts.as_text(facts.chart)))
    return [*report(facts), *middle, report_actions(facts)]


def _reminders_to_come(line: Line) -> list[ButtonElement]:
    """What can be done with reminders that are still to come, of a distribution that is over but for these."""
    them = count(line.reminders_left, "reminder")
    what = f"{them} to come {'is' if line.reminders_left == 1 else 'are'} not sent to anybody. This cannot be undone."
    question = ui.confirm("Stop the reminders?", what, "Stop", "Go on", danger=True)
    return [
        ui.button("Pause reminders", PAUSE, line.id),
        ui.button("Stop reminders", STOP, line.id, style="danger", confirm=question),
    ]


def receipt(facts: Report) -> str:
    """The sum that must balance: "412 in the audience = 14 left out + 395 sent + 2 failed + 1 unknown"."""
    line = facts.line
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
    words = f"{_whole(facts)} = {' + '.join(parts)}"
    if facts.excluded:
        words += "\nLeft out: " + " · ".join(f"{number(n)} {escape(why)}" for why, n in facts.excluded.items())
    return words


def _whole(facts: Report) -> str:
    """What the receipt is the sum of: an audience, its reminders too, or the texts that were set off."""
    line = facts.line
    whole, reminders = line.total + line.excluded, sum(step.made for step in facts.steps if step.step)
    if line.automatic:
        return f"*{count(whole, 'text')}*" + (f" ({count(reminders, 'reminder')} among them)" if reminders else "")
    if reminders:
        return f"*{number(whole - reminders)} in the audience + {count(reminders, 'reminder')}*"
    return f"*{number(whole)} in the audience*"


def _step(facts: Report, step: Step) -> str:
    """What became of the first text, or of one reminder, in a line."""
    name = f"Reminder {step.step}" if step.step else "First text"
    parts = [f"{number(step.sent)} sent", f"{number(step.delivered)} delivered"]
    for n, word in (
        (step.failed, "failed"),
        (step.unknown, "unknown"),
        (step.excluded, "left out"),
        (step.cancelled, "stopped"),
        (step.pending, "to go"),
        (step.waiting, "planned"),
        (sum(step.dropped.values()), "not sent"),
    ):
        if n:
            parts.append(f"{number(n)} {word}")
    when = facts.reminders[step.step - 1] if 0 < step.step <= len(facts.reminders) else ""
    return f"*{name}:* {' · '.join(parts)}" + (f"  _{escape(when)}_" if when else "")


def _after(facts: Report) -> list[str]:
    """What happened after the texts had left."""
    line = facts.line
    parts = [f"Delivered {number(line.delivered)} ({percent(line.delivered, line.sent)} of sent)"]
    if line.opted_out:
        parts.append(f"Opted out {number(line.opted_out)}")
    if facts.redeemed is not None:
        parts.append(f"Redeemed {number(facts.redeemed)} so far")
    if facts.without_code:
        parts.append(f"{count(facts.without_code, 'text')} without a code, as none was left")
    if facts.repeated:
        parts.append(f"{count(facts.repeated, 'code')} sent again")
    if facts.segments:
        parts.append(count(facts.segments, "SMS segment"))
    if facts.pictures:
        parts.append(count(facts.pictures, "picture message"))
    return [" · ".join(parts)]


def _codes(codes: Codes) -> str:
    parts = [f"{number(codes.issued)} issued"]
    if codes.returned:
        parts.append(f"{number(codes.returned)} returned to active")
    if codes.kept:
        parts[0] += f", {number(codes.kept)} of them without a text that is known to be sent"
    if codes.held:
        parts.append(f"{number(codes.held)} held")
    if codes.redeemed:
        parts.append(f"{number(codes.redeemed)} redeemed ({percent(codes.redeemed, codes.issued)})")
    if codes.expired:
        parts.append(f"{number(codes.expired)} expired unused")
    return f"*Codes of “{escape(clip(codes.group, 60))}”:* {' · '.join(parts)}"
