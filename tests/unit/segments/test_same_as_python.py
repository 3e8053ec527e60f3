"""Rules mean the same on SQLite, on PostgreSQL, and to a plain-Python reading of them: random rules and people.

`SEGMENTS_SEED=7` draws others. What fails is made small before it is shown: one rule and one person, if that will do.
"""

import json
import os
from datetime import datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from distribution.segments.fields import LABELS, OPS, kind_of
from distribution.segments.rules import parse, to_json
from storage.customers import search_keys
from storage.database import Database
from storage.matching import Asked, matching
from storage.tables import CodeState, Customer, Event, Message, MessageState, PromoCode, Segment, SegmentMember
from tests.conftest import NOON
from tests.unit.segments import drawn
from tests.unit.segments.drawn import NESTED, NOWS, PLAIN, STATIC, ZONE
from tests.unit.segments.plain import World, holds

SEED = int(os.environ.get("SEGMENTS_SEED", "20260615"))
PEOPLE, RULES = 60, 250


class Asker:
    """People in a database, and what it and Python say of rules about them."""

    def __init__(self, session: Session, chance: Random) -> None:
        self.session = session
        self.chance = chance
        self.people = [drawn.person(chance) for _ in range(PEOPLE)]
        # Rules that many match and many do not.
        plain = {"rules": [{"field": "region", "op": "is_not", "value": "PL"}]}
        nested = {
            "match": "any",
            "rules": [
                {"field": "segment", "segment_id": PLAIN, "op": "not_in"},
                {"field": "event", "event": "visited", "op": "did"},
            ],
        }
        self.segments: dict[int, Any] = {STATIC: None, PLAIN: plain, NESTED: nested}
        _fill(session, self.people)

    def differ(self, rules: dict[str, Any], now: datetime) -> set[int]:
        """The numbers of the people about whom the two disagree; set-wise, and one of them alone."""
        world = World(now, ZONE, self.segments)
        wanted = {number for number, person in enumerate(self.people, 1) if holds(rules, person, world)}
        included = {key: each if each is None else parse(each) for key, each in self.segments.items()}
        asked = Asked(now, str(ZONE), included)
        found = select(Customer.id).where(matching(self.session, parse(rules), asked))
        wrong = set(self.session.scalars(found)) ^ wanted
        number = self.chance.randint(1, PEOPLE)
        alone = matching(self.session, parse(rules), Asked(now, str(ZONE), included, few=True))
        only = self.session.scalar(select(Customer.id).where(Customer.id == number, alone))
        return wrong | ({number} if (only is not None) != (number in wanted) else set())

    def smallest(self, rules: dict[str, Any], now: datetime) -> dict[str, Any]:
        """As few of these rules as still differ."""
        tried = [*rules["rules"]]
        for place in range(len(tried)):
            rest = {**rules, "rules": tried[:place] + tried[place + 1 :]}
            if rest["rules"] and self.differ(rest, now):
                return self.smallest(rest, now)
        for part in tried:
            inner = part if "field" not in part else {"rules": [part]}
            if inner != rules and self.differ(inner, now):
                return self.smallest(inner, now)
        return rules


@pytest.mark.parametrize("offset", range(2))
def test_rules_mean_the_same_everywhere(db: Database, offset: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(SEED + offset)
    monkeypatch.setattr("storage.matching.MANY", [150_000, 25][offset])  # a rule leads where few rows answer it
    with db.write() as session:
        asker = Asker(session, chance)
        for _ in range(RULES):
            rules, now = drawn.rules(chance), chance.choice(NOWS)
            assert parse(to_json(parse(rules))) == parse(rules)
            if asker.differ(rules, now):
                small = asker.smallest(rules, now)
                who = [asker.people[number - 1] for number in sorted(asker.differ(small, now))][:1]
                pytest.fail(
                    f"At {now} the database and Python differ about\n{json.dumps(small, ensure_ascii=False)}\nfor\n"
                    f"{json.dumps(who, ensure_ascii=False, default=str, indent=1)}\n(SEGMENTS_SEED={SEED})"
                )


def test_every_field_and_operator_is_drawn() -> None:
    chance = Random(SEED)
    seen = set()
    for _ in range(8_000):
        rule = drawn.condition(chance)
        seen.add((rule["field"], rule.get("type"), rule["op"]))
        seen |= {("property", each["type"], each["op"]) for each in rule.get("where", ())}
    typed = {
        (field, kind, op)
        for field in ("attribute", "property")
        for kind in drawn.ATTRIBUTES.values()
        for op in OPS[kind]
    }
    plain = {(field, None, op) for field in LABELS for op in OPS[kind_of(field)]}
    assert (typed | plain) - seen == set()


def _fill(session: Session, people: list[dict[str, Any]]) -> None:
    """Insert people as customers 1, 2, 3…, with what they were given, did and were sent."""
    session.execute(
        insert(Segment),
        [{"id": key, "name": str(key), "kind": "static", "created_at": NOON, "created_by": "U0MAYA"} for key in (1,)],
    )
    rows: dict[Any, list[dict[str, Any]]] = {each: [] for each in (Customer, PromoCode, Event, Message, SegmentMember)}
    columns = ("name", "region", "locale", "time_zone", "consent", "attributes")
    for number, person in enumerate(people, 1):
        search, search_last = search_keys(person["name"])
        rows[Customer].append(
            {column: person[column] for column in columns}
            | {"id": number, "phone": person["phone"] and f"+48501000{number:03d}"}
            | {"search": search, "search_last": search_last}
            | {"created_at": person["created"], "updated_at": person["created"]}
        )
        for code in person["codes"]:
            code_id = len(rows[PromoCode]) + 1
            state = CodeState.BLOCKED if code["issued_at"] is None else CodeState.ISSUED
            rows[PromoCode].append(
                code | {"id": code_id, "code": f"C{code_id}", "lot_id": 1, "state": state, "customer_id": number}
            )
        for event in person["events"]:
            event_id = len(rows[Event]) + 1
            rows[Event].append(event | {"id": event_id, "customer_id": number, "received_at": NOON})
        for message in person["messages"]:
            message_id = len(rows[Message]) + 1
            state, reason = MessageState[message["state"].upper()], "no_number"
            rows[Message].append(
                message
                | {"id": message_id, "customer_id": number, "step": message_id, "state": state, "reason": reason}
            )
        rows[SegmentMember] += [{"segment_id": key, "customer_id": number} for key in person["lists"]]
    for table, made in rows.items():
        session.execute(insert(table), made)
