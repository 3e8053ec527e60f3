"""The list of groups as one table, which Slack itself sorts, filters and pages (docs.slack.dev, data table block)."""

from collections.abc import Sequence
from typing import Any

from slack_sdk.models.blocks import Block, InteractiveElement

from commands.groups.place import TABLE
from commands.groups.views import OPEN, TURN, WORDS_MAX, Shown, head
from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import clip, count, number

# A table takes 100 rows and 10,000 characters; a name takes up to 60 of them, the numbers as much.
ROWS = 75
SHOWN_AT_ONCE = 15
PICK = "groups.pick"

COLUMNS = ("Group", "Active", "Runs out", "Total", "Blocked", "Issued", "Redeemed", "Last day")
CHARACTERS = 9_500


def listing(
    page: paging.Page[Shown], words: str, *, may_edit: bool, note: str = ""
) -> tuple[str, list[Block | dict[str, Any]]]:
    """The list as a message: its plain text and its blocks."""
    words = words[:WORDS_MAX]
    blocks: list[Block | dict[str, Any]] = [*head(page, words, TABLE, may_edit=may_edit, note=note)]
    if page.items:
        rows = [_row(shown, clip_to=CHARACTERS // len(page.items) - 60) for shown in page.items]
        blocks.append(
            {
                "type": "data_table",
                "caption": count(page.total, "group"),
                "page_size": SHOWN_AT_ONCE,
                "row_header_column_index": 0,
                "rows": [[_text(head) for head in COLUMNS], *rows],
            }
        )
        blocks.append(ui.actions(picker(page.items), block_id="groups.picker"))
    blocks += paging.turner(page, f"{TURN}:{TABLE}:{words}")
    names = ", ".join(f"{shown.line.name} ({number(shown.line.active)} active)" for shown in page.items)
    return clip(f"Promo code groups: {names or 'none yet'}", 3000), blocks


def picker(shown: Sequence[Shown]) -> InteractiveElement:
    """The select that opens a group of the table."""
    options = [ui.option(each.line.name, f"{OPEN} {each.line.id} 0 {TABLE}") for each in shown]
    return choose.select(PICK, options, placeholder="Open a group")


def _row(shown: Shown, clip_to: int) -> list[dict[str, Any]]:
    """A group's cells."""
    line = shown.line
    mark = "⚠ " if line.low and not shown.expired else ""
    day = f"{shown.last_day.day} {shown.last_day:%b %Y}" if shown.last_day else "–"
    active, *rest = (
        {"type": "raw_number", "value": value, "text": number(value)}
        for value in (line.active, line.total, line.blocked, line.issued, line.redeemed)
    )
    return [
        _text(clip(f"{mark}{line.name}", max(clip_to, 20))),
        active,
        _text(shown.runs_out or "–"),
        *rest,
        _text(day),
    ]


def _text(text: str) -> dict[str, Any]:
    return {"type": "raw_text", "text": text}
