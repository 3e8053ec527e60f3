"""The card that tells of low stock."""

from datetime import datetime

from slack_sdk.models.blocks import Block, ButtonElement

from commands.groups.views import ADD, OPEN
from commands.ui import blocks as ui
from commands.ui.text import count, escape, number, roughly
from distribution.codes.low_stock import LowStock, TopUp
from distribution.codes.rules import GENERATE_MAX


def mark(facts: LowStock) -> str:
    """What a card is drawn anew for: low or not, and how the top-up goes. Not each code that is given out."""
    top_up = facts.top_up
    words = ("low" if facts.low else "over", "some" if facts.active else "none", top_up.state if top_up else "")
    return " ".join(words).strip()


def card(facts: LowStock, time_zone: str, *, now: datetime) -> tuple[str, list[Block]]:
    """Its plain text and its blocks. `time_zone`: in which the forecast is told."""
    name = escape(facts.name)
    if not facts.low:
        over = [f"*{name}* ran low and is not low any more: {count(facts.active, 'active code')} of "
                f"{number(facts.total)}."]  # fmt: skip
        if facts.top_up is not None:
            over.append(topped_up(facts.top_up, facts.ceiling))
        return f"{facts.name} is not low any more", [ui.section("\n".join(over))]
    lines = [f"*Low stock · {name}*", f"{count(facts.active, 'active code')} of {number(facts.total)} left · "
             f"the level is {number(facts.level)}"]  # fmt: skip
    if not facts.active:
        lines[1] = f"No active code is left of {number(facts.total)}"
    elif facts.runs_out is not None:
        lines.append(f"Runs out about {roughly(facts.runs_out, time_zone, now=now)} at this pace")
    else:
        lines.append("No code was issued in the last 7 days, so there is no forecast.")
    if facts.top_up is not None:
        lines.append(topped_up(facts.top_up, facts.ceiling))
    if not facts.has_format:
        lines.append("The group has no format to make codes by: add codes, or give it one.")
    buttons = [_more(facts), ui.button("Open the group", f"{OPEN}:low", facts.group_id)]
    text = f"Low stock: {facts.name} has {count(facts.active, 'active code')} left"
    return text, [ui.section("\n".join(lines)), ui.actions(*buttons, block_id=f"groups.low:{facts.group_id}")]


def _more(facts: LowStock) -> ButtonElement:
    """The button that opens the form for more codes, set to a week's worth."""
    if not facts.has_format:
        return ui.button("Add codes", f"{ADD}:low", facts.group_id, style="primary")
    wanted = min(facts.suggested, GENERATE_MAX)
    return ui.button(f"Generate {number(wanted)} more", f"{ADD}:low", f"{facts.group_id}+{wanted}", style="primary")


def topped_up(top_up: TopUp, ceiling: int | None) -> str:
    """What became of the automatic top-up, in words."""
    match top_up.state:
        case "none":
            return f"Nothing was topped up: the group has its ceiling of {number(ceiling or 0)} codes."
        case "queued" | "running":
            return f"Automatic top-up: {count(top_up.wanted, 'code is', 'codes are')} being made."
        case "done":
            short = f" of {number(top_up.wanted)}" if top_up.made < top_up.wanted else ""
            return f"Automatic top-up: {number(top_up.made)}{short} codes were made."
        case _:
            return f"Automatic top-up: no codes could be made. {escape(top_up.error)}".strip()
