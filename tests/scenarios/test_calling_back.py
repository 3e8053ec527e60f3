"""Call back: a while after Send nothing leaves, and its maker can have the draft back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution import settings
from distribution.check import check
from distribution.clock import SystemClock
from sandbox.testing import MessageScreen
from storage.tables import Approval, Distribution, PromoCodeStock, Provider, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop
from tests.scenarios.wizard import to_review


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop that needs no approvals, and a hold of ten minutes."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
        settings.put(session, "sending.hold", "600")
        session.merge(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver", time_zone="Europe/London"))
    return open_shop(world.runtime, customers=5, codes=10)


def sent_off(world: World) -> MessageScreen:
    """Maya sends, and has the message of what waits."""
    review = to_review(world.maya)
    assert "5 customers will be texted, starting 10 min later: until then you can call it back." in review.text
    review.submit()
    world.maya.no_view()
    return world.maya.message("#marketing", "5 texts waiting, nothing has left yet.", timeout=10)


def end_hold(world: World) -> None:
    """As if the ten minutes had passed."""
    with world.runtime.db.write() as session:
        session.scalars(select(Distribution)).one().held_until = SystemClock().now() - timedelta(seconds=1)


def test_what_was_sent_off_comes_back_as_a_draft_and_is_sent_again(world: World, shop: Shop) -> None:
    """Nobody was texted, every code is back, and the second time everybody gets one text."""
    held = sent_off(world)
    assert "The first leaves in 10 min" in held and held.has_button("Call back")
    held.click("Call back")
    back = world.maya.message("#marketing", "Maya Lindqvist called it back before anything left.", timeout=10)
    back = world.maya.message("#marketing", "Nobody was texted, and every code is back.", timeout=10)
    with world.runtime.db.read() as session:
        stock = session.get_one(PromoCodeStock, shop.group_id)
        assert (stock.active, stock.blocked) == (10, 0)
    assert check(world.runtime.db) == []
    with world.runtime.db.write() as session:
        settings.put(session, "sending.hold", "0")
    back.click("Edit and send again…")
    world.maya.view("Step 5 of 5").fill("Message", "Hello again: {{ client.promocode('Summer 10%') }}").submit()
    world.maya.view("starting at once").submit()
    world.maya.message("#marketing", "= 1 left out + 5 sent", timeout=15)
    for number in shop.numbers:
        assert [text.body[:11] for text in world.phone.texts(number)] == ["Hello again"]
    assert "Not sent · Summer thank-you" in world.maya.message("#marketing", "Maya Lindqvist called it back")


def test_an_approver_calls_back_from_the_card_and_the_approval_is_void(world: World, shop: Shop) -> None:
    """The card says so, Maya is told and has the draft; a second click finds it done."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "always")
    to_review(world.maya).submit()
    world.maya.no_view()
    world.lee.message("#promo-approvals", "Approval requested · Summer thank-you", timeout=10).click("Approve")
    card = world.lee.message("#promo-approvals", "nothing has left yet", timeout=10)
    world.maya.message("#marketing", "was approved by", timeout=10)
    card.click("Call back")
    card.click("Call back")
    assert "Lee Okafor called it back" in world.lee.message("#promo-approvals", "This request is void", timeout=10)
    told = world.maya.message("#marketing", "Its approval is void: it needs a new one.", timeout=10)
    assert "Lee Okafor called it back before anything left." in told
    assert len([m for m in world.maya.messages("#marketing") if "Summer thank-you" in m.text]) == 3
    told.click("Edit and send again…")
    assert world.maya.view("Step 5 of 5")
    with world.runtime.db.read() as session:
        assert [approval.state for approval in session.scalars(select(Approval))] == ["void"]


def test_a_card_loses_its_call_back_once_something_has_left(world: World, shop: Shop) -> None:
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "always")
    to_review(world.maya).submit()
    world.maya.no_view()
    world.lee.message("#promo-approvals", "Approval requested · Summer thank-you", timeout=10).click("Approve")
    assert world.lee.message("#promo-approvals", "nothing has left yet", timeout=10).has_button("Call back")
    end_hold(world)
    world.maya.message("#marketing", "= 1 left out + 5 sent", timeout=15)
    world.wait_for(
        lambda: not world.lee.message("#promo-approvals", "Approved by").has_button("Call back") or None, "the card"
    )


def test_a_moment_too_late_it_says_how_many_have_left_and_offers_stop(world: World, shop: Shop) -> None:
    with world.runtime.db.write() as session:
        session.get_one(Provider, world.provider_id).rate = 0.5
    held = sent_off(world)
    end_hold(world)
    assert world.phone.wait_for_texts(shop.numbers[0])
    held.click("Call back")
    late = world.maya.message("#marketing", "Too late: ", timeout=10)
    assert "of 5 texts have left" in late
    assert "will not be texted" in (late.confirmation("Stop") or "")
    late.click("Stop")
    world.maya.message("#marketing", "Stopped · Summer thank-you", timeout=10)
    world.wait_for(lambda: check(world.runtime.db) == [] or None, "everything to add up")
