"""Tables: Slack's `data_table` block, which sorts, filters and turns pages itself (slack_sdk has no class for it)."""

from collections.abc import Sequence
from typing import Any

from commands.ui.text import clip, number

# docs.slack.dev/reference/block-kit/blocks/data-table-block; 10,000 characters hold for a whole message.
ROWS, COLUMNS, CHARACTERS, CELL = 100, 20, 10_000, 200

Cell = str | int


def data_table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], *, page: int = 10, block_id: str | None = None
) -> dict[str, Any]:
    """A table of plain text and numbers with `caption` above it; numbers are sorted as numbers.

    Takes at least one row, and as many as Slack's limits leave room for: `fitting` says how many that are. Cells are
    plain text, so nothing in them is escaped.
    """
    table: dict[str, Any] = {
        "type": "data_table",
        "caption": clip(caption, CELL),
        "page_size": max(1, min(page, ROWS)),
        "rows": [[_cell(cell) for cell in row] for row in [head, *rows[: fitting(head, rows)]]],
    }
    if block_id:
        table["block_id"] = block_id
    return table


def fitting(head: Sequence[str], rows: Sequence[Sequence[Cell]], characters: int = CHARACTERS) -> int:
    """How many of `rows`, from the first, fit into one table."""
    left = characters - sum(_length(cell) for cell in head)
    for at, row in enumerate(rows[:ROWS]):
        left -= sum(_length(cell) for cell in row)
        if left < 0:
            return at
    return min(len(rows), ROWS)


def _length(cell: Cell) -> int:
    return min(len(str(cell)), CELL) or 1


def _cell(cell: Cell) -> dict[str, Any]:
    """A cell; Slack refuses an empty one, so nothing is shown as a dash."""
    if isinstance(cell, int):
        return {"type": "raw_number", "value": cell, "text": number(cell)}
    return {"type": "raw_text", "text": clip(cell, CELL) or "–"}
