"""Views of customers and segments: within Slack's limits whatever the data, and nothing in them speaks to a channel."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from commands.customers import events_views, forms, import_views, profile_views
from commands.customers import views as customer_views
from commands.ui.importing import file_step, reading, started
from distribution import events_columns
from distribution.customers import columns, importing
from distribution.customers.profile import PAGE, TABS, Membership, Profile
from distribution.errors import Refused
from distribution.files import read_table
from sandbox.limits import check_view
from storage.codes import CodeLine
from storage.customers import MessageLine
from storage.tables import CodeState, ConsentChange, Customer, Event, MessageState, Reply, Segment

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
HOSTILE = "<!channel> *x* `y` & 😀 " * 8
READER = customer_views.Reader("Europe/Warsaw", NOW, may_edit=True, may_erase=True)


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


LINES: dict[str, list[Any]] = {
    "about": [Membership(Segment(name=HOSTILE[:60], name_key="x", kind="dynamic"), HOSTILE * 20)],
    "attributes": [("a" * 60, HOSTILE * 5), ("vip", True)],
    "codes": [
        CodeLine("`" * 60, HOSTILE, issue, HOSTILE, at, state, at, NOW)
        for state in CodeState
        for issue, at in (("initial", None), ("repeated", NOW))
    ],
    "messages": [MessageLine(1, 1, HOSTILE, state, "invalid_number", NOW, None, "+48", 1) for state in MessageState],
    "events": [Event(name="e" * 60, at=NOW, properties={f"p{n}": HOSTILE for n in range(50)})],
    "replies": [
        Reply(body=HOSTILE * 20, meaning="stop", received_at=NOW),
        Reply(body="", meaning="x", received_at=NOW),
    ],
    "consent": [ConsentChange(consent="opted_out", source=HOSTILE, at=NOW)],
}


@pytest.mark.parametrize("tab", TABS)
def test_a_profile_holds_whatever_there_is_to_know(tab: str) -> None:
    lines = (LINES[tab] * PAGE)[:PAGE]
    text = fine(profile_views.profile(Profile(someone(), tab, 3, lines, True), READER, notice=HOSTILE))
    assert '"More"' in text
    assert '"Back"' in text
    last = fine(profile_views.profile(Profile(someone(), tab), READER))
    assert profile_views.TABS[tab].none in last
    assert '"More"' not in last


def test_a_profile_of_nobody_in_particular() -> None:
    customer = someone(
        name="", phone=None, source_id="C1", attributes={}, region=None, time_zone=None, consent="unknown"
    )
    text = fine(profile_views.profile(Profile(customer), READER))
    assert "Cannot be texted: no phone number." in text
    assert "No name" in text


def test_an_erased_customer_has_nothing_to_press_but_the_tabs() -> None:
    gone = someone(name="", phone=None, source_id=None, attributes={}, erased_at=NOW)
    text = fine(profile_views.profile(Profile(gone), READER))
    assert "Everything personal was erased 14:00" in text
    assert not any(f'"{action}"' in text for action in (customer_views.EDIT, profile_views.EXPORT, profile_views.ERASE))


def test_every_state_of_a_message_and_a_code_has_words() -> None:
    assert set(profile_views.STATES) == set(MessageState)
    assert set(profile_views.CODE_STATES) == {"active", "blocked", "issued", "redeemed", "revoked", "expired"}


def test_the_question_before_erasing_says_what_goes_and_what_stays() -> None:
    text = fine(forms.erase_form(someone(consent="opted_out"), metadata={"customer": 1, "below": "V1"}))
    assert "scrambled mark of the number" in text
    assert "scrambled" not in fine(forms.erase_form(someone(), metadata={"customer": 1}))


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
    fine(file_step(import_views.KIND, HOSTILE))
    fine(reading(import_views.KIND, HOSTILE))
    fine(started(import_views.KIND))


def test_an_import_of_events_of_many_wide_columns() -> None:
    head = ",".join(f"{HOSTILE.replace(chr(96), '')} {n}" for n in range(60))
    table = read_table(
        f"customer,at,event,{head}\nC1,2026-06-15,x,{','.join([HOSTILE] * 60)}\n".encode(), "<!channel>.csv"
    )
    guessed = events_columns.guess(table, {})[: import_views.COLUMNS_SHOWN]
    guessed[:3] = [events_columns.Column(role) for role in ("customer", "at", "name")]
    layout = events_columns.checked([each.to_json() for each in guessed], name="", order="", time_zone="UTC")
    seen: events_columns.Preview | str
    for seen in (events_columns.preview(table, layout), HOSTILE):
        off = events_views.sets_off([HOSTILE] * 40, 24)
        view = events_views.columns_step(
            table, guessed, seen, name="n" * 60, order="dmy", sets_off=off, time_zone="Europe/Warsaw", upload_id=10**9
        )
        assert "Columns after the 40th are ignored" in fine(view)
    fine(file_step(events_views.KIND, HOSTILE))
    assert "and 35 more wait for these events. Those of the last 24 hours" in off
    assert events_views.sets_off([], 24) == "No live distribution waits for these events: nobody is texted."


def test_a_refusal_without_a_field_shows_at_the_first_input() -> None:
    assert forms.errors(Refused("no"), {"customers.form:name": None}) == {"customers.form:name": "no"}


@pytest.mark.parametrize("at", ["2024-02-29 12:00", "2026-06-15T23:59:59-12:00"])
def test_the_first_events_of_a_file_are_shown_whenever_they_happened(at: str) -> None:
    """1970 had no 29 February."""
    table = read_table(f"customer,event,at\nC1,paid,{at}\n".encode(), "x.csv")
    columns = events_columns.guess(table, {})
    layout = events_columns.checked([each.to_json() for each in columns], name="", order="", time_zone="Europe/Warsaw")
    shown = events_columns.preview(table, layout)
    view = events_views.columns_step(
        table, columns, shown, name="", order="", sets_off="", time_zone="Europe/Warsaw", upload_id=1
    )
    assert "paid · C1 · " in str(view)
