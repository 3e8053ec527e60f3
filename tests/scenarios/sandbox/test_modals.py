"""Modals over a real Socket Mode connection: fields, state, response actions, the stack, closing."""

from __future__ import annotations

import threading
import urllib.request
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from sandbox.server import Sandbox
from sandbox.testing import FieldErrors, NotOnScreen, Refused, Stage
from tests.scenarios.sandbox.bolt_app import FRUIT, BoltApp, field, modal


def test_every_kind_of_field_arrives_as_slack_would_send_it(stage: Stage, bolt: BoltApp) -> None:
    """What a person fills in every kind of input reaches the listener in `state.values`, in Slack's shapes."""
    stage.maya.command("/promo fields")
    view = stage.maya.view()
    view.fill("Text", "hello").fill("Number", 3).fill("One", "Pear").fill("Many", ["Apple", "Plum"])
    view.fill("Checks", ["Plum"]).fill("Day", date(2026, 12, 1)).fill("Hour", time(9, 30))
    view.fill("Moment", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)).fill("Person", "U0LEE")
    view.fill("Search", "plum").fill("Grouped", ["apple"]).fill("Upload", ("list.csv", b"number\n+48732100218\n"))
    assert view.submit() is None

    [payload] = bolt.wait_for("view_submission")
    values = {block: entries["a"] for block, entries in payload["view"]["state"]["values"].items()}
    assert values["text"] == {"type": "plain_text_input", "value": "hello"}
    assert values["lines"] == {"type": "plain_text_input", "value": None}
    assert values["number"] == {"type": "number_input", "value": "3"}
    assert values["one"] == {"type": "static_select", "selected_option": FRUIT[1]}
    assert values["many"] == {"type": "multi_static_select", "selected_options": [FRUIT[0], FRUIT[2]]}
    assert values["radio"] == {"type": "radio_buttons", "selected_option": FRUIT[1]}
    assert values["checks"] == {"type": "checkboxes", "selected_options": [FRUIT[2]]}
    assert values["day"] == {"type": "datepicker", "selected_date": "2026-12-01"}
    assert values["hour"] == {"type": "timepicker", "selected_time": "09:30"}
    assert values["moment"] == {"type": "datetimepicker", "selected_date_time": 1796117400}
    assert values["person"] == {"type": "users_select", "selected_user": "U0LEE"}
    assert values["search"] == {"type": "external_select", "selected_option": FRUIT[2]}
    assert values["grouped"] == {"type": "multi_external_select", "selected_options": [FRUIT[0]]}
    assert values["email"] == {"type": "email_text_input", "value": None}
    [file] = values["upload"]["files"]
    assert file["name"] == "list.csv"
    token = {"Authorization": "Bearer xoxb-sandbox"}
    assert _download(file["url_private_download"], token) == b"number\n+48732100218\n"
    assert _download(file["url_private_download"], {}).startswith(b"<!doctype html>")


def _download(url: str, headers: dict[str, str]) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        content: bytes = response.read()
        return content


def test_slacks_own_checks_come_before_the_app_is_asked(stage: Stage, bolt: BoltApp) -> None:
    """Empty required fields, a text that is too long and a wrong format are refused without a view_submission."""
    stage.maya.command("/promo fields")
    view = stage.maya.view().fill("Text", "x" * 21).fill("Number", "2.5").fill("Email", "nobody").fill("Link", "htp:/x")
    errors = view.fill("Upload", ("list.txt", b"x")).refused()
    assert errors == {
        "Text": "Please enter no more than 20 characters.",
        "Number": "Please enter a whole number.",
        "Email": "Please enter a valid email address.",
        "Link": "Please enter a valid URL.",
        "One": "Please complete this required field.",
        "Upload": "list.txt: only csv files can be added here.",
    }
    assert bolt.payloads("view_submission") == []


def test_update_push_and_going_back(stage: Stage, bolt: BoltApp) -> None:
    """`update` changes the modal, `push` lays one on top, an empty ack takes the top one off, three is the most."""
    stage.maya.command("/promo steps")
    first = stage.maya.view("Step 1")
    second = first.fill("Name", "update").submit()
    assert second is not None
    assert (second.title, second.id) == ("Step 2", first.id)
    assert "update" not in second.text, "a new block id starts empty"

    stage.maya.command("/promo steps")
    top = stage.maya.view("Step 1").fill("Name", "push").submit()
    assert top is not None
    assert top.title == "On top"
    assert top.raw["root_view_id"] == top.raw["previous_view_id"] != top.id
    below = top.submit()
    assert below is not None
    assert below.title == "Step 1"
    assert below.value("Name") == "push", "what was typed below is still there"


def test_clear_closes_everything(stage: Stage, bolt: BoltApp) -> None:
    """`response_action: clear` leaves no modal open."""
    stage.maya.command("/promo steps")
    assert stage.maya.view().fill("Name", "clear").submit() is None
    stage.maya.no_view()


def test_errors_show_at_their_field(stage: Stage, bolt: BoltApp) -> None:
    """`response_action: errors` keeps the modal, with the text at the field and what was typed."""
    stage.maya.command("/promo steps")
    view = stage.maya.view().fill("Name", "bad")
    with pytest.raises(FieldErrors) as caught:
        view.submit()
    assert caught.value.by_label == {"Name": "Bad is not a name."}
    assert stage.maya.view().value("Name") == "bad"


def test_errors_for_a_block_that_is_not_there_fail_the_submission(stage: Stage, bolt: BoltApp) -> None:
    """Slack shows "trouble connecting" when an error names no input block of the view; so does the sandbox."""
    stage.maya.command("/promo steps")
    view = stage.maya.view().fill("Name", "wrong")
    with pytest.raises(Refused, match="/errors/nowhere names no input block") as caught:
        view.submit()
    assert caught.value.name == "trouble_connecting"


def test_a_button_in_a_modal_updates_it_with_the_hash(stage: Stage, bolt: BoltApp) -> None:
    """block_actions of a view carries view, hash, state and container; views.update with that hash works."""
    stage.maya.command("/promo steps")
    stage.maya.view().fill("Name", "update").submit()
    stage.maya.view("Step 2").fill("Next name", "typed before the click").click("More")
    view = stage.maya.view("More is here")
    assert view.value("Next name") == "typed before the click", "state under the same ids survives an update"
    [payload] = bolt.payloads("block_actions")
    assert payload["container"] == {"type": "view", "view_id": view.id}
    assert payload["view"]["state"]["values"]["s2"]["a"]["value"] == "typed before the click"
    assert payload["actions"][0]["value"] == "more"
    assert "response_url" not in payload
    error = bolt.client.api_call
    stale = modal("steps", [field("s9", "X", {"type": "plain_text_input"})])
    with pytest.raises(Exception, match="hash_conflict"):
        error("views.update", json={"view_id": view.id, "hash": payload["view"]["hash"], "view": stale})


def test_held_state_survives_a_new_initial_value_under_the_same_ids(stage: Stage, bolt: BoltApp) -> None:
    """Slack's habit: what was typed wins over a new `initial_value` as long as block_id and action_id stay."""
    stage.maya.command("/promo steps")
    view = stage.maya.view().fill("Name", "bad")
    assert view.refused() == {"Name": "Bad is not a name."}

    def renamed(block_id: str) -> None:
        element = {"type": "plain_text_input", "initial_value": "fresh"}
        bolt.client.views_update(view_id=view.id, view=modal("steps", [field(block_id, "Name", element)]))

    renamed("s1")
    assert stage.maya.view().raw["state"]["values"]["s1"]["a"]["value"] == "bad"
    renamed("s1b")
    assert stage.maya.view().raw["state"]["values"]["s1b"]["a"]["value"] == "fresh"


def test_closing_tells_the_app_where_it_asked_for_it(stage: Stage, bolt: BoltApp) -> None:
    """view_closed comes with `is_cleared` false for one modal and true for all, the top one first."""
    stage.maya.command("/promo steps")
    stage.maya.view().close()
    [one] = bolt.wait_for("view_closed")
    assert one["is_cleared"] is False
    stage.maya.command("/promo steps")
    stage.maya.view().fill("Name", "push").submit()
    stage.maya.view("On top").close(everything=True)
    titles = [p["view"]["title"]["text"] for p in bolt.wait_for("view_closed", 3)[1:]]
    assert titles == ["On top", "Step 1"]
    assert bolt.payloads("view_closed")[-1]["is_cleared"] is True
    stage.maya.no_view()


def test_a_modal_that_was_closed_before_the_ack_leaves_the_next_one_alone(stage: Stage, bolt: BoltApp) -> None:
    """A person closes a modal and opens another while the first one's submission is still with the app."""
    release = threading.Event()

    @bolt.app.view("slow")
    def slow(ack: Any) -> None:
        release.wait(2)
        ack()

    def show() -> str:
        count = len(bolt.payloads("command"))
        stage.maya.command("/promo nothing")
        trigger = bolt.wait_for("command", count + 1)[-1]["trigger_id"]
        name = field("s1", "Name", {"type": "plain_text_input"}, optional=True)
        shown = bolt.client.views_open(trigger_id=trigger, view=modal("slow", [name]))
        return str(shown["view"]["id"])

    show()
    view = stage.maya.view()
    submitting = threading.Thread(target=view.submit)
    submitting.start()
    bolt.wait_for("view_submission")
    view.close()
    second = show()
    release.set()
    submitting.join()
    assert stage.maya.view().id == second


def test_a_fourth_modal_is_refused(stage: Stage, bolt: BoltApp, sandbox: Sandbox) -> None:
    """A stack holds three; a push on top of them is push_limit_reached."""
    step = modal("steps", [field("s1", "Name", {"type": "plain_text_input"}), _row()])
    stage.maya.command("/promo steps")
    bolt.client.views_update(view_id=stage.maya.view().id, view=step)
    for expected in (2, 3):
        stage.maya.view().click("Push")
        trigger = bolt.wait_for("block_actions", expected - 1)[-1]["trigger_id"]
        bolt.client.views_push(trigger_id=trigger, view=step)
    stage.maya.view().click("Push")
    trigger = bolt.wait_for("block_actions", 3)[-1]["trigger_id"]
    with pytest.raises(Exception, match="push_limit_reached"):
        bolt.client.views_push(trigger_id=trigger, view=step)


def _row() -> dict[str, object]:
    push = {"type": "button", "text": {"type": "plain_text", "text": "Push"}, "action_id": "pick"}
    return {"type": "actions", "block_id": "row", "elements": [push]}


def test_a_trigger_works_once_and_for_three_seconds(stage: Stage) -> None:
    """A used trigger id is exchanged_trigger_id, an old one expired_trigger_id, an invented one invalid_trigger_id."""
    step = modal("steps", [field("s1", "Name", {"type": "plain_text_input"})])
    with Sandbox(trigger_seconds=0.0) as impatient, BoltApp(impatient.api_url) as bolt:
        Stage(impatient.url).maya.command("/promo nothing")
        trigger = bolt.wait_for("command")[0]["trigger_id"]
        with pytest.raises(Exception, match="expired_trigger_id"):
            bolt.client.views_open(trigger_id=trigger, view=step)
    with Sandbox() as patient, BoltApp(patient.api_url) as bolt:
        Stage(patient.url).maya.command("/promo nothing")
        trigger = bolt.wait_for("command")[0]["trigger_id"]
        bolt.client.views_open(trigger_id=trigger, view=step)
        with pytest.raises(Exception, match="exchanged_trigger_id"):
            bolt.client.views_open(trigger_id=trigger, view=step)
        with pytest.raises(Exception, match="invalid_trigger_id"):
            bolt.client.views_open(trigger_id="1.2.3", view=step)


def test_a_person_can_be_told_what_to_do_without_naming_the_screen(stage: Stage, bolt: BoltApp) -> None:
    """`fill`, `choose`, `click` and `submit` act on the modal on top, else on the newest message that fits."""
    stage.maya.command("/promo fields")
    stage.maya.fill("Text", "hello")
    stage.maya.choose("Plum")
    stage.maya.fill("Number", 1)
    stage.maya.fill("Radio", "Apple")
    view = stage.maya.view()
    assert (view.value("One"), view.value("Radio"), view.value("Number")) == ("Plum", "Apple", "1")
    assert view.choices("One") == ["Apple", "Pear", "Plum"]
    assert view.search("Search", "p") == ["Apple", "Pear", "Plum"]
    assert stage.maya.submit() is None
    stage.maya.command("/promo card")
    stage.maya.click("OK")
    assert stage.maya.message("#marketing", "Done")


def test_a_failure_says_what_was_on_the_screen(stage: Stage, bolt: BoltApp) -> None:
    """A test that looks for what is not there is told what is."""
    stage.maya.command("/promo steps")
    view = stage.maya.view()
    with pytest.raises(NotOnScreen, match=r"no field 'Nme', only \['Name'\](.|\n)*Name: ‹›"):
        view.fill("Nme", "x")
    with pytest.raises(NotOnScreen, match=r"no modal with 'Step 9'(.|\n)*== Step 1 =="):
        stage.maya.view("Step 9", timeout=0.05)
