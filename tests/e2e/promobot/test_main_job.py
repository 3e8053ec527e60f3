"""The main job in a real browser: walk the wizard, approve, read the phone, scan the picture."""

import io
import re
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import expect
from sqlalchemy import select

from storage.tables import CodeState, Customer, PromoCode
from tests.e2e.sandbox_page.conftest import Opener, run
from tests.world import World

pytestmark = pytest.mark.xdist_group("browser")

QR = "Hi {{ client.first_name | default('there') }}, show this: {{ client.promocode('Summer 10%') | qr }}"


def walk_the_wizard(page: Any, body: str) -> None:
    """From `/promo send` to a request for approval: codes of "Summer 10%" to "Warsaw regulars"."""
    run(page, "/promo send")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Step 1 of 5").wait_for()
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("Step 2 of 5").wait_for()
    choose(page, "Promo code group", "Summer 10%")
    dialog.get_by_text("The codes are set aside").wait_for()  # it is drawn anew: a click before would be lost
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("Step 3 of 5").wait_for()
    choose(page, "Segment", "Warsaw regulars")
    dialog.get_by_text("can be texted").wait_for()
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("Step 4 of 5").wait_for()
    dialog.get_by_role("textbox", name="Subject").fill("Summer thank-you")
    dialog.get_by_role("button", name="Next").click()
    dialog.get_by_text("Step 5 of 5").wait_for()
    dialog.get_by_role("textbox", name="Message").fill(body)
    dialog.get_by_role("button", name="Review").click()
    dialog.get_by_text("Sample 1 of").wait_for()
    dialog.get_by_role("button", name="Request approval").click()
    dialog.wait_for(state="detached")


def choose(page: Any, field: str, name: str) -> None:
    """Open a select of the modal and choose from it."""
    page.get_by_role("dialog").get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=name).click()


def test_from_the_wizard_to_a_picture_that_scans_to_the_customers_own_code(shop: World, opened: Opener) -> None:
    maya = opened.workspace(user="U0MAYA")
    maya.get_by_text("promobot is connected").wait_for()
    walk_the_wizard(maya, QR)
    lee = opened.workspace(user="U0LEE", at="C0APPROVALS")
    card = lee.locator(".msg", has_text="Approval requested · Summer thank-you")
    assert "To" in card.inner_text() and "Warsaw regulars" in card.inner_text()
    card.get_by_role("button", name="Approve").click()
    lee.get_by_text("Approved by").wait_for()
    report = maya.locator(".msg", has_text="Sent · Summer thank-you")
    report.wait_for(timeout=40_000)
    expect(report).to_contain_text("in the audience", use_inner_text=True)
    with shop.runtime.db.read() as session:
        code, phone = session.execute(
            select(PromoCode.code, Customer.phone)
            .join(Customer, Customer.id == PromoCode.customer_id)
            .where(PromoCode.state == CodeState.ISSUED, Customer.phone.not_like("%0001"))
            .order_by(PromoCode.id)
            .limit(1)
        ).one()
    text = shop.phone.wait_for_texts(phone)[0].body
    link = re.search(r"http\S+/q/\w+", text)
    assert link, text
    page = opened("/", width=390, height=844)
    page.goto(link[0])
    page.get_by_role("button", name="Copy the code").wait_for()
    expect(page.locator("output")).to_have_text(code, use_inner_text=True)
    picture = page.locator("svg").screenshot()
    assert zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))[0].text == code
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_same_on_a_telephones_width(shop: World, opened: Opener) -> None:
    page = opened.workspace(user="U0MAYA", width=390, height=844, has_touch=True)
    walk_the_wizard(page, "Hi {{ client.first_name }}, {{ client.promocode('Summer 10%') }}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    lee = opened.workspace(user="U0LEE", at="C0APPROVALS", width=390, height=844, has_touch=True)
    lee.get_by_role("button", name="Approve").click()
    lee.get_by_text("Approved by").wait_for()
    page.locator(".msg", has_text="Sent · Summer thank-you").wait_for(timeout=40_000)


def test_a_refusal_shows_at_its_field_and_what_was_typed_stays(shop: World, opened: Opener) -> None:
    page = opened.workspace(user="U0MAYA")
    page.get_by_text("promobot is connected").wait_for()
    run(page, "/promo team")
    dialog = page.get_by_role("dialog")
    number = dialog.get_by_role("textbox", name="Your own number")
    number.fill("12ab")
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("12ab").wait_for()
    expect(number).to_have_value("12ab")


def test_the_home_tab_leads_to_the_wizard(shop: World, opened: Opener) -> None:
    page = opened.workspace(user="U0MAYA")
    page.get_by_text("promobot is connected").wait_for()
    page.get_by_role("link", name="promobot").first.click()
    page.get_by_text("Stock", exact=True).wait_for()
    page.get_by_role("button", name="Send promo codes").click()
    page.get_by_role("dialog").get_by_text("Step 1 of 5").wait_for()
