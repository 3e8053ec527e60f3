"""The validator of Slack's limits: each limit at its edge (taken) and one past it (found, at the right place)."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.limits import check_message, check_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(i: int, **more: Any) -> Json:
    return {"text": plain(f"o{i}"), "value": f"v{i}", **more}


def options(count: int) -> list[Json]:
    return [option(i) for i in range(count)]


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn("x"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def button(text: str = "b", **more: Any) -> Json:
    return {"type": "button", "text": plain(text), **more}


def field(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": {"action_id": "a", **element}, **more}


def select(count: int = 1, **more: Any) -> Json:
    return {"type": "static_select", "options": options(count), **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Title"), "submit": plain("Go"), "blocks": list(blocks), **more}


def in_message(block: Json) -> list[str]:
    """The findings on a message with one block."""
    return [str(p) for p in check_message({"text": "x", "blocks": [block]})]


def in_modal(block: Json) -> list[str]:
    """The findings on a modal with one block."""
    return [str(p) for p in check_view(modal(block))]


def confirm(**more: Any) -> Json:
    return {"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n"), **more}


def cells(count: int) -> list[Json]:
    return [{"type": "raw_text", "text": "x"} for _ in range(count)]


def data_table(rows: list[list[Json]], **more: Any) -> Json:
    return {"type": "data_table", "caption": "c", "rows": rows, **more}


def pie(count: int, value: float = 1, label: str = "l", title: str = "t") -> Json:
    segments = [{"label": label, "value": value} for _ in range(count)]
    return {"type": "data_visualization", "title": title, "chart": {"type": "pie", "segments": segments}}


def bars(series: int = 1, points: int = 1, name: str = "s") -> Json:
    categories = [f"c{i}" for i in range(points)]
    data = [{"label": c, "value": -1.5} for c in categories]
    chart = {
        "type": "bar",
        "series": [{"name": f"{name}{i}", "data": copy.deepcopy(data)} for i in range(series)],
        "axis_config": {"categories": categories, "x_label": "x" * 50},
    }
    return {"type": "data_visualization", "title": "t", "chart": chart}


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


MODAL_EDGES: dict[str, tuple[Json, Json, str, str]] = {
    "title": (modal(title=plain("x" * 24)), modal(title=plain("x" * 25)), "/title/text", "less than 25"),
    "no title": (modal(), {"type": "modal", "blocks": []}, "/", "missing required field: title"),
    "submit": (modal(submit=plain("x" * 24)), modal(submit=plain("x" * 25)), "/submit/text", "less than 25"),
    "close": (modal(close=plain("x" * 24)), modal(close=plain("x" * 25)), "/close/text", "less than 25"),
    "title is plain": (modal(), modal(title=mrkdwn("x")), "/title/type", "must be one of: plain_text"),
    "metadata": (
        modal(private_metadata="x" * 3000),
        modal(private_metadata="x" * 3001),
        "/private_metadata",
        "less than 3001",
    ),
    "callback": (modal(callback_id="x" * 255), modal(callback_id="x" * 256), "/callback_id", "less than 256"),
    "blocks": (modal(*[section()] * 100), modal(*[section()] * 101), "/blocks", "no more than 100"),
    "same block id": (
        modal(section(block_id="a"), section(block_id="b")),
        modal(section(block_id="a"), section(block_id="a")),
        "/blocks/1/block_id",
        "block_id already exists: a",
    ),
    "submit for inputs": (
        modal(field({"type": "plain_text_input"})),
        modal(field({"type": "plain_text_input"}), submit=None),
        "/",
        "missing required field: submit",
    ),
    "input label": (
        modal(field({"type": "plain_text_input"}, label=plain("x" * 2000))),
        modal(field({"type": "plain_text_input"}, label=plain("x" * 2001))),
        "/blocks/0/label/text",
        "less than 2001",
    ),
    "input length": (
        modal(field({"type": "plain_text_input", "max_length": 3000, "min_length": 0})),
        modal(field({"type": "plain_text_input", "max_length": 3001})),
        "/blocks/0/element/max_length",
        "from 1 to 3000",
    ),
    "initial value": (
        modal(field({"type": "plain_text_input", "max_length": 5, "initial_value": "12345"})),
        modal(field({"type": "plain_text_input", "max_length": 5, "initial_value": "123456"})),
        "/blocks/0/element/initial_value",
        "less than 6",
    ),
    "number": (
        modal(field({"type": "number_input", "is_decimal_allowed": True, "min_value": "-1.5"})),
        modal(field({"type": "number_input", "is_decimal_allowed": True, "min_value": 1})),
        "/blocks/0/element/min_value",
        "must be a number in a string",
    ),
    "number says whether decimal": (
        modal(field({"type": "number_input", "is_decimal_allowed": False})),
        modal(field({"type": "number_input"})),
        "/blocks/0/element",
        "is_decimal_allowed",
    ),
    "files": (
        modal(field({"type": "file_input", "max_files": 10, "filetypes": ["csv"]})),
        modal(field({"type": "file_input", "max_files": 11})),
        "/blocks/0/element/max_files",
        "from 1 to 10",
    ),
    "date": (
        modal(field({"type": "datepicker", "initial_date": "2026-12-31"})),
        modal(field({"type": "datepicker", "initial_date": "31.12.2026"})),
        "/blocks/0/element/initial_date",
        "must be a date",
    ),
    "time": (
        modal(field({"type": "timepicker", "initial_time": "23:59"})),
        modal(field({"type": "timepicker", "initial_time": "24:00"})),
        "/blocks/0/element/initial_time",
        "must be a time",
    ),
    "moment": (
        modal(field({"type": "datetimepicker", "initial_date_time": 1_800_000_000})),
        modal(field({"type": "datetimepicker", "initial_date_time": "1800000000"})),
        "/blocks/0/element/initial_date_time",
        "UNIX timestamp",
    ),
    "no charts in modals": (modal(section()), modal(pie(1)), "/blocks/0/type", "not allowed on surface: modal"),
    "no tables in modals": (
        modal(section()),
        modal({"type": "table", "rows": [cells(1)]}),
        "/blocks/0/type",
        "table is not allowed on surface: modal",
    ),
    "kind of view": (modal(), modal(type="panel"), "/type", "must be one of: home, modal"),
}


@pytest.mark.parametrize("name", MODAL_EDGES)
def test_an_edge_of_a_modal(name: str) -> None:
    """As for messages."""
    good, bad, path, said = MODAL_EDGES[name]
    assert [str(p) for p in check_view(good)] == []
    found = [str(p) for p in check_view(bad)]
    assert any(line.startswith(f"{path}: ") and said in line for line in found), found


def test_a_message_has_fifty_blocks_at_most() -> None:
    """51 are refused."""
    assert check_message({"text": "x", "blocks": [section()] * 50}) == []
    [problem] = check_message({"text": "x", "blocks": [section()] * 51})
    assert str(problem) == "/blocks: no more than 50 items allowed"


def test_a_message_holds_two_charts_and_one_table() -> None:
    """More than that are refused."""
    assert check_message({"text": "x", "blocks": [pie(1), bars(), data_table([cells(1)] * 2)]}) == []
    [problem] = check_message({"text": "x", "blocks": [pie(1), pie(1), pie(1)]})
    assert str(problem) == "/blocks/2: no more than 2 data_visualization blocks allowed"


def test_a_series_has_one_point_for_each_category() -> None:
    """A missing point, one too many, or a wrong label is found."""
    chart = bars(1, 3)
    chart["chart"]["series"][0]["data"][1]["label"] = "elsewhere"
    assert in_message(chart) == ["/blocks/0/chart/series/0/data: must have exactly one point for each category"]


def test_blocks_without_text_are_a_warning() -> None:
    """Slack takes it; a screen reader says nothing. Tests of the product can insist."""
    [problem] = check_message({"blocks": [section()]})
    assert (problem.is_error, problem.path) == (False, "/text")


def test_the_same_value_twice_is_a_warning() -> None:
    """Slack takes it, but the answer would be ambiguous."""
    [problem] = check_message({"text": "x", "blocks": [actions(select(options=[option(1), option(1)]))]})
    assert (problem.is_error, problem.path) == (False, "/blocks/0/elements/0/options/1/value")


def test_texts_that_are_too_long_have_slacks_own_name() -> None:
    """msg_too_long and view_too_large, so that the Web API can answer with them."""
    [problem] = check_message({"text": "x" * 40_001})
    assert problem.slack_error == "msg_too_long"
    names = {p.slack_error for p in check_view(modal(*[section(text=mrkdwn("x" * 2900)) for _ in range(100)]))}
    assert names == {"view_too_large"}


@pytest.mark.parametrize(
    "payload",
    [
        {"text": 5},
        {"text": "x", "blocks": "no"},
        {"text": "x", "blocks": [None]},
        {"text": "x", "blocks": [{"type": None}]},
        {"text": "x", "blocks": [section(text="bare")]},
        {"text": "x", "blocks": [section(fields="no")]},
        {"text": "x", "blocks": [section(accessory="no")]},
        {"text": "x", "blocks": [actions("no")]},  # type: ignore[arg-type]
        {"text": "x", "blocks": [actions(select(options=["no"]))]},
        {"text": "x", "blocks": [actions({"type": "static_select", "option_groups": ["no"]})]},
        {"text": "x", "blocks": [actions(button(confirm="no"))]},
        {"text": "x", "blocks": [{"type": "context", "elements": [5]}]},
        {"text": "x", "blocks": [{"type": "input", "label": plain("x")}]},
        {"text": "x", "blocks": [{"type": "table", "rows": ["no"]}]},
        {"text": "x", "blocks": [data_table([["no"], ["no"]])]},  # type: ignore[list-item]
        {"text": "x", "blocks": [{"type": "data_visualization", "title": "t", "chart": "no"}]},
        {
            "text": "x",
            "blocks": [{"type": "data_visualization", "title": "t", "chart": {"type": "bar", "series": [1]}}],
        },
        {"text": "x", "attachments": "no"},
    ],
)
def test_nonsense_is_found_and_breaks_nothing(payload: Json) -> None:
    """Whatever comes in, findings come out."""
    assert any(problem.is_error for problem in check_message(payload))


@pytest.mark.parametrize("view", [None, [], "x", {}, {"type": "home"}, modal(blocks="no"), modal(title="no")])
def test_nonsense_for_a_view_is_found_and_breaks_nothing(view: Any) -> None:
    """As for messages."""
    assert any(problem.is_error for problem in check_view(view))


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


def test_a_home_tab_needs_neither_title_nor_submit() -> None:
    """And may hold 100 blocks."""
    assert check_view({"type": "home", "blocks": [section()] * 100}) == []
    assert check_view({"type": "home", "blocks": [field({"type": "plain_text_input"})]}) == []
