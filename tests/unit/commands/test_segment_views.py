"""Segments on screen: within Slack's limits whatever the data, and nothing lost between screen and rules."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.segments import build_views, members_views, offers, reading, translating, views
from commands.segments import draft as drafts
from commands.segments.build_views import Told
from commands.segments.draft import Draft, Row
from commands.segments.views import Line, Shown
from commands.segments.warning import Used, before_saving
from commands.ui import paging
from distribution.segments.asking import Known
from distribution.segments.fields import OPS
from distribution.segments.rules import parse, to_json
from sandbox.limits import check_view

HOSTILE = "<!channel> *x* `y` & 😀 " * 8

KNOWN = Known(
    attributes={"city": "text", "visits": "number", "vip": "boolean", "birthday": "date"},
    events={
        "cart_abandoned": {
            "cart_total": "number",
            "shop": "text",
            "gift": "boolean",
            "sent_on": "date",
            "ref": "mixed",
        },
        "visited": {},
    },
    groups={7: "Summer 10%", 8: "School 30%"},
    distributions={12: "Summer thank-you"},
    segments={4: "Warsaw regulars"},
)
MUCH = Known(
    attributes={f"attribute_{n}": kind for n, kind in enumerate(["text", "number", "boolean", "date"] * 40)},
    events={f"event_{n}": {f"property_{m}": "text" for m in range(60)} for n in range(150)},
    groups=dict.fromkeys(range(1, 300), HOSTILE),
    distributions=dict.fromkeys(range(1, 300), HOSTILE),
    segments=dict.fromkeys(range(1, 300), HOSTILE),
)


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


def shown(draft: Draft, known: Known = KNOWN, told: Told | None = None) -> dict[str, Any]:
    """The builder's modal with what its inputs were filled with, as Slack hands it to a listener."""
    view = build_views.build(draft, known, told or Told(), metadata={})
    return view | {"state": {"values": as_typed(view)}}


def as_typed(view: dict[str, Any]) -> dict[str, Any]:
    """What Slack says of a view that nobody has touched: what its inputs were filled with."""
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        for element in [*block.get("elements", []), block.get("element") or {}, block.get("accessory") or {}]:
            kind = str(element.get("type"))
            if kind in ("plain_text_input", "number_input"):
                entry: dict[str, Any] = {"value": element.get("initial_value")}
            elif kind == "datepicker":
                entry = {"selected_date": element.get("initial_date")}
            elif kind.startswith("multi_"):
                entry = {"selected_options": element.get("initial_options") or []}
            elif kind.endswith("_select"):
                entry = {"selected_option": element.get("initial_option")}
            elif kind == "file_input":
                entry = {"files": []}
            else:
                continue
            state.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return state


def drafted(*rows: Row, matches: dict[int, str] | None = None) -> Draft:
    """A draft of these rows."""
    return Draft("N", matches or {0: "all"}, rows, last=max((row.id for row in rows), default=0))


def test_a_builder_as_full_as_it_gets() -> None:
    draft = drafts.new_group(Draft())
    for _ in range(30):
        draft = drafts.new_row(drafts.new_group(draft))
    assert len(draft.rows) == drafts.ROWS
    long = "😀" * 40
    several = [
        Row(0, 0, "event", "ge", "2", about="event_3", days="30"),
        Row(0, 0, "codes_issued", "ge", "1", about="299", days="30"),
        Row(0, 0, "attribute:attribute_0", "one_of", long),
        Row(0, 0, "received", "did", about="5", days="9"),
        Row(0, 0, "segment", "in", about="7"),
    ]
    for each in several:
        rows = tuple(replace(each, id=row.id, group=row.group) for row in draft.rows)
        full = Draft(HOSTILE[:60], draft.matches, rows, draft.last)
        who = Shown("counted", 1_000_000, 2_000_000, 900_000, [(HOSTILE, "+48 ••• ••• 218")] * 10)
        told = Told(who, dict.fromkeys([row.id for row in rows], HOSTILE * 3), warning="⚠ x", note="n")
        view = fine(build_views.build(full, MUCH, told, metadata={"segment": 1}))
        assert "1,000,000 customers" in view
        assert "A modal holds 20 rules" in view


def test_the_count_says_how_many_of_all_and_how_many_can_be_texted() -> None:
    told = Told(Shown("counted", 73, 480, 61, [("Anna Kowalska", "+48 ••• ••• 218")]))
    text = fine(build_views.build(Draft(), KNOWN, told, metadata={}))
    assert "*73 customers* \\u00b7 15% of all 480 \\u00b7 61 can be texted" in text
    assert "Anna Kowalska" in text


@pytest.mark.parametrize(
    ("state", "words", "button"),
    [("counting", "Counting", "Stop"), ("stopped", "You stopped it", "Count again"), ("refused", "why", "Count again")],
)
def test_a_count_that_is_not_there_says_why_and_what_to_press(state: str, words: str, button: str) -> None:
    section, *_ = views.result(Shown(state, why_not="why"), stop="a", again="b")
    block = section.to_dict()
    assert words in block["text"]["text"] and block["accessory"]["text"]["text"] == button


def test_lists_of_segments_and_their_forms() -> None:
    lines = [
        Line(n, HOSTILE[:60], "dynamic" if n % 2 else "static", HOSTILE * 20, n, "changed 14:02") for n in range(40)
    ]
    fine(views.listing(paging.page_of(lines, 10), "", may_edit=True, searchable=True))
    fine(views.listing(paging.page_of([], 0), HOSTILE * 20, may_edit=False, searchable=True))
    for line in lines[:2]:
        who = Shown("counted", 0, 0, 0)
        fine(views.segment(line, who, may_edit=True, metadata={"list": "V1"}, note=HOSTILE * 20, used=[HOSTILE] * 9))
    people = [(HOSTILE, "+48 ••• ••• 218")] * 20
    turn = views.Turn(1, first=20, after=9**12)
    fine(views.members_page(HOSTILE, people, turn, last=9**12, more=True))
    fine(views.members_not_found(HOSTILE, turn))
    fine(views.members_not_found(HOSTILE, turn, HOSTILE))
    fine(members_views.list_form({}, "Poland"))
    fine(members_views.change_form(HOSTILE, 3, {"segment": 1}, "Poland"))
    fine(members_views.freeze_form(HOSTILE[:60], {"segment": 1}))
    fine(members_views.failed(HOSTILE))
    fine(members_views.started(HOSTILE, HOSTILE))
    fine(views.rename_form(HOSTILE[:60], {"segment": 1}))
    fine(views.deleted(HOSTILE[:60]))


def test_a_select_of_segments_searches_beyond_a_hundred() -> None:
    few, many = [(n, f"S{n}") for n in range(100)], [(n, f"S{n}") for n in range(101)]
    assert views.segment_select(few).to_dict()["type"] == "static_select"
    assert views.segment_select(many, "segments.options:send").to_dict()["type"] == "external_select"


VALUES = {
    drafts.NONE: "",
    drafts.LINE: "O'Brien; -- %_",
    drafts.LINES: "a\nb 😀",
    drafts.NUMBER: "2.5",
    drafts.WHOLE: "3",
    drafts.DATE: "2026-06-15",
    drafts.CONSENT: "opted_out",
    drafts.REGION: "PL",
    drafts.REGIONS: "PL\nGB",
    drafts.ZONE: "Europe/Warsaw",
    drafts.KNOWN: "O'Brien; -- %_",
}
OF_FIELD = {
    "locale": {drafts.LINE: "en-GB", drafts.LINES: "pl\nen-GB"},
    "time_zone": {drafts.LINES: "UTC\nEurope/Warsaw"},
}


def value_of(draft: Draft, row: Row) -> str:
    """A value that a row may have."""
    shape = drafts.shape(draft, row, KNOWN)
    if shape == drafts.LINES and drafts.kind(draft, row, KNOWN) == "number":
        return "1\n2.5"
    return OF_FIELD.get(row.field, {}).get(shape, VALUES[shape])


@st.composite
def made(draw: st.DrawFn) -> Draft:
    """A draft that says something, in up to three groups."""
    groups = draw(st.lists(st.sampled_from(list(drafts.MATCHES)), min_size=1, max_size=3))
    draft = Draft("N", dict(enumerate(groups)))
    for group in range(len(groups)):
        for _ in range(draw(st.integers(1, 2))):
            draft = _with_row(draw, draft, group)
    return draft


def _with_row(draw: st.DrawFn, draft: Draft, group: int) -> Draft:
    """One more row, and properties below it where it is about an event that has any."""
    row = Row(draft.last + 1, group, draw(st.sampled_from(list(KNOWN.fields()))), "")
    row = replace(row, op=draw(st.sampled_from(list(OPS[drafts.kind(draft, row, KNOWN)]))))
    if what := row.about_what:
        ids = {"group": ["", "7"], "event": list(KNOWN.events), "distribution": ["", "12"], "segment": ["4"]}[what]
        row = replace(row, about=draw(st.sampled_from(ids)))
    if row.may_be_within:
        row = replace(row, days=draw(st.sampled_from([None, "30"])))
    row = replace(row, value=value_of(draft, row))
    draft = replace(draft, rows=(*draft.rows, row), last=row.id)
    for _ in range(draw(st.integers(0, 2)) if row.field == "event" else 0):
        before = draft
        draft = drafts.new_property(draft, row.id, KNOWN)
        if draft is not before:
            mine = draft.rows[-1]
            key = draw(st.sampled_from(list(KNOWN.properties(row.about))))
            mine = replace(mine, field=key)
            mine = replace(mine, op=draw(st.sampled_from(list(OPS[drafts.kind(draft, mine, KNOWN)]))))
            mine = replace(mine, value=value_of(draft, mine))
            draft = replace(draft, rows=(*draft.rows[:-1], mine))
    return draft


@settings(deadline=None, max_examples=30)
@given(draft=made())
def test_what_is_on_the_screen_is_what_is_stored(draft: Draft) -> None:
    """Draft → modal → draft, and draft → rules → JSON → rules → draft: nothing is lost on either way."""
    view = shown(draft)
    assert check_view(view) == []
    assert reading.read(view, KNOWN) == draft
    stored = translating.rules(draft, KNOWN)
    again = translating.draft_of("N", parse(to_json(stored)), KNOWN)
    assert check_view(build_views.build(again, KNOWN, Told(), metadata={})) == []
    assert translating.rules(again, KNOWN) == stored


def test_a_row_whose_field_changed_starts_with_an_operator_that_it_has() -> None:
    view = shown(drafted(Row(1, 0, "attribute:city", "contains", "Warsaw")))
    view["state"]["values"]["segments.row:0:1"][reading.FIELD] = {"selected_option": {"value": "attribute:birthday"}}
    (row,) = reading.read(view, KNOWN).rows
    assert (row.field, row.op, row.value) == ("attribute:birthday", "on", "")


def test_an_event_that_changed_keeps_no_property_that_it_has_not() -> None:
    draft = drafted(
        Row(1, 0, "event", "did", about="cart_abandoned"), Row(2, 0, "property:cart_total", "gt", "50", of=1)
    )
    view = shown(draft)
    chosen = {"selected_option": {"value": "visited"}}
    view["state"]["values"]["segments.row:0:1"]["segments.about:event"] = chosen
    (event,) = reading.read(view, KNOWN).rows
    assert event.about == "visited"


def test_a_removed_event_takes_its_properties_with_it_and_no_id_is_given_twice() -> None:
    draft = drafts.new_property(drafted(Row(1, 0, "event", "did", about="cart_abandoned")), 1, KNOWN)
    assert [row.field for row in draft.rows] == ["event", "property:cart_total"]
    emptied = drafts.without_row(draft, 1)
    assert emptied.rows == ()
    again = reading.read(shown(drafts.new_row(emptied)), KNOWN)
    assert [row.id for row in again.rows] == [3]


def test_an_event_without_properties_offers_none() -> None:
    draft = drafted(Row(1, 0, "event", "did", about="visited"))
    assert drafts.new_property(draft, 1, KNOWN) is draft
    assert "Add a property" not in json.dumps(shown(draft))


def test_a_property_of_several_types_is_offered_as_each() -> None:
    labels = [option.to_dict()["text"]["text"] for option in offers.properties(KNOWN, "cart_abandoned")]
    assert "ref (as text)" in labels and "ref (as number)" in labels and "cart total" in labels


def test_every_row_that_says_nothing_is_told_at_its_own_input() -> None:
    draft = drafted(
        Row(1, 0, "region", "is"),
        Row(2, 0, "event", "did", about="cart_abandoned", days=""),
        Row(3, 0, "property:cart_total", "gt", of=2),
        Row(4, 0, "attribute:visits", "ge", "three"),
    )
    with pytest.raises(translating.RowsRefused) as refused:
        translating.rules(draft, KNOWN)
    errors = build_views.errors_of(draft, KNOWN, refused.value.problems)
    assert errors is not None
    assert set(errors) == {
        "segments.value:0:1:region", "segments.value:0:3:number", "segments.value:0:4:number"
    }  # fmt: skip
    draft = replace(draft, rows=(draft.rows[1],))
    with pytest.raises(translating.RowsRefused) as refused:
        translating.rules(draft, KNOWN)
    assert build_views.errors_of(draft, KNOWN, refused.value.problems) == {
        "segments.days:0:2": "Write within how many days, or choose “at any time”."
    }


def test_what_a_row_without_an_input_lacks_is_told_below_it() -> None:
    draft = drafted(Row(1, 0, "event", "did"), Row(2, 0, "segment", "in"))
    with pytest.raises(translating.RowsRefused) as refused:
        translating.rules(draft, KNOWN)
    assert refused.value.problems == {1: "Choose an event.", 2: "Choose a segment."}
    assert build_views.errors_of(draft, KNOWN, refused.value.problems) is None
    view = build_views.build(draft, KNOWN, Told(problems=refused.value.problems), metadata={})
    ids = [block.get("block_id") or block["elements"][0].get("text") for block in view["blocks"]
           if block["type"] in ("actions", "context")]  # fmt: skip
    assert ids[:4] == ["segments.row:0:1", "⚠ Choose an event.", "segments.row:0:2", "⚠ Choose a segment."]


def test_a_long_list_is_shown_by_its_first_values() -> None:
    draft = drafted(Row(1, 0, "attribute:city", "one_of", upload=17))
    told = Told(lists={1: [f"City {n}" for n in range(1204)]})
    view = shown(draft, told=told)
    assert "*1,204 values*: City 0, City 1, City 2, City 3, City 4 and 1,199 more" in json.dumps(
        view, ensure_ascii=False
    )
    assert reading.read(view, KNOWN) == draft
    assert drafts.with_list(draft, 1, None).rows[0].upload is None


def test_what_a_search_is_asked_for_is_found() -> None:
    assert len(build_views.options_for("segments.field", MUCH)) > 100
    assert len(build_views.options_for("segments.field:event_3", MUCH)) == 60
    assert len(build_views.options_for("segments.about:group", MUCH)) == 300
    regions = {option.value for option in build_views.options_for("segments.value:region", MUCH)}
    assert {"PL", "GB"} <= regions
    zones = {option.value for option in build_views.options_for("segments.value:zone", MUCH)}
    assert "Europe/Warsaw" in zones


def test_an_attribute_that_nobody_knows_any_more_breaks_nothing() -> None:
    stored = parse({"rules": [{"field": "attribute", "attribute": "gone", "type": "number", "op": "ge", "value": 3}]})
    draft = translating.draft_of("N", stored, KNOWN)
    assert check_view(build_views.build(draft, KNOWN, Told(), metadata={})) == []


def test_a_segment_that_nothing_uses_warns_of_nothing() -> None:
    assert before_saving(Used()) == ""


@pytest.mark.parametrize("typed", ["many", "1,5", "2.", "--1", "٣"])
def test_a_page_is_drawn_while_a_number_is_none(typed: str) -> None:
    """Each change draws the page again, also while another box holds what is no number; Slack refused the page."""
    draft = drafted(Row(1, 0, "codes_issued", "ge", typed, days=typed), Row(2, 0, "attribute:visits", "ge", typed))
    assert check_view(build_views.build(draft, KNOWN, Told(), metadata={})) == []


def test_what_saving_will_do_is_said_with_its_numbers_and_escaped() -> None:
    used = Used([HOSTILE], ["A", "", "C", "D", "G"], ["E"], ["F"], entering=12, leaving=3)
    told = before_saving(used)
    assert "When you save:* 12 customers come in, 3 go." in told
    assert "12 at once" in told and "5 drafts (“A”, “C”, “D” and 1 more): counted anew at their reviews" in told
    assert "<!channel>" not in told
    assert "come in," not in before_saving(Used(["A"]))
    assert before_saving(Used(drafts=[""])).endswith("• 1 draft: counted anew at its review.")


def test_a_value_is_suggested_or_typed_and_one_too_long_for_a_select_has_a_box() -> None:
    labels = [option["text"]["text"] for option in offers.values(["Kraków", "Warsaw"], "wars")]
    assert labels == ["wars", "Warsaw"]
    assert [option["value"] for option in offers.values(["Kraków", "Warsaw", "x" * 200], "")] == ["Kraków", "Warsaw"]
    short, long = Row(1, 0, "attribute:city", "is", "Warsaw"), Row(1, 0, "attribute:city", "is", "x" * 200)
    assert drafts.shape(Draft(), short, KNOWN) == drafts.KNOWN
    assert drafts.shape(Draft(), long, KNOWN) == drafts.LINE
    assert reading.read(shown(drafted(long)), KNOWN).rows == (long,)
