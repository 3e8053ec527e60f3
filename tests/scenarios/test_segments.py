"""`/promo segments`, built and clicked by Maya through a real Socket Mode connection."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from distribution.codes import groups
from distribution.segments import editing
from distribution.segments.rules import parse
from storage import customers
from storage.tables import CodeState, PromoCode, Segment
from tests.scenarios.conftest import World
from tests.unit.customers.people import customer

PEOPLE: list[dict[str, Any]] = [
    {"name": "Anna", "attributes": {"city": "Warsaw", "visits": 5}},
    {"name": "Ben", "attributes": {"city": "Łódź", "visits": 1}},
    {"name": "<!channel> *x* 😀", "attributes": {"city": "O'Brien; DROP TABLE customer; --"}, "region": "GB"},
]


@pytest.fixture
def shop(world: World) -> World:
    """Three customers with attributes; Anna has a code of "Summer 10%"."""
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
    return world


def named(world: World, name: str) -> Segment:
    """A segment, as it is stored."""
    with world.runtime.db.read() as session:
        return editing.by_name(session, name)


def test_a_segment_is_built_counted_as_it_changes_and_saved(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("There is no segment yet").click("New segment…")
    form = shop.maya.view("Not counted yet")
    form.fill("Name", "Warsaw regulars").fill("segments.row:0:1/segments.field", "city")
    form = shop.maya.view("Not counted yet. city: a value is missing")
    form.fill("segments.value:0:1:line", "warsaw")
    form = shop.maya.view("1 customer\nAnna")
    assert form.value("Name") == "Warsaw regulars"
    form.click("Add a rule")
    form = shop.maya.view("Country: a value is missing")
    form.fill("segments.row:0:2/segments.field", "Promo codes issued")
    form = shop.maya.view("Promo codes issued: a value is missing")
    form.fill("segments.row:0:2/segments.group", "from Summer 10%").fill("How many", "1")
    shop.maya.view("1 customer\nAnna").submit()
    shown = shop.maya.view("Edit rules…")
    assert "city is warsaw, and at least 1 promo code issued from 'Summer 10%'" in shown.text
    shop.maya.close()
    shop.maya.view("Warsaw regulars · 1 customer")
    assert named(shop, "warsaw regulars").counted == 1


def test_groups_of_rules_may_be_negated(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("New segment…")
    form = shop.maya.view("Add a group of rules").fill("Name", "Neither")
    form.click("segments.remove:1")
    form = shop.maya.view("3 customers")
    form.click("Add a group of rules")
    form = shop.maya.view("and in this group")
    form.fill("segments.match:1/segments.match", "none of these")
    form = shop.maya.view("none of these")
    form.fill("segments.row:1:1/segments.field", "city")
    form = shop.maya.view("city: a value is missing")
    form.fill("segments.row:1:1/segments.op:text", "is one of")
    form = shop.maya.view("city: the list is empty")
    form.fill("segments.value:1:1:lines", "warsaw\nO'Brien; DROP TABLE customer; --")
    shop.maya.view("1 customer\nBen").submit()
    assert "(not: city is one of warsaw, O'Brien; DROP TABLE customer; --)" in shop.maya.view("Edit rules…").text
    assert named(shop, "neither").rules["rules"][0]["negate"] is True


def test_a_rule_without_a_value_is_refused_at_its_value_and_nothing_is_lost(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("New segment…")
    form = shop.maya.view("Not counted yet").fill("Name", "Poles")
    assert list(form.refused()) == ["Value"]
    form.fill("Value", "Atlantis")
    form = shop.maya.view("'Atlantis' is not a country").fill("Name", "Poles")
    assert "Country: 'Atlantis' is not a country" in form.refused()["Value"]
    assert form.value("Name") == "Poles"
    form.fill("Value", "Poland")
    form = shop.maya.view("2 customers")
    form.fill("Name", "Poles").submit()
    assert named(shop, "Poles").rules["rules"][0]["value"] == "PL"


def test_a_segment_is_edited_renamed_cloned_and_deleted(shop: World) -> None:
    now = shop.runtime.clock.now()
    with shop.runtime.db.write() as session:
        rules = parse({"rules": [{"field": "region", "op": "is", "value": "PL"}]})
        editing.create(session, "Poles", rules, by="U0MAYA", now=now)
        editing.create(session, "Everybody", parse({}), by="U0MAYA", now=now)
    shop.maya.command("/promo segments")
    listed = shop.maya.view("Poles · 2 customers")
    assert "Everybody · 3 customers" in listed.text
    listed.click("segments.line:1/segments.open")
    shop.maya.view("Edit rules…").click("Edit rules…")
    form = shop.maya.view("Edit segment")
    assert form.value("segments.value:0:1:line") == "PL"
    form.fill("segments.value:0:1:line", "GB")
    shop.maya.view("1 customer").submit()
    shop.maya.view("country is Britain").click("Rename…")
    form = shop.maya.view("Rename segment").fill("Name", "EVERYBODY")
    assert "There is a segment 'Everybody' already" in form.refused()["Name"]
    form.fill("Name", "Britons").submit()
    shop.maya.view("Britons").click("Clone")
    shop.maya.view("Britons copy").click("Delete")
    shop.maya.view("was deleted").close()
    shop.maya.view("Britons · 1 customer")
    with shop.runtime.db.read() as session:
        left = session.scalars(select(Segment.name).where(Segment.deleted_at.is_(None)).order_by(Segment.name)).all()
    assert left == ["Britons", "Everybody"]


def test_a_name_opens_the_segment_and_a_part_of_it_the_list(shop: World) -> None:
    with shop.runtime.db.write() as session:
        editing.create(session, "Everybody", parse({}), by="U0MAYA", now=shop.runtime.clock.now())
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


def test_many_segments_are_turned_and_jumped_to(shop: World) -> None:
    with shop.runtime.db.write() as session:
        for number in range(1, 13):
            editing.create(session, f"Segment {number:02d}", parse({}), by="U0MAYA", now=shop.runtime.clock.now())
    shop.maya.command("/promo segments")
    shop.maya.view("Segment 10 · 3 customers").click("Next")
    shop.maya.view("Segment 12 · 3 customers").fill("segments.find", "Segment 03")
    assert "Segment 03" in shop.maya.view("Edit rules…").text


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


def test_an_uploaded_list_is_a_segment(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    form.fill("Or a file", ("friends.csv", "name,phone\nAnna,+48501234211\n".encode("utf-16"))).submit()
    assert "1 customer found" in shop.maya.view("A fixed list").text


def test_an_unsaved_segment_leaves_nothing(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("New segment…")
    shop.maya.view("Not counted yet").fill("Name", "Nothing")
    shop.maya.close(everything=True)
    with shop.runtime.db.read() as session:
        assert session.scalars(select(Segment)).all() == []
