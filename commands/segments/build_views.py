"""The builder of a segment's rules as a modal: rows of field, operator and value, in groups."""

import json
from collections.abc import Mapping
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

from commands.segments import builder
from commands.segments.builder import Draft, Row
from commands.segments.views import NAME_BLOCK, Shown, members, name_input
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import number
from distribution.segments.fields import CONSENT_LABELS, COUNT_LABELS, OPS, PROFILE
from storage.rules import COUNTS

BUILD = "segments.save"
ADD_ROW, ADD_GROUP, REMOVE, RECOUNT = "segments.add", "segments.add_group", "segments.remove", "segments.count"

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
class Choices:
    """What rows may ask about: attributes (name → type) and promo code groups (id → name)."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)


def group_options(choices: Choices) -> list[Option]:
    """Promo code groups to count codes of, and all of them together."""
    return [
        ui.option("from any group", builder.ANY_GROUP),
        *(ui.option(f"from {name}", group_id) for group_id, name in choices.groups.items()),
    ]


def build(draft: Draft, choices: Choices, shown: Shown, *, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The builder: a name, rows of field, operator and value, groups of them, and who matches now."""
    blocks: list[Block] = [name_input(draft.name), _match("Customers who match", builder.TOP, draft)]
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
        ui.section(members(shown), accessory=ui.button("Count again", RECOUNT), block_id="segments.counted"),
    ]
    title = "Edit segment" if metadata.get("segment") else "New segment"
    return ui.modal(title, blocks, callback_id=BUILD, submit="Save", metadata=json.dumps(dict(metadata)))


def errors_of(row: Row, choices: Choices, why: str) -> dict[str, str]:
    """What is wrong with a row, at its value; at the name where it takes none."""
    shape = row.shape(choices.attributes)
    return {NAME_BLOCK if shape == "none" else _value_id(row, shape): why}


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
