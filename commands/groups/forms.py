"""The modals in which a group is created, edited, and given codes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block, DatePickerElement, NumberInputElement, PlainTextInputElement
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.groups.place import FILE, GENERATE, PASTE, Place, Typed
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, code, count, escape
from distribution.codes.format import Format, parse_all
from distribution.codes.groups import LOW_STOCK_MAX, NAME_MAX
from distribution.codes.rules import GENERATE_MAX
from distribution.errors import Refused
from distribution.files import FILE_MAX_WORDS, Table

SAVE_NEW = "groups.save_new"
SAVE_CODES = "groups.save_codes"
SAVE_EDIT = "groups.save_edit"
SAVE_COLUMN = "groups.save_column"

METHOD = "groups.method"
FORMATS = "groups.formats"

# What one text input of a modal takes (docs.slack.dev, plain-text input element).
PASTE_MAX = 3000
FILE_TYPES = ("csv", "txt", "tsv", "xlsx", "xls", "ods")
EXAMPLE = "SUMMER-{string('0-9', 4)}{string('a-Z', 10)}"
FORMAT_HINT = "{string('0-9', 4)} is four digits; a-z, A-Z and a-Z are letters. Several formats: one on each line."
ROOM_SHOWN = 10**12
EXAMPLES_SHOWN = 3

METHODS = {
    GENERATE: ("Generate by a format", "promobot makes them up, each one new"),
    PASTE: ("Paste codes", f"Up to {PASTE_MAX:,} characters, one code on each line"),
    FILE: ("Upload a file", f"CSV, TXT or a spreadsheet, up to {FILE_MAX_WORDS}"),
}


@dataclass(frozen=True)
class Wrong:
    """A refusal to show in a form that could not be refused on submit (a file's): the engine's field, and the text."""

    field: str | None
    text: str


def block_id(field: str) -> str:
    """The id of the input of one of the engine's fields."""
    return f"groups.form:{field}"


def errors(view: Mapping[str, Any], refusal: Refused) -> dict[str, str]:
    """A refusal at its own input, or at the last one where the view has none of its own."""
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    own = block_id(refusal.field or "")
    if own not in inputs and refusal.field == "formats":
        own = block_id("count")
    return {own if own in inputs else inputs[-1]: str(refusal)}


def create_form(place: Place, typed: Typed, wrong: Wrong | None = None) -> dict[str, Any]:
    """A new group and its first codes."""
    blocks: list[Block] = [_name(typed), *_codes(typed, known=()), *_care(typed)]
    return ui.modal(
        "Create a group", _marked(blocks, wrong), callback_id=SAVE_NEW, submit="Create", metadata=place.dump()
    )


def add_form(
    place: Place, name: str, formats: Sequence[str], typed: Typed, wrong: Wrong | None = None
) -> dict[str, Any]:
    """More codes for the group called `name`, whose formats are `formats`."""
    blocks: list[Block] = [ui.section(f"To *{escape(name)}*"), *_codes(typed, known=formats)]
    return ui.modal("Add codes", _marked(blocks, wrong), callback_id=SAVE_CODES, submit="Add", metadata=place.dump())


def edit_form(place: Place, typed: Typed, calls: str = "") -> dict[str, Any]:
    """A group's own facts. `calls`: the distributions that call it by its name, in words."""
    blocks: list[Block] = [_name(typed)]
    if calls:
        blocks.append(ui.context(f"Messages that call the group by this name: {calls}"))
    blocks += [*_formats(typed, optional=True, hint="Holds for codes made from now on."), *_care(typed)]
    return ui.modal("Edit group", blocks, callback_id=SAVE_EDIT, submit="Save", metadata=place.dump())


def column_form(place: Place, title: str, table: Table, guess: int, wrong: Wrong | None = None) -> dict[str, Any]:
    """Which column of an uploaded file holds the codes; `guess` (from 0) is chosen."""
    options = []
    for at, name in enumerate(table.column_names()[: choose.MOST]):
        sample = ", ".join(row[at] for row in table.sample[:3] if row[at])
        options.append(ui.option(name, at, sample or "nothing in the first rows"))
    blocks: list[Block] = [
        ui.section(f"*{escape(table.filename)}*"),
        ui.field(
            "The column with the codes",
            block_id("column"),
            choose.select("groups.column", options, chosen=guess),
            hint=f"promobot guesses “{clip(table.column_names()[guess], 60)}”.",
        ),
    ]
    return ui.modal(
        title, _marked(blocks, wrong), callback_id=SAVE_COLUMN, submit="Add the codes", metadata=place.dump()
    )


def live_example(text: str) -> str:
    """What the formats of `text` make and how many, or what is wrong with them; mrkdwn."""
    try:
        formats = parse_all(text)
    except Refused as refusal:
        return f"⚠ {escape(str(refusal))}"
    if not formats:
        return f"For example {code(EXAMPLE)} makes {code(Format.parse(EXAMPLE).example())}"
    examples = ", ".join(code(form.example()) for form in formats[:EXAMPLES_SHOWN])
    more = f" and {count(len(formats) - EXAMPLES_SHOWN, 'format')} more" if len(formats) > EXAMPLES_SHOWN else ""
    room = sum(form.room for form in formats)
    words = f"{count(room, 'code')}" if room < ROOM_SHOWN else "more than a trillion codes"
    return f"Makes {examples}{more} · room for {words}"


def _name(typed: Typed) -> Block:
    return ui.field(
        "Name",
        block_id("name"),
        PlainTextInputElement(
            action_id="groups.name", initial_value=typed.name or None, max_length=NAME_MAX, placeholder="Summer 10%"
        ),
        hint="Messages call the group by this name.",
    )


def _whole(typed: str, *, most: int | None = None) -> str | None:
    """What a number field may start with: Slack refuses a view over "1,000", and keeps what was typed anyway."""
    fits = typed.isascii() and typed.isdigit() and (most is None or int(typed) <= most)
    return typed if fits else None


def _codes(typed: Typed, known: Sequence[str]) -> list[Block]:
    """The choice of a way to add codes, and that way's inputs."""
    options = [ui.option(label, method, about) for method, (label, about) in METHODS.items()]
    blocks: list[Block] = [
        ui.field("Codes", block_id("method"), choose.radios(METHOD, options, chosen=typed.method), dispatch=True)
    ]
    if typed.method == PASTE:
        blocks.append(
            ui.field(
                "Codes to add",
                block_id("codes"),
                PlainTextInputElement(
                    action_id="groups.codes",
                    multiline=True,
                    initial_value=typed.codes or None,
                    max_length=PASTE_MAX,
                    placeholder="SUMMER-4821\nSUMMER-0093",
                ),
                hint="One on each line.",
            )
        )
    elif typed.method == FILE:
        blocks.append(
            ui.field(
                "File",
                block_id("file"),
                FileInputElement(action_id="groups.file", filetypes=list(FILE_TYPES), max_files=1),
                hint=f"One code on each line, or a table with the codes in one column. Up to {FILE_MAX_WORDS}.",
            )
        )
    else:
        hint = "A change here changes the group's format, for codes made from now on." if known else ""
        blocks += _formats(typed, optional=False, hint=hint)
        blocks.append(
            ui.field(
                "How many",
                block_id("count"),
                NumberInputElement(
                    action_id="groups.count",
                    is_decimal_allowed=False,
                    initial_value=_whole(typed.count),
                    placeholder="1000",
                ),
                hint=f"Up to {GENERATE_MAX:,} at a time.",
            )
        )
    return blocks


def _formats(typed: Typed, *, optional: bool, hint: str) -> list[Block]:
    return [
        ui.field(
            "Format",
            block_id("formats"),
            PlainTextInputElement(
                action_id=FORMATS,
                multiline=True,
                initial_value=typed.formats or None,
                max_length=PASTE_MAX,
                placeholder=EXAMPLE,
                dispatch_action_config=DispatchActionConfig(trigger_actions_on=["on_character_entered"]),
            ),
            hint=f"{FORMAT_HINT} {hint}".strip(),
            optional=optional,
            dispatch=True,
        ),
        ui.context(live_example(typed.formats)),
    ]


def _care(typed: Typed) -> list[Block]:
    """What to watch over: the level to warn at, and the last day."""
    return [
        ui.field(
            "Warn when active codes go down to",
            block_id("low_stock"),
            NumberInputElement(
                action_id="groups.low_stock",
                is_decimal_allowed=False,
                initial_value=_whole(typed.low_stock, most=LOW_STOCK_MAX),
                min_value=0,
                max_value=LOW_STOCK_MAX,
            ),
            optional=True,
        ),
        ui.field(
            "Last day",
            block_id("expires"),
            DatePickerElement(action_id="groups.expires", initial_date=typed.expires or None),
            hint="At its end, in your time zone, codes that nobody has got expire.",
            optional=True,
        ),
    ]


def _marked(blocks: list[Block], wrong: Wrong | None) -> list[Block]:
    """The form with what is wrong said under its field, as Slack would show it; on top where it has no field here."""
    if wrong is None:
        return blocks
    said = ui.section(f"⚠ {escape(wrong.text)}")
    at = next((at for at, block in enumerate(blocks) if block.block_id == block_id(wrong.field or "")), -1)
    return [*blocks[: at + 1], said, *blocks[at + 1 :]]
