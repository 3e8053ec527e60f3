"""The page as a workspace: channels, composer, acting as somebody, phone, clock, narrow screens, keyboard."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.e2e.sandbox_page.bolt_app import TinyBot
from tests.e2e.sandbox_page.conftest import Opener, look_for, run, send_text

pytestmark = pytest.mark.xdist_group("browser")

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fc"
    "ffff3f030005fe02fea73581e40000000049454e44ae426082"
)

FOCUSED = """() => {
    const node = document.activeElement;
    const shadow = (element) => getComputedStyle(element).boxShadow !== "none";
    return {
        tag: node.outerHTML.slice(0, 120),
        // In the composer and the reply box it is the frame around the field that changes.
        ring: shadow(node) || shadow(node.closest(".composer, .choice") ?? node) || node.matches(".reply-field"),
        name: node.getAttribute("aria-label") || node.innerText || node.placeholder || node.title,
    };
}"""

ANNA, PIOTR = "+48601000218", "+48601000219"


def test_the_whole_job_is_done_with_the_keyboard_alone(page: Any, bot: TinyBot) -> None:
    """From the composer through the suggestions, a modal with a search and a radio, to a channel by Ctrl+K."""
    key = page.keyboard.press
    page.keyboard.type("/pr")
    page.get_by_role("option", name="/promo").wait_for()
    key("Tab")
    page.keyboard.type("send")
    key("Enter")
    page.get_by_role("dialog", name="Send promo codes").wait_for()
    page.keyboard.type("Summer")
    key("Tab")
    page.keyboard.type("Hi")
    key("Tab")
    key("ArrowDown")
    look_for(page, "er 0", "Customer 002").wait_for()
    key("ArrowDown")
    key("Enter")
    key("Tab")
    key("ArrowDown")
    key("Control+Enter")
    page.get_by_role("dialog", name="Review").wait_for()
    values = bot.submitted[0]
    assert values["customer"]["value"]["selected_option"]["value"] == "Customer 002"
    assert values["kind"]["value"]["selected_option"]["value"] == "auto"
    key("Escape")
    key("Control+k")
    page.keyboard.type("appro")
    key("Enter")
    page.get_by_role("heading", name="promo-approvals", exact=True).wait_for()


def test_what_can_be_pressed_shows_that_it_has_the_focus(page: Any) -> None:
    """Tab through the page: each stop has a visible ring, and there are no stops without a name."""
    page.locator(".side-search").focus()
    stops = 0
    while stops < 40:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        stops += 1
        seen = page.evaluate(FOCUSED)
        assert seen["ring"], seen
        assert seen["name"], seen
    assert stops > 12


def test_a_message_keeps_its_shape_and_cannot_inject(page: Any) -> None:
    run(page, "Look: <img src=x onerror=alert(1)> *bold* & done")
    message = page.locator(".msg").last
    message.get_by_text("bold", exact=True).wait_for()
    expect(message.locator(".msg-text")).to_have_text(
        "Look: <img src=x onerror=alert(1)> bold & done", use_inner_text=True
    )
    expect(message.locator("img")).to_have_count(0)


def test_an_answer_for_one_person_says_so_and_can_be_dismissed(page: Any, opened: Opener) -> None:
    run(page, "/promo sned")
    answer = page.locator(".msg.is-ephemeral")
    answer.get_by_text("Only visible to you").wait_for()
    assert opened.workspace(user="U0LEE").locator(".msg.is-ephemeral").count() == 0
    answer.hover()
    answer.get_by_role("button", name="Dismiss message").click()
    answer.wait_for(state="detached")
    page.reload()
    page.locator("body.is-ready").wait_for()
    page.locator(".intro").wait_for()
    expect(answer).to_have_count(0)


def test_a_file_is_attached_and_a_picture_shows(page: Any) -> None:
    page.locator(".composer input[type=file]").set_input_files(
        {"name": "pixel.png", "mimeType": "image/png", "buffer": PIXEL}
    )
    page.locator(".chip-file", has_text="pixel.png").wait_for()
    page.get_by_role("button", name="Send message").click()
    page.wait_for_function("document.querySelector('.file-image img')?.naturalWidth === 1")


def test_acting_as_somebody_else_is_kept_in_the_address_and_on_the_browser(page: Any, opened: Opener) -> None:
    page.get_by_role("radio", name="Lee").click()
    page.wait_for_url(re.compile(r"user=U0LEE"))
    page.get_by_role("radio", name="Lee", checked=True).wait_for()
    page.goto(page.url.split("?")[0])
    page.get_by_role("radio", name="Lee", checked=True).wait_for()


def test_an_unread_channel_is_marked_until_it_is_opened(page: Any, opened: Opener) -> None:
    lee = opened.workspace(user="U0LEE", at="C0GENERAL")
    run(lee, "Morning", channel="general")
    general = page.locator('.side-item[data-channel="C0GENERAL"]')
    general.locator(".unread", has_text="1").wait_for()
    general.click()
    page.get_by_text("Morning", exact=True).wait_for()
    expect(general.locator(".unread")).to_have_count(0)


def test_a_thread_opens_beside_the_channel_and_takes_replies(page: Any) -> None:
    run(page, "Who checks the group?")
    message = page.locator(".msg", has_text="Who checks the group?")
    message.hover()
    message.get_by_role("button", name="Reply in thread").click()
    reply = page.get_by_role("complementary", name="Thread").get_by_label("Reply", exact=True)
    reply.fill("I do")
    reply.press("Enter")
    message.get_by_text("1 reply").wait_for()
    expect(page.locator("#channel").get_by_text("I do", exact=True)).to_have_count(0)


def test_the_home_tab_shows_what_the_bot_published(page: Any) -> None:
    page.locator('.side-item[data-channel="D0MAYA"]').click()
    page.get_by_role("heading", name="Good morning").wait_for()
    expect(page.get_by_role("tab", name="Home")).to_have_attribute("aria-selected", "true")


def test_texts_arrive_on_the_phone_and_other_phones_are_counted(page: Any, sandbox: Sandbox) -> None:
    send_text(sandbox, ANNA, "Hi Anna, your code: SUMMER-1")
    page.locator(".bubble", has_text="SUMMER-1").wait_for()
    send_text(sandbox, PIOTR, "Hi Piotr, your code: SUMMER-2")
    page.locator(".picker .unread", has_text="1").wait_for()
    page.locator(".picker").click()
    page.get_by_role("combobox", name="Find a phone").fill("219")
    page.keyboard.press("Enter")
    page.locator(".bubble", has_text="SUMMER-2").wait_for()
    expect(page.locator(".bubble", has_text="SUMMER-1")).to_have_count(0)


def test_a_phone_found_by_a_search_is_somebodys_however_many_there_are(page: Any, sandbox: Sandbox) -> None:
    """The page knows the two hundred that were texted last; the search knows all."""
    contacts = {f"+48601{n:06}": f"Customer {n:03}" for n in range(250)}
    says = {"Content-Type": "application/json"}
    body = json.dumps(contacts).encode()
    request = urllib.request.Request(f"{sandbox.url}/sandbox/contacts", body, says, method="PUT")
    urllib.request.urlopen(request).close()
    send_text(sandbox, ANNA, "Hi Anna, your code: SUMMER-1")
    page.locator(".bubble", has_text="SUMMER-1").wait_for()
    page.locator(".picker").click()
    page.get_by_role("combobox", name="Find a phone").fill("Customer 249")
    page.get_by_role("option", name="Customer 249").wait_for()
    page.keyboard.press("Enter")
    page.locator(".picker", has_text="+48 601 000 249").wait_for()
    expect(page.locator(".picker")).to_contain_text("Customer 249", use_inner_text=True)
    page.get_by_text("on Customer's phone").wait_for()


def test_a_qr_link_shows_its_picture_over_the_phone_and_closes(page: Any, sandbox: Sandbox) -> None:
    """The page itself may not be framed, so its picture is shown; a customer's other links open as usual."""
    page.route("**/q/abc.png", lambda route: route.fulfill(body=PIXEL, content_type="image/png"))
    send_text(sandbox, ANNA, f"Show this: {sandbox.url}/q/abc")
    page.locator(".qr-link").click()
    sheet = page.get_by_role("dialog", name="QR code")
    sheet.get_by_text("Show this at the till.").wait_for()
    page.wait_for_function("document.querySelector('.phone-sheet img')?.naturalWidth === 1")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


def test_a_click_on_a_text_counts_though_another_one_comes_meanwhile(page: Any, sandbox: Sandbox) -> None:
    """Between pressing and letting go another one comes, and what became of this one stands under that."""
    send_text(sandbox, ANNA, f"Show this: {sandbox.url}/q/gone")
    page.locator(".qr-link").hover()
    page.mouse.down()
    send_text(sandbox, ANNA, "And this", reference="a2")
    page.get_by_text("And this").wait_for()
    page.locator(".qr-link").hover()  # it moved up
    page.mouse.up()
    page.get_by_role("dialog", name="QR code").wait_for()


def test_a_qr_picture_that_is_gone_is_said(page: Any, sandbox: Sandbox) -> None:
    send_text(sandbox, ANNA, f"Show this: {sandbox.url}/q/gone")
    page.locator(".qr-link").click()
    page.get_by_role("dialog", name="QR code").get_by_text("The picture could not be loaded.").wait_for()


def test_a_text_that_comes_while_a_phone_is_loaded_stays_and_so_does_its_open_picture(
    page: Any, sandbox: Sandbox
) -> None:
    """What was asked for before it came does not know it."""
    asked: list[Any] = []
    page.route(f"**/sandbox/phones/*{ANNA[1:]}", lambda route: asked.append(route))
    send_text(sandbox, ANNA, "Hi Anna")
    while not asked:
        page.evaluate("0")  # lets the browser tell what it did
    answer = asked[0].fetch()
    send_text(sandbox, ANNA, f"Show this: {sandbox.url}/q/gone", reference="a2")
    page.locator(".qr-link").click()
    asked[0].fulfill(response=answer)
    page.get_by_text("Hi Anna").wait_for()
    expect(page.locator(".qr-link")).to_have_count(1)
    page.get_by_role("dialog", name="QR code").get_by_text("The picture could not be loaded.").wait_for()


def test_a_reply_nobody_takes_is_shown_as_not_sent(page: Any, sandbox: Sandbox) -> None:
    """This sandbox was started without an inbound address, so the gateway cannot hand the reply on."""
    send_text(sandbox, ANNA, "Hi Anna")
    page.locator(".bubble", has_text="Hi Anna").wait_for()
    page.get_by_role("button", name="STOP").click()
    page.locator(".text.is-sent .text-status", has_text="Not sent").wait_for()


def test_the_clock_moves_ahead_and_back(page: Any) -> None:
    page.get_by_role("button", name="+1 day").click()
    page.get_by_text("1 day ahead of real time").wait_for()
    run(page, "Tomorrow's message")
    page.locator(".msg", has_text="Tomorrow's message").wait_for()
    expect(page.locator(".day").last).to_have_text("Today", use_inner_text=True)
    page.get_by_role("button", name="Reset").click()
    page.locator(".clock-ahead", has_text="Real time").wait_for()
    expect(page.locator(".day").last).to_have_text("Tomorrow", use_inner_text=True)


def test_the_bots_line_is_shown(opened: Opener, sandbox: Sandbox) -> None:
    page = opened.workspace()
    page.get_by_text("promobot is connecting…").wait_for()
    with TinyBot(sandbox.api_url):
        page.get_by_text("promobot is connected").wait_for()
    page.get_by_text("promobot is connecting…").wait_for()


def test_a_sandbox_that_goes_away_is_said_and_found_again(opened: Opener, sandbox: Sandbox) -> None:
    """The page reconnects by itself and fetches what it missed."""
    page = opened.workspace()
    port = int(sandbox.url.rsplit(":", 1)[1])
    sandbox.stop()
    page.get_by_text("The sandbox does not answer.").wait_for()
    with Sandbox(port=port):
        page.locator("#offline").wait_for(state="hidden", timeout=20_000)
        run(page, "Back again")
        page.locator(".msg", has_text="Back again").wait_for()


def test_on_a_phones_width_the_columns_are_tabs(opened: Opener, bot: TinyBot, sandbox: Sandbox) -> None:
    page = opened.workspace(width=390, height=844, has_touch=True, is_mobile=True)
    send_text(sandbox, ANNA, "Hi Anna")
    expect(page.locator("#channel")).to_be_visible()
    expect(page.locator("#sidebar")).to_be_hidden()
    tabs = page.get_by_role("navigation", name="Parts of the page").or_(
        page.get_by_role("tablist", name="Parts of the page")
    )
    tabs.get_by_role("tab", name="Phone").click()
    page.locator(".bubble", has_text="Hi Anna").wait_for()
    expect(page.locator("#channel")).to_be_hidden()
    tabs.get_by_role("tab", name="Channels").click()
    page.locator('.side-item[data-channel="C0GENERAL"]').click()
    page.get_by_role("heading", name="general", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    run(page, "/promo send", channel="general")
    box = page.get_by_role("dialog", name="Send promo codes").bounding_box()
    assert box is not None
    assert box["width"] == 390


def test_the_first_visits_hints_come_one_by_one_and_never_again(opened: Opener, bot: TinyBot) -> None:
    page = opened.workspace(hints="on")
    for title in ("Start here", "Two pairs of eyes", "The customers' phones"):
        page.locator(".coach", has_text=title).wait_for()
        page.locator(".coach-next").click()
    page.locator(".coach").wait_for(state="detached")
    page.reload()
    page.locator("body.is-ready").wait_for()
    page.get_by_text("promobot is connected").wait_for()
    expect(page.locator(".coach")).to_have_count(0)


def test_a_whole_visit_leaves_no_complaint_in_the_console(page: Any, opened: Opener, sandbox: Sandbox) -> None:
    send_text(sandbox, ANNA, "Hi Anna")
    run(page, "/promo send")
    page.get_by_role("dialog", name="Send promo codes").wait_for()
    page.keyboard.press("Escape")
    page.locator('.side-item[data-channel="D0MAYA"]').click()
    page.get_by_role("heading", name="Good morning").wait_for()
    page.get_by_role("radio", name="Ada").click()
    page.get_by_role("radio", name="Ada", checked=True).wait_for()
    assert opened.complaints == []
