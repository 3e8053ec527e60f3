"""Rows of conditions on an event's properties, in step 3 of an automatic distribution: below either of its events."""

from collections.abc import Mapping
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    InputInteractiveElement,
    NumberInputElement,
    PlainTextInputElement,
)

from commands.segments import draft as drafts
from commands.segments import offers, reading
from commands.segments.draft import Draft, Row
from commands.send import conditions
from commands.send.place import Place, field_of
from commands.ui import blocks as ui
from commands.ui import choose
from distribution.segments.asking import Known
from distribution.segments.fields import OPS

PROPERTY, UNKNOWN, OP, VALUE = "send.property", "send.property_name", "send.op", "send.value"
ADD, REMOVE = "send.add_condition", "send.remove_condition"

# What adds the first row, and another one.
ADDS = {
    "where": ("Only with certain properties…", "Add another condition"),
    "unless_where": ("Only one with certain properties…", "Add another condition on it"),
}


def rows(place: Place, draft: Draft, known: Known, name: str) -> list[Block]:
    """The rows about the event's properties, and what adds one; `name`: which event's (`conditions.ROWS`)."""
    event = draft.rows[0].about
    blocks: list[Block] = []
    for row in draft.properties(draft.rows[0]):
        blocks += _row(place, draft, row, known, name)
    if not event:
        return blocks
    if blocks and not conditions.is_known(event, known):
        blocks.append(ui.context("No such event came in so far: the names of its properties are typed."))
    if len(draft.rows) <= conditions.MOST:
        first, another = ADDS[name]
        add = ui.button(another if blocks else first, ADD)
        blocks.append(ui.actions(add, block_id=place.block_id(f"{name}-add")))
    return blocks


def whose(block_id: str) -> str:
    """Which event's rows a block belongs to: one of `conditions.ROWS`."""
    return field_of(block_id).partition("-")[0]


def read(view: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The rows in a view, as `conditions` keeps them: what was chosen and typed since it was shown, too."""
    values = view["state"]["values"]
    found: dict[int, dict[str, Any]] = {}
    for block in view["blocks"]:
        what, _, number = field_of(str(block.get("block_id", ""))).partition("-")
        if what not in (name, f"{name}_value") or not number.isdecimal():
            continue
        row = found.setdefault(int(number), {"id": int(number), "key": "", "op": "", "value": ""})
        state = values.get(block["block_id"], {})
        if what == name:
            for element in block["elements"]:
                chosen = (state.get(element["action_id"]) or {}).get("selected_option") or element.get("initial_option")
                if element["action_id"] == PROPERTY and chosen:
                    row["key"] = chosen["value"]
                elif element["action_id"].startswith(f"{OP}:") and chosen:
                    row["op"] = chosen["value"]
        else:
            for action_id, entry in state.items():
                if action_id == UNKNOWN:
                    row["key"] = (entry.get("selected_option") or {}).get("value", "")
                else:
                    row["value"] = str(entry.get("value") or entry.get("selected_date") or "")
    return list(found.values())


def _row(place: Place, draft: Draft, row: Row, known: Known, name: str) -> list[Block]:
    remove = ui.button("Remove", f"{REMOVE}:{row.id}", row.id)
    typed_into = place.block_id(conditions.value_field(name, row.id))
    if not row.field:
        search = choose.search(UNKNOWN, placeholder="Type its name, such as cart_total", shortest=1)
        return [
            ui.field("Property", typed_into, search, dispatch=True),
            ui.actions(remove, block_id=place.block_id(f"{name}-{row.id}")),
        ]
    kind = drafts.kind(draft, row, known)
    ops = [ui.option(op.words, key) for key, op in OPS[kind].items()]
    event = draft.rows[0].about
    names = offers.properties(known, event) if conditions.is_known(event, known) else []
    if row.field not in known.properties(event):  # it was typed, or came over HTTP
        names.insert(0, ui.option(conditions.words(row.field), row.field))
    select = choose.select(PROPERTY, names[: choose.MOST], chosen=row.field, placeholder="Choose a property")
    blocks: list[Block] = [
        ui.actions(
            select,
            choose.select(f"{OP}:{kind}", ops, chosen=row.op),
            remove,
            block_id=place.block_id(f"{name}-{row.id}"),
        )
    ]
    shape = drafts.shape(draft, row, known)
    if shape != drafts.NONE:
        hint = "One to a line." if shape == drafts.LINES else None
        words = OPS[kind][row.op]
        label = f"{row.name.replace('_', ' ')} {words.words}" + (f" … {words.unit}" if words.unit else "")
        blocks.append(ui.field(label, typed_into, _input(row, shape), hint=hint))
    return blocks


def _input(row: Row, shape: str) -> InputInteractiveElement:
    if shape in (drafts.NUMBER, drafts.WHOLE):
        decimal = shape == drafts.NUMBER
        return NumberInputElement(
            action_id=VALUE, is_decimal_allowed=decimal, initial_value=row.value if _is_number(row.value) else None
        )
    if shape == drafts.DATE:
        day = row.value if reading.is_day(row.value) else None
        return DatePickerElement(action_id=VALUE, initial_date=day)
    return PlainTextInputElement(action_id=VALUE, initial_value=row.value or None, multiline=shape == drafts.LINES)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii()
