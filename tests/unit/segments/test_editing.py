"""Segments made, named, cloned, changed, deleted, and put in words; rules refused where they are wrong."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, describe, editing
from distribution.segments.counting import Count
from distribution.segments.rules import parse
from storage import customers
from storage.tables import Distribution, PromoCodeGroup, Segment
from tests.unit.customers.people import customer

BY = {"by": "U0MAYA"}


@pytest.fixture
def known(runtime: Runtime) -> Runtime:
    """An attribute of each type, a promo code group, and three customers."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        for name, kind in (("city", "text"), ("visits", "number"), ("vip", "boolean"), ("birthday", "date")):
            customers.add_attribute(session, name, kind, at=now)
        session.add(PromoCodeGroup(id=7, name="Summer 10%", name_key="summer 10%", created_at=now, created_by="U0ADA"))
        for name in ("Anna", "Ben", "Cleo"):
            customer(
                session, now, name=name, source_id=name, attributes={"city": "Warsaw" if name != "Cleo" else "Łódź"}
            )
    return runtime


def rule(**given: Any) -> dict[str, Any]:
    """Rules of one condition."""
    return {"rules": [given]}


def _recount(session: Session, segment: Segment, now: datetime) -> Count:
    """Count a segment and remember it, as lists do."""
    counted = counting.count(session, counting.belongs(session, segment, now))
    counting.remember(session, segment.id, counted, now)
    session.refresh(segment)
    return counted


CITY = rule(field="attribute", attribute="city", type="text", op="is", value="warsaw")


CITY_RULE = CITY["rules"][0]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (rule(field="shoe"), "no field 'shoe'"),
        (rule(field="name", op="like", value="x"), "cannot be asked with 'like'"),
        (rule(field="name", op="is", value=""), "Name: a value is missing"),
        (rule(field="name", op="is", value="😀"), "no letters or digits"),
        (rule(field="name", op="one_of", value=[]), "the list is empty"),
        (rule(field="name", op="one_of", value=["x"] * 10_001), "10,001 values are more than"),
        (rule(field="region", op="is", value="Atlantis"), "Country: 'Atlantis' is not a country"),
        (rule(field="created", op="on", value="soon"), "Added: 'soon' is not a date"),
        (rule(field="codes_issued", op="ge", value="2.5"), "not a number of codes"),
        (rule(field="codes_issued", op="ge", value=1, group_id="7"), "named by its number"),
        (
            rule(field="attribute", attribute="visits", type="number", op="gt", value="many"),
            "visits: 'many' is not a number",
        ),
        (rule(field="attribute", attribute="visits", type="number", op="gt", value=float("nan")), "not a number"),
        (rule(field="attribute", attribute="x' OR 1=1", type="text", op="set"), "not an attribute's name"),
        (rule(field="attribute", attribute="city", type="colour", op="set"), "a type is one of"),
        ({"match": "most", "rules": []}, "all or any"),
        ({"rules": [{"rules": []}]}, "A group without rules"),
        ({"rules": [{"rules": [{"rules": [CITY["rules"][0]]}]}]}, "not another group inside a group"),
        ({"rules": [CITY["rules"][0]] * 51}, "50 rules at most"),
        ({"rules": ["x"]}, "A rule is an object"),
        ({"rule": []}, "no 'rule'"),
        (rule(field=["name"], op="is", value="x"), "no field a list"),
        (rule(field="nam", op="is", value="x"), "Did you mean 'name'?"),
        (rule(field="name", op=["is"], value="x"), "cannot be asked with a list"),
        (rule(field="name", op="is", value={"a": 1}), "Name: an object is not text"),
        (rule(field="name", op="is", value="x", day=3), "Name: nothing is known of 'day'"),
        (rule(field="codes_issued", op="ge", value=1, day=3), "nothing is known of 'day'. Did you mean 'days'?"),
        (rule(field="codes_issued", op="ge", value=1, days=0), "Write a whole number from 1 to 36,500"),
        (rule(field="created", op="last_days", value="soon"), "'soon' is not a number"),
        (rule(field="created", op="last_days", value=""), "Added: a number of days is missing"),
        (rule(field="codes_issued", op="ge", value=10**400), "a number that large is too large"),
        (rule(field="event", op="did"), "Event: 'event' is missing"),
        (rule(field="event", op="did", event="x'; --"), "is not an event's name"),
        (rule(field="event", op="did", event="x", where="y"), "'where' is a list"),
        (rule(field="event", op="did", event="x", where=[7]), "an object with property, type, op and value"),
        (rule(field="event", op="did", event="x", where=[{"property": "a b", "type": "text"}]), "a property's name"),
        (rule(field="segment", op="in"), "'segment_id' is missing"),
        (rule(field="segment", op="in", segment_id="4"), "named by its number, not by '4'"),
        (
            {"rules": [CITY_RULE, {"match": "any", "rules": [CITY_RULE, {"field": "shoe"}]}]},
            "Rule 2.2: There is no field 'shoe'",
        ),
        ({"match": "any", "rules": [{"match": "none", "rules": [1]}]}, "Rule 1: Rules match all or any, not 'none'"),
    ],
)
def test_wrong_rules_are_refused_with_what_is_wrong(rules: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(rules)
    assert why in str(refused.value)
    assert refused.value.field == "rules"


@pytest.mark.parametrize("depth", [50, 5_000])
def test_a_deep_rule_tree_is_refused_and_not_climbed(depth: int) -> None:
    deep: dict[str, Any] = CITY
    value: list[Any] = []
    for _ in range(depth):
        deep, value = {"rules": [deep]}, [value]
    with pytest.raises(Refused, match=r"Rule 1\.1: A group of rules may hold rules, not another group inside a group"):
        parse(deep)
    for wrong in (rule(field="name", op="is", value=value), rule(field=value), rule(field="name", op=value)):
        with pytest.raises(Refused, match="a list"):
            parse(wrong)


def test_a_pasted_list_of_ten_thousand_is_taken(known: Runtime) -> None:
    names = [f"Name {number}" for number in range(9_999)]
    with known.db.read() as session:
        listed = parse(rule(field="attribute", attribute="city", type="text", op="one_of", value=["WARSAW", *names]))
        found = counting.count(session, counting.matching(session, listed, known.clock.now()))
    assert found.number == 2


def test_an_attribute_of_mixed_types_is_compared_by_the_type_asked_about(known: Runtime) -> None:
    now = known.clock.now()
    with known.db.write() as session:
        for number, value in enumerate([5, "5", "five", True, None, 50.0]):
            customer(session, now, name="Mixed", source_id=f"M{number}", attributes={"visits": value})

        def counted(kind: str, op: str, value: Any = None) -> int:
            asked = rule(field="attribute", attribute="visits", type=kind, op=op, value=value)
            return counting.count(session, counting.matching(session, parse(asked), now)).number

        assert (counted("number", "ge", 5), counted("number", "lt", 50), counted("text", "is", "5")) == (2, 1, 1)
        assert (counted("number", "ne", 5), counted("boolean", "yes"), counted("text", "contains", "5")) == (8, 1, 1)
        assert (counted("number", "set"), counted("text", "unset")) == (5, 4)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (rule(field="attribute", attribute="citty", type="text", op="set"), "Did you mean 'city'?"),
        (rule(field="attribute", attribute="city", type="number", op="set"), "'city' is a text, not a number"),
        (rule(field="codes_issued", op="ge", value=1, group_id=8), "Promo code group 8 does not exist"),
    ],
)
def test_rules_about_what_there_is_not_are_refused(known: Runtime, rules: dict[str, Any], why: str) -> None:
    with known.db.write() as session, pytest.raises(Refused) as refused:
        editing.create(session, "A", parse(rules), now=known.clock.now(), **BY)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "every customer"),
        (CITY, "city is warsaw"),
        (rule(field="codes_issued", op="le", value=0), "no promo codes issued"),
        (rule(field="codes_issued", op="eq", value=0, group_id=7), "no promo codes issued from 'Summer 10%'"),
        (rule(field="codes_issued", op="lt", value=1), "fewer than 1 promo code issued"),
        (rule(field="codes_issued", op="ge", value=2, group_id=7), "at least 2 promo codes issued from 'Summer 10%'"),
        (rule(field="codes_redeemed", op="eq", value=1), "exactly 1 promo code redeemed"),
        (
            {
                "match": "any",
                "rules": [
                    CITY["rules"][0],
                    {"negate": True, "rules": [{"field": "region", "op": "is", "value": "PL"}]},
                ],
            },
            "city is warsaw, or (not: country is Poland)",
        ),
        (
            {"negate": True, "match": "any", "rules": [CITY["rules"][0], {"field": "phone", "op": "unset"}]},
            "none of: city is warsaw, or phone number is not known",
        ),
        (rule(field="name", op="one_of", value=list("abcde")), "name is one of a, b, c and 2 more"),
        (rule(field="attribute", attribute="vip", type="boolean", op="yes"), "vip is yes"),
    ],
)
def test_rules_read_as_words(known: Runtime, rules: dict[str, Any], words: str) -> None:
    with known.db.read() as session:
        assert describe(session, parse(rules)) == words


def test_a_segment_is_made_renamed_cloned_changed_and_deleted(known: Runtime) -> None:
    now = known.clock.now()
    with known.db.write() as session:
        made = editing.create(session, "Warsaw  regulars", parse(CITY), now=now, **BY)
        assert str(_recount(session, made, now)) == "2"
        with pytest.raises(Refused, match="already"):
            editing.create(session, "WARSAW regulars", parse(CITY), now=now, **BY)
        editing.rename(session, made.id, "Warsaw", now=known.clock.now())
        assert editing.by_name(session, " warsaw ").id == made.id
        copies = [editing.clone(session, made.id, now=now, **BY) for _ in range(2)]
        assert [copy.name for copy in copies] == ["Warsaw copy", "Warsaw copy 2"]
        editing.change_rules(session, made.id, parse({}), now=known.clock.now())
        assert made.counted is None
        assert _recount(session, made, now).number == 3
        assert _recount(session, copies[0], now).number == 2
        editing.delete_segment(session, made.id, now=now)
        with pytest.raises(Refused, match="Did you mean 'Warsaw copy'"):
            editing.by_name(session, "warsaw")
        editing.create(session, "Warsaw", parse(CITY), now=now, **BY)


def test_a_static_segment_keeps_its_members_and_so_does_its_clone(known: Runtime) -> None:
    now = known.clock.now()
    with known.db.write() as session:
        fixed = editing.create_static(session, "Fixed", [1, 3, 3], now=now, **BY)
        copy = editing.clone(session, fixed.id, now=now, **BY)
        assert [_recount(session, each, now).number for each in (fixed, copy)] == [2, 2]
        with pytest.raises(Refused, match="fixed list"):
            editing.change_rules(session, fixed.id, parse(CITY), now=known.clock.now())
        assert [each.name for each in counting.of_customer(session, 3, now)] == ["Fixed", "Fixed copy"]


def test_a_segment_that_a_distribution_waits_for_is_not_deleted(known: Runtime) -> None:
    now = known.clock.now()
    with known.db.write() as session:
        segment = editing.create(session, "Waited for", parse({}), now=now, **BY)
        session.add(
            Distribution(
                status="pending",
                subject="Spring",
                audience={"kind": "segment", "segment_id": segment.id},
                created_by="U0MAYA",
                created_at=now,
                updated_at=now,
            )
        )
        session.flush()
        with pytest.raises(Refused, match="audience of 'Spring'"):
            editing.delete_segment(session, segment.id, now=now)


def test_counting_stops_at_its_bound(known: Runtime) -> None:
    with known.db.read() as session:
        everybody = counting.matching(session, parse({}), known.clock.now())
        assert str(counting.count(session, everybody, bound=2)) == "2+"
        assert str(counting.count(session, everybody, bound=3)) == "3"


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_segment_needs_a_name_of_some_length(known: Runtime, name: str) -> None:
    with known.db.write() as session, pytest.raises(Refused) as refused:
        editing.create(session, name, parse({}), now=known.clock.now(), **BY)
    assert refused.value.field == "name"
