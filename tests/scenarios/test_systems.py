"""Distributions that a system made over the API, as people in Slack meet them."""

from typing import Any

import httpx
import pytest

from distribution import settings, tokens
from storage.tables import TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop

BODY = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}"


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop in which Lee is an approver."""
    with world.runtime.db.write() as session:
        session.merge(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver", time_zone="Europe/London"))
    return open_shop(world.runtime)


@pytest.fixture
def checkout(world: World, shop: Shop) -> httpx.Client:
    """A system called "check*out", over the bot's real HTTP service."""
    with world.runtime.db.write() as session:
        text = tokens.create(session, "check*out", by="U0ADA", now=world.runtime.clock.now())[1]
    return httpx.Client(base_url=f"{world.web}/v1", headers={"Authorization": f"Bearer {text}"})


def made(checkout: httpx.Client) -> int:
    """A distribution to the shop's regulars; its id."""
    wanted = {"purpose": "unique_codes", "subject": "Summer thank-you", "body": BODY, "segment": "Regulars"}
    answer = checkout.post("/distributions", json=wanted)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def look(checkout: httpx.Client, distribution_id: int) -> dict[str, Any]:
    """A distribution as the system sees it."""
    found: dict[str, Any] = checkout.get(f"/distributions/{distribution_id}").json()
    return found


def test_a_colleague_in_slack_approves_what_a_system_asks_for(world: World, shop: Shop, checkout: httpx.Client) -> None:
    """The card says which system asked; the approver's click sends it, and progress shows in their channel."""
    wanted = made(checkout)
    assert checkout.post(f"/distributions/{wanted}/send").json()["reason"] == "approval_required"
    assert checkout.post(f"/distributions/{wanted}/request-approval").json()["status"] == "pending"
    card = world.lee.message("#promo-approvals", "Approval requested · Summer thank-you")
    assert "Asked for by the system “check" in card and "5 of 6 in “Regulars”" in card
    card.click("Approve")
    world.lee.message("#promo-approvals", "✓ Approved by @lee")
    for number in shop.numbers:
        assert len(world.phone.wait_for_texts(number)) == 1
    world.lee.message("#promo-approvals", "Sent · Summer thank-you")
    world.lee.wait_for(lambda: look(checkout, wanted)["status"] == "done" or None, "the end of it")
    assert look(checkout, wanted)["approval"]["decided_by"] == "Lee Okafor"


def test_a_rejection_reaches_the_system_as_a_reason(world: World, shop: Shop, checkout: httpx.Client) -> None:
    wanted = made(checkout)
    checkout.post(f"/distributions/{wanted}/request-approval")
    world.lee.message("#promo-approvals", "Approval requested").click("Reject…")
    world.lee.view("Why").fill("Why", "The link is last year's").submit()
    world.lee.message("#promo-approvals", "Rejected by @lee")
    found = look(checkout, wanted)
    assert found["status"] == "refused" and "last year's" in found["reason"]
    assert checkout.post(f"/distributions/{wanted}/send").json()["reason"] == "refused"


def test_what_has_no_channel_is_shown_nowhere_and_nothing_fails(
    world: World, shop: Shop, checkout: httpx.Client
) -> None:
    """A system cannot be written to: it asks. Any error of the bot's fails the scenario."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
        settings.put(session, "approvals.channel", "")
    wanted = made(checkout)
    assert checkout.post(f"/distributions/{wanted}/send").status_code == 202
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number)
    world.lee.wait_for(lambda: look(checkout, wanted)["status"] == "done" or None, "the end of it")
    assert not world.lee.messages("#promo-approvals")
