"""`/promo segments`, built and clicked by Maya through a real Socket Mode connection."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from commands.segments import live, long_lists, members
from distribution.codes import groups
from distribution.segments import editing
from distribution.segments.looking import Look, look
from distribution.segments.rules import parse
from storage import customers
from storage.patience import TooSlow
from storage.tables import CodeState, Distribution, Event, EventName, PromoCode, Segment
from tests.scenarios.conftest import World
from tests.unit.customers.people import customer

PEOPLE: list[dict[str, Any]] = [
    {"name": "Anna", "attributes": {"city": "Warsaw", "visits": 5}},
    {"name": "Ben", "attributes": {"city": "Łódź", "visits": 1}, "consent": "opted_out"},
    {"name": "<!channel> *x* 😀", "attributes": {"city": "O'Brien; DROP TABLE customer; --"}, "region": "GB"},
]


@pytest.fixture
def shop(world: World) -> World:
    """Three customers with attributes; Anna has a code of "Summer 10%" and left a cart of 80."""
    now: datetime = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        for name, kind in (("city", "text"), ("visits", "number")):
            customers.add_attribute(session, name, kind, at=now)
        for number, given in enumerate(PEOPLE, 1):
            customer(
                session, now, **({"phone": f"+4850123421{number}", "region": "PL", "source_id": f"S{number}"} | given)
            )
        group = groups.create(session, "Summer 10%", formats=[], by="U0ADA", now=now)
        session.add(
            PromoCode(
                id=1, code="A1", group_id=group.id, lot_id=1, state=CodeState.ISSUED, customer_id=1, issued_at=now
            )
        )
        known = {"cart_total": "number"}
        session.add(EventName(name="cart_abandoned", properties=known, first_at=now, created_at=now))
        for number, total in ((1, 80), (2, 20)):
            left = Event(
                id=number,
                customer_id=number,
                name="cart_abandoned",
                at=now - timedelta(days=3),
                properties={"cart_total": total},
                received_at=now,
            )
            session.add(left)
    return world


def named(world: World, name: str) -> Segment:
    """A segment, as it is stored."""
    with world.runtime.db.read() as session:
        return editing.by_name(session, name)


def begin(shop: World, name: str = "Warsaw regulars") -> None:
    """The builder, with a name typed."""
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("New segment…")
    shop.maya.view("Not counted yet").fill("Name", name)


def made(shop: World, name: str, rules: dict[str, Any]) -> int:
    """A dynamic segment."""
    with shop.runtime.db.write() as session:
        return editing.create(session, name, parse(rules), by="U0MAYA", now=shop.runtime.clock.now()).id


POLES = {"rules": [{"field": "region", "op": "is", "value": "PL"}]}


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
        for mode, status, subject in (
            ("automatic", "sending", "Welcome"), ("manual", "draft", "Spring"), ("manual", "scheduled", "Summer")
        ):  # fmt: skip
            session.add(
                Distribution(
                    mode=mode, status=status, purpose="custom", subject=subject, body="Hi", created_by="U0MAYA",
                    audience={"kind": "segment", "segment_id": poles}, send_at=now + timedelta(days=9),
                    created_at=now, updated_at=now,
                )
            )  # fmt: skip
    shop.maya.command("/promo segments poles")
    page = shop.maya.view("2 customers · 67%")
    assert "Used by “Welcome” (sending), “Spring” (draft), “Summer” (scheduled), the segment “Large”" in page.text
    page.click("Delete…")
    shop.maya.view("'Poles' is the audience of 'Welcome', 'Spring', 'Summer'").close()
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


class Slow:
    """Counting that ends only when it is stopped, as long as it is `on`."""

    def __init__(self) -> None:
        self.on = threading.Event()
        self.on.set()
        self.stops: list[threading.Event] = []

    def look(self, *args: Any, **given: Any) -> Look:
        """As `distribution.segments.looking.look`."""
        if not self.on.is_set():
            return look(*args, **given)
        if given["seconds"] > live.QUICK:
            self.stops.append(args[2])
            assert args[2].wait(20)
        raise TooSlow


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


def test_a_pasted_list_is_a_segment_and_says_what_it_did_not_find(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    assert form.refused() == {"Phone numbers or source ids": "Paste a list, or choose a file below."}
    form.fill("Phone numbers or source ids", "501 234 211\nS3\n+48501234999\n+48 5O1")
    form.submit()
    text = shop.maya.view("A fixed list").text
    assert "2 customers found · 1 number of no customer (+48501234999) · 1 line not read (line 4:" in text
    shop.wait_for(lambda: named(shop, "friends").counted == 2, "the count to be remembered")


def test_members_are_added_and_taken_off_and_looked_through(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    form.fill("Or a file", ("friends.csv", "name,phone\nAnna,+48501234211\n".encode("utf-16"))).submit()
    shop.maya.view("1 customer found").click("Add or remove members…")
    form = shop.maya.view("Friends · 1 customer now")
    form.fill("Phone numbers or source ids", "S2\nS3").submit()
    shop.maya.view("3 customers · 100% of all 3 · 2 can be texted").click("Add or remove members…")
    shop.maya.view("Friends · 3 customers now").choose("Take these off")
    shop.maya.fill("Phone numbers or source ids", "S1")
    shop.maya.submit()
    shop.maya.view("2 customers · 67%").click("All members")
    text = shop.maya.view("Ben").text
    assert "+48 ••• ••• 212" in text and "Anna" not in text


def test_a_long_file_of_members_is_read_by_a_job(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "AT_ONCE", 20)
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    form.fill("Or a file", ("friends.csv", b"phone\n+48501234211\nS2\n+48501234999\n")).submit()
    shop.maya.view("friends.csv is being read for “Friends”")
    message = shop.maya.message("@promobot", "2 customers found. The segment has 2 members.")
    assert "Not taken: 1 line" in message.text
    assert named(shop, "friends").counted == 2
    shop.maya.close()
    message.click("Open the segment")
    shop.maya.view("2 customers").click("Add or remove members…")
    shop.maya.view("Friends · 2 customers now").choose("Replace everybody by these")
    shop.maya.fill("Or a file", ("others.csv", b"phone\n+48501234213\nnobody at all\n"))
    shop.maya.submit()
    shop.maya.view("others.csv is being read")
    shop.maya.message("@promobot", "The segment has 1 member.")


def test_those_who_match_now_are_written_down(shop: World) -> None:
    made(shop, "Poles", POLES)
    shop.maya.command("/promo segments poles")
    shop.maya.view("2 customers").click("Fixed list of these…")
    form = shop.maya.view("It stays as it is").fill("Name", "POLES")
    assert "There is a segment 'Poles' already" in form.refused()["Name"]
    form.fill("Name", "Poles in June").submit()
    text = shop.maya.view("The list stays as it is now.").text
    assert "A fixed list" in text and "2 customers" in text
    assert named(shop, "poles in june").kind == "static"


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
