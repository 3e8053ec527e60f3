"""Rules in words: what was done, sent and included reads as people would say it."""

from typing import Any

import pytest

from distribution.runtime import Runtime
from distribution.segments import describe, editing
from distribution.segments.rules import parse
from storage.tables import Distribution, PromoCodeGroup
from tests.conftest import NOON

TOTAL = {"property": "cart_total", "type": "number", "op": "gt", "value": 50}
SHOP = {"property": "shop", "type": "text", "op": "unset"}
BIRTHDAY = {"field": "attribute", "attribute": "birthday", "type": "date"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"field": "event", "event": "cart_left", "op": "did"}, "did 'cart left'"),
        (
            {"field": "event", "event": "cart_left", "op": "did_not", "days": 1},
            "did not do 'cart left' in the last day",
        ),
        (
            {"field": "event", "event": "cart_left", "op": "ge", "value": 2, "days": 30, "where": [TOTAL, SHOP]},
            "did 'cart left' at least 2 times in the last 30 days (where its cart total is more than 50 and "
            "its shop is not set)",
        ),
        ({"field": "event", "event": "cart_left", "op": "eq", "value": 1}, "did 'cart left' exactly 1 time"),
        ({"field": "received", "op": "did"}, "received any distribution"),
        ({"field": "received", "op": "did_not", "distribution_id": 1}, "did not receive 'Spring'"),
        ({"field": "texted", "op": "last_days", "value": 7}, "last texted in the last 7 days"),
        ({"field": "texted", "op": "older_days", "value": 1}, "last texted more than 1 day ago"),
        ({"field": "texted", "op": "not_last_days", "value": 30}, "not texted in the last 30 days"),
        ({"field": "texted", "op": "never"}, "was never texted"),
        ({"field": "last_text", "op": "failed"}, "the last text failed"),
        ({"field": "segment", "op": "not_in", "segment_id": 1}, "is not in the segment 'Warsaw regulars'"),
        (
            {"field": "codes_issued", "op": "le", "value": 0, "group_id": 7, "days": 90},
            "no promo codes issued from 'Summer 10%' in the last 90 days",
        ),
        (BIRTHDAY | {"op": "anniversary"}, "birthday has its anniversary today"),
        (BIRTHDAY | {"op": "older_days", "value": 30}, "birthday is more than 30 days ago"),
        (BIRTHDAY | {"op": "next_days", "value": 7}, "birthday is in the next 7 days"),
        ({"field": "created", "op": "last_days", "value": 30}, "added in the last 30 days"),
    ],
)
def test_a_rule_is_said_as_people_would(runtime: Runtime, rule: dict[str, Any], words: str) -> None:
    with runtime.db.write() as session:
        editing.create(session, "Warsaw regulars", parse({}), by="U1", now=NOON)
        session.add(PromoCodeGroup(id=7, name="Summer 10%", name_key="summer 10%", created_at=NOON, created_by="U1"))
        session.add(Distribution(subject="Spring", created_by="U1", created_at=NOON, updated_at=NOON))
        session.flush()
        assert describe(session, parse({"rules": [rule]})) == words
