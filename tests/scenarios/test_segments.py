"""`/promo segments`, built and clicked by Maya through a real Socket Mode connection."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from commands.segments import building, live, long_lists
from storage.tables import Distribution, Segment
from tests.scenarios.conftest import World
from tests.scenarios.segment_shop import POLES, Slow, begin, made, named, with_customers


@pytest.fixture
def shop(world: World) -> World:
    """Three customers with attributes, a code and carts that were left."""
    return with_customers(world)


def test_a_segment_is_built_counted_as_it_changes_and_saved(shop: World) -> None:
    begin(shop)
    shop.maya.fill("segments.row:0:1/segments.field", "city")
    shop.maya.view("Not counted yet. city: a value is missing").fill("Value", "warsaw")
    form = shop.maya.view("1 customer · 33% of all 3 · 1 can be texted")
    assert "Anna\n+48 ••• ••• 211" in form.text
    assert form.value("Name") == "Warsaw regulars"
    form.click("Add a rule")
    shop.maya.fill("segments.row:0:2/segments.field", "Promo codes issued")
    form = shop.maya.view("Promo codes issued: a value is missing")
    form.fill("segments.row:0:2/segments.about:group", "from Summer 10%").fill("How many promo codes", "1")
    shop.maya.view("1 customer · 33%").submit()
    shown = shop.maya.view("Edit rules…")
    assert "city is warsaw, and at least 1 promo code issued from 'Summer 10%'" in shown.text
    shop.maya.close()
    shop.maya.view("Warsaw regulars · 1 customer · by rules")
    assert named(shop, "warsaw regulars").counted == 1


def test_an_event_is_asked_with_its_properties_and_a_time(shop: World) -> None:
    begin(shop, "Left a large cart")
    shop.maya.fill("segments.row:0:1/segments.field", "Event")
    form = shop.maya.view("Not counted yet. Choose an event.")
    form.submit()
    form = shop.maya.view("⚠ Choose an event.")
    assert form.value("Name") == "Left a large cart"
    form.fill("segments.about:event", "cart abandoned")
    shop.maya.view("2 customers").click("Add a property")
    shop.maya.fill("segments.op:number", "is at least")
    shop.maya.fill("↳ its cart total", "50")
    shop.maya.view("1 customer · 33%").fill("segments.within", "in the last … days")
    form = shop.maya.view("Write within how many days")
    form.fill("In the last how many days", "2")
    shop.maya.view("0 customers").fill("In the last how many days", "4")
    shop.maya.view("1 customer · 33%").submit()
    assert "Anna" in shop.maya.view("Edit rules…").text
    (rule,) = named(shop, "left a large cart").rules["rules"]
    assert (rule["event"], rule["days"], rule["where"][0]["value"]) == ("cart_abandoned", 4, 50)


def test_the_answer_to_an_earlier_press_never_comes_last(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answered beside each other: the slow one put the form back to the field that was chosen before."""
    begin(shop, "In a hurry")
    later, answered, after, show = threading.Event(), threading.Event(), building._after, building._show

    def slow(draft: Any, action: Any, known: Any) -> Any:
        if action["action_id"] == "segments.match":
            assert later.wait(20)
        return after(draft, action, known)

    def watched(*given: Any, **more: Any) -> None:
        show(*given, **more)
        if later.is_set():
            answered.set()

    monkeypatch.setattr(building, "_after", slow)
    monkeypatch.setattr(building, "_show", watched)
    shop.maya.view("Country: a value is missing").fill("segments.match", "none of these")
    shop.maya.view("Country: a value is missing").fill("segments.row:0:1/segments.field", "city")
    shop.maya.view("city: a value is missing")
    later.set()
    assert answered.wait(20)
    assert "city: a value is missing" in shop.maya.view().text


def test_groups_of_rules_may_be_negated(shop: World) -> None:
    begin(shop, "Neither")
    shop.maya.click("segments.remove:1")
    shop.maya.view("3 customers").click("Add a group of rules")
    form = shop.maya.view("and who match")
    form.fill("segments.match:1/segments.match", "none of these")
    shop.maya.view("none of these").fill("segments.row:1:2/segments.field", "city")
    shop.maya.view("city: a value is missing").fill("segments.row:1:2/segments.op:text", "is one of")
    form = shop.maya.view("city: the list is empty")
    form.fill("Values", "warsaw\nO'Brien; DROP TABLE customer; --")
    form = shop.maya.view("1 customer · 33% of all 3 · 0 can be texted")
    assert "Ben" in form.text
    form.submit()
    shop.maya.view("Edit rules…")
    assert named(shop, "neither").rules["rules"][0]["negate"] is True


def test_each_rule_without_a_value_is_told_at_its_value_and_nothing_is_lost(shop: World) -> None:
    begin(shop, "Poles")
    shop.maya.click("Add a rule")
    shop.maya.fill("segments.row:0:2/segments.field", "visits")
    shop.maya.fill("segments.row:0:2/segments.op:number", "is one of")
    shop.maya.fill("Values", "5\nmany")
    form = shop.maya.view("Country: a value is missing")
    form.fill("Country", "Poland (PL)")
    form = shop.maya.view("visits: 'many' is not a number")
    assert "'many' is not a number" in form.refused()["Values"]
    assert form.value("Name") == "Poles" and form.value("Country") == "Poland (PL)"
    form.fill("Values", "5\n1")
    shop.maya.view("2 customers").submit()
    shop.maya.view("Edit rules…")
    assert named(shop, "Poles").rules["rules"][0]["value"] == "PL"


def test_a_segment_is_edited_renamed_cloned_and_deleted(shop: World) -> None:
    made(shop, "Poles", POLES)
    made(shop, "Everybody", {})
    shop.maya.command("/promo segments")
    listed = shop.maya.view("Poles · 2 customers · by rules · made")
    assert "Everybody · 3 customers" in listed.text
    listed.click("segments.line:1/segments.open")
    shop.maya.view("Edit rules…").click("Edit rules…")
    form = shop.maya.view("Edit segment")
    assert form.value("Country") == "Poland (PL)"
    form.fill("Country", "Britain (UK) (GB)")
    shop.maya.view("1 customer").submit()
    shop.maya.view("country is Britain").click("Rename…")
    form = shop.maya.view("Rename segment").fill("Name", "EVERYBODY")
    assert "There is a segment 'Everybody' already" in form.refused()["Name"]
    form.fill("Name", "Britons").submit()
    shop.maya.view("Britons").click("Clone")
    shop.maya.view("Britons copy").click("Delete…")
    shop.maya.view("was deleted").close()
    shop.maya.view("Britons · 1 customer · by rules · changed")
    with shop.runtime.db.read() as session:
        left = session.scalars(select(Segment.name).where(Segment.deleted_at.is_(None)).order_by(Segment.name)).all()
    assert left == ["Britons", "Everybody"]


def test_what_uses_a_segment_is_told_before_it_is_changed_and_keeps_it_from_being_deleted(shop: World) -> None:
    poles = made(shop, "Poles", POLES)
    made(shop, "Large", {"rules": [{"field": "segment", "segment_id": poles, "op": "in"}]})
    now = shop.runtime.clock.now()
    with shop.runtime.db.write() as session:
        audience = {"audience": {"kind": "segment", "segment_id": poles}, "send_at": now + timedelta(days=9)}
        for mode, status, subject, more in (
            ("automatic", "sending", "Welcome", {"trigger": {"kind": "segment", "segment_id": poles}}),
            ("manual", "draft", "Spring", audience),
            ("manual", "scheduled", "Summer", audience),
        ):
            session.add(
                Distribution(
                    mode=mode, status=status, purpose="custom", subject=subject, body="Hi", created_by="U0MAYA",
                    created_at=now, updated_at=now, **more,
                )
            )  # fmt: skip
    shop.maya.command("/promo segments poles")
    page = shop.maya.view("2 customers · 67%")
    assert "Used by “Welcome” (sending), “Spring” (draft), “Summer” (scheduled), the segment “Large”" in page.text
    page.click("Delete…")
    shop.maya.view("'Poles' is the audience or the trigger of 'Welcome', 'Spring', 'Summer'").close()
    shop.maya.view("Edit rules…").click("Edit rules…")
    shop.maya.view("This segment is in use").fill("Country", "Britain (UK) (GB)")
    told = shop.maya.view("When you save: 1 customer comes in, 2 go.").text
    assert "“Welcome” texts whoever comes in from then on: 1 at once." in told
    assert "1 draft (“Spring”): counted anew at its review." in told
    assert "“Summer”: reviewed already, so its audience stays as it is." in told
    assert "The rules of “Large” ask about it, and change with it." in told
    shop.maya.submit()
    shop.maya.view("country is Britain")


def test_a_name_opens_the_segment_and_a_part_of_it_the_list(shop: World) -> None:
    made(shop, "Everybody", {})
    shop.maya.command("/promo segments everybody")
    text = shop.maya.view("every customer").text
    assert "3 customers" in text
    assert "<!channel>" in text.replace("&lt;", "<").replace("&gt;", ">")
    shop.maya.close()
    shop.maya.command("/promo segments every")
    assert "Everybody" in shop.maya.view("New segment…").text
    shop.maya.close()
    shop.maya.command("/promo segments nope")
    shop.maya.view("No segment is called “nope”.")


def test_many_segments_are_turned_and_searched(shop: World) -> None:
    for number in range(1, 13):
        made(shop, f"Segment {number:02d}", {})
    shop.maya.command("/promo segments")
    shop.maya.view("Segment 10 · 3 customers").click("Next")
    shop.maya.view("Segment 12 · 3 customers").fill("Search", "ment 03").submit()
    found = shop.maya.view("Segment 03 · 3 customers")
    assert "Segment 04" not in found.text
    found.click("Open")
    assert "Segment 03" in shop.maya.view("Edit rules…").text


def test_a_long_list_of_values_comes_out_of_a_file_or_is_pasted(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(shop, "From a file")
    shop.maya.fill("segments.row:0:1/segments.field", "city")
    shop.maya.fill("segments.op:text", "is one of")
    lines = "name,city\n" + "".join(f"x,City {number}\n" for number in range(3000)) + "x,Warsaw\n"
    shop.maya.fill("Or a file", ("cities.csv", lines.encode()))
    shop.maya.submit()
    shop.maya.view("The file was read")
    form = shop.maya.view("1 customer · 33%")
    assert "3,001 values: City 0, City 1, City 2" in form.text
    form.submit()
    shop.maya.view("Edit rules…").click("Edit rules…")
    form = shop.maya.view("3,001 values: City 0")
    form.click("Replace")
    form = shop.maya.view("city: the list is empty")
    monkeypatch.setattr(long_lists, "SHORT", 10)
    form.fill("Values", "Łódź\nWarsaw\nKraków")
    shop.maya.view("2 customers").click("Add a rule")
    form = shop.maya.view("3 values: Łódź, Warsaw, Kraków")
    form.click("segments.remove:2")
    shop.maya.view("2 customers").submit()
    shop.maya.view("Edit rules…")
    assert named(shop, "From a file").rules["rules"][0]["value"] == ["Łódź", "Warsaw", "Kraków"]


def test_a_file_of_values_that_cannot_be_read_is_told_and_can_be_chosen_again(shop: World) -> None:
    begin(shop, "From a file")
    shop.maya.fill("segments.row:0:1/segments.field", "city")
    shop.maya.fill("segments.op:text", "is one of")
    shop.maya.fill("Or a file", ("cities.csv", b"\x00\x01\x02\x03" * 50))
    shop.maya.submit()
    form = shop.maya.view("is not a table")
    assert form.value("Name") == "From a file"
    form.fill("Or a file", ("cities.txt", b"Warsaw\n"))
    form.click("Count again")
    shop.maya.view("1 value: Warsaw")


def test_a_count_is_stopped_by_its_button_and_by_a_newer_change(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow()
    monkeypatch.setattr(live, "look", slow.look)
    begin(shop, "Slow")
    shop.maya.fill("Country", "Poland (PL)")
    shop.maya.view("Counting…").click("Add a rule")
    shop.wait_for(lambda: slow.stops and slow.stops[0].is_set(), "the older count to be stopped")
    shop.maya.view("Not counted yet").click("segments.remove:2")
    form = shop.maya.view("Counting…")
    assert form.value("Country") == "Poland (PL)"
    form.click("Stop")
    shop.maya.view("You stopped it")
    shop.wait_for(lambda: all(stopped.is_set() for stopped in slow.stops), "every count to be stopped")
    slow.on.clear()
    shop.maya.click("Count again")
    shop.maya.view("2 customers").submit()
    shop.maya.view("Edit rules…")


def test_a_segment_built_inside_the_wizard_is_chosen_there(shop: World) -> None:
    made(shop, "Everybody", {})
    shop.maya.command("/promo send")
    shop.maya.view("Step 1 of 5").submit()
    shop.maya.view("Step 2 of 5").choose("Custom message")
    shop.wait_for(lambda: "Promo code group" not in shop.maya.view("Step 2 of 5").text, "the group to go")
    shop.maya.submit()
    shop.maya.view("Step 3 of 5").click("Build a new segment…")
    shop.maya.view("New segment").fill("Name", "Poles")
    shop.maya.fill("Country", "Poland (PL)")
    shop.maya.view("2 customers · 67%").submit()
    step = shop.maya.view("2 customers, 1 can be texted")
    assert step.value("Segment") == "Poles"
    step.submit()
    shop.maya.view("Step 4 of 5").click("Back")
    assert shop.maya.view("2 customers, 1 can be texted").value("Segment") == "Poles"


def test_an_unsaved_segment_leaves_nothing(shop: World) -> None:
    begin(shop, "Nothing")
    shop.maya.close(everything=True)
    with shop.runtime.db.read() as session:
        assert session.scalars(select(Segment)).all() == []
