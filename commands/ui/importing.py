"""Importing a file of anything: choose it, wait while it is fetched, see that it is being taken in. Pure."""

from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.ui import blocks as ui
from commands.ui.text import clip, escape
from distribution.files import FILE_MAX_WORDS, Table

FILE_TYPES = ["csv", "txt", "tsv", "xlsx", "xls", "ods"]
EXAMPLES = 3


@dataclass(frozen=True)
class Importing:
    """A kind of import.

    `noun`: what is imported ("customers"); `row`: what a row is ("one customer to a row"); `note`: what comes next;
    `prefix`: of its callbacks, actions and blocks.
    """

    noun: str
    row: str
    note: str
    prefix: str

    @property
    def title(self) -> str:
        """Of its modals."""
        return f"Import {self.noun}"

    @property
    def file_callback(self) -> str:
        """The callback id of its first step."""
        return f"{self.prefix}.file"

    @property
    def file_block(self) -> str:
        """The block of its file."""
        return f"{self.prefix}:file"


def file_step(kind: Importing, error: str = "") -> dict[str, Any]:
    """The first step: a file. `error`: what was wrong with the one before."""
    blocks: list[Block] = [ui.section(escape(error))] if error else []
    blocks += [
        ui.field(
            f"File of {kind.noun}",
            kind.file_block,
            FileInputElement(action_id=f"{kind.prefix}.chosen", filetypes=FILE_TYPES, max_files=1),
            hint=f"CSV, TXT or a spreadsheet, up to {FILE_MAX_WORDS}, {kind.row}.",
        ),
        ui.context(kind.note),
    ]
    return ui.modal(kind.title, blocks, callback_id=kind.file_callback, submit="Next")


def reading(kind: Importing, filename: str) -> dict[str, Any]:
    """While the file is fetched."""
    blocks = [ui.section(f"Reading {escape(filename)}…")]
    return ui.modal(kind.title, blocks, callback_id=f"{kind.prefix}.reading", close="Close")


def started(kind: Importing) -> dict[str, Any]:
    """After the last step: where the result will be."""
    words = (
        f"The {kind.noun} are being imported. promobot tells you in a direct message how it goes; you can close this."
    )
    view = ui.modal(kind.title, [ui.section(words)], callback_id=f"{kind.prefix}.started", close="Done")
    return view | {"clear_on_close": True}


def examples(table: Table, at: int) -> str:
    """The first values of a column, on one line; empty where it has none."""
    found = [row[at] for row in table.sample if row[at]][:EXAMPLES]
    return clip(" · ".join(clip(each, 40) for each in found), 150)
