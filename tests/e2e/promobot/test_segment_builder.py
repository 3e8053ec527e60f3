"""A segment built in a real browser: an event, a property of it, a promo code; counted while it changes."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from distribution.segments import editing
from storage.tables import Customer, Event, EventName
from tests.e2e.sandbox_page.conftest import Opener, run
from tests.world import World

pytestmark = pytest.mark.xdist_group("browser")

CARTS = 30  # customers who left a cart: of 10, 20, 30… and so on


@pytest.fixture
def carts(shop: World) -> World:
    """The sample shop, in which thirty customers left a cart yesterday."""
    now = shop.runtime.clock.now()
    with shop.runtime.db.write() as session:
        if session.get(EventName, "cart_left") is None:
            known = {"total": "number"}
            session.add(EventName(name="cart_left", properties=known, first_at=now, created_at=now))
        for number, customer_id in enumerate(
            session.scalars(select(Customer.id).order_by(Customer.id).limit(CARTS)), 1
        ):
            event = Event(
                id=10**9 + number,
                customer_id=customer_id,
                name="cart_left",
                at=now - timedelta(days=1),
                properties={"total": number * 10},
                received_at=now,
            )
            session.add(event)
    return shop


def choose(page: Any, at: int, name: str) -> None:
    """Open one of the builder's selects, by its place from the top, and choose from it."""
    page.get_by_role("dialog").last.get_by_role("combobox").nth(at).click()
    page.get_by_role("option", name=name, exact=True).click()


def counted(page: Any, words: str) -> None:
    """Wait until the count says this."""
    page.get_by_role("dialog").last.get_by_text(re.compile(rf"^{words}")).last.wait_for()


def test_a_segment_of_an_event_and_a_promo_code_is_counted_while_it_is_built(carts: World, opened: Opener) -> None:
    page = opened.workspace(user="U0MAYA")
    run(page, "/promo segments")
    page.get_by_role("button", name="New segment…").click()
    builder = page.get_by_role("dialog").last
    builder.get_by_role("textbox", name="Name").fill("Large carts, no code")
    choose(page, 1, "Event")
    builder.get_by_text("Choose an event.").wait_for()
    choose(page, 3, "cart left")
    counted(page, "30 customers")
    builder.get_by_role("button", name="Add a property").click()
    total = builder.get_by_role("textbox", name="its total")
    total.press_sequentially("250")
    counted(page, "1 customer ")
    choose(page, 6, "is at least")
    counted(page, "6 customers")
    builder.get_by_role("button", name="Add a rule", exact=True).click()
    choose(page, 7, "Promo codes issued")
    how_many = builder.get_by_role("textbox", name="How many promo codes")
    how_many.wait_for()  # the row is that of promo codes now, and so is its operator
    choose(page, 8, "at most")
    how_many.press_sequentially("0")
    counted(page, r"\d customers · ")
    expect(total).to_have_value("250")
    expect(builder.get_by_role("textbox", name="Name")).to_have_value("Large carts, no code")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    builder.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Edit rules…").wait_for()
    with carts.runtime.db.read() as session:
        rules = editing.by_name(session, "large carts, no code").rules["rules"]
    assert [rule["field"] for rule in rules] == ["event", "codes_issued"]
    assert rules[0]["where"][0]["value"] == 250
