"""A second pair of eyes: cards, decisions, and everything that can go wrong between two people."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from commands.distributions import progress
from distribution import settings
from sandbox.testing import MessageScreen
from storage import codes
from storage.tables import Approval, Distribution, Job, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop
from tests.scenarios.wizard import to_review


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop in which Lee is an approver and Ada an admin."""
    with world.runtime.db.write() as session:
        session.merge(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver", time_zone="Europe/London"))
    return open_shop(world.runtime)


def asked(world: World) -> MessageScreen:
    """Maya asks for approval; the card as Lee sees it."""
    to_review(world.maya).submit()
    world.maya.no_view()
    return world.lee.message("#promo-approvals", "Approval requested · Summer thank-you")


def states(world: World) -> tuple[str, str]:
    """How the newest approval and its distribution stand."""
    with world.runtime.db.read() as session:
        approval = session.query(Approval).order_by(Approval.id.desc()).first()
        assert approval is not None
        return approval.state, session.get_one(Distribution, approval.distribution_id).status


def test_a_colleague_approves_and_it_is_sent(world: World, shop: Shop) -> None:
    """The card says what will be sent; then who decided; the requester hears, and the texts go out."""
    card = asked(world)
    for words in (
        "5 of 6 in “Regulars”",
        "Unique codes from “Summer 10%”",
        "5 of 10 active",
        "Hi Anna, your code: SUMMER-XXXXXX",
        "Asked for by @maya",
    ):
        assert words in card
    assert world.phone.texts(shop.numbers[0]) == []
    card.click("Approve")
    decided = world.lee.message("#promo-approvals", "✓ Approved by @lee")
    assert not decided.has_button("Approve")
    world.maya.message("#marketing", "was approved by @lee. Sending starts now.")
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number)
    assert len(world.lee.messages("#promo-approvals")) == 1  # edited, not posted again


def test_a_rejection_says_why_and_can_be_mended(world: World, shop: Shop) -> None:
    """The reason is asked for, shown on the card and told; from there a new draft has everything."""
    asked(world).click("Reject…")
    assert world.lee.view("Why").fill("Why", "  ").refused() == {"Why": "Say why, so that it can be mended."}
    world.lee.view("Why").fill("Why", "Wrong <!channel> link").submit()
    world.lee.message("#promo-approvals", "Rejected by @lee")
    told = world.maya.message("#marketing", "was rejected by @lee")
    assert "link" in told
    assert states(world) == ("rejected", "refused")
    told.click("Change and send again…")
    step = world.maya.view("Step 5 of 5")
    assert "client.promocode('Summer 10%')" in step.value("Message")
    step.submit()
    world.maya.view("Sample 1 of").submit()
    world.maya.wait_for(lambda: states(world) == ("pending", "pending") or None, "a second request")
    assert not world.phone.texts(shop.numbers[0])


def test_nobody_approves_their_own_and_marketers_approve_nothing(world: World, shop: Shop) -> None:
    """Not from the card, not from the list, and not with an admin's role."""
    card = asked(world)
    world.maya.message("#promo-approvals", "Approval requested").click("Approve")
    world.maya.message("#promo-approvals", "You are a marketer here and may not approve")
    with world.runtime.db.write() as session:
        session.get_one(TeamMember, "U0MAYA").role = "admin"
    for button in ("Approve", "Reject…"):
        world.maya.message("#promo-approvals", "Approval requested").click(button)
        world.maya.message("#promo-approvals", "You asked for this approval yourself")
    world.maya.command("/promo approvals")
    listed = world.maya.view("somebody else has to decide")
    assert not listed.has_button("Approve")
    assert states(world) == ("pending", "pending")
    card.click("Approve")
    world.lee.message("#promo-approvals", "Approved by @lee")


def test_two_clicks_at_once_count_once(world: World, shop: Shop) -> None:
    """Lee and Ada press at the same moment, and each event is delivered twice."""
    world.stage.behave(duplicate_events=True)
    asked(world)
    mine = world.lee.message("#promo-approvals", "Approval requested")
    hers = world.ada.message("#promo-approvals", "Approval requested")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda card: card.click("Approve"), [mine, hers]))
    world.lee.message("#promo-approvals", "✓ Approved by")
    for number in shop.numbers:
        assert len(world.phone.wait_for_texts(number)) == 1
    with world.runtime.db.read() as session:
        assert session.query(Job).filter(Job.kind == "launch").count() == 1
    world.maya.message("#marketing", "was approved")
    assert len([m for m in world.maya.messages("#marketing") if "was approved" in m.text]) == 1


def test_a_late_click_is_answered_with_what_was_decided(world: World, shop: Shop) -> None:
    """Ada has the list open and still sees the buttons; Lee was quicker."""
    asked(world)
    world.ada.command("/promo approvals")
    stale = world.ada.view("Summer thank-you")
    world.lee.command("/promo approvals")
    world.lee.view("Summer thank-you").click("Approve")
    world.lee.view("Nothing waits for approval")
    for button in ("Reject…", "Approve"):
        stale.click(button)
        world.ada.view("Lee Okafor approved this already.").close()
    assert states(world)[0] == "approved"


def test_what_changed_since_makes_the_approval_void(world: World, shop: Shop) -> None:
    """The promotion's or the group's name is part of what was asked for; the card and both people hear what changed."""
    card = asked(world)
    with world.runtime.db.write() as session:
        session.get_one(Distribution, 1).subject = "Another subject"
    card.click("Approve")
    world.lee.message("#promo-approvals", "was not approved, because it changed since it was asked for")
    world.lee.message("#promo-approvals", "This request is void")
    told = world.maya.message("#marketing", "is void")
    assert "the subject is 'Another subject', not 'Summer thank-you'" in told
    assert states(world) == ("void", "draft")
    told.click("Continue the draft")
    world.maya.view("Step 5 of 5")
    assert not world.phone.texts(shop.numbers[0])


def test_the_requester_takes_it_back(world: World, shop: Shop) -> None:
    """From `/promo distributions`: the request is void, the draft opens in the wizard."""
    asked(world)
    world.maya.command("/promo distributions summer thank-you")
    world.maya.view("Waits for approval").click("Change it…")
    world.maya.view("Step 5 of 5")
    world.lee.message("#promo-approvals", "This request is void")
    assert states(world) == ("void", "draft")


def test_where_no_channel_is_set_the_card_is_posted_where_it_was_asked_for(world: World, shop: Shop) -> None:
    """The review says so beforehand, and what an admin can do about it."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.channel", "")
    review = to_review(world.maya)
    assert "an admin sets one with /promo settings" in review.text.replace("`", "")
    review.submit()
    world.lee.message("#marketing", "Approval requested · Summer thank-you").click("Approve")
    world.lee.message("#marketing", "✓ Approved by @lee")


def test_where_promobot_is_not_in_the_channel_the_request_waits_and_the_requester_knows(
    world: World, shop: Shop
) -> None:
    """promobot is not in the channel: the requester is told what to do, approvers find it in the list."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.channel", "C0NOWHERE")
    to_review(world.maya).submit()
    world.maya.no_view()
    told = world.maya.message("@promobot", "could not be posted")
    assert "/invite @promobot" in told
    world.lee.command("/promo approvals")
    world.lee.view("Summer thank-you").click("See details")
    world.lee.view("The message as it was written").click("Approve")
    world.lee.view("✓ Approved by @lee")
    assert world.phone.wait_for_texts(shop.numbers[0])
    assert len([m for m in world.maya.messages("@promobot") if "could not be posted" in m.text]) == 1


def test_what_is_refused_before_anything_was_shown_is_told_all_the_same(world: World, shop: Shop) -> None:
    """The launch may be over before the first look at what to show: "sending starts now" is not the last word."""
    card = asked(world)
    with world.runtime.db.write() as session:
        assert codes.remove_active(session, shop.group_id, 7) == 7

    def refused() -> bool:
        with world.runtime.db.read() as session:
            return session.query(Distribution).one().status == "refused"

    with progress._memories.setdefault(world.runtime.db, progress.Memory()).showing:
        card.click("Approve")
        world.wait_for(refused, "the refusal")
    assert "2 codes are missing" in world.maya.message("#marketing", "Not sent · Summer thank-you")


def test_too_few_codes_at_launch_send_nothing_and_say_how_many_are_missing(world: World, shop: Shop) -> None:
    """Approved, and meanwhile the stock went to somebody else."""
    card = asked(world)
    with world.runtime.db.write() as session:
        assert codes.remove_active(session, shop.group_id, 7) == 7
    card.click("Approve")
    message = world.maya.message("#marketing", "Not sent · Summer thank-you")
    assert "2 codes are missing in 'Summer 10%'" in message
    assert not world.phone.texts(shop.numbers[0])
    message.click("Change and send again…")
    world.maya.view("Step 5 of 5").submit()
    world.maya.view("2 codes are missing")
