"""The sandbox's pure parts: state of inputs, words on the screen, SMS segments, knobs, the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.blocks import merged_state, with_ids
from sandbox.browser.checks import chosen, required_and_valid, suggestions
from sandbox.clock import Clock
from sandbox.knobs import Knobs
from sandbox.phone.gateway import Behaviour
from sandbox.phone.phones import segments
from sandbox.slack.payloads import escaped, sent_back
from sandbox.store import Store
from sandbox.testing.words import describe, read

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def raw(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def text_field(block_id: str = "b", **more: Any) -> Json:
    element = {"type": "plain_text_input", "action_id": "a", **more}
    return {"type": "input", "block_id": block_id, "label": plain("Name"), "element": element}


def typed(value: str | None) -> Json:
    return {"b": {"a": {"type": "plain_text_input", "value": value}}}


def test_state_starts_with_the_initial_value() -> None:
    """Untouched, a field holds its initial value, or null."""
    assert merged_state([text_field()], {}) == typed(None)
    assert merged_state([text_field(initial_value="x")], {}) == typed("x")


def test_state_prefers_what_was_sent_then_what_was_held() -> None:
    """Held state outlives a new initial value under the same ids; an emptied field is null."""
    block = text_field(initial_value="new")
    assert merged_state([block], typed("held")) == typed("held")
    assert merged_state([block], typed("held"), typed("sent")) == typed("sent")
    assert merged_state([block], typed("held"), typed("")) == typed(None)


def test_state_forgets_blocks_that_are_gone_and_other_types() -> None:
    """A new block id, or another type of element under the same ids, starts afresh."""
    assert merged_state([text_field("c")], typed("held"), typed("sent")) == {
        "c": {"a": {"type": "plain_text_input", "value": None}}
    }
    number = text_field()
    number["element"] = {"type": "number_input", "action_id": "a"}
    assert merged_state([number], typed("held")) == {"b": {"a": {"type": "number_input", "value": None}}}


def test_ids_are_filled_in_where_they_are_missing() -> None:
    """The payload itself is not changed."""
    blocks = [{"type": "actions", "elements": [{"type": "button", "text": plain("x")}]}, {"type": "divider"}]
    filled = with_ids(blocks)
    assert filled[0]["block_id"]
    assert filled[0]["elements"][0]["action_id"]
    assert filled[0]["block_id"] != filled[1]["block_id"]
    assert "block_id" not in blocks[0]


def test_a_choice_is_completed_from_the_options() -> None:
    """The page may send a value alone; the bot gets the whole option."""
    option = {"text": plain("One"), "value": "1"}
    element = {"type": "static_select", "options": [option]}
    assert chosen(element, {"selected_option": {"value": "1"}}) == {"type": "static_select", "selected_option": option}
    many = {"type": "checkboxes", "options": [option]}
    assert chosen(many, {"selected_options": [{"value": "1"}]})["selected_options"] == [option]


@pytest.mark.parametrize(
    ("element", "value", "error"),
    [
        ({"type": "plain_text_input", "min_length": 3}, "ab", "Please enter at least 3 characters."),
        ({"type": "plain_text_input"}, None, "Please complete this required field."),
        ({"type": "number_input", "is_decimal_allowed": True, "max_value": "9"}, "9.5", "a number of 9 or less"),
        ({"type": "number_input", "min_value": "2"}, "1", "a number of 2 or more"),
        ({"type": "number_input"}, "x", "Please enter a number."),
        ({"type": "email_text_input"}, "a@b", "valid email"),
        ({"type": "url_text_input"}, "b.c", "valid URL"),
        ({"type": "email_text_input"}, "a@b.c", None),
        ({"type": "url_text_input"}, "https://b.c/d", None),
        ({"type": "number_input", "is_decimal_allowed": True}, "1.5", None),
    ],
)
def test_what_slack_checks_before_a_submission(element: Json, value: str | None, error: str | None) -> None:
    """The text at the field, or nothing."""
    block = {"type": "input", "block_id": "b", "label": plain("x"), "element": {"action_id": "a", **element}}
    values = {"b": {"a": {"type": element["type"], "value": value}}}
    errors = required_and_valid({"blocks": [block], "state": {"values": values}})
    assert (error is None and errors == {}) or (error is not None and error in errors["b"])


def test_suggestions_are_held_to_limits() -> None:
    """No options at all is fair, 101 are not, nor an answer without either list."""
    option = {"text": plain("One"), "value": "1"}
    assert suggestions({"options": []}) == []
    assert suggestions({"option_groups": [{"label": plain("x"), "options": [option]}]}) == []
    assert [str(p) for p in suggestions({"options": [option] * 101})] == ["/options: no more than 100 items allowed"]
    assert suggestions({}) != []
    assert suggestions({"option_groups": "no"}) != []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _it_ ~gone~ `co_d_e`", "bold it gone co_d_e"),
        ("a*b*c snake_case_name 2 * 3 * 4", "a*b*c snake_case_name 2 * 3 * 4"),
        ("*_both_*", "both"),
        ("hi <@U0MAYA>, see <#C0GENERAL> or <https://x.example/a_b|here>", "hi @maya, see #general or here"),
        ("<!channel> &lt;!channel&gt; &amp;amp;", "@channel <!channel> &amp;"),
        ("<!date^1^{date}|then>", "then"),
    ],
)
def test_mrkdwn_is_read_as_a_person_sees_it(text: str, shown: str) -> None:
    """Markup gone, mentions by name, entities resolved once."""
    assert read({"type": "mrkdwn", "text": text}) == shown


def test_plain_text_is_left_alone() -> None:
    """No markup in plain_text."""
    assert read(plain("*x* <!channel> &lt;")) == "*x* <!channel> &lt;"


def test_a_screen_in_words() -> None:
    """Fields with what is filled in and their errors, tables, charts."""
    button, segment = {"type": "button", "text": plain("Go")}, {"label": "ok", "value": 3}
    blocks = [
        text_field(),
        {"type": "data_table", "caption": "Groups", "rows": [[raw("A"), {"type": "raw_number", "value": 3}]]},
        {"type": "data_visualization", "title": "Sent", "chart": {"type": "pie", "segments": [segment]}},
        {"type": "section", "text": plain("x"), "fields": [plain("y")], "accessory": button},
    ]
    words = describe(blocks, typed("Anna"), {"b": "Too short."})
    assert words.splitlines() == [
        "Name: ‹Anna›",
        "    ! Too short.",
        "Groups",
        "A  |  3",
        "Sent (pie chart)",
        "ok 3",
        "x",
        "y",
        "[Go]",
    ]


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("ż" * 70, 1),
        ("ż" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments_of_a_text(body: str, count: int) -> None:
    """GSM 03.38: 160 or 153 septets, two for the extension table; else 70 or 67 UTF-16 units."""
    assert segments(body) == count


def test_knobs_name_what_is_wrong() -> None:
    """A knob that does not exist, or takes something else."""
    knobs = Knobs()
    knobs.update({"rate_limit_next": 2, "retry_seconds": [0, 1], "chat_update_per_second": None})
    assert (knobs.rate_limit_next, knobs.retry_seconds) == (2, (0, 1))
    with pytest.raises(ValueError, match=r"no knob 'nope'\. There are: chat_update"):
        knobs.update({"nope": 1})
    with pytest.raises(ValueError, match="takes bool, not str"):
        knobs.update({"duplicate_events": "yes"})


def test_failures_of_the_gateway_are_counted_off() -> None:
    """Each as often as it says, in order."""
    behaviour = Behaviour()
    behaviour.update({"fail_next": [{"kind": "429", "times": 2}, {"kind": "drop"}]})
    assert [behaviour.next_failure() for _ in range(4)] == ["429", "429", "drop", None]
    with pytest.raises(ValueError, match="no failure 'explode'"):
        behaviour.update({"fail_next": [{"kind": "explode"}]})
    with pytest.raises(ValueError, match="delivery is at-once"):
        behaviour.update({"delivery": "soon"})


def test_timestamps_only_grow() -> None:
    """Even when the clock is set back, and after those of an earlier run."""
    clock = Clock(3600)
    first = clock.next_ts()
    clock.offset_seconds = 0
    second = clock.next_ts()
    clock.seen_ts("4102444800.000009")
    third = clock.next_ts()
    assert first < second < third == "4102444800.000010"


def test_entities_go_out_and_come_back() -> None:
    """Typed text is escaped, a mention made; plain_text in a payload comes back escaped, mrkdwn as it was."""
    assert escaped("a & <b> @promobot") == "a &amp; &lt;b&gt; <@U0PROMOBOT>"
    mrkdwn = {"type": "mrkdwn", "text": "&amp; <@U>"}
    assert sent_back([{"text": plain("a & b")}, mrkdwn]) == [{"text": plain("a &amp; b")}, mrkdwn]


def test_the_store_keeps_replaces_and_forgets(tmp_path: Path) -> None:
    """Across a close and a new start; files too."""
    store = Store(tmp_path)
    store.put("a", "1", {"x": 1})
    store.put("a", "1", {"x": 2})
    store.put("a", "2", {"x": 3})
    store.remove("a", "2")
    store.put_file("F1", b"bytes")
    store.close()
    again = Store(tmp_path)
    assert list(again.load("a")) == [("1", {"x": 2})]
    assert again.file("F1") == b"bytes"
    again.remove_file("F1")
    with pytest.raises(KeyError):
        again.file("F1")
    again.close()


def test_without_a_folder_nothing_is_stored() -> None:
    """Files live in memory, documents with their owners."""
    store = Store(None)
    store.put("a", "1", {"x": 1})
    store.put_file("F1", b"bytes")
    assert list(store.load("a")) == []
    assert store.file("F1") == b"bytes"
    store.close()
