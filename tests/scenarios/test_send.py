"""The wizard, walked by Maya over a real Socket Mode connection."""

from distribution.codes import groups
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import (
    CUSTOM,
    PROMOTION,
    TEXT,
    choose_purpose,
    no_approvals,
    stock_of,
    to_message,
    to_review,
    view_with,
)


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
    step = maya.wait_for(lambda: view_with(maya, "Step 2 of 5", "2 for 1"), "the promotion to be chosen")
    assert step.value("Promotion") == "Two for one"
    step.submit()
    maya.view("Step 3 of 5").choose("One customer")
    step = maya.wait_for(lambda: view_with(maya, "Step 3 of 5", "Customer:"), "the search to show")
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
    step = maya.wait_for(lambda: view_with(maya, "Step 5 of 5", "| qr"), "the tag")
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
