"""A pasted list and an uploaded file in the wizard: each line is somebody, or is said."""

import pytest

from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import CUSTOM, no_approvals, to_audience, view_with


def test_a_pasted_list_says_what_became_of_each_line(world: World) -> None:
    """Lines that are nobody's keep step 3 on screen until they were seen; the list itself is kept."""
    shop = open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    to_audience(maya, purpose=CUSTOM).choose("A list")
    step = maya.wait_for(lambda: view_with(maya, "Step 3 of 5", "Phone numbers"), "the box")
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
    world.maya.wait_for(lambda: view_with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5").fill("Or a file with a column of phone numbers", [(name, content)])
    refused = step.refused()
    assert why in refused["Or a file with a column of phone numbers"]


def test_an_uploaded_file_in_utf_16_with_a_heading_is_a_list(world: World) -> None:
    """What a spreadsheet saves as "Unicode text"; a column of names beside the numbers does no harm."""
    shop = open_shop(world.runtime)
    rows = "name\tphone\n" + "".join(f"Anna\t{number}\n" for number in shop.numbers)
    to_audience(world.maya, purpose=CUSTOM).choose("A list")
    world.maya.wait_for(lambda: view_with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5")
    step.fill("Or a file with a column of phone numbers", [("list.txt", rows.encode("utf-16"))]).submit()
    assert "to List of 5" in world.maya.view("Step 4 of 5")


@pytest.mark.usefixtures("answers_are_late")
def test_a_long_file_may_be_read_after_slack_was_answered(world: World) -> None:
    """The modal goes on by itself; what is wrong with it is said above the inputs then."""
    shop = open_shop(world.runtime)
    strangers = "".join(f"+48600{at:06d}\n" for at in range(6_000))
    to_audience(world.maya, purpose=CUSTOM).choose("A list")
    world.maya.wait_for(lambda: view_with(world.maya, "Step 3 of 5", "Phone numbers"), "the box")
    step = world.maya.view("Step 3 of 5").fill("Or a file", [("strangers.csv", strangers.encode())])
    step.submit()
    world.maya.view("⚠ Nobody on this list is a customer").fill(
        "Or a file", [("some.csv", f"{strangers}{shop.numbers[0]}\n".encode())]
    ).submit()
    step = world.maya.view("6,000 numbers belong to no customer")
    assert "1 customer, 1 can be texted" in step
