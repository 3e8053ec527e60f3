"""Importing a file of redemptions: correct what its columns say."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block, StaticSelectElement

from commands.ui import blocks as ui
from commands.ui.importing import Importing, columns_modal, examples, order_field, read_order
from commands.ui.text import escape
from distribution.codes.redemption_import import HEADS, Columns
from distribution.errors import Refused
from distribution.files import Table

KIND = Importing(
    "redemptions",
    "one use of a code to a row",
    "You say next which column is which. What cannot be redeemed comes back as a file with the reasons.",
    "codes.import",
)
DATES_BLOCK = "codes.import:dates"

LABELS = {
    "code": "The promo code",
    "when": "When it was used",
    "where": "Where it was used",
    "source": "The use's own id (order, receipt)",
}
HINTS = {
    "when": "Without it, all were used now.",
    "source": "A use with an id is never counted twice, however often its file is imported.",
}
NONE = "none"
COLUMNS_SHOWN = 98


def columns_step(table: Table, guessed: Columns, upload_id: int) -> dict[str, Any]:
    """The second step: which column says what, as guessed."""
    names = table.column_names()[:COLUMNS_SHOWN]
    blocks: list[Block] = [ui.section(f"*{escape(table.filename)}* · say which column is which.")]
    for field in HEADS:
        at = getattr(guessed, field)
        blocks.append(
            ui.field(
                LABELS[field],
                block_of(field),
                _choice(field, names, at),
                hint=_hint(table, field, at),
            )
        )
    blocks.append(order_field(DATES_BLOCK, "codes.import.order", guessed.order))
    return columns_modal(KIND, blocks, upload_id)


def read(values: Mapping[str, Any], time_zone: str) -> Columns:
    """What the second step's inputs say. `time_zone`: of who imports."""
    at = {field: None if values[block_of(field)] in (None, NONE) else int(values[block_of(field)]) for field in HEADS}
    order = read_order(values[DATES_BLOCK])
    return Columns(at["code"] or 0, at["when"], at["where"], at["source"], order, time_zone)


def errors(refusal: Refused) -> dict[str, str]:
    """A refusal at the input that it is about."""
    field = refusal.field or ""
    block = DATES_BLOCK if field == "dates" else block_of(field if field in HEADS else "code")
    return {block: str(refusal)}


def block_of(field: str) -> str:
    """The id of the block that says which column `field` is."""
    return f"codes.import:{field}"


def _choice(field: str, names: list[str], at: int | None) -> StaticSelectElement:
    options = [ui.option(name, place) for place, name in enumerate(names)]
    if field != "code":
        options.insert(0, ui.option("No column", NONE))
    chosen = next((option for option in options if option.value == str(at)), options[0])
    return StaticSelectElement(action_id=f"codes.import.{field}", options=options, initial_option=chosen)


def _hint(table: Table, field: str, at: int | None) -> str | None:
    """The first cells of the column that was guessed, else what it means to have none."""
    return (examples(table, at) if at is not None else "") or HINTS.get(field)
