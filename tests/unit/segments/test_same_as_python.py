"""Rules mean the same on SQLite, on PostgreSQL, and to a plain-Python reading of them: random rules and people."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from distribution.segments.fields import OPS, PROFILE, kind_of
from distribution.segments.rules import parse, to_json
from storage.customers import fold, search_keys
from storage.database import Database
from storage.rules import COUNTS, NEGATIVE, Condition, Rules
from storage.segments import ascii_lower, matching
from storage.tables import CodeState, Customer, PromoCode

ZONE = ZoneInfo("Europe/Warsaw")

# Few values, so that rules often hit; and every kind of character that SQL, JSON paths or LIKE could trip over.
WORDS = [
    "Warsaw",
    "warsaw",
    "Łódź",
    "łódź",
    "O'Brien",
    "100%",
    "a_b",
    '"; DROP TABLE customer; --',
    "\\",
    "😀",
    "<!channel>",
    "10",
    "true",
    "2026-06-15",
    "$.x",
    "[0-9]",
    "I",
    "ı",
]
DAYS = ["2026-03-28", "2026-03-29", "2026-06-15", "2026-06-16"]
NUMBERS = [-1, 0, 1, 2, 2.5, 10, 0.1, 1e15]
ATTRIBUTES = {"city": "text", "visits": "number", "vip": "boolean", "birthday": "date"}
ZONES = ["Europe/Warsaw", "America/New_York"]

json_value = st.one_of(
    st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.sampled_from(DAYS), st.booleans(), st.none()
)

customer = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["", *WORDS]),
        "phone": st.sampled_from([None, "yes"]),
        "region": st.sampled_from([None, "PL", "GB"]),
        "locale": st.sampled_from([None, "pl", "en-GB"]),
        "time_zone": st.sampled_from([None, *ZONES]),
        "consent": st.sampled_from(["unknown", "given", "opted_out"]),
        # An attribute may hold anything, whatever its type says: an API let it in, a type was changed.
        "attributes": st.dictionaries(st.sampled_from(list(ATTRIBUTES)), json_value, max_size=4),
        "created": st.sampled_from(
            [datetime(2026, 3, 28, 22, 59, tzinfo=UTC) + timedelta(hours=h) for h in (0, 1, 23, 24, 47, 1900, 1916)]
        ),
        "codes": st.lists(
            st.tuples(st.sampled_from([1, 2]), st.sampled_from(["blocked", "issued", "redeemed"])), max_size=4
        ),
    }
)


@st.composite
def condition(draw: st.DrawFn) -> dict[str, Any]:
    """A condition in JSON that `parse` takes."""
    field = draw(st.sampled_from([*PROFILE, *COUNTS, "attribute", "attribute", "attribute"]))
    made: dict[str, Any] = {"field": field}
    kind = kind_of(field, "text")
    if field == "attribute":
        made["attribute"] = draw(st.sampled_from(list(ATTRIBUTES)))
        made["type"] = draw(st.sampled_from(list(ATTRIBUTES.values())))
        kind = made["type"]
    if field in COUNTS:
        made["group_id"] = draw(st.sampled_from([None, 1, 2]))
    made["op"] = draw(st.sampled_from(list(OPS[kind])))
    values: dict[str, list[Any]] = {
        "text": [word for word in WORDS if field != "name" or fold(word)],
        "word": {"region": ["PL", "GB"], "locale": ["pl", "en-GB"], "time_zone": ZONES}.get(field, []),
        "number": NUMBERS,
        "date": DAYS,
        "day": DAYS,
        "consent": ["unknown", "given", "opted_out"],
        "count": [0, 1, 2, 3],
    }
    takes = OPS[kind][made["op"]].takes
    if takes == "one":
        made["value"] = draw(st.sampled_from(values[kind]))
    if takes == "many":
        made["value"] = draw(st.lists(st.sampled_from(values[kind]), min_size=1, max_size=3))
    return made


def _rules(parts: st.SearchStrategy[Any], least: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "match": st.sampled_from(["all", "any"]),
            "negate": st.booleans(),
            "rules": st.lists(parts, min_size=least, max_size=4),
        }
    )


rules_json = _rules(st.one_of(condition(), condition(), _rules(condition(), 1)), 1)


def holds(rules: Rules, person: dict[str, Any]) -> bool:
    """What rules mean, read plainly."""
    answers = [holds(part, person) if isinstance(part, Rules) else _holds(part, person) for part in rules.parts]
    joined = all(answers) if rules.match == "all" else any(answers)
    return joined != rules.negate


def _holds(rule: Condition, person: dict[str, Any]) -> bool:
    if rule.op in NEGATIVE:
        return not _holds(
            Condition(rule.field, NEGATIVE[rule.op], rule.value, rule.attribute, rule.type, rule.group_id), person
        )
    if rule.field in COUNTS:
        wanted = {
            "codes_issued": ("issued", "redeemed"),
            "codes_redeemed": ("redeemed",),
            "codes_unredeemed": ("issued",),
        }
        count = sum(rule.group_id in (None, group) and state in wanted[rule.field] for group, state in person["codes"])
        return _compare(rule.op, count, rule.value)
    if rule.field == "attribute":
        return _attribute(rule, person["attributes"].get(rule.attribute))
    if rule.field == "created":
        day = person["created"].astimezone(ZONE).date().isoformat()
        return _compare(rule.op, day, rule.value)
    value = person[rule.field]
    if rule.field == "name":
        return value != "" if rule.op == "set" else _compare(rule.op, fold(value), _each(fold, rule.value))
    return _compare(rule.op, value, rule.value)


def _attribute(rule: Condition, value: Any) -> bool:
    if rule.op == "set":
        return value is not None
    if rule.type == "boolean":
        return value is (rule.op == "yes")
    if rule.type == "number":
        return type(value) in (int, float) and _compare(rule.op, value, rule.value)
    if not isinstance(value, str):
        return False
    if rule.type == "date":
        looks_like_one = len(value) == 10 and value.replace("-", "0").isdecimal() and value[4] == value[7] == "-"
        return looks_like_one and _compare(rule.op, value, rule.value)
    return _compare(rule.op, ascii_lower(value), _each(ascii_lower, rule.value))


def _each(change: Any, value: Any) -> Any:
    return tuple(change(one) for one in value) if isinstance(value, tuple) else change(value)


def _compare(op: str, left: Any, right: Any) -> bool:
    if op == "set":
        return left is not None
    if left is None:
        return False
    return {
        "is": lambda: left == right,
        "eq": lambda: left == right,
        "on": lambda: left == right,
        "gt": lambda: left > right,
        "after": lambda: left > right,
        "ge": lambda: left >= right,
        "lt": lambda: left < right,
        "before": lambda: left < right,
        "le": lambda: left <= right,
        "one_of": lambda: left in right,
        "contains": lambda: right in left,
        "starts_with": lambda: left.startswith(right),
    }[op]()


@pytest.fixture
def emptied(db: Database) -> Iterator[Database]:
    """The database; each example empties it itself (a fixture is made once for all of them)."""
    yield db


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=st.lists(customer, min_size=1, max_size=8), asked=st.lists(rules_json, min_size=1, max_size=5))
def test_rules_mean_the_same_everywhere(
    emptied: Database, people: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    with emptied.write() as session:
        session.execute(delete(PromoCode))
        session.execute(delete(Customer))
        _fill(session, people)
        for given_rules in asked:
            rules = parse(given_rules)
            assert parse(to_json(rules)) == rules
            wanted = {number for number, person in enumerate(people, 1) if holds(rules, person)}
            found = select(Customer.id).where(matching(session, rules, zone=str(ZONE)))
            assert set(session.scalars(found)) == wanted
            for number in range(1, len(people) + 1):
                alone = matching(session, rules, zone=str(ZONE), customer_id=number)
                only = session.scalar(select(Customer.id).where(Customer.id == number, alone))
                assert (only is not None) == (number in wanted)


def _fill(session: Any, people: list[dict[str, Any]]) -> None:
    """Insert people as customers 1, 2, 3…, with their codes."""
    code_id = 0
    for number, person in enumerate(people, 1):
        search, search_last = search_keys(person["name"])
        session.execute(
            insert(Customer).values(
                id=number,
                phone=person["phone"] and f"+4850100000{number}",
                name=person["name"],
                search=search,
                search_last=search_last,
                region=person["region"],
                locale=person["locale"],
                time_zone=person["time_zone"],
                consent=person["consent"],
                attributes=person["attributes"],
                created_at=person["created"],
                updated_at=person["created"],
            )
        )
        for group_id, state in person["codes"]:
            code_id += 1
            now = person["created"]
            session.execute(
                insert(PromoCode).values(
                    id=code_id,
                    code=f"C{code_id}",
                    group_id=group_id,
                    lot_id=1,
                    state=CodeState.BLOCKED if state == "blocked" else CodeState.ISSUED,
                    customer_id=number,
                    issued_at=None if state == "blocked" else now,
                    redeemed_at=now if state == "redeemed" else None,
                )
            )
