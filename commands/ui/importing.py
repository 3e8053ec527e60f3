"""Importing a file of anything: choose it, wait while it is fetched, see that it is being taken in. Pure."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.ui import blocks as ui
from commands.ui.choose import select
from commands.ui.text import clip, escape, number
from distribution.codes.dates import ORDERS
from distribution.errors import Refused
from distribution.files import FILE_MAX_WORDS, Table

FILE_TYPES = ["csv", "txt", "tsv", "xlsx", "xls", "ods"]
EXAMPLES = 3
AUTO = "auto"
FIRST_ROWS = "*First rows, as they would be read*"


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
    def columns_callback(self) -> str:
        """The callback id of its second step."""
        return f"{self.prefix}.columns"

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


def with_reason(view: dict[str, Any], why: str) -> dict[str, Any]:
    """A second step with why it was refused on top; as it is without a reason."""
    return {**view, "blocks": [ui.section(f"⚠ {escape(why)}").to_dict(), *view["blocks"]]} if why else view


def columns_modal(kind: Importing, blocks: Sequence[Block], upload_id: int) -> dict[str, Any]:
    """The second step: what the columns of a file mean that is kept under an id."""
    metadata = json.dumps({"upload": upload_id})
    return ui.modal(kind.title, blocks, callback_id=kind.columns_callback, submit="Import", metadata=metadata)


def upload_of(view: Mapping[str, Any]) -> int:
    """The file that a second step is about."""
    return int(json.loads(view["private_metadata"])["upload"])


def chosen_columns(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str | None, str | None]]:
    """What the selects of a second step say, in the order of the columns: role, type and name; `prefix`: of their block
    ids. Their values read "phone" or "property:number:total"."""
    at = 0
    while (block_id := f"{prefix}{at}") in values:
        role, _, rest = (values[block_id] or "ignore").partition(":")
        kind, _, name = rest.partition(":")
        yield role, kind or None, name or None
        at += 1


def column_block(refusal: Refused, prefix: str) -> str | None:
    """The block of the column that a refusal is about; None where it is about something else."""
    what, _, at = (refusal.field or "").partition("column.")
    return f"{prefix}{at}" if at and not what else None


def first_rows(lines: Iterable[str], refused: Sequence[tuple[int, str]], looked_at: int) -> str:
    """The first rows as they would be read, in mrkdwn; `refused`: those of `looked_at` that would not be taken, each
    with its line and why."""
    said = [FIRST_ROWS, *(f"• {line}" for line in lines)]
    if refused:
        line, why = refused[0]
        which = f"{number(len(refused))} of the first {number(looked_at)} rows would not be taken"
        said.append(f"{which}. Line {number(line)}: {escape(clip(why, 300))}")
    return "\n".join(said)


def own_name(heading: str, at: int, make: Callable[[str], str]) -> str:
    """What a column would be called: by its heading, as `make` writes it or refuses to, else by its place."""
    try:
        return make(heading)
    except Refused:
        return f"column_{at + 1}"


def order_field(block_id: str, action_id: str, chosen: str = "", *, dispatch: bool = False) -> Block:
    """How dates with slashes are written; `chosen`: as `read_order` gives it."""
    orders = [ui.option("promobot finds out", AUTO), *(ui.option(words, key) for key, words in ORDERS.items())]
    return ui.field(
        "How its dates are written",
        block_id,
        select(action_id, orders, chosen=chosen or AUTO),
        hint="Only for dates such as 03/04/2026, where no line tells which is the day.",
        dispatch=dispatch,
    )


def read_order(chosen: Any) -> str:
    """What a person says of dates with slashes; empty where promobot is to find out."""
    return "" if chosen in (None, AUTO) else str(chosen)


def examples(table: Table, at: int) -> str:
    """The first values of a column, on one line; empty where it has none."""
    found = [row[at] for row in table.sample if row[at]][:EXAMPLES]
    return clip(" · ".join(clip(each, 40) for each in found), 150)
