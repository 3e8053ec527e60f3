"""Segments as modals: the list, one segment, the builder of its rules, and lists of people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    InputInteractiveElement,
    Option,
    OptionGroup,
    PlainTextInputElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.segments import builder
from commands.segments.builder import Draft, Row
from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import clip, count, escape, number
from distribution.segments.counting import Count
from distribution.segments.fields import CONSENT_LABELS, COUNT_LABELS, OPS, PROFILE
from storage.rules import COUNTS

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

BUILD = "segments.save"
ADD_ROW, ADD_GROUP, REMOVE, RECOUNT = "segments.add", "segments.add_group", "segments.remove", "segments.count"
SAVE_NAME = "segments.save_name"
SAVE_LIST = "segments.save_list"

NAME_BLOCK = "segments.form:name"
PASTED_BLOCK = "segments.form:pasted"
FILE_BLOCK = "segments.form:file"

MEMBERS = 10
KINDS = {"dynamic": "by rules", "static": "a fixed list"}

MATCH_WORDS = {
    "all": "all of these",
    "any": "at least one of these",
    "none": "none of these",
    "not_all": "not all of these",
}

PLACEHOLDERS = {
    "region": "PL, or Poland",
    "locale": "pl, or en-GB",
    "time_zone": "Europe/Warsaw",
    "name": "Anna",
}


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


@dataclass(frozen=True)
class Choices:
    """What rows may ask about: attributes (name → type) and promo code groups (id → name)."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


def segment_options(segments: Sequence[tuple[int, str]]) -> list[Option]:
    """Segments (id, name) as choices."""
    return [ui.option(name, segment_id) for segment_id, name in segments]


def segment_select(
    segments: Sequence[tuple[int, str]], action_id: str = OPTIONS, chosen: int | None = None
) -> InputInteractiveElement:
    """A select of segments: static up to a hundred, else one that searches, answered for ids that begin with
    `OPTIONS` and ":"."""
    return choose.select(action_id, segment_options(segments), chosen=chosen, placeholder="Choose a segment")


def group_options(choices: Choices) -> list[Option]:
    """Promo code groups to count codes of, and all of them together."""
    return [
        ui.option("from any group", builder.ANY_GROUP),
        *(ui.option(f"from {name}", group_id) for group_id, name in choices.groups.items()),
    ]


def listing(page: paging.Page[Line], words: str, *, may_edit: bool) -> dict[str, Any]:
    """A page of the segments, those that `words` are in where there are any."""
    blocks: list[Block] = []
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
    blocks += [ui.section(f"*{KINDS[kind].capitalize()}*\n{escape(line.words)}"), ui.section(_members(shown))]
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


def build(draft: Draft, choices: Choices, shown: Shown, *, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The builder: a name, rows of field, operator and value, groups of them, and who matches now."""
    blocks: list[Block] = [_name(draft.name), _match("Customers who match", builder.TOP, draft)]
    for row in draft.of(builder.TOP):
        blocks += _row(row, choices)
    blocks.append(_adders(draft))
    for group in draft.matches:
        if group != builder.TOP:
            blocks += [
                ui.divider(),
                _match("and in this group" if draft.matches[0] == "all" else "group:", group, draft),
            ]
            for row in draft.of(group):
                blocks += _row(row, choices)
            if len(draft.rows) < builder.ROWS:
                blocks.append(
                    ui.actions(
                        ui.button("Add a rule to this group", f"{ADD_ROW}:{group}", group),
                        block_id=f"segments.adders:{group}",
                    )
                )
    blocks += [
        ui.divider(),
        ui.section(_members(shown), accessory=ui.button("Count again", RECOUNT), block_id="segments.counted"),
    ]
    title = "Edit segment" if metadata.get("segment") else "New segment"
    return ui.modal(title, blocks, callback_id=BUILD, submit="Save", metadata=json.dumps(dict(metadata)))


def rename_form(name: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A new name for a segment."""
    return ui.modal(
        "Rename segment", [_name(name)], callback_id=SAVE_NAME, submit="Save", metadata=json.dumps(dict(metadata))
    )


def list_form(metadata: Mapping[str, Any], region: str) -> dict[str, Any]:
    """A static segment out of pasted lines or a file. `region`: the default country's name."""
    pasted = PlainTextInputElement(
        action_id="segments.pasted", multiline=True, max_length=3000, placeholder="+48 512 345 678\nCRM-1042"
    )
    file = FileInputElement(action_id="segments.file", filetypes=["csv", "txt", "tsv", "xlsx"], max_files=1)
    blocks: list[Block] = [
        _name(""),
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


def errors_of(row: Row, choices: Choices, why: str) -> dict[str, str]:
    """What is wrong with a row, at its value; at the name where it takes none."""
    shape = row.shape(choices.attributes)
    return {NAME_BLOCK if shape == "none" else _value_id(row, shape): why}


def _customers(counted: Count | None) -> str:
    """A count in words."""
    if counted is None:
        return "counting…"
    return f"{counted} customers" if counted.more else count(counted.number, "customer")


def _members(shown: Shown) -> str:
    """How many there are and who comes first, or why not."""
    if shown.why_not:
        return f"*Not counted yet.* {escape(clip(shown.why_not, 300))}"
    text = f"*{_customers(shown.counted)}*"
    if shown.members:
        names = ", ".join(escape(clip(name, 60)) for name in shown.members)
        more = "…" if shown.counted and shown.counted.number > len(shown.members) else ""
        text += f"\n{names}{more}"
    return text


def _name(name: str) -> Block:
    """The name's input."""
    element = PlainTextInputElement(
        action_id="segments.name", initial_value=name or None, max_length=60, placeholder="Warsaw regulars"
    )
    return ui.field("Name", NAME_BLOCK, element)


def _match(words: str, group: int, draft: Draft) -> Block:
    """What a group's rules must do."""
    options = [ui.option(label, key) for key, label in MATCH_WORDS.items()]
    select = choose.select(builder.MATCH, options, chosen=draft.matches[group])
    return ui.section(f"*{words}*", accessory=select, block_id=f"{builder.MATCH}:{group}")


def _adders(draft: Draft) -> Block:
    """The buttons below the rows of the top; where a modal is full, the words for it."""
    if len(draft.rows) >= builder.ROWS:
        return ui.context(f"A modal holds {number(builder.ROWS)} rules.")
    buttons = [ui.button("Add a rule", f"{ADD_ROW}:{builder.TOP}", builder.TOP)]
    if len(draft.matches) <= builder.GROUPS:
        buttons.append(ui.button("Add a group of rules", ADD_GROUP))
    return ui.actions(*buttons, block_id=f"segments.adders:{builder.TOP}")


def _row(row: Row, choices: Choices) -> list[Block]:
    """One rule: its field and operator, and below them its value."""
    kind = row.kind(choices.attributes)
    ops = [ui.option(op.words, key) for key, op in OPS[kind].items()]
    elements: list[Any] = [_fields(row, choices), choose.select(f"{builder.OP}:{kind}", ops, chosen=row.op)]
    if row.field in COUNTS:
        elements.append(choose.select(builder.GROUP, group_options(choices), chosen=row.code_group))
    elements.append(ui.button("Remove", f"{REMOVE}:{row.id}", row.id))
    blocks: list[Block] = [ui.actions(*elements, block_id=f"{builder.ROW}:{row.group}:{row.id}")]
    shape = row.shape(choices.attributes)
    if shape != "none":
        blocks.append(_value(row, shape))
    return blocks


def _fields(row: Row, choices: Choices) -> StaticSelectElement:
    """What a row may ask about."""
    profile = [ui.option(label, key) for key, (label, _) in PROFILE.items()]
    codes = [ui.option(label, key) for key, label in COUNT_LABELS.items()]
    own = [ui.option(name.replace("_", " "), f"attribute:{name}") for name in choices.attributes][: choose.MOST]
    groups = [OptionGroup(label="Profile", options=profile), OptionGroup(label="Promo codes", options=codes)]
    if own:
        groups.append(OptionGroup(label="Attributes", options=own))
    chosen = next((option for option in [*profile, *codes, *own] if option.value == row.field), profile[0])
    return StaticSelectElement(action_id=builder.FIELD, option_groups=groups, initial_option=chosen)


def _value(row: Row, shape: str) -> Block:
    """The input of a row's value."""
    element: InputInteractiveElement
    hint = None
    if shape == "date":
        element = DatePickerElement(
            action_id=builder.VALUE, initial_date=row.value if builder.is_day(row.value) else None
        )
    elif shape == "consent":
        options = [ui.option(label, key) for key, label in CONSENT_LABELS.items()]
        element = choose.select(builder.VALUE, options, chosen=row.value)
    else:
        many = shape == "lines"
        hint = "One to a line." if many else None
        element = PlainTextInputElement(
            action_id=builder.VALUE,
            initial_value=row.value or None,
            multiline=many,
            max_length=3000,
            placeholder=PLACEHOLDERS.get(row.field),
        )
    label = "How many" if row.field in COUNTS else "Values" if shape == "lines" else "Value"
    return ui.field(label, _value_id(row, shape), element, hint=hint, dispatch=True)


def _value_id(row: Row, shape: str) -> str:
    """The id of a value's block."""
    return f"{builder.VALUE}:{row.group}:{row.id}:{shape}"
