"""Views of customers and segments: within Slack's limits whatever the data, and nothing in them speaks to a channel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.customers import forms, import_views
from commands.customers import views as customer_views
from commands.segments import build_views, builder
from commands.segments import views as segment_views
from commands.segments.builder import Draft, Row
from commands.ui import paging
from distribution.customers import columns, importing
from distribution.customers.profile import Profile
from distribution.errors import Refused
from distribution.files import read_table
from distribution.segments.counting import Count
from distribution.segments.fields import OPS, kind_of
from distribution.segments.rules import parse, to_json
from sandbox.limits import check_view
from storage.codes import CodeLine
from storage.customers import MessageLine
from storage.tables import CodeState, ConsentChange, Customer, MessageState, Segment

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
HOSTILE = "<!channel> *x* `y` & 😀 " * 8
READER = customer_views.Reader("Europe/Warsaw", NOW, may_edit=True)


def someone(**given: Any) -> Customer:
    """A customer, as large as one may be."""
    fields = {"id": 10**12, "name": HOSTILE, "phone": "+48501234218", "source_id": HOSTILE, "region": "PL"}
    fields |= {"consent": "given", "time_zone": "America/Argentina/ComodRivadavia", "locale": "pl", "created_at": NOW}
    fields |= {"attributes": {f"attribute_{n}": HOSTILE for n in range(200)}}
    return Customer(**(fields | given))


def fine(view: dict[str, Any]) -> str:
    """The view's JSON, once Slack would take it and nothing in its mrkdwn is alive."""
    assert check_view(view) == []
    mrkdwn = [node["text"] for node in walk(view) if node.get("type") == "mrkdwn"]
    assert not any("<!channel>" in text for text in mrkdwn)
    return json.dumps(view)


def walk(node: Any) -> list[dict[str, Any]]:
    """Every object in a payload."""
    if isinstance(node, list):
        return [each for item in node for each in walk(item)]
    if not isinstance(node, dict):
        return []
    return [node, *(each for item in node.values() for each in walk(item))]


def test_a_profile_holds_whatever_there_is_to_know() -> None:
    known = Profile(
        someone(),
        [ConsentChange(consent="opted_out", source=HOSTILE, at=NOW) for _ in range(50)],
        [Segment(name=HOSTILE[:60], name_key="x", kind="static") for _ in range(100)],
        [CodeLine("`" * 60, HOSTILE, "repeated", HOSTILE, NOW, CodeState.ISSUED, NOW) for _ in range(1000)],
        [MessageLine(1, 1, HOSTILE, MessageState.REJECTED, "invalid_number", NOW) for _ in range(20)],
    )
    assert "earlier" in fine(customer_views.profile(known, READER))


def test_a_profile_of_nobody_in_particular() -> None:
    customer = someone(
        name="", phone=None, source_id="C1", attributes={}, region=None, time_zone=None, consent="unknown"
    )
    text = fine(customer_views.profile(Profile(customer, [], [], [], []), READER))
    assert "Cannot be texted: no phone number." in text
    assert "No name" in text


def test_every_state_of_a_message_and_a_code_has_words() -> None:
    assert set(customer_views.STATES) == set(MessageState)
    assert set(customer_views.CODE_STATES) == set(CodeState) - {CodeState.ACTIVE}


@pytest.mark.parametrize("words", ["", HOSTILE * 20])
def test_a_list_of_customers(words: str) -> None:
    found = [someone(id=number) for number in range(30)]
    fine(customer_views.listing(found, words, total="100,000+ customers", recent=found[:5], reader=READER))
    fine(customer_views.listing([], words, total="0 customers", reader=READER))


def test_forms_of_customers() -> None:
    attributes = {f"attribute_{n}": kind for n, kind in enumerate(["text", "number", "boolean", "date"] * 20)}
    customer = someone(attributes={"attribute_0": HOSTILE, "attribute_2": True})
    fine(forms.details_form(attributes, customer, default_region="PL", metadata={"customer": 1, "below": "V1"}))
    fine(forms.details_form(attributes, default_region="PL", metadata={}))
    change = ConsentChange(consent="opted_out", source=HOSTILE, at=NOW)
    for consent in ("given", "opted_out"):
        fine(forms.statement_form(someone(consent="opted_out"), consent, change, metadata={}))


def test_an_import_of_many_wide_columns() -> None:
    head = ",".join(f"{HOSTILE.replace(chr(96), '')} {n}" for n in range(60))
    table = read_table(f"{head}\n{','.join([HOSTILE] * 60)}\n".encode(), "<!channel>.csv")
    guessed = columns.guess(table, {})[: import_views.COLUMNS_SHOWN]
    seen = importing.preview(table, guessed, "PL")
    known = {f"known_{n}": "text" for n in range(300)}
    view = import_views.columns_step(table, guessed, seen, known=known, region="PL", agreed=True, upload_id=10**9)
    assert "Columns after the 40th are ignored" in fine(view)
    fine(import_views.file_step(HOSTILE))
    fine(import_views.reading(HOSTILE))


KNOWN = {"city": "text", "visits": "number", "vip": "boolean", "birthday": "date"}
CHOICES = build_views.Choices(KNOWN, dict.fromkeys(range(1, 300), HOSTILE))


def test_a_builder_as_full_as_it_gets() -> None:
    draft = builder.new_group(Draft())
    for _ in range(30):
        draft = builder.new_row(builder.new_group(draft))
    assert len(draft.rows) == builder.ROWS
    rows = tuple(Row(row.id, row.group, "codes_issued", "ge", "1", "299") for row in draft.rows)
    who = segment_views.Shown(Count(100_000, more=True), [HOSTILE] * 10)
    view = build_views.build(Draft(HOSTILE[:60], draft.matches, rows), CHOICES, who, metadata={"segment": 1})
    assert "100,000+ customers" in fine(view)


def test_lists_of_segments() -> None:
    lines = [segment_views.Line(n, HOSTILE[:60], HOSTILE * 20, Count(n)) for n in range(40)]
    fine(segment_views.listing(paging.page_of(lines, 10), "", may_edit=True))
    fine(segment_views.listing(paging.page_of([], 0), HOSTILE * 20, may_edit=False))
    who = segment_views.Shown(Count(0), [])
    fine(segment_views.segment(lines[0], "dynamic", who, may_edit=True, metadata={"list": "V1"}, note=HOSTILE * 20))
    fine(segment_views.list_form({}, "Poland"))
    fine(segment_views.rename_form(HOSTILE[:60], {"segment": 1}))
    fine(segment_views.deleted(HOSTILE[:60]))


def test_a_select_of_segments_searches_beyond_a_hundred() -> None:
    few, many = [(n, f"S{n}") for n in range(100)], [(n, f"S{n}") for n in range(101)]
    assert segment_views.segment_select(few).to_dict()["type"] == "static_select"
    assert segment_views.segment_select(many, "segments.options:send").to_dict()["type"] == "external_select"


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """A row that says something."""
    key = draw(st.sampled_from(list(builder.field_keys(KNOWN))))
    row = Row(0, 0, key, "")
    kind = row.kind(KNOWN)
    row = Row(0, 0, key, draw(st.sampled_from(list(OPS[kind]))), code_group=draw(st.sampled_from(["any", "7"])))
    values = {
        "line": {"region": "PL", "locale": "en-GB", "time_zone": "Europe/Warsaw"}.get(key)
        or ("2.5" if kind == "number" else "3" if kind == "count" else "O'Brien; -- %_"),
        "lines": {"region": "PL\nGB", "locale": "pl\nen-GB", "time_zone": "UTC"}.get(key)
        or ("1\n2.5" if kind == "number" else "a\nb 😀"),
        "date": "2026-06-15",
        "consent": "opted_out",
        "none": "",
    }
    group = row.code_group if kind == "count" else builder.ANY_GROUP
    return Row(0, 0, key, row.op, values[row.shape(KNOWN)], group)


@given(
    made=st.lists(st.tuples(st.integers(0, 2), rows()), min_size=1, max_size=6),
    matches=st.lists(st.sampled_from(list(builder.MATCHES)), min_size=3, max_size=3),
)
def test_what_is_on_the_screen_is_what_is_stored(made: list[tuple[int, Row]], matches: list[str]) -> None:
    """Draft → modal → draft, and draft → rules → JSON → rules → draft: nothing is lost on either way."""
    groups = {0} | {group for group, _ in made}
    ordered = sorted(enumerate(made), key=lambda each: (each[1][0], each[0]))
    numbered = tuple(
        Row(at, group, row.field, row.op, row.value, row.code_group) for at, (_, (group, row)) in enumerate(ordered, 1)
    )
    draft = Draft("N", {group: matches[group] for group in sorted(groups)}, numbered)
    choices = build_views.Choices(KNOWN, {7: "Summer 10%"})
    view = build_views.build(draft, choices, segment_views.Shown(why_not="…"), metadata={})
    assert check_view(view) == []
    assert builder.read(view | {"state": {"values": as_typed(view)}}, KNOWN) == draft
    stored = builder.rules(draft, KNOWN)
    again = builder.rules(builder.draft_of("N", parse(to_json(stored))), KNOWN)
    assert again == stored


def as_typed(view: dict[str, Any]) -> dict[str, Any]:
    """What Slack says of a view that nobody has touched: what its inputs were filled with."""
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        for element in [*block.get("elements", []), block.get("element") or {}, block.get("accessory") or {}]:
            if element.get("type") == "plain_text_input":
                entry: dict[str, Any] = {"value": element.get("initial_value")}
            elif element.get("type") == "datepicker":
                entry = {"selected_date": element.get("initial_date")}
            elif str(element.get("type")).endswith("_select"):
                entry = {"selected_option": element.get("initial_option")}
            else:
                continue
            state.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return state


def test_a_row_whose_field_changed_starts_with_an_operator_that_it_has() -> None:
    draft = Draft("", {0: "all"}, (Row(1, 0, "attribute:city", "contains", "Warsaw"),))
    view = build_views.build(draft, CHOICES, segment_views.Shown(), metadata={})
    state = as_typed(view)
    state["segments.row:0:1"][builder.FIELD] = {"selected_option": {"value": "attribute:birthday"}}
    (row,) = builder.read(view | {"state": {"values": state}}, KNOWN).rows
    assert (row.field, row.op, row.value) == ("attribute:birthday", "on", "")


def test_an_attribute_that_was_dropped_meanwhile_is_refused_and_breaks_nothing() -> None:
    draft = Draft("", {0: "all"}, (Row(1, 0, "attribute:gone", "is", "x"),))
    rules = builder.rules(draft, {})
    assert kind_of("attribute", "text") == "text"
    assert to_json(rules)["rules"][0]["attribute"] == "gone"


def test_a_refusal_without_a_field_shows_at_the_first_input() -> None:
    assert forms.errors(Refused("no"), {"customers.form:name": None}) == {"customers.form:name": "no"}
