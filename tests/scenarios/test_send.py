"""The wizard, walked by Maya over a real Socket Mode connection."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from commands import later
from distribution import review as reviews
from distribution import settings
from distribution.codes import groups
from distribution.runtime import Runtime
from sandbox.testing import Person, ViewScreen
from storage.tables import Customer, Distribution, Message, PromoCodeStock, Segment
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import CUSTOM, PROMOTION, TEXT, choose_purpose, to_audience, to_message, to_review


def no_approvals(runtime: Runtime) -> None:
    """The workspace trusts everybody: what is sent goes out at once."""
    with runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")


def draft_of(world: World) -> Distribution:
    """The newest distribution."""
    with world.runtime.db.read() as session:
        return session.query(Distribution).order_by(Distribution.id.desc()).first()


def stock_of(world: World, group_id: int) -> tuple[int, int, int]:
    """A group's codes: active, blocked, issued."""
    with world.runtime.db.read() as session:
        stock = session.get_one(PromoCodeStock, group_id)
        return stock.active, stock.blocked, stock.issued


def test_each_customer_of_a_segment_gets_a_code_of_their_own(world: World) -> None:
    """Five steps and a review whose numbers are those of what is sent."""
    shop = open_shop(world.runtime, customers=5, codes=10)
    no_approvals(world.runtime)
    review = to_review(world.maya)
    assert "5 of 6 in “Regulars”" in review
    assert "1 no consent to texts" in review
    assert "5 needed · 10 active in “Summer 10%” · enough" in review
    assert "SUMMER-XXXXXX" in review  # a sample never shows a code
    review.submit()
    world.maya.no_view()
    texts = [world.phone.wait_for_texts(number)[0].body for number in shop.numbers]
    assert all(text.startswith("Hi Anna, your code: SUMMER-") for text in texts)
    assert len(set(texts)) == 5
    world.maya.message("#marketing", "6 in the audience = 1 left out + 5 sent")
    assert stock_of(world, shop.group_id) == (5, 0, 5)


def test_a_promotion_made_on_the_way_is_told_to_one_customer(world: World) -> None:
    """The form for a promotion lies on the wizard, and gives it what was made."""
    shop = open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    maya.command("/promo send")
    maya.view("Step 1 of 5").submit()
    maya.view("Step 2 of 5").choose(PROMOTION)
    maya.view("New promotion…").click("New promotion…")
    form = maya.view("What customers get at checkout").fill("Name", "free  SHIPPING")
    assert form.refused() == {"Name": "There is a promotion 'Free shipping' already. Give this one another name."}
    form = maya.view("What customers get at checkout").fill("Name", "Two for one").fill("What customers get", "2 for 1")
    form.submit()
    step = maya.wait_for(lambda: _with(maya, "Step 2 of 5", "2 for 1"), "the promotion to be chosen")
    assert step.value("Promotion") == "Two for one"
    step.submit()
    maya.view("Step 3 of 5").choose("One customer")
    step = maya.wait_for(lambda: _with(maya, "Step 3 of 5", "Customer:"), "the search to show")
    assert step.search("Customer", "kowals") == [f"Anna {at} Kowalska" for at, _ in enumerate(shop.numbers, 1)]
    step.fill("Customer", "Anna 3")
    maya.view("Can be texted.").submit()
    maya.view("Step 4 of 5").fill("Subject", "Two for one").submit()
    step = maya.view("Step 5 of 5")
    assert "{{ promotion.terms or promotion.name }}" in step.value("Message")
    step.submit()
    review = maya.view("Sample 1 of")
    assert "none needed" in review
    assert "1 in “Anna 3 Kowalska”" in review
    review.submit()
    assert world.phone.wait_for_texts(shop.numbers[2])[0].body == "Hi Anna, 2 for 1. Reply STOP to opt out."
    assert stock_of(world, shop.group_id) == (10, 0, 0)


def test_a_pasted_list_says_what_became_of_each_line(world: World) -> None:
    """Lines that are nobody's keep step 3 on screen until they were seen; the list itself is kept."""
    shop = open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    to_audience(maya, purpose=CUSTOM).choose("A list")
    step = maya.wait_for(lambda: _with(maya, "Step 3 of 5", "Phone numbers"), "the box")
    assert step.refused() == {"Phone numbers": "Paste phone numbers here, or upload a file below."}
    lines = [shop.numbers[0], shop.numbers[0], "732 10 1102", "+48600100200", "12ab", "+48732201101"]
    maya.view("Step 3 of 5").fill("Phone numbers", "\n".join(lines)).submit()
    step = maya.view("belongs to no customer")
    assert "3 customers, 2 can be texted · 1 no consent to texts" in step
    assert "1 number belongs to no customer and will get nothing: +48600100200" in step
    assert "line 5: 12ab" in step
    assert "1 line repeated a number" in step
    step.submit()
    maya.view("Step 4 of 5").fill("Subject", "To a few").submit()
    maya.view("Step 5 of 5").fill("Message", "We open at nine").submit()
    review = maya.view("Sample 1 of")
    assert "2 of 3 in “List of 3”" in review
    review.submit()
    assert world.phone.wait_for_texts(shop.numbers[1])[0].body == "We open at nine"
    world.maya.message("#marketing", "3 in the audience = 1 left out + 2 sent")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.csv", b" \n", "empty"),
        ("nobody.csv", b"phone\n+48600100200\n", "Nobody on this list is a customer"),
        ("large.csv", b"+48600100200\n" * 50_000, "can be read here"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_its_field(world: World, name: str, content: bytes, why: str) -> None:
    """Empty, strangers only, too large: said where the file was added, and the wizard stays."""
    open_shop(world.runtime)
    to_audience(world.maya, purpose=CUSTOM).choose("A list")
    world.maya.wait_for(lambda: _with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5").fill("Or a file with a column of phone numbers", [(name, content)])
    refused = step.refused()
    assert why in refused["Or a file with a column of phone numbers"]


def test_an_uploaded_file_in_utf_16_with_a_heading_is_a_list(world: World) -> None:
    """What a spreadsheet saves as "Unicode text"; a column of names beside the numbers does no harm."""
    shop = open_shop(world.runtime)
    rows = "name\tphone\n" + "".join(f"Anna\t{number}\n" for number in shop.numbers)
    to_audience(world.maya, purpose=CUSTOM).choose("A list")
    world.maya.wait_for(lambda: _with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5")
    step.fill("Or a file with a column of phone numbers", [("list.txt", rows.encode("utf-16"))]).submit()
    assert "to List of 5" in world.maya.view("Step 4 of 5")


def test_a_long_file_may_be_read_after_slack_was_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modal goes on by itself; what is wrong with it is said above the inputs then."""
    monkeypatch.setattr(later, "IN_TIME", 0.0)
    shop = open_shop(world.runtime)
    strangers = "".join(f"+48600{at:06d}\n" for at in range(6_000))
    to_audience(world.maya, purpose=CUSTOM).choose("A list")
    world.maya.wait_for(lambda: _with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5").fill("Or a file", [("strangers.csv", strangers.encode())])
    step.submit()
    world.maya.view("⚠ Nobody on this list is a customer").fill(
        "Or a file", [("some.csv", f"{strangers}{shop.numbers[0]}\n".encode())]
    ).submit()
    step = world.maya.view("6,000 numbers belong to no customer")
    assert "1 customer, 1 can be texted" in step


def test_back_keeps_what_was_typed_right_or_wrong(world: World) -> None:
    """Also a message that would be refused, and it does not overwrite what was accepted in other steps."""
    open_shop(world.runtime)
    maya = world.maya
    to_message(maya).fill("Message", "Hi {{ client.nonsense }}")
    maya.view("does not exist").click("Back")
    step = maya.view("Step 4 of 5")
    assert step.value("Subject") == "Summer thank-you"
    step.fill("Subject", "Another one").click("Back")
    step = maya.view("Step 3 of 5")
    assert step.value("Segment") == "Regulars"
    step.click("Back")
    step = maya.view("Step 2 of 5")
    assert step.value("Promo code group") == "Summer 10%"
    step.click("Back")
    maya.view("Step 1 of 5").submit()
    for number in (2, 3):
        maya.view(f"Step {number} of 5").submit()
    step = maya.view("Step 4 of 5")
    assert step.value("Subject") == "Another one"
    step.submit()
    step = maya.view("Step 5 of 5")
    assert step.value("Message") == "Hi {{ client.nonsense }}"
    refused = step.refused()
    assert refused["Message"].startswith("Line 1, column 7: ")
    assert maya.view("Step 5 of 5").value("Message") == "Hi {{ client.nonsense }}"


def test_a_closed_wizard_is_continued_where_it_was_left(world: World) -> None:
    """From step 1, from `/promo distributions`, and by its subject; what was typed and not accepted is there too."""
    open_shop(world.runtime)
    maya = world.maya
    to_message(maya).fill("Message", "Half a sente")
    maya.view("12 characters")
    maya.close(everything=True)
    maya.command("/promo send")
    maya.view("Or continue a draft").fill("Or continue a draft", "Summer thank-you")
    step = maya.view("Step 5 of 5")
    assert step.value("Message") == "Half a sente"
    maya.close(everything=True)
    maya.command("/promo send summer THANK-you")
    assert maya.view("Step 5 of 5").value("Message") == "Half a sente"
    maya.close(everything=True)
    maya.command("/promo distributions")
    maya.view("Summer thank-you").click("Open")
    maya.view("Back to the list").click("Continue")
    assert maya.view("Step 5 of 5").value("Message") == "Half a sente"
    world.ada.command("/promo distributions")
    assert "There is none" in world.ada.view("Distributions")  # a draft is its author's own


def test_every_step_refuses_at_its_own_field(world: World) -> None:
    """Nothing chosen, nothing written, a time that has passed: each said where it belongs."""
    open_shop(world.runtime)
    maya = world.maya
    maya.command("/promo send")
    maya.view("Step 1 of 5").submit()
    step = maya.view("Step 2 of 5")
    assert list(step.refused()) == ["Promo code group"]
    choose_purpose(maya, "Unique codes from a group")
    maya.submit()
    assert list(maya.view("Step 3 of 5").refused()) == ["Segment"]
    maya.view("Step 3 of 5").fill("Segment", "Regulars")
    maya.view("can be texted").submit()
    assert list(maya.view("Step 4 of 5").fill("Subject", "   ").refused()) == ["Subject"]
    maya.view("Step 4 of 5").fill("Subject", "Ok").submit()
    step = maya.view("Step 5 of 5").fill("Message", "No code in here")
    assert "gives no code of 'Summer 10%'" in maya.view("gives no code").refused()["Message"]
    maya.view("Step 5 of 5").fill("Message", TEXT)
    maya.view("Step 5 of 5").choose("At a date and time")
    step = maya.view("Date and time").fill("Date and time", 1_700_000_000)
    assert step.refused() == {"Date and time": "That time has passed. Pick one to come, or send now."}
    assert maya.view("Step 5 of 5").value("Message") == TEXT


def test_typing_counts_and_names_problems_and_the_last_word_wins(world: World) -> None:
    """Each character sends an action; the count at the end is the whole text's."""
    open_shop(world.runtime)
    maya = world.maya
    to_message(maya, purpose=CUSTOM)
    text = "We open at nine on Monday, and the first ten get a gift"
    for at in range(20, len(text) + 1, 5):
        maya.view("Step 5 of 5").fill("Message", text[:at])
    maya.view(f"{len(text)} characters · 1 SMS segment (GSM-7)")
    maya.view("Step 5 of 5").fill("Message", text + " ł")
    maya.view("Unicode because of “ł”")
    maya.view("Step 5 of 5").fill("Message", "Hi {{ client.fist_name }}")
    maya.view("Did you mean client.first_name?")
    maya.view("Step 5 of 5").fill("Message", "{{ client.promocode('Sumer 10%') }}")
    maya.view("Group 'Sumer 10%' does not exist. Did you mean 'Summer 10%'?")
    for bad in ("{{ 10**9999999 }}", "{{ ''.__class__ }}", "{{ client.name"):
        maya.view("Step 5 of 5").fill("Message", bad)
        maya.view("⚠ Line 1, column")
        assert "Message" in maya.view("Step 5 of 5").refused()


def test_a_tag_is_inserted_at_the_end(world: World) -> None:
    """The picker offers the chosen group's code as text and as QR, and clears itself."""
    open_shop(world.runtime)
    maya = world.maya
    step = to_message(maya)
    assert step.choices("send.insert")[:2] == ["Code as text", "Code as QR"]
    step.fill("Message", "Your code:")
    maya.view("gives no code").fill("send.insert", "Code as QR")
    step = maya.wait_for(lambda: _with(maya, "Step 5 of 5", "| qr"), "the tag")
    assert step.value("Message") == "Your code: {{ client.promocode('Summer 10%') | qr }}"
    assert step.value("send.insert") is None


def test_another_group_renames_its_tags_and_another_purpose_keeps_the_rest(world: World) -> None:
    """Only what depends on the purpose changes: the tag in the text; subject, audience and words stay."""
    open_shop(world.runtime)
    with world.runtime.db.write() as session:
        groups.create(session, "School 30%", by="U0ADA", now=world.runtime.clock.now())
    maya = world.maya
    review = to_review(maya)
    review.fill("send.jump", "Purpose")
    maya.view("Step 2 of 5").fill("Promo code group", "School 30%")
    maya.view("0 active of 0").submit()
    assert maya.view("Step 3 of 5").value("Segment") == "Regulars"
    maya.submit()
    assert maya.view("Step 4 of 5").value("Subject") == "Summer thank-you"
    maya.submit()
    assert maya.view("Step 5 of 5").value("Message") == TEXT.replace("Summer 10%", "School 30%")


def test_words_after_the_command_choose_beforehand(world: World) -> None:
    """A segment's name, a group's name, and a typo that is answered."""
    open_shop(world.runtime)
    maya = world.maya
    maya.command("/promo send regulars")
    maya.view("To the segment “Regulars”").submit()
    choose_purpose(maya, CUSTOM)
    maya.submit()
    step = maya.view("6 customers, 5 can be texted")
    assert step.value("Segment") == "Regulars"
    maya.close(everything=True)
    maya.command("/promo send Summer 10%")
    maya.view("With codes from “Summer 10%”").submit()
    assert maya.view("10 active of 10").value("Promo code group") == "Summer 10%"
    maya.close(everything=True)
    maya.command("/promo send regulas")
    assert "Did you mean" in maya.view("No segment, group or draft of yours is called “regulas”")


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


def _with(person: Person, first: str, second: str) -> ViewScreen | None:
    """The modal on top when both words are on it."""
    view = person.modal()
    return view if view and first in view.text and second in view.text else None
