"""docs/segments.md has every field and operator, and JSON that is taken as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from distribution.runtime import Runtime
from distribution.segments import editing
from distribution.segments.fields import LABELS, OPS
from distribution.segments.names import with_ids
from distribution.segments.rules import parse
from storage import customers
from storage.tables import ATTRIBUTE_TYPES, Distribution, EventName, PromoCodeGroup
from tests.conftest import NOON

TEXT = Path("docs/segments.md").read_text()
JSON = TEXT[TEXT.index("## As JSON") :]
RULES: list[dict[str, Any]] = [json.loads(each) for each in re.findall(r"`(\{\"(?:field|property).*?\})` \|", JSON)]


@pytest.fixture
def shop(runtime: Runtime) -> Runtime:
    """What the page names."""
    with runtime.db.write() as session:
        for name, kind in (("city", "text"), ("visits", "number"), ("vip", "boolean"), ("birthday", "date")):
            customers.add_attribute(session, name, kind, at=NOON)
        session.add(PromoCodeGroup(name="Summer 10%", name_key="summer 10%", created_at=NOON, created_by="U0ADA"))
        types = {"cart_total": "number", "shop": "text"}
        session.add(EventName(name="cart_abandoned", properties=types, first_at=NOON, created_at=NOON))
        session.add(
            Distribution(subject="Spring", status="done", created_by="U0MAYA", created_at=NOON, updated_at=NOON)
        )
        editing.create(session, "Loyal", parse({}), by="U0MAYA", now=NOON)
    return runtime


def test_every_example_is_taken(shop: Runtime) -> None:
    example = json.loads(re.search(r"\n    (\{.*?\]\}\]\})\n", JSON, re.DOTALL)[1])  # type: ignore[index]
    with shop.db.write() as session:
        for number, rule in enumerate(RULES):
            given = (
                {"field": "event", "event": "cart_abandoned", "op": "did", "where": [rule]}
                if "property" in rule
                else rule
            )
            editing.create(session, f"S{number}", parse(with_ids(session, {"rules": [given]})), by="U0MAYA", now=NOON)
        editing.create(session, "Example", parse(with_ids(session, example)), by="U0MAYA", now=NOON)


def test_every_field_type_and_operator_is_there() -> None:
    assert {rule["field"] for rule in RULES if "field" in rule} == {*LABELS, "attribute"}
    assert {rule["type"] for rule in RULES if rule.get("field") == "attribute"} == set(ATTRIBUTE_TYPES)
    for kind, ops in OPS.items():
        assert [op for op in ops if f"`{op}`" not in JSON] == [], kind
