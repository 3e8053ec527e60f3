"""Segments that ask about segments, that distributions use, and that names from outside lead to."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, editing, taking, using
from distribution.segments.names import with_ids
from distribution.segments.rules import parse
from storage import customers
from storage.tables import Customer, Distribution, Event, EventName, PromoCodeGroup, PromoCodeGroupAlias, Segment
from tests.conftest import NOON
from tests.unit.customers.people import customer

BY: Any = {"by": "U0MAYA", "now": NOON}
POLES = {"field": "region", "op": "is", "value": "PL"}


def rules(*given: dict[str, Any]) -> dict[str, Any]:
    """Rules that must all hold."""
    return {"rules": list(given)}


def inside(segment: Segment, op: str = "in") -> dict[str, Any]:
    """Membership of a segment."""
    return {"field": "segment", "segment_id": segment.id, "op": op}


@pytest.fixture
def shop(runtime: Runtime) -> Runtime:
    """Six customers, of whom the first four are Poles; a group, an event and two distributions of one subject."""
    with runtime.db.write() as session:
        customers.add_attribute(session, "city", "text", at=NOON)
        for number in range(1, 7):
            customer(session, NOON, source_id=f"S{number}", region="PL" if number < 5 else "GB")
        group = PromoCodeGroup(id=7, name="Summer 15%", name_key="summer 15%", created_at=NOON, created_by="U0ADA")
        session.add(group)
        session.flush()
        session.add(PromoCodeGroupAlias(name_key="summer 10%", group_id=7, until=NOON))
        types = {"total": "number", "shop": "mixed"}
        session.add(EventName(name="cart_left", properties=types, first_at=NOON, created_at=NOON))
        session.add(Event(id=1, customer_id=1, name="cart_left", at=NOON - timedelta(days=40), received_at=NOON))
        for subject, status in (("Spring", "done"), ("Twice", "done"), ("twice", "sending"), ("Secret", "draft")):
            distribution(session, subject, status)
    return runtime


def distribution(session: Session, subject: str, status: str, **given: Any) -> Distribution:
    """A distribution that stands somewhere."""
    row = Distribution(
        subject=subject,
        status=status,
        created_by="U0MAYA",
        created_at=NOON,
        updated_at=NOON,
        **({"audience": {}} | given),
    )
    session.add(row)
    session.flush()
    return row


def ids(session: Session, segment: Segment) -> list[int]:
    """Who is in a segment."""
    found = select(Customer.id).where(counting.belongs(session, segment, NOON)).order_by(Customer.id)
    return list(session.scalars(found))


def test_a_segment_may_ask_about_another_and_follows_its_rules(shop: Runtime) -> None:
    with shop.db.write() as session:
        poles = editing.create(session, "Poles", parse(rules(POLES)), **BY)
        others = editing.create(session, "Others", parse(rules(inside(poles, "not_in"))), **BY)
        some = editing.create_static(session, "Some", [1, 6], **BY)
        both = editing.create(session, "Both", parse(rules(inside(poles), inside(some))), **BY)
        assert [ids(session, each) for each in (others, both)] == [[5, 6], [1]]
        editing.change_rules(session, poles.id, parse(rules(POLES | {"value": "GB"})), now=NOON)
        assert [ids(session, each) for each in (others, both)] == [[1, 2, 3, 4], [6]]
        assert [each.name for each in counting.of_customer(session, 6, NOON)] == ["Both", "Poles", "Some"]


def test_a_circle_is_refused_and_named(shop: Runtime) -> None:
    with shop.db.write() as session:
        first = editing.create(session, "First", parse(rules(POLES)), **BY)
        second = editing.create(session, "Second", parse(rules(inside(first))), **BY)
        third = editing.create(session, "Third", parse(rules(inside(second, "not_in"))), **BY)
        with pytest.raises(Refused) as refused:
            editing.change_rules(session, first.id, parse(rules(inside(third))), now=NOON)
        named = "'First' asks about 'Third', which asks about 'Second', which asks about 'First'"
        assert named in str(refused.value)
        assert refused.value.field == "rules"
        with pytest.raises(Refused, match="'First' cannot ask about itself"):
            editing.change_rules(session, first.id, parse(rules(inside(first))), now=NOON)


def test_segments_in_segments_end_before_they_are_too_much(shop: Runtime) -> None:
    with shop.db.write() as session:
        last = editing.create(session, "0", parse(rules(POLES)), **BY)
        for number in range(1, 10):
            last = editing.create(session, str(number), parse(rules(inside(last))), **BY)
        last = editing.create(session, "10", parse(rules(inside(last))), **BY)
        with pytest.raises(Refused, match="10 deep"):
            editing.create(session, "11", parse(rules(inside(last))), **BY)
        wide = editing.create(session, "wide 0", parse(rules(*[POLES] * 40)), **BY)
        for number in range(1, 3):
            wide = editing.create(session, f"wide {number}", parse(rules(inside(wide), inside(wide))), **BY)
        with pytest.raises(Refused, match="this has 335 rules; 300 is the limit"):
            editing.create(session, "wider", parse(rules(inside(wide), inside(wide, "not_in"), POLES)), **BY)
        beside = editing.create(session, "beside", parse(rules(*[POLES] * 49)), **BY)
        with pytest.raises(Refused, match=r"'wide 2' asks about 'wide 0'\. .*300 is the limit"):
            first = editing.by_name(session, "wide 0").id
            editing.change_rules(session, first, parse(rules(*[POLES] * 48, inside(beside))), now=NOON)


@pytest.mark.parametrize("kind", ["dynamic", "static"])
def test_a_segment_that_another_asks_about_is_not_deleted(shop: Runtime, kind: str) -> None:
    with shop.db.write() as session:
        if kind == "dynamic":
            asked = editing.create(session, "Asked", parse(rules(POLES)), **BY)
        else:
            asked = editing.create_static(session, "Asked", [1], **BY)
        asking = editing.create(session, "Asking", parse(rules(inside(asked))), **BY)
        with pytest.raises(Refused, match="The rules of 'Asking' ask about 'Asked'") as refused:
            editing.delete_segment(session, asked.id, now=NOON)
        assert refused.value.reason == "in_use"
        editing.delete_segment(session, asking.id, now=NOON)
        editing.delete_segment(session, asked.id, now=NOON)
        with pytest.raises(Refused, match="'Asked' was deleted"):
            editing.create(session, "Late", parse(rules(inside(asked))), **BY)


@pytest.mark.parametrize("status", using.LIVE)
def test_a_segment_that_a_live_distribution_uses_is_not_deleted(shop: Runtime, status: str) -> None:
    with shop.db.write() as session:
        used = editing.create(session, "Used", parse(rules(POLES)), **BY)
        row = distribution(session, "June", status, audience={"kind": "segment", "segment_id": used.id})
        with pytest.raises(Refused, match="'Used' is the audience of 'June'"):
            editing.delete_segment(session, used.id, now=NOON)
        row.status = "done"
        session.flush()
        editing.delete_segment(session, used.id, now=NOON)


def test_other_rules_say_what_they_would_do(shop: Runtime) -> None:
    with shop.db.write() as session:
        poles = editing.create(session, "Poles", parse(rules(POLES)), **BY)
        audience = {"kind": "segment", "segment_id": poles.id}
        distribution(session, "Welcome", "sending", mode="automatic", audience=audience)
        distribution(session, "June", "draft", audience=audience)
        distribution(session, "May", "pending", audience=audience)
        distribution(session, "April", "done", audience=audience)
        editing.create(session, "Asking", parse(rules(inside(poles))), **BY)
        there = {"field": "event", "event": "cart_left", "op": "did_not", "days": 30}
        found = using.effects(session, poles, parse(rules(POLES | {"op": "is_not"}, there)), NOON)
    assert (found.entering, found.leaving) == (2, 4)
    assert [each.subject for each in found.automatic] == ["Welcome"]
    assert [each.subject for each in found.drafts] == ["June"]
    assert [each.subject for each in found.fixed] == ["May"]
    assert [each.name for each in found.segments] == ["Asking"]


def test_who_has_nothing_there_comes_in_and_goes_like_anybody(shop: Runtime) -> None:
    """A rule about a value that is not set is neither true nor false to a database."""
    with shop.db.write() as session:
        for customer in session.scalars(select(Customer).order_by(Customer.id).limit(2)):
            customer.region = None
        poles = editing.create(session, "Poles", parse(rules(POLES)), **BY)
        none = parse(rules(POLES | {"op": "is_not"}))
        were = ids(session, poles)
        there = using.effects(session, poles, none, NOON)
        editing.change_rules(session, poles.id, none, now=NOON)
        others = ids(session, poles)
        assert (were, there.entering, there.leaving) == ([3, 4], len(others), 2)
        back = using.effects(session, poles, parse(rules(POLES)), NOON)
        assert (back.entering, back.leaving) == (2, len(others))


@pytest.mark.parametrize(("how", "left"), [("add", [1, 2, 3, 4, 6]), ("remove", [6]), ("replace", [1, 2, 3, 4])])
def test_members_are_taken_from_another_segment(shop: Runtime, how: str, left: list[int]) -> None:
    with shop.db.write() as session:
        fixed = editing.create_static(session, "Fixed", [1, 6], **BY)
        either = {"match": "any", "rules": [POLES, inside(fixed)]}
        poles = editing.create(session, "Poles", parse(rules(POLES)), **BY)
        editing.create(session, "Either", parse(either), **BY)
        taken = taking.take(session, fixed.id, how, poles.id, **BY)
        assert ids(session, taken) == left
        assert taken.counted == len(left)
        taking.take(session, fixed.id, "replace", editing.by_name(session, "Either").id, **BY)
        assert ids(session, taken) == sorted({1, 2, 3, 4, *left})
        with pytest.raises(Refused, match="follows its rules"):
            taking.take(session, poles.id, how, fixed.id, **BY)


def test_names_from_outside_become_ids_and_known_types(shop: Runtime) -> None:
    given = rules(
        {"field": "codes_issued", "group": "SUMMER 10%", "op": "ge", "value": 2},
        {"field": "received", "distribution": "spring", "op": "did"},
        {"field": "received", "distribution": 3, "op": "did_not"},
        {"field": "attribute", "attribute": "city", "op": "is", "value": "Warsaw"},
        {"match": "any", "rules": [{"field": "segment", "segment": "poles", "op": "in"}, POLES]},
        {"field": "event", "event": "cart_left", "op": "did", "where": [{"property": "total", "op": "gt", "value": 5}]},
    )
    with shop.db.write() as session:
        poles = editing.create(session, "Poles", parse(rules(POLES)), **BY)
        made = with_ids(session, given)
        assert editing.create(session, "Made", parse(made), **BY).rules == {
            "match": "all",
            "negate": False,
            "rules": [
                {"field": "codes_issued", "group_id": 7, "op": "ge", "value": 2},
                {"field": "received", "distribution_id": 1, "op": "did"},
                {"field": "received", "distribution_id": 3, "op": "did_not"},
                {"field": "attribute", "attribute": "city", "type": "text", "op": "is", "value": "Warsaw"},
                {"match": "any", "negate": False, "rules": [inside(poles), POLES]},
                {
                    "field": "event",
                    "event": "cart_left",
                    "op": "did",
                    "where": [{"property": "total", "type": "number", "op": "gt", "value": 5}],
                },
            ],
        }


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"field": "codes_issued", "group": "Sumer 15%", "op": "ge", "value": 1}, "Did you mean 'Summer 15%'"),
        (
            {"field": "segment", "segment": "Poless", "op": "in"},
            "Segment 'Poless' does not exist. Did you mean 'Poles'",
        ),
        ({"field": "received", "distribution": "Sprng", "op": "did"}, "no distribution 'Sprng'. Did you mean 'Spring'"),
        ({"field": "received", "distribution": "Secret", "op": "did"}, "no distribution 'Secret'"),
        ({"field": "received", "distribution": "twice", "op": "did"}, "name one by its id (2, 3)"),
        ({"field": "received", "distribution": 99, "op": "did"}, "Distribution 99 does not exist"),
        ({"field": "received", "distribution": ["Spring"], "op": "did"}, "named in text, not by a list"),
        ({"field": "attribute", "attribute": "citty", "op": "set"}, "attribute 'citty'. Did you mean 'city'"),
        ({"field": "event", "event": "cart_lift", "op": "did"}, "Did you mean 'cart_left'"),
        (
            {"field": "event", "event": "cart_left", "op": "did", "where": [{"property": "totl", "op": "set"}]},
            "Did you mean 'total'",
        ),
        (
            {"field": "event", "event": "cart_left", "op": "did", "where": [{"property": "shop", "op": "set"}]},
            "say which with",
        ),
        (
            {
                "field": "event",
                "event": "cart_left",
                "op": "did",
                "where": [{"property": "total", "type": "text", "op": "set"}],
            },
            "is a number, not a text",
        ),
    ],
)
def test_a_name_that_there_is_not_is_refused_with_the_nearest(shop: Runtime, rule: dict[str, Any], why: str) -> None:
    with shop.db.write() as session:
        editing.create(session, "Poles", parse(rules(POLES)), **BY)
        with pytest.raises(Refused) as refused:
            editing.create(session, "Made", parse(with_ids(session, rules(rule))), **BY)
    assert why in str(refused.value)
    assert refused.value.field == "rules"
