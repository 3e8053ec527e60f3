"""What the databases do with rules: the main shapes are answered through indexes, whatever else they must hold.

Tables are nearly empty here, so PostgreSQL is told not to read them whole where it can do without: it then shows
whether an index serves. At a million customers it chooses them by itself (`benchmarks/segments.py`).
"""

import re
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from distribution.runtime import Runtime
from distribution.segments import counting, editing
from distribution.segments.rules import parse
from storage.database import is_sqlite
from storage.matching import Asked, matching
from storage.rules import Condition, Rules
from storage.tables import Customer
from tests.conftest import NOON

EVENT: dict[str, Any] = {"field": "event", "event": "cart_left", "op": "did", "days": 30}
CITY: dict[str, Any] = {"field": "attribute", "attribute": "city", "type": "text", "op": "is", "value": "Warsaw"}
TWICE: dict[str, Any] = {"field": "codes_issued", "op": "ge", "value": 2}
CODES, EVENTS, MESSAGES = "ix_promo_code_customer", "ix_event_", "message"


def plan(session: Session, rules: dict[str, Any], *, customer_id: int | None = None) -> str:
    """The plan of counting who matches, one line a step."""
    where = counting.matching(session, parse(rules), NOON, few=customer_id is not None)
    query = select(func.count()).select_from(Customer).where(where)
    if customer_id is not None:
        query = query.where(Customer.id == customer_id)
    written = str(query.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    if not is_sqlite(session):
        session.execute(text("SET LOCAL enable_seqscan = off"))
    explain = "EXPLAIN QUERY PLAN " if is_sqlite(session) else "EXPLAIN "
    connection = session.connection()
    return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + written.replace("%", "%%")))


@pytest.mark.parametrize(
    ("rules", "indexes"),
    [
        ([EVENT], ["ix_event_name_at_customer_id"]),
        ([EVENT | {"op": "did_not"}], [EVENTS]),
        ([EVENT | {"op": "ge", "value": 3}], [EVENTS]),
        ([TWICE], [CODES]),
        ([TWICE | {"op": "eq", "value": 0, "group_id": 3, "days": 90}], [CODES]),
        ([CITY, TWICE, EVENT], [CODES, EVENTS, "customer"]),
        (
            [{"field": "received", "distribution_id": 1, "op": "did"}],
            ["uq_message|sqlite_autoindex_message|ix_message"],
        ),
        ([{"field": "segment", "segment_id": 1, "op": "in"}, CITY], ["segment_member"]),
        ([{"field": "region", "op": "is", "value": "PL"}], ["ix_customer_region"]),
        ([{"field": "consent", "op": "is", "value": "given"}], ["ix_customer_consent"]),
        ([{"field": "created", "op": "last_days", "value": 7}], ["ix_customer_created_at"]),
        ([{"field": "name", "op": "starts_with", "value": "Anna"}], ["ix_customer_search"]),
    ],
)
def test_main_shapes_are_answered_through_indexes(
    runtime: Runtime, rules: list[dict[str, Any]], indexes: list[str]
) -> None:
    with runtime.db.write() as session:
        editing.create_static(session, "Some", [], by="U0MAYA", now=NOON)
        shown = plan(session, {"rules": rules})
    for index in indexes:
        assert re.search(f"(?i)(using|on).*({index})", shown), shown
    assert not re.search(r"(?i)(seq scan on|SCAN) (event|promo_code|message|segment_member)\b(?! USING)", shown), shown


def test_one_customer_is_looked_at_alone(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        shown = plan(session, {"rules": [CITY, TWICE, EVENT]}, customer_id=7)
    assert "ix_event_" in shown, shown
    assert "ix_promo_code_customer" in shown, shown
    assert not re.search(r"(?i)(seq scan on|SCAN) (event|promo_code|customer)\b", shown), shown


def test_who_was_erased_is_told_apart_by_a_join_however_many_they_are(runtime: Runtime) -> None:
    """A list of 300,000 would be gone through for each customer on PostgreSQL, which hashes only short ones."""
    with runtime.db.write() as session:
        shown = plan(session, {"rules": [CITY]})
        apart = "LIST SUBQUERY" if is_sqlite(session) else "Anti Join"
    assert apart in shown and "SubPlan" not in shown, shown


def test_rules_are_one_statement_and_values_are_bound(runtime: Runtime) -> None:
    nasty = "'; DROP TABLE customer; --"
    rules = parse({"rules": [CITY | {"value": nasty}, CITY | {"op": "one_of", "value": [nasty, "x"]}, TWICE, EVENT]})
    with runtime.db.write() as session:
        found = matching(session, rules, Asked(NOON))
        compiled = select(Customer.id).where(found).compile(session.get_bind())
    assert "DROP TABLE" not in str(compiled)
    assert nasty.lower() in compiled.params.values()
    assert str(compiled).count(";") == 0


@pytest.mark.parametrize("name", ['x"', "x'", "x y", "", "1x", "x;--"])
def test_a_name_that_would_leave_the_statement_is_refused_by_the_compiler_too(runtime: Runtime, name: str) -> None:
    with runtime.db.read() as session, pytest.raises(ValueError, match="not a name"):
        matching(session, Rules(parts=(Condition("attribute", "set", None, name, "text"),)), Asked(NOON))
