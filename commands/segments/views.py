"""Segments as modals: the list, one segment, the builder of its rules, and lists of people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    InputInteractiveElement,
    Option,
    PlainTextInputElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import clip, count, escape
from distribution.segments.counting import Count

LIST = "segments.list"
TURN = "segments.page"
SEGMENT = "segments.segment"
OPTIONS = "segments.options"
OPEN = "segments.open"
CREATE = "segments.create"
CREATE_LIST = "segments.create_list"
EDIT = "segments.edit"
RENAME = "segments.rename"
CLONE = "segments.clone"
DELETE = "segments.delete"

SAVE_NAME = "segments.save_name"
SAVE_LIST = "segments.save_list"

NAME_BLOCK = "segments.form:name"
PASTED_BLOCK = "segments.form:pasted"
FILE_BLOCK = "segments.form:file"

MEMBERS = 10
KINDS = {"dynamic": "by rules", "static": "a fixed list"}


@dataclass(frozen=True)
class Line:
    """A segment in the list; `counted`: how many it has, None where nobody has counted yet."""

    id: int
    name: str
    words: str
    counted: Count | None


@dataclass(frozen=True)
class Shown:
    """Who matches: how many, and the first of them; or why that cannot be said."""

    counted: Count | None = None
    members: Sequence[str] = ()
    why_not: str = ""


def segment_options(segments: Sequence[tuple[int, str]]) -> list[Option]:
    """Segments (id, name) as choices."""
    return [ui.option(name, segment_id) for segment_id, name in segments]


def segment_select(
    segments: Sequence[tuple[int, str]], action_id: str = OPTIONS, chosen: int | None = None
) -> InputInteractiveElement:
    """A select of segments: static up to a hundred, else one that searches, answered for ids that begin with
    `OPTIONS` and ":"."""
    return choose.select(action_id, segment_options(segments), chosen=chosen, placeholder="Choose a segment")


def listing(
    page: paging.Page[Line], words: str, *, may_edit: bool, every: Sequence[tuple[int, str]] = ()
) -> dict[str, Any]:
    """A page of the segments, those that `words` are in where there are any. `every`: all of them (id, name), to jump
    to one where there are more than a page."""
    blocks: list[Block] = []
    if len(every) > page.size:
        blocks.append(ui.actions(segment_select(every), block_id="segments.find"))
    if may_edit:
        blocks.append(
            ui.actions(ui.button("New segment…", CREATE, style="primary"), ui.button("From a list…", CREATE_LIST))
        )
    if not page.items:
        nothing = f"No segment is called “{escape(clip(words, 60))}”." if words else "There is no segment yet."
        blocks.append(ui.section(f"{nothing} A segment is a part of your customers, by rules or as a fixed list."))
    for line in page.items:
        text = f"*{escape(line.name)}* · {_customers(line.counted)}\n{escape(clip(line.words, 300))}"
        blocks.append(ui.section(text, accessory=ui.button("Open", OPEN, line.id), block_id=f"segments.line:{line.id}"))
    blocks += paging.turner(page, TURN)
    metadata = json.dumps({"words": words[:200], "first": page.first})
    return ui.modal("Segments", blocks, callback_id=LIST, close="Close", metadata=metadata)


def segment(
    line: Line, kind: str, shown: Shown, *, may_edit: bool, metadata: Mapping[str, Any], note: str = ""
) -> dict[str, Any]:
    """One segment: its rules in words, who is in it, and what can be done with it."""
    blocks: list[Block] = [ui.header(line.name)]
    if note:
        blocks.append(ui.context(escape(note)))
    blocks += [ui.section(f"*{KINDS[kind].capitalize()}*\n{escape(line.words)}"), ui.section(members(shown))]
    if may_edit:
        sure = ui.confirm(
            f"Delete “{line.name}”?",
            "Customers stay. Distributions that were sent to it keep their history.",
            "Delete",
            danger=True,
        )
        edit = [ui.button("Edit rules…", EDIT, line.id)] if kind == "dynamic" else []
        rest = [
            ui.button("Rename…", RENAME, line.id),
            ui.button("Clone", CLONE, line.id),
            ui.button("Delete", DELETE, line.id, style="danger", confirm=sure),
        ]
        blocks.append(ui.actions(*edit, *rest))
    return ui.modal("Segment", blocks, callback_id=SEGMENT, close="Close", metadata=json.dumps(dict(metadata)))


def deleted(name: str) -> dict[str, Any]:
    """After a segment was deleted."""
    blocks = [ui.section(f"Segment “{escape(name)}” was deleted.")]
    return ui.modal("Segment", blocks, callback_id="segments.deleted", close="Close")


def rename_form(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A new name for a segment."""
    return ui.modal(
        "Rename segment", [name_input(name)], callback_id=SAVE_NAME, submit="Save", metadata=json.dumps(dict(metadata))
    )


def list_form(metadata: Mapping[str, Any], region: str) -> dict[str, Any]:
    """A static segment out of pasted lines or a file. `region`: the default country's name."""
    pasted = PlainTextInputElement(
        action_id="segments.pasted", multiline=True, max_length=3000, placeholder="+48 512 345 678\nCRM-1042"
    )
    file = FileInputElement(action_id="segments.file", filetypes=["csv", "txt", "tsv", "xlsx"], max_files=1)
    blocks: list[Block] = [
        name_input(""),
        ui.field(
            "Phone numbers or source ids",
            PASTED_BLOCK,
            pasted,
            hint=f"One to a line. Numbers without a country code are read as numbers of {region}.",
            optional=True,
        ),
        ui.field("Or a file with a column of them", FILE_BLOCK, file, optional=True),
    ]
    return ui.modal(
        "Segment from a list", blocks, callback_id=SAVE_LIST, submit="Save", metadata=json.dumps(dict(metadata))
    )


def _customers(counted: Count | None) -> str:
    """A count in words."""
    if counted is None:
        return "counting…"
    return f"{counted} customers" if counted.more else count(counted.number, "customer")


def members(shown: Shown) -> str:
    """How many there are and who comes first, or why not."""
    if shown.why_not:
        return f"*Not counted yet.* {escape(clip(shown.why_not, 300))}"
    text = f"*{_customers(shown.counted)}*"
    if shown.members:
        names = ", ".join(escape(clip(name, 60)) for name in shown.members)
        more = "…" if shown.counted and shown.counted.number > len(shown.members) else ""
        text += f"\n{names}{more}"
    return text


def name_input(name: str) -> Block:
    """The name's input."""
    element = PlainTextInputElement(
        action_id="segments.name", initial_value=name or None, max_length=60, placeholder="Warsaw regulars"
    )
    return ui.field("Name", NAME_BLOCK, element)
