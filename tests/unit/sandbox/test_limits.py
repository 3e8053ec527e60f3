"""Slack's limits on modals and on messages as a whole; nonsense is found, and breaks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.limits import check_message, check_view
from tests.unit.sandbox.blocks import (
    Json,
    actions,
    bars,
    button,
    cells,
    data_table,
    field,
    in_message,
    modal,
    mrkdwn,
    option,
    pie,
    plain,
    section,
    select,
)

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


def test_a_home_tab_needs_neither_title_nor_submit() -> None:
    """And may hold 100 blocks."""
    assert check_view({"type": "home", "blocks": [section()] * 100}) == []
    assert check_view({"type": "home", "blocks": [field({"type": "plain_text_input"})]}) == []
