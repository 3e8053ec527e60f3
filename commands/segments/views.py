"""Segments as modals: the list, one segment, its members, and who matches."""

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

from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import clip, count, escape, number, percent

LIST = "segments.list"
TURN = "segments.page"
SEARCH_BLOCK = "segments.find"
SEGMENT = "segments.segment"
OPTIONS = "segments.options"
OPEN = "segments.open"
CREATE = "segments.create"
CREATE_LIST = "segments.create_list"
EDIT = "segments.edit"
RENAME = "segments.rename"
CLONE = "segments.clone"
FREEZE = "segments.freeze"
DELETE = "segments.delete"
MEMBERS = "segments.members"
MEMBERS_PAGE, STOP_MEMBERS, MEMBERS_VIEW = "segments.members_page", "segments.stop_members", "segments.members_view"
CHANGE_MEMBERS = "segments.change_members"
RECOUNT_ONE, STOP_ONE = "segments.recount_one", "segments.stop_one"

SAVE_NAME = "segments.save_name"

NAME_BLOCK = "segments.form:name"

FIRST_MEMBERS = 10
MOST_USES = 5
KINDS = {"dynamic": "by rules", "static": "a fixed list"}


@dataclass(frozen=True)
class Line:
    """A segment in the list; `size`: how many it has, None where nobody has counted yet; `updated` in words."""

    id: int
    name: str
    kind: str
    words: str
    size: int | None
    updated: str = ""


@dataclass(frozen=True)
class Shown:
    """Who matches: how many, of how many customers, how many of them can be texted, and the first of them as name and
    masked number. `state`: "counting", "counted", "stopped", or "refused" and why in `why_not`."""

    state: str = "counting"
    size: int = 0
    of_all: int = 0
    textable: int = 0
    members: Sequence[tuple[str, str]] = ()
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


def listing(page: paging.Page[Line], words: str, *, may_edit: bool, searchable: bool = False) -> dict[str, Any]:
    """A page of the segments, those that `words` are in where there are any. `searchable`: with a box to search."""
    blocks: list[Block] = []
    if may_edit:
        blocks.append(
            ui.actions(ui.button("New segment…", CREATE, style="primary"), ui.button("From a list…", CREATE_LIST))
        )
    if searchable:
        box = PlainTextInputElement(
            action_id="segments.words", initial_value=words[:200] or None, placeholder="Part of a name"
        )
        blocks.append(ui.field("Search", SEARCH_BLOCK, box, optional=True))
    if not page.items:
        nothing = f"No segment is called “{escape(clip(words, 60))}”." if words else "There is no segment yet."
        blocks.append(ui.section(f"{nothing} A segment is a part of your customers, by rules or as a fixed list."))
    for line in page.items:
        facts = " · ".join(part for part in (_size(line.size), KINDS[line.kind], line.updated) if part)
        text = f"*{escape(line.name)}* · {facts}"
        if line.kind == "dynamic":
            text += f"\n{escape(clip(line.words, 300))}"
        blocks.append(ui.section(text, accessory=ui.button("Open", OPEN, line.id), block_id=f"segments.line:{line.id}"))
    blocks += paging.turner(page, TURN)
    return ui.modal(
        "Segments",
        blocks,
        callback_id=LIST,
        submit="Search" if searchable else None,
        close="Close",
        metadata=json.dumps({"words": words[:200], "first": page.first}),
        notify_on_close=True,
    )


def segment(
    line: Line,
    shown: Shown,
    *,
    may_edit: bool,
    metadata: Mapping[str, Any],
    note: str = "",
    used: Sequence[str] = (),
) -> dict[str, Any]:
    """One segment: its rules in words, who is in it, what uses it, and what can be done with it."""
    blocks: list[Block] = [ui.header(line.name)]
    if note:
        blocks.append(ui.context(escape(note)))
    facts = " · ".join(part for part in (f"*{KINDS[line.kind].capitalize()}*", line.updated) if part)
    words = f"\n{escape(line.words)}" if line.kind == "dynamic" else ""
    blocks.append(ui.section(f"{facts}{words}"))
    if used:
        more = f" and {len(used) - MOST_USES} more" if len(used) > MOST_USES else ""
        blocks.append(ui.context("Used by " + ", ".join(escape(clip(each, 90)) for each in used[:MOST_USES]) + more))
    blocks += result(shown, stop=STOP_ONE, again=RECOUNT_ONE)
    buttons = [ui.button("All members", MEMBERS, line.id)]
    if may_edit:
        buttons = [*_change(line), *buttons]
    blocks.append(ui.actions(*buttons, block_id="segments.do"))
    if may_edit:
        blocks.append(ui.actions(*_keep(line), block_id="segments.keep"))
    data = json.dumps(dict(metadata) | {"shows": line.id})
    return ui.modal("Segment", blocks, callback_id=SEGMENT, close="Close", metadata=data, notify_on_close=True)


def _change(line: Line) -> list[Any]:
    """The button that changes who is in it."""
    if line.kind == "dynamic":
        return [ui.button("Edit rules…", EDIT, line.id, style="primary")]
    return [ui.button("Add or remove members…", CHANGE_MEMBERS, line.id, style="primary")]


def _keep(line: Line) -> list[Any]:
    """The buttons for the segment as a whole."""
    sure = ui.confirm(
        f"Delete “{line.name}”?",
        "Customers stay. Distributions that were sent to it keep their history.",
        "Delete",
        danger=True,
    )
    freeze = [ui.button("Fixed list of these…", FREEZE, line.id)] if line.kind == "dynamic" else []
    return [
        ui.button("Rename…", RENAME, line.id),
        ui.button("Clone", CLONE, line.id),
        *freeze,
        ui.button("Delete…", DELETE, line.id, style="danger", confirm=sure),
    ]


def deleted(name: str) -> dict[str, Any]:
    """After a segment was deleted."""
    blocks = [ui.section(f"Segment “{escape(name)}” was deleted.")]
    return ui.modal("Segment", blocks, callback_id="segments.deleted", close="Close")


def rename_form(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A new name for a segment."""
    return ui.modal(
        "Rename segment", [name_input(name)], callback_id=SAVE_NAME, submit="Save", metadata=json.dumps(dict(metadata))
    )


@dataclass(frozen=True)
class Turn:
    """A page of a segment's members: those after the customer `after`, the first of them the `first` of all (0-based).

    As a button's value: "7:20:1042".
    """

    segment_id: int
    first: int = 0
    after: int = 0

    def __str__(self) -> str:
        return f"{self.segment_id}:{self.first}:{self.after}"

    @staticmethod
    def read(text: str) -> "Turn":
        """Take a value apart."""
        return Turn(*(int(part) for part in text.split(":")))


def members_page(name: str, people: Sequence[tuple[str, str]], turn: Turn, *, last: int, more: bool) -> dict[str, Any]:
    """Some of a segment's members, as name and masked number. `last`: the id of the last; `more`: whether others
    follow."""
    first = turn.first
    blocks: list[Block] = [ui.header(name)]
    if not people:
        blocks.append(ui.section("Nobody else is in it now." if first else "Nobody is in it now."))
    for at in range(0, len(people), 10):
        blocks.append(ui.section("", fields=[_member(*each) for each in people[at : at + 10]]))
    buttons = []
    if first:
        buttons.append(ui.button("From the beginning", f"{MEMBERS_PAGE}:first", str(Turn(turn.segment_id))))
    if more:
        following = Turn(turn.segment_id, first + len(people), last)
        buttons.append(ui.button("Next", f"{MEMBERS_PAGE}:next", str(following)))
    if people and buttons:
        blocks.append(ui.context(f"{number(first + 1)}–{number(first + len(people))}, in the order they were added"))
    if buttons:
        blocks.append(ui.actions(*buttons, block_id="segments.members_turn"))
    return _members(blocks)


def members_not_found(name: str, turn: Turn, why: str = "") -> dict[str, Any]:
    """A page of members while it is looked for; or `why` it is not there."""
    if why:
        button = ui.button("Look again", f"{MEMBERS_PAGE}:again", str(turn))
    else:
        button = ui.button("Stop", STOP_MEMBERS, str(turn))
    said = ui.section(escape(why) if why else "Looking…", accessory=button)
    return _members([ui.header(name), said])


def _members(blocks: Sequence[Block]) -> dict[str, Any]:
    return ui.modal("Members", blocks, callback_id=MEMBERS_VIEW, close="Back", notify_on_close=True)


def result(shown: Shown, *, stop: str, again: str) -> list[Block]:
    """How many match, how many of them can be texted, and who comes first; or why not. `stop`, `again`: the buttons."""
    recount = ui.button("Count again", again)
    if shown.state == "counting":
        return [ui.section("*Counting…*", accessory=ui.button("Stop", stop), block_id="segments.counted")]
    if shown.state == "stopped":
        return [ui.section("*Not counted.* You stopped it.", accessory=recount, block_id="segments.counted")]
    if shown.state == "refused":
        why = f"*Not counted yet.* {escape(clip(shown.why_not, 300))}"
        return [ui.section(why, accessory=recount, block_id="segments.counted")]
    said = f"*{count(shown.size, 'customer')}*"
    if shown.of_all:
        said += f" · {percent(shown.size, shown.of_all)} of all {number(shown.of_all)}"
    if shown.size:
        said += f" · {number(shown.textable)} can be texted"
    blocks: list[Block] = [ui.section(said, accessory=recount, block_id="segments.counted")]
    if shown.members:
        blocks.append(ui.section("", fields=[_member(*each) for each in shown.members[:FIRST_MEMBERS]]))
    return blocks


def size(shown: Shown) -> str:
    """How many match, in a word or two; nothing where that is not known."""
    return {"counted": count(shown.size, "customer"), "counting": "Counting…"}.get(shown.state, "")


def _member(name: str, phone: str) -> str:
    """A customer in a line."""
    return f"{escape(clip(name, 60))}\n{escape(phone)}" if phone else escape(clip(name, 60))


def _size(size: int | None) -> str:
    """A size in words."""
    return "not counted yet" if size is None else count(size, "customer")


def name_input(name: str) -> Block:
    """The name's input."""
    element = PlainTextInputElement(
        action_id="segments.name", initial_value=name or None, max_length=60, placeholder="Warsaw regulars"
    )
    return ui.field("Name", NAME_BLOCK, element)
