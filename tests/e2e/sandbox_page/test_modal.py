"""Modals, with a real Bolt app behind the sandbox: typing, errors, a pushed view, a bot's options, files, timeouts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from sandbox.knobs import ACK_SECONDS
from sandbox.server import Sandbox
from tests.e2e.sandbox_page.bolt_app import TinyBot, first_view
from tests.e2e.sandbox_page.conftest import Opener, look_for, run

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def modal(page: Any) -> Any:
    """The wizard's first step, open."""
    run(page, "/promo send")
    dialog = page.get_by_role("dialog", name="Send promo codes")
    dialog.wait_for()
    return dialog


def fill(page: Any, modal: Any, subject: str = "Summer thank-you") -> None:
    """Fill what the first step requires."""
    modal.get_by_label("Subject").fill(subject)
    modal.get_by_label("Message").fill("Hi Anna")
    modal.get_by_text("7 characters").wait_for()
    modal.get_by_role("combobox", name="Customer").click()
    look_for(page, "er 02", "Customer 021").click()


def test_typing_goes_on_while_the_bot_updates_the_view(page: Any, modal: Any, bot: TinyBot) -> None:
    """The bot redraws the view at each pause; the field keeps its text, its focus and its place."""
    modal.get_by_label("Subject").fill("Summer")
    modal.get_by_label("Message").focus()
    page.keyboard.type("Hi Anna")
    modal.get_by_text("7 characters").wait_for()
    page.keyboard.press("Home")
    page.keyboard.type("Oh! ")
    modal.get_by_text("11 characters").wait_for()
    page.keyboard.type("x")
    modal.get_by_text("12 characters").wait_for()
    expect(modal.get_by_label("Message")).to_have_value("Oh! xHi Anna")
    expect(modal.get_by_label("Subject")).to_have_value("Summer")
    assert bot.actions[-1]["value"] == "Oh! xHi Anna"


def test_a_missing_answer_is_asked_for_at_its_field(modal: Any, bot: TinyBot) -> None:
    modal.get_by_role("button", name="Next").click()
    modal.get_by_text("Please complete this required field.").first.wait_for()
    expect(modal.locator(".has-error .field-label")).to_have_text(
        ["Subject", "Message", "Customer"], use_inner_text=True
    )
    expect(modal.get_by_label("Subject")).to_have_attribute("aria-invalid", "true")
    expect(modal.get_by_label("Subject")).to_be_focused()
    modal.get_by_label("Subject").press("x")
    expect(modal.locator(".has-error .field-label")).to_have_text(["Message", "Customer"])
    assert bot.submitted == []


def test_the_bots_error_stands_at_the_field_and_nothing_typed_is_lost(page: Any, modal: Any) -> None:
    fill(page, modal, subject="taken")
    modal.get_by_role("button", name="Next").click()
    error = modal.get_by_text("There is already a subject 'taken'. Choose another.")
    error.wait_for()
    expect(error.locator("xpath=ancestor::*[@data-block-id][1]")).to_have_attribute("data-block-id", "subject")
    expect(modal.get_by_label("Message")).to_have_value("Hi Anna")
    expect(modal.get_by_role("combobox", name="Customer")).to_contain_text("Customer 021", use_inner_text=True)


def test_an_answer_that_comes_late_does_not_bring_back_what_the_bot_has_replaced(
    page: Any, modal: Any, bot: TinyBot
) -> None:
    def hold(route: Any) -> None:
        answer = route.fetch()
        bot.app.client.views_update(view_id=modal.get_attribute("data-view-id"), view=first_view("Found"))
        modal.get_by_text("Found").wait_for()
        route.fulfill(response=answer)

    page.route("**/sandbox/submit", hold)
    fill(page, modal, subject="look")
    with page.expect_response("**/sandbox/submit"):
        modal.get_by_role("button", name="Next").click()
    page.wait_for_function("() => !document.querySelector('[data-role=submit]').disabled")
    expect(modal.get_by_text("Found")).to_be_visible()
    expect(modal.get_by_text("Looking")).to_be_hidden()


def test_the_step_that_follows_a_submission_begins_at_its_top(page: Any, modal: Any) -> None:
    fill(page, modal, subject="look")
    scroll = modal.locator(".modal-scroll")
    page.set_viewport_size({"width": 390, "height": 420})
    scroll.evaluate("node => node.scrollTo(0, node.scrollHeight)")
    assert scroll.evaluate("node => node.scrollTop") > 0
    modal.get_by_role("button", name="Next").click()
    modal.get_by_text("Looking").wait_for(state="attached")
    page.wait_for_function("() => document.querySelector('.modal-scroll').scrollTop === 0")


def test_back_from_a_pushed_view_finds_everything_as_it_was(page: Any, modal: Any, bot: TinyBot) -> None:
    fill(page, modal)
    modal.locator("input[type=file]").set_input_files(
        {"name": "codes.csv", "mimeType": "text/csv", "buffer": b"A1\nA2"}
    )
    modal.get_by_text("codes.csv").wait_for()
    modal.get_by_role("button", name="Next").click()
    review = page.get_by_role("dialog", name="Review")
    review.get_by_text("To Customer 021 with codes.csv").wait_for()
    expect(modal).to_be_hidden()
    review.locator(".modal-back").click()
    modal.wait_for()
    expect(modal.get_by_label("Subject")).to_have_value("Summer thank-you")
    expect(modal.get_by_text("codes.csv")).to_be_visible()
    modal.get_by_role("button", name="Next").click()
    review.get_by_role("button", name="Send").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_text("Sending · Summer thank-you").wait_for()
    assert [file["name"] for file in bot.submitted[0]["codes"]["value"]["files"]] == ["codes.csv"]
    assert bot.submitted[0]["kind"]["value"]["selected_option"]["value"] == "manual"


def test_the_bots_own_options_wait_for_enough_letters(page: Any, modal: Any) -> None:
    modal.get_by_role("combobox", name="Customer").click()
    page.get_by_text("Type 2 characters or more to search").wait_for()
    page.keyboard.type("3")
    page.get_by_text("1 more character to search").wait_for()
    page.keyboard.type("00")
    page.get_by_role("option", name="Customer 300").wait_for()
    page.keyboard.type("0")
    page.get_by_text("No matches").wait_for()
    page.keyboard.press("Escape")
    expect(modal).to_be_visible()
    expect(modal.get_by_role("combobox", name="Customer")).to_be_focused()


@pytest.mark.parametrize("ack_seconds", [ACK_SECONDS])
def test_a_bot_that_does_not_answer_is_said_and_the_form_stays(page: Any, modal: Any) -> None:
    fill(page, modal, subject="slow")
    modal.get_by_role("button", name="Next").click()
    modal.get_by_text("We had some trouble connecting.").wait_for()
    expect(modal.get_by_label("Subject")).to_have_value("slow")
    expect(modal.get_by_role("button", name="Next")).to_be_enabled()


def test_escape_closes_a_modal_and_gives_the_focus_back(page: Any, modal: Any) -> None:
    page.keyboard.press("Escape")
    modal.wait_for(state="detached")
    expect(page.get_by_label("Message #marketing")).to_be_focused()
    expect(page.locator("#app")).not_to_have_attribute("inert", re.compile(""))


def test_tab_stays_inside_a_modal(page: Any, modal: Any) -> None:
    for _ in range(14):
        page.keyboard.press("Tab")
        assert modal.evaluate("node => node.contains(document.activeElement)")


def test_a_modal_and_what_the_bot_knows_of_it_survive_a_reload(page: Any, modal: Any) -> None:
    modal.get_by_label("Message").fill("Hi Anna")
    modal.get_by_text("7 characters").wait_for()
    page.reload()
    modal.wait_for()
    expect(modal.get_by_label("Message")).to_have_value("Hi Anna")


@pytest.mark.parametrize("ack_seconds", [ACK_SECONDS])
def test_a_command_that_is_not_answered_comes_back_into_the_box(page: Any, sandbox: Sandbox) -> None:
    run(page, "/promo slow")
    page.get_by_text("What you typed is back in the box.").wait_for()
    expect(page.get_by_label("Message #marketing")).to_have_value("/promo slow")


def test_an_approval_asks_first_and_the_card_changes_in_place(page: Any, opened: Opener) -> None:
    run(page, "/promo ask")
    lee = opened.workspace(user="U0LEE")
    lee.get_by_role("button", name="Approve").click()
    confirm = lee.get_by_role("alertdialog", name="Approve?")
    expect(confirm.get_by_text("398 customers are texted.")).to_be_visible()
    confirm.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved by @Lee Okafor").wait_for()
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)
