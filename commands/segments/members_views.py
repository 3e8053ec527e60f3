"""Forms about the members of fixed lists: one made from a list, members added, taken off or replaced. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.segments.views import name_input
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import count, escape

SAVE_LIST = "segments.save_list"
SAVE_CHANGE = "segments.save_members"
SAVE_FREEZE = "segments.save_frozen"

HOW_BLOCK = "segments.form:how"
PASTED_BLOCK = "segments.form:pasted"
FILE_BLOCK = "segments.form:file"

HOW = {
    "add": ("Add these", "Who is on the list stays on it"),
    "remove": ("Take these off", "All others stay"),
    "replace": ("Replace everybody by these", "Who is not named is off the list"),
}


def list_form(metadata: Mapping[str, Any], region: str) -> dict[str, Any]:
    """A static segment out of pasted lines or a file. `region`: the default country's name."""
    return ui.modal(
        "Segment from a list",
        [name_input(""), *_inputs(region)],
        callback_id=SAVE_LIST,
        submit="Save",
        metadata=json.dumps(dict(metadata)),
    )


def change_form(name: str, size: int, metadata: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Members added to a static segment, taken off it, or replaced."""
    options = [ui.option(label, key, about) for key, (label, about) in HOW.items()]
    how = ui.field("What to do", HOW_BLOCK, choose.radios("segments.how", options, chosen="add"))
    blocks: list[Block] = [ui.section(f"*{escape(name)}* · {count(size, 'customer')} now"), how, *_inputs(region)]
    return ui.modal("Members", blocks, callback_id=SAVE_CHANGE, submit="Save", metadata=json.dumps(dict(metadata)))


def freeze_form(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A static segment of those who are in a dynamic one now."""
    said = f"A fixed list of everybody who is in “{escape(name)}” now. It stays as it is when they change."
    return ui.modal(
        "Fixed list",
        [ui.section(said), name_input(f"{name[:45]} fixed")],
        callback_id=SAVE_FREEZE,
        submit="Save",
        metadata=json.dumps(dict(metadata)),
    )


def working(words: str) -> dict[str, Any]:
    """What shows while a file is fetched, or a long list written; it is replaced when that is done."""
    return ui.modal("Segment", [ui.section(words)], callback_id="segments.working", close="Close")


def started(name: str, filename: str) -> dict[str, Any]:
    """After a job began."""
    said = (
        f"*{escape(filename)}* is being read for “{escape(name)}”.\nYou get a message from promobot when it is done, "
        "with the lines that were not taken as a file. This can be closed."
    )
    return ui.modal("Segment", [ui.section(said)], callback_id="segments.started", close="Close")


def failed(why: str) -> dict[str, Any]:
    """After a file could not be taken in: nothing was changed."""
    return ui.modal("Segment", [ui.section(f"⚠ {escape(why)}\nNothing was changed.")], callback_id="segments.failed")


def _inputs(region: str) -> list[Block]:
    """Where members are named."""
    pasted = PlainTextInputElement(
        action_id="segments.pasted", multiline=True, max_length=3000, placeholder="+48 512 345 678\nCRM-1042"
    )
    file = FileInputElement(action_id="segments.members_file", filetypes=["csv", "txt", "tsv", "xlsx"], max_files=1)
    return [
        ui.field(
            "Phone numbers or source ids",
            PASTED_BLOCK,
            pasted,
            hint=f"One to a line. Numbers without a country code are read as numbers of {region}.",
            optional=True,
        ),
        ui.field("Or a file with a column of them", FILE_BLOCK, file, optional=True),
    ]
