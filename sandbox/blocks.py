"""Reading Block Kit: ids that Slack fills in, interactive elements, and the state that inputs hold.

Pure functions over plain dicts; used by both sides (what the bot sends, what the page sends back).
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Values = dict[str, dict[str, Json]]

# The key of an element's value in `state.values` and in `actions`, and what it holds when nothing is chosen.
STATE_KEYS: dict[str, tuple[str, Any]] = {
    "plain_text_input": ("value", None),
    "email_text_input": ("value", None),
    "url_text_input": ("value", None),
    "number_input": ("value", None),
    "rich_text_input": ("rich_text_value", None),
    "static_select": ("selected_option", None),
    "external_select": ("selected_option", None),
    "radio_buttons": ("selected_option", None),
    "users_select": ("selected_user", None),
    "conversations_select": ("selected_conversation", None),
    "channels_select": ("selected_channel", None),
    "multi_static_select": ("selected_options", []),
    "multi_external_select": ("selected_options", []),
    "checkboxes": ("selected_options", []),
    "multi_users_select": ("selected_users", []),
    "multi_conversations_select": ("selected_conversations", []),
    "multi_channels_select": ("selected_channels", []),
    "datepicker": ("selected_date", None),
    "timepicker": ("selected_time", None),
    "datetimepicker": ("selected_date_time", None),
    "file_input": ("files", []),
}
# The key that gives an element its value to begin with.
INITIAL_KEYS: dict[str, str] = {
    "plain_text_input": "initial_value",
    "email_text_input": "initial_value",
    "url_text_input": "initial_value",
    "number_input": "initial_value",
    "rich_text_input": "initial_value",
    "static_select": "initial_option",
    "external_select": "initial_option",
    "radio_buttons": "initial_option",
    "users_select": "initial_user",
    "conversations_select": "initial_conversation",
    "channels_select": "initial_channel",
    "multi_static_select": "initial_options",
    "multi_external_select": "initial_options",
    "checkboxes": "initial_options",
    "multi_users_select": "initial_users",
    "multi_conversations_select": "initial_conversations",
    "multi_channels_select": "initial_channels",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "datetimepicker": "initial_date_time",
}
INTERACTIVE = frozenset(STATE_KEYS) | {"button", "overflow", "workflow_button", "icon_button"}


@dataclass(frozen=True)
class Placed:
    """An element and the block it sits in."""

    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        """The id of the block."""
        return str(self.block.get("block_id", ""))

    @property
    def action_id(self) -> str:
        """The element's action id."""
        return str(self.element.get("action_id", ""))


def with_ids(blocks: list[Json]) -> list[Json]:
    """A copy of the blocks in which each block and each interactive element has an id, as Slack fills them in."""
    blocks = copy.deepcopy(blocks)
    for block in blocks:
        block.setdefault("block_id", secrets.token_urlsafe(4)[:5])
        for element in _elements(block):
            if element.get("type") in INTERACTIVE:
                element.setdefault("action_id", secrets.token_urlsafe(4)[:5])
    return blocks


def _elements(block: Json) -> Iterator[Json]:
    """The elements directly in a block, wherever its type keeps them."""
    for key in ("element", "accessory"):
        if isinstance(block.get(key), dict):
            yield block[key]
    for key in ("elements", "actions"):
        children = block.get(key)
        if isinstance(children, list):
            yield from (child for child in children if isinstance(child, dict))


def interactive(blocks: list[Json]) -> Iterator[Placed]:
    """Every element that a person can use, with its block, in reading order."""
    for block in blocks:
        for element in _elements(block):
            if element.get("type") in INTERACTIVE:
                yield Placed(block, element)


def find(blocks: list[Json], block_id: str, action_id: str) -> Placed | None:
    """The element with these ids, or None."""
    placed = (p for p in interactive(blocks) if p.block_id == block_id and p.action_id == action_id)
    return next(placed, None)


def initial(element: Json) -> Json:
    """An element's entry in `state.values` before anybody touched it."""
    kind = element["type"]
    key, empty = STATE_KEYS[kind]
    value = element.get(INITIAL_KEYS.get(kind, ""), None)
    return {"type": kind, key: copy.copy(empty) if value is None else value}


def merged_state(blocks: list[Json], held: Values, sent: Values | None = None) -> Values:
    """`state.values` of these blocks: what the page sent, else what was held before, else the initial value.

    Slack keeps what was held under the same block_id and action_id even if a view update changes the element's
    initial value or options; so does this.
    """
    values: Values = {}
    for placed in interactive(blocks):
        kind = placed.element["type"]
        if kind not in STATE_KEYS:
            continue
        key = STATE_KEYS[kind][0]
        entry = initial(placed.element)
        for source in (held, sent or {}):
            known = source.get(placed.block_id, {}).get(placed.action_id)
            if isinstance(known, dict) and key in known and known.get("type", kind) == kind:
                entry = {"type": kind, key: _cleaned(kind, known[key])}
        values.setdefault(placed.block_id, {})[placed.action_id] = entry
    return values


def _cleaned(kind: str, value: Any) -> Any:
    """A value in the form Slack reports it: an emptied text field is null, not ""."""
    if value == "" or value is None:
        return copy.copy(STATE_KEYS[kind][1])
    return value


def input_block_ids(blocks: list[Json]) -> set[str]:
    """The ids of the input blocks: the only ones that `response_action: errors` may name."""
    return {block["block_id"] for block in blocks if block.get("type") == "input"}


def plain(text: Any) -> str:
    """The string inside a text object (or a bare string); "" for anything else."""
    if isinstance(text, dict):
        return str(text.get("text", ""))
    return text if isinstance(text, str) else ""
