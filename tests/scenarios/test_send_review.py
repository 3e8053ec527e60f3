"""The review at the end of the wizard: what is missing, samples, tests, costly characters, times."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from distribution import review as reviews
from distribution.codes import groups
from storage.tables import Customer, Message, Segment
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import TEXT, choose_purpose, draft_of, no_approvals, stock_of, to_audience, to_review


def test_too_few_codes_are_named_and_generated_from_the_review(world: World) -> None:
    """The submit only checks again until there are enough."""
    shop = open_shop(world.runtime, customers=5, codes=2)
    no_approvals(world.runtime)
    maya = world.maya
    review = to_review(maya)
    assert "5 needed · 2 active in “Summer 10%” → 3 missing" in review
    assert "Not yet. 3 codes are missing in 'Summer 10%'" in review
    assert "[Check again]" in review.text
    review.submit()
    assert stock_of(world, shop.group_id) == (2, 0, 0)
    maya.view("3 codes are missing").click("Generate 3 more")
    review = maya.view("3 codes added to “Summer 10%”")
    assert "[Send now]" in review.text
    review.click("Back")
    maya.view("Step 5 of 5").submit()
    maya.view("Sample 1 of").submit()
    maya.message("#marketing", "in the audience = 1 left out + 5 sent")
    assert stock_of(world, shop.group_id) == (0, 0, 5)


def test_codes_taken_by_somebody_else_in_the_last_moment_stop_the_sending(world: World) -> None:
    """Between the review and the click the stock went: nothing is sent, and the review says so."""
    shop = open_shop(world.runtime, customers=5, codes=5)
    no_approvals(world.runtime)
    review = to_review(world.maya)
    with world.runtime.db.write() as session:
        session.query(Customer).filter(Customer.phone == shop.numbers[0]).update({"consent": "opted_out"})
        group, _ = groups.found(session, shop.group_id)
        groups.delete(world.runtime.jobs, session, group.id, by="U0ADA", now=world.runtime.clock.now())
    review.submit()
    world.maya.view("Group 'Summer 10%' was deleted. Choose another.")
    assert draft_of(world).status == "draft"


def test_the_review_shows_samples_and_who_is_left_out(world: World) -> None:
    """Samples turn round; those left out are listed with the whole number, and why."""
    open_shop(world.runtime)
    maya = world.maya
    review = to_review(maya)
    first = next(line for line in review.text.splitlines() if " gets" in line)
    review.click("Next sample")
    second = next(line for line in maya.view("Sample 2 of").text.splitlines() if " gets" in line)
    assert first != second
    maya.view("Sample 2 of").click("See who is left out")
    listed = maya.view("Piotr 1101 Nowak")
    assert "+48732201101" in listed
    assert "No consent to texts" in listed
    listed.close()
    maya.view("Sample 2 of")


def test_a_test_goes_to_ones_own_number_and_burns_no_code(world: World) -> None:
    """The number is checked at its field and remembered."""
    shop = open_shop(world.runtime)
    maya = world.maya
    to_review(maya).click("Send me a test…")
    form = maya.view("Your phone number").fill("Your phone number", "12ab")
    assert "letters" in form.refused()["Your phone number"]
    maya.view("Your phone number").fill("Your phone number", "512 345 678").submit()
    maya.view("A test is on its way to +48 512 345 678")
    assert world.phone.wait_for_texts("+48512345678")[0].body == "Hi Anna, your code: SUMMER-XXXXXX"
    assert stock_of(world, shop.group_id) == (10, 0, 0)
    maya.view("Sample 1 of").click("Send me a test…")
    assert maya.view("Your phone number").value("Your phone number") == "+48512345678"
    with world.runtime.db.read() as session:
        assert session.query(Message).count() == 0


def test_characters_that_cost_are_replaced_from_the_review(world: World) -> None:
    """Only outside of tags; what cannot be replaced stays."""
    open_shop(world.runtime)
    maya = world.maya
    review = to_review(maya, body=f"It’s here 😀 {TEXT}")
    assert "UCS-2" in review
    assert "Replace ’ with '?" in review.text.replace("`", "")
    review.click("Replace")
    review = maya.view("It's here 😀 Hi Anna")
    assert "’" not in review.text
    assert draft_of(world).body == f"It's here 😀 {TEXT}"


def test_a_time_is_set_and_kept_until_it_comes(world: World) -> None:
    """Set in step 5 in one's own zone, shown in the channel, and sent when the clock is there."""
    shop = open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    maya.command("/promo send")
    maya.view("Step 1 of 5").submit()
    choose_purpose(maya, "Unique codes from a group")
    maya.submit()
    maya.view("Step 3 of 5").fill("Segment", "Regulars")
    maya.view("can be texted").submit()
    maya.view("Step 4 of 5").fill("Subject", "Tomorrow").submit()
    maya.view("Step 5 of 5").choose("At a date and time")
    step = maya.view("In your time zone")
    assert "Europe/Warsaw" in step
    assert list(step.refused()) == ["Date and time"]
    at = int(world.runtime.clock.now().timestamp()) // 60 * 60 + 7200
    maya.view("In your time zone").fill("Date and time", at).submit()
    review = maya.view("Sample 1 of")
    assert "[Schedule]" in review.text
    review.submit()
    maya.message("#marketing", "Scheduled · Tomorrow")
    assert world.phone.texts(shop.numbers[0]) == []
    world.clock.advance(seconds=7300)
    assert world.phone.wait_for_texts(shop.numbers[0])
    maya.message("#marketing", "in the audience = 1 left out + 5 sent")


def test_a_long_review_counts_in_the_background_and_opens_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a few thousand customers: "Counting…", then the same modal is the review."""
    monkeypatch.setattr(reviews, "AT_ONCE", 2)
    open_shop(world.runtime)
    review = to_review(world.maya)
    assert "5 of 6 in “Regulars”" in review
    world.maya.close(everything=True)


def test_a_name_full_of_markup_is_a_name(world: World) -> None:
    """Nobody is notified by a customer's or a segment's name, on any screen."""
    shop = open_shop(world.runtime)
    with world.runtime.db.write() as session:
        session.query(Customer).filter(Customer.phone == shop.numbers[0]).update({"name": "<!channel> *x* 😀"})
        session.query(Segment).update({"name": "<!here> & <@U0LEE>"})
    to_audience(world.maya).fill("Segment", "<!here> & <@U0LEE>")
    world.maya.view("can be texted").submit()
    world.maya.view("Step 4 of 5").fill("Subject", "<!channel> *sale*").submit()
    world.maya.view("Step 5 of 5").fill("Message", TEXT.replace("first_name", "name")).submit()
    world.maya.view("Sample 1 of").submit()
    world.lee.message("#promo-approvals", "Approval requested")
    markup = [text for sent in world.sandbox.payloads for text in _mrkdwn(sent.payload)]
    assert any("!channel" in text for text in markup)
    assert not [text for text in markup if re.search(r"<[!@](channel|here|U0LEE)", text)]


def _mrkdwn(part: Any) -> Iterator[str]:
    """Every text of a payload in which Slack reads markup; a message's own `text` too."""
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        if isinstance(part.get("text"), str) and part.get("type") not in ("plain_text", "text"):
            yield part["text"]
        for value in part.values():
            yield from _mrkdwn(value)
    elif isinstance(part, list):
        for value in part:
            yield from _mrkdwn(value)
