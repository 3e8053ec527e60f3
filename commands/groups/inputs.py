"""The inputs of a group's forms: its name, how its codes come, and what to watch over."""

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    DatePickerElement,
    NumberInputElement,
    PlainTextInputElement,
)
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.groups.place import FILE, GENERATE, OUT, PASTE, Typed
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import code, count, escape
from distribution.codes.dearer import dearer
from distribution.codes.format import LOOKALIKES, Format, parse_all
from distribution.codes.groups import CEILING_MAX, LOW_STOCK_MAX, NAME_MAX, TOP_UP_MAX, VALIDITY_MAX
from distribution.codes.rules import CODE_MAX, GENERATE_MAX
from distribution.errors import Refused
from distribution.files import FILE_MAX_WORDS

METHOD = "groups.method"
FORMATS = "groups.formats"
LOOK = "groups.lookalikes"
MORE_OPTIONS = "groups.options"

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


def block_id(field: str) -> str:
    """The id of the input of one of the engine's fields."""
    return f"groups.form:{field}"


def name(typed: Typed) -> Block:
    """What the group is called."""
    return ui.field(
        "Name",
        block_id("name"),
        PlainTextInputElement(
            action_id="groups.name", initial_value=typed.name or None, max_length=NAME_MAX, placeholder="Summer 10%"
        ),
        hint="Messages call the group by this name.",
    )


def codes(typed: Typed, known: Sequence[str], *, more: bool) -> list[Block]:
    """The choice of a way to add codes, and that way's inputs. `known`: the formats that the group has."""
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
                hint=f"One code on each line, or a table with the codes in one column, and their expiries in another "
                f"if they have some. Up to {FILE_MAX_WORDS}.",
            )
        )
    else:
        hint = "A change here changes the group's format, for codes made from now on." if known else ""
        blocks += recipe(typed, optional=False, hint=hint, more=more)
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


def recipe(typed: Typed, *, optional: bool, hint: str, more: bool) -> list[Block]:
    """How codes are made: formats with what they make, shares where there are several, look-alikes, text around."""
    blocks: list[Block] = [
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
        ui.context(live_example(typed)),
    ]
    lines = sum(1 for line in typed.formats.splitlines() if line.strip())
    if lines > 1:
        blocks.append(
            ui.field(
                "Shares of the formats",
                block_id("shares"),
                PlainTextInputElement(
                    action_id="groups.shares", initial_value=typed.shares or None, max_length=200, placeholder="70, 30"
                ),
                hint=f"{lines} numbers, in the order of the formats. Nothing: as many of each.",
                optional=True,
            )
        )
    out = ui.option(f"Leave out look-alike characters: {' '.join(LOOKALIKES)}", OUT)
    ticked = [out] if typed.lookalikes == OUT else None
    blocks.append(
        ui.field(
            "Characters",
            block_id("lookalikes"),
            CheckboxesElement(action_id=LOOK, options=[out], initial_options=ticked),
            optional=True,
            dispatch=True,
        )
    )
    if more:
        for field, label, where in (("prefix", "Prefix", "before"), ("suffix", "Suffix", "after")):
            blocks.append(
                ui.field(
                    label,
                    block_id(field),
                    PlainTextInputElement(
                        action_id=f"groups.{field}",
                        initial_value=getattr(typed, field) or None,
                        max_length=CODE_MAX,
                    ),
                    hint=f"Stands {where} each code that is made, as it is.",
                    optional=True,
                )
            )
    return blocks


def care(typed: Typed, *, more: bool) -> list[Block]:
    """What to watch over: the level to warn at, the last day; and what is seldom needed."""
    blocks: list[Block] = [
        ui.field(
            "Warn when active codes go down to",
            block_id("low_stock"),
            _number("low_stock", typed.low_stock, 0, LOW_STOCK_MAX),
            hint="A card in a channel then says when they run out.",
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
    if not more:
        return blocks
    return [
        *blocks,
        ui.field(
            "Days that an issued code is good for",
            block_id("validity"),
            _number("validity", typed.validity, 1, VALIDITY_MAX),
            hint="Counted from the moment of issue; holds instead of the last day. Nothing: until the last day.",
            optional=True,
        ),
        ui.field(
            "Make codes automatically when stock is low",
            block_id("top_up"),
            _number("top_up", typed.top_up, 0, TOP_UP_MAX),
            hint="So many by the format, each time that active codes go down to the level above. Nothing: none.",
            optional=True,
        ),
        ui.field(
            "Up to so many codes in the group",
            block_id("top_up_ceiling"),
            _number("top_up_ceiling", typed.top_up_ceiling, 1, CEILING_MAX),
            hint="All that it ever had count. Codes are never made automatically beyond this.",
            optional=True,
        ),
    ]


def options_button() -> Block:
    """The button that shows what is seldom needed."""
    return ui.actions(ui.button("More options", MORE_OPTIONS), block_id="groups.form.options")


def live_example(typed: Typed) -> str:
    """What the formats make and how many, or what is wrong with them; mrkdwn."""
    try:
        parse_all(typed.formats, without=typed.recipe.without)
        formats = typed.recipe.formats
    except Refused as refusal:
        return f"⚠ {escape(str(refusal))}"
    if not formats:
        return f"For example {code(EXAMPLE)} makes {code(Format.parse(EXAMPLE).example())}"
    examples = ", ".join(code(form.example()) for form in formats[:EXAMPLES_SHOWN])
    more = f" and {count(len(formats) - EXAMPLES_SHOWN, 'format')} more" if len(formats) > EXAMPLES_SHOWN else ""
    room = sum(form.room for form in formats)
    words = f"{count(room, 'code')}" if room < ROOM_SHOWN else "more than a trillion codes"
    said = dearer(form.masked() for form in formats)
    return f"Makes {examples}{more} · room for {words}" + (f"\n⚠ {escape(said)}" if said else "")


def _whole(typed: str, least: int = 0, most: int | None = None) -> str | None:
    """What a number field may start with: Slack refuses a view over "1,000", and keeps what was typed anyway."""
    fits = typed.isascii() and typed.isdigit() and least <= int(typed) and (most is None or int(typed) <= most)
    return typed if fits else None


def _number(field: str, typed: str, least: int, most: int) -> NumberInputElement:
    """A whole number within bounds."""
    return NumberInputElement(
        action_id=f"groups.{field}",
        is_decimal_allowed=False,
        initial_value=_whole(typed, least, most),
        min_value=least,
        max_value=most,
    )
