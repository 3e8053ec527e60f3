"""The one message of a job."""

from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block

from commands.jobs.results import Outcome
from commands.ui.blocks import actions, button, confirm, context, section
from commands.ui.charts import bar
from commands.ui.text import escape, number

Blocks = list[Block | dict[str, Any]]


@dataclass(frozen=True)
class Facts:
    """How a job stands. `outcome`: once it is done, or what stays of one that is not; `error`: once it failed."""

    id: int
    title: str  # mrkdwn
    state: str
    done: int
    total: int | None
    by: str
    outcome: Outcome | None = None
    error: str | None = None


def message(facts: Facts) -> tuple[str, Blocks]:
    """Its plain text, and its blocks."""
    if facts.state == "done" and facts.outcome is not None:
        blocks: Blocks = [section(f"*{facts.title}* · done\n{facts.outcome.text}")]
        buttons = [button(label, f"promo.run:job{n}", words) for n, (label, words) in enumerate(facts.outcome.buttons)]
        if buttons:
            blocks.append(actions(*buttons, block_id=f"jobs.done:{facts.id}"))
        return f"{facts.title}: done. {facts.outcome.text}", blocks
    if facts.state in ("failed", "cancelled"):
        lines = [f"*{facts.title}* · {facts.state}"]
        if facts.error:
            lines.append(escape(facts.error))
        if facts.outcome is not None:
            lines.append(facts.outcome.text)
        elif facts.state == "cancelled":
            lines.append(f"{number(facts.done)} were done and stay." if facts.done else "Nothing was done.")
        return f"{facts.title}: {facts.state}", [section("\n".join(lines))]
    stop = button(
        "Cancel",
        "jobs.cancel",
        facts.id,
        confirm=confirm("Cancel this?", "What was done so far stays.", "Cancel it", "Let it run", danger=True),
    )
    return f"{facts.title}: {_how_far(facts)}", [
        section(f"*{facts.title}*\n{_how_far(facts)}", accessory=stop),
        context(f"Asked for by <@{facts.by}>. This message follows it; you can go on working."),
    ]


def _how_far(facts: Facts) -> str:
    """ "▓▓▓░░ 30,000 of 100,000", without a bar where nobody knows how many there are."""
    if facts.state == "queued":
        return "Waits for its turn."
    if facts.total:
        return f"{bar(facts.done, facts.total)}  {number(facts.done)} of {number(facts.total)}"
    return f"{number(facts.done)} so far" if facts.done else "Starting"
