"""The modals in which a group is created, edited, and given codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block

from commands.groups import inputs
from commands.groups.inputs import block_id
from commands.groups.place import NO_EXPIRY, Place, Typed
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, escape
from distribution.codes.dates import ORDERS
from distribution.codes.dearer import dearer
from distribution.errors import Refused
from distribution.files import Table

SAVE_NEW = "groups.save_new"
SAVE_CODES = "groups.save_codes"
SAVE_EDIT = "groups.save_edit"
SAVE_COLUMN = "groups.save_column"


@dataclass(frozen=True)
class Wrong:
    """A refusal to show in a form that could not be refused on submit (a file's): the engine's field, and the text."""

    field: str | None
    text: str


def errors(view: Mapping[str, Any], refusal: Refused) -> dict[str, str]:
    """A refusal at its own input, or at the last one where the view has none of its own."""
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    own = block_id(refusal.field or "")
    if own not in inputs and refusal.field == "formats":
        own = block_id("count")
    return {own if own in inputs else inputs[-1]: str(refusal)}


def create_form(place: Place, typed: Typed, wrong: Wrong | None = None) -> dict[str, Any]:
    """A new group and its first codes."""
    more = place.more
    blocks = [inputs.name(typed), *inputs.codes(typed, known=(), more=more), *inputs.care(typed, more=more)]
    if not more:
        blocks.append(inputs.options_button())
    return ui.modal(
        "Create a group", _marked(blocks, wrong), callback_id=SAVE_NEW, submit="Create", metadata=place.dump()
    )


def add_form(
    place: Place, name: str, formats: Sequence[str], typed: Typed, wrong: Wrong | None = None
) -> dict[str, Any]:
    """More codes for the group called `name`, whose formats are `formats`."""
    more = place.more or bool(typed.prefix or typed.suffix)
    blocks: list[Block] = [ui.section(f"To *{escape(name)}*")]
    if not formats:
        blocks.append(
            ui.context(
                "This group has no format yet: its codes came from outside. Write one, paste codes or upload them."
            )
        )
    blocks += inputs.codes(typed, known=formats, more=more)
    return ui.modal("Add codes", _marked(blocks, wrong), callback_id=SAVE_CODES, submit="Add", metadata=place.dump())


def edit_form(place: Place, typed: Typed, users: str = "") -> dict[str, Any]:
    """A group's own facts. `users`: the distributions that take codes from it, in words."""
    blocks: list[Block] = [inputs.name(typed)]
    if users:
        blocks.append(ui.context(f"Takes codes from it: {users}. A text that calls it by an old name still finds it."))
    blocks += inputs.recipe(typed, optional=True, hint="Holds for codes made from now on.", more=True)
    blocks += inputs.care(typed, more=True)
    return ui.modal("Edit group", blocks, callback_id=SAVE_EDIT, submit="Save", metadata=place.dump())


def column_form(place: Place, title: str, table: Table, typed: Typed, wrong: Wrong | None = None) -> dict[str, Any]:
    """Which columns of an uploaded file hold the codes and their own expiries; `typed` says what is chosen."""
    options = []
    for at, name in enumerate(table.column_names()[: choose.MOST - 1]):
        sample = ", ".join(row[at] for row in table.sample[:3] if row[at])
        options.append(ui.option(name, at, sample or "nothing in the first rows"))
    none = ui.option("None: they expire with the group", NO_EXPIRY)
    orders = [ui.option("promobot finds out", "auto"), *(ui.option(words, order) for order, words in ORDERS.items())]
    guess = int(typed.column or 0)
    blocks: list[Block] = [
        ui.section(f"*{escape(table.filename)}*"),
        *odd_characters(table, guess),
        ui.field(
            "The column with the codes",
            block_id("column"),
            choose.select("groups.column", options, chosen=guess),
            hint=f"promobot guesses “{clip(table.column_names()[guess], 60)}”.",
        ),
        ui.field(
            "The column with the codes' own expiries",
            block_id("expiry"),
            choose.select("groups.expiry", [none, *options], chosen=typed.expiry or NO_EXPIRY),
            hint="A day that stands there ends at midnight, in your time zone. An empty cell: with the group.",
        ),
        ui.field(
            "How their dates are written",
            block_id("dates"),
            choose.select("groups.dates", orders, chosen=typed.dates or "auto"),
            hint="Only for dates such as 03/04/2026, where no line tells which is the day.",
        ),
    ]
    return ui.modal(
        title, _marked(blocks, wrong), callback_id=SAVE_COLUMN, submit="Add the codes", metadata=place.dump()
    )


def odd_characters(table: Table, column: int) -> list[Block]:
    """A warning where the first codes of a file make texts dearer."""
    said = dearer(row[column] for row in table.sample)
    return [ui.context(f"⚠ {escape(said)}")] if said else []


def _marked(blocks: list[Block], wrong: Wrong | None) -> list[Block]:
    """The form with what is wrong said under its field, as Slack would show it; on top where it has no field here."""
    if wrong is None:
        return blocks
    said = ui.section(f"⚠ {escape(wrong.text)}")
    at = next((at for at, block in enumerate(blocks) if block.block_id == block_id(wrong.field or "")), -1)
    return [*blocks[: at + 1], said, *blocks[at + 1 :]]
