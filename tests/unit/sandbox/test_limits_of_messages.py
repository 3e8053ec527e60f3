"""Each of Slack's limits on the blocks of a message: what it still takes, what it does not, and what it says."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.limits import check_message, check_view
from tests.unit.sandbox.blocks import (
    Json,
    actions,
    bars,
    button,
    cells,
    confirm,
    data_table,
    field,
    in_message,
    modal,
    mrkdwn,
    option,
    options,
    pie,
    plain,
    section,
    select,
)

# (what Slack still takes, what it does not, where, what is said)
MESSAGE_EDGES: dict[str, tuple[Json, Json, str, str]] = {
    "section text": (
        section(text=mrkdwn("x" * 3000)),
        section(text=mrkdwn("x" * 3001)),
        "/blocks/0/text/text",
        "must be less than 3001 characters",
    ),
    "section text empty": (section(), section(text=mrkdwn("")), "/blocks/0/text/text", "more than 0"),
    "section needs something": (section(), {"type": "section"}, "/blocks/0", "missing required field: text or fields"),
    "fields": (
        section(fields=[mrkdwn("x" * 2000)] * 10),
        section(fields=[mrkdwn("x")] * 11),
        "/blocks/0/fields",
        "no more than 10 items allowed",
    ),
    "field text": (
        section(fields=[mrkdwn("x" * 2000)]),
        section(fields=[mrkdwn("x" * 2001)]),
        "/blocks/0/fields/0/text",
        "less than 2001",
    ),
    "header": (
        {"type": "header", "text": plain("x" * 150)},
        {"type": "header", "text": plain("x" * 151)},
        "/blocks/0/text/text",
        "less than 151",
    ),
    "header is plain": (
        {"type": "header", "text": plain("x")},
        {"type": "header", "text": mrkdwn("x")},
        "/blocks/0/text/type",
        "must be one of: plain_text",
    ),
    "context": (
        {"type": "context", "elements": [mrkdwn("x")] * 10},
        {"type": "context", "elements": [mrkdwn("x")] * 11},
        "/blocks/0/elements",
        "no more than 10",
    ),
    "actions": (
        actions(*[button() for _ in range(25)]),
        actions(*[button() for _ in range(26)]),
        "/blocks/0/elements",
        "no more than 25",
    ),
    "actions empty": (actions(button()), actions(), "/blocks/0/elements", "no less than 1"),
    "same action twice": (
        actions(button(action_id="a"), button(action_id="b")),
        actions(button(action_id="a"), button(action_id="a")),
        "/blocks/0/elements/1/action_id",
        "already exists",
    ),
    "button text": (
        actions(button("x" * 75)),
        actions(button("x" * 76)),
        "/blocks/0/elements/0/text/text",
        "less than 76",
    ),
    "button value": (
        actions(button(value="x" * 2000)),
        actions(button(value="x" * 2001)),
        "/blocks/0/elements/0/value",
        "less than 2001",
    ),
    "button style": (
        actions(button(style="danger")),
        actions(button(style="default")),
        "/blocks/0/elements/0/style",
        "must be one of: danger, primary",
    ),
    "action id": (
        actions(button(action_id="x" * 255)),
        actions(button(action_id="x" * 256)),
        "/blocks/0/elements/0/action_id",
        "less than 256",
    ),
    "block id": (
        section(block_id="x" * 255),
        section(block_id="x" * 256),
        "/blocks/0/block_id",
        "less than 256",
    ),
    "confirm": (
        actions(button(confirm=confirm(title=plain("x" * 100), text=plain("x" * 300)))),
        actions(button(confirm=confirm(text=plain("x" * 301)))),
        "/blocks/0/elements/0/confirm/text/text",
        "less than 301",
    ),
    "confirm's button": (
        actions(button(confirm=confirm(deny=plain("x" * 30)))),
        actions(button(confirm=confirm(deny=plain("x" * 31)))),
        "/blocks/0/elements/0/confirm/deny/text",
        "less than 31",
    ),
    "options": (actions(select(100)), actions(select(101)), "/blocks/0/elements/0/options", "no more than 100"),
    "no options": (actions(select(1)), actions(select(0)), "/blocks/0/elements/0/options", "no less than 1"),
    "option text": (
        actions(select(options=[option(0, text=plain("x" * 75))])),
        actions(select(options=[option(0, text=plain("x" * 76))])),
        "/blocks/0/elements/0/options/0/text/text",
        "less than 76",
    ),
    "option value": (
        actions(select(options=[option(0, value="x" * 150)])),
        actions(select(options=[option(0, value="x" * 151)])),
        "/blocks/0/elements/0/options/0/value",
        "less than 151",
    ),
    "option description": (
        actions(select(options=[option(0, description=plain("x" * 75))])),
        actions(select(options=[option(0, description=plain("x" * 76))])),
        "/blocks/0/elements/0/options/0/description/text",
        "less than 76",
    ),
    "initial option": (
        actions(select(2, initial_option=option(1))),
        actions(select(2, initial_option=option(2))),
        "/blocks/0/elements/0/initial_option",
        "must exactly match one of the options",
    ),
    "options or groups": (
        actions({"type": "static_select", "option_groups": [{"label": plain("x" * 75), "options": options(1)}]}),
        actions(select(1, option_groups=[{"label": plain("x"), "options": options(1)}])),
        "/blocks/0/elements/0",
        "must have either options or option_groups",
    ),
    "group label": (
        actions({"type": "static_select", "option_groups": [{"label": plain("x"), "options": options(100)}]}),
        actions({"type": "static_select", "option_groups": [{"label": plain("x" * 76), "options": options(1)}]}),
        "/blocks/0/elements/0/option_groups/0/label/text",
        "less than 76",
    ),
    "overflow most": (
        actions({"type": "overflow", "options": options(5)}),
        actions({"type": "overflow", "options": options(6)}),
        "/blocks/0/elements/0/options",
        "no more than 5",
    ),
    "overflow least": (
        actions({"type": "overflow", "options": options(2)}),
        actions({"type": "overflow", "options": options(1)}),
        "/blocks/0/elements/0/options",
        "no less than 2",
    ),
    "radio": (
        actions({"type": "radio_buttons", "options": options(10)}),
        actions({"type": "radio_buttons", "options": options(11)}),
        "/blocks/0/elements/0/options",
        "no more than 10",
    ),
    "checkboxes": (
        actions({"type": "checkboxes", "options": options(10), "initial_options": [option(9)]}),
        actions({"type": "checkboxes", "options": options(10), "initial_options": []}),
        "/blocks/0/elements/0/initial_options",
        "at least one option",
    ),
    "placeholder": (
        actions(select(placeholder=plain("x" * 150))),
        actions(select(placeholder=plain("x" * 151))),
        "/blocks/0/elements/0/placeholder/text",
        "less than 151",
    ),
    "image": (
        {"type": "image", "image_url": "u" * 3000, "alt_text": "x" * 2000},
        {"type": "image", "image_url": "u"},
        "/blocks/0",
        "missing required field: alt_text",
    ),
    "rich text": (
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
        {"type": "rich_text", "elements": [{"type": "text", "text": "x"}]},
        "/blocks/0/elements/0/type",
        "must be one of: rich_text_list",
    ),
    "unknown block": (section(), {"type": "sektion"}, "/blocks/0/type", "unsupported type: sektion"),
    "unknown element": (
        section(accessory=button()),
        section(accessory={"type": "plain_text_input"}),
        "/blocks/0/accessory/type",
        "unsupported type: plain_text_input in a section block",
    ),
    "no files in messages": (
        field({"type": "plain_text_input"}),
        field({"type": "file_input"}),
        "/blocks/0/element/type",
        "file_input is not allowed on surface: message",
    ),
    "mrkdwn has no emoji flag": (
        section(text={"type": "plain_text", "text": "x", "emoji": True}),
        section(text={"type": "mrkdwn", "text": "x", "emoji": True}),
        "/blocks/0/text/emoji",
        "only allowed in plain_text",
    ),
    "table rows": (
        {"type": "table", "rows": [cells(20)] * 100},
        {"type": "table", "rows": [cells(1)] * 101},
        "/blocks/0/rows",
        "no more than 100",
    ),
    "table cells": (
        {"type": "table", "rows": [cells(20)]},
        {"type": "table", "rows": [cells(21)]},
        "/blocks/0/rows/0",
        "from 1 to 20 cells",
    ),
    "an empty cell": (
        {"type": "table", "rows": [cells(1)]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": ""}]]},
        "/blocks/0/rows/0/0/text",
        "more than 0",
    ),
    "data table rows": (
        data_table([cells(2)] * 101, page_size=100),
        data_table([cells(2)] * 102),
        "/blocks/0/rows",
        "no more than 101",
    ),
    "data table needs a row": (data_table([cells(2)] * 2), data_table([cells(2)]), "/blocks/0/rows", "no less than 2"),
    "data table is even": (
        data_table([cells(2), cells(2)]),
        data_table([cells(2), cells(3)]),
        "/blocks/0/rows",
        "the same number of cells",
    ),
    "data table caption": (
        data_table([cells(1)] * 2),
        {"type": "data_table", "rows": [cells(1)] * 2},
        "/blocks/0",
        "missing required field: caption",
    ),
    "data table page": (
        data_table([cells(1)] * 2, page_size=1),
        data_table([cells(1)] * 2, page_size=101),
        "/blocks/0/page_size",
        "from 1 to 100",
    ),
    "data table characters": (
        data_table([[{"type": "raw_text", "text": "x" * 5000}]] * 2),
        data_table([[{"type": "raw_text", "text": "x" * 5001}]] * 2),
        "/blocks/0/rows",
        "less than 10001 characters in all cells",
    ),
    "a number is a number": (
        data_table([cells(1), [{"type": "raw_number", "value": 1.5}]]),
        data_table([cells(1), [{"type": "raw_number", "value": "1.5"}]]),
        "/blocks/0/rows/1/0/value",
        "must be a number",
    ),
    "pie segments": (pie(6), pie(7), "/blocks/0/chart/segments", "no more than 6"),
    "pie value": (pie(1), pie(1, value=0), "/blocks/0/chart/segments/0/value", "more than 0"),
    "pie label": (pie(1, label="x" * 20), pie(1, label="x" * 21), "/blocks/0/chart/segments/0/label", "less than 21"),
    "chart title": (pie(1, title="x" * 50), pie(1, title="x" * 51), "/blocks/0/title", "less than 51"),
    "chart series": (bars(6), bars(7), "/blocks/0/chart/series", "no more than 6"),
    "chart points": (bars(1, 20), bars(1, 21), "/blocks/0/chart/series/0/data", "no more than 20"),
    "series name": (bars(name="x" * 19), bars(name="x" * 20), "/blocks/0/chart/series/0/name", "less than 21"),
}


@pytest.mark.parametrize("name", MESSAGE_EDGES)
def test_an_edge_in_a_message(name: str) -> None:
    """At the limit nothing is found; past it, the right thing at the right place."""
    good, bad, path, said = MESSAGE_EDGES[name]
    assert in_message(good) == []
    found = in_message(bad)
    assert any(line.startswith(f"{path}: ") and said in line for line in found), found


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a payload."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in items for place in _places(inner, (*path, key)))]


@given(st.sampled_from(sorted(MESSAGE_EDGES)), st.randoms(use_true_random=False), ANYTHING)
@settings(max_examples=300, deadline=None)
def test_one_wrong_value_anywhere_breaks_nothing(name: str, random: Random, wrong: Any) -> None:
    """A valid block with any one value replaced by anything: findings or none, but never a crash."""
    block = copy.deepcopy(MESSAGE_EDGES[name][0])
    place = random.choice(_places(block)[1:])
    holder: Any = block
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = wrong
    check_message({"text": "x", "blocks": [block]})
    check_view(modal(block))
