"""Segments over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.unit.api.conftest import fields, one_database, wrong

POLES = {"match": "all", "rules": [{"field": "region", "op": "is", "value": "PL"}]}


def create(api: TestClient, name: str, rules: Any = POLES) -> dict[str, Any]:
    answer = api.post("/v1/segments", json={"name": name, "rules": rules})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_segment_is_created_looked_at_and_counted(api: TestClient) -> None:
    rows = [{"source_id": f"P-{n}", "phone": f"+4850123421{n}", "consent": "given"} for n in range(3)]
    rows += [{"source_id": "G-1", "phone": "+447400123456"}, {"source_id": "P-9", "phone": "+48501234299"}]
    assert api.post("/v1/customers", json={"customers": rows}).json()["created"] == 5
    made = create(api, "Poland / 1%")
    path = "/v1/segments/Poland%20%2F%201%25"
    assert api.get(path).json() == made
    assert made["kind"] == "dynamic" and made["rules"]["rules"][0]["value"] == "PL"
    counted = api.get(f"{path}/count").json()
    assert (counted["segment"], counted["count"], counted["textable"]) == ("Poland / 1%", 4, 3)
    create(api, "count", {})
    assert api.get("/v1/segments/count").json()["name"] == "count"
    assert api.get("/v1/segments/count/count").json()["count"] == 5


def test_rules_name_groups_as_people_do(api: TestClient) -> None:
    api.post("/v1/promo-code-groups", json={"name": "Summer 10%"})
    rules = {"rules": [{"field": "codes_issued", "group": "summer 10%", "op": "ge", "value": 1}]}
    made = create(api, "Had a code", rules)["rules"]["rules"][0]
    assert made["group"] == "Summer 10%" and "group_id" not in made
    again = {"rules": [made, {"field": "segment", "segment": "had a code", "op": "in"}]}
    nested = create(api, "Nested", again)["rules"]["rules"]
    assert nested[0] == made and nested[1]["segment"] == "Had a code"
    rules["rules"][0]["group"] = "Winter"
    assert fields(api.post("/v1/segments", json={"name": "x", "rules": rules})) == ["rules"]


def test_the_list_is_paged_by_name(api: TestClient) -> None:
    for name in ("b", "A & c", "ć"):
        create(api, name)
    seen, path = [], "/v1/segments?limit=2"
    while path:
        page = api.get(path).json()
        seen += [each["name"] for each in page["segments"]]
        path = page["next"]
    assert seen == ["A & c", "b", "ć"]


def nested(depth: int) -> dict[str, Any]:
    """A tree of rules so deep."""
    rules: dict[str, Any] = POLES
    for _ in range(depth):
        rules = {"match": "any", "rules": [rules]}
    return rules


@pytest.mark.parametrize(
    "rules",
    [
        {"match": "some", "rules": []},
        {"rules": [{"field": "colour", "op": "is", "value": "red"}]},
        {"rules": [{"field": "region", "op": "is", "value": "'; DROP TABLE customer; --"}]},
        {"rules": [7]},
        {"rules": "all"},
        nested(50),
    ],
)
@one_database
def test_rules_that_mean_nothing_are_refused(api: TestClient, rules: Any) -> None:
    assert fields(api.post("/v1/segments", json={"name": "x", "rules": rules})) == ["rules"]
    assert api.get("/v1/segments").json()["segments"] == []


@one_database
def test_a_body_of_a_thousand_levels_is_refused_before_it_is_read(api: TestClient) -> None:
    body = b'{"name": "x", "rules": ' + b'{"rules": [' * 5000 + b"]}" * 5000 + b"}"
    assert fields(api.post("/v1/segments", content=body), 400) == ["body"]


def test_names_are_required_and_each_is_one_segments(api: TestClient) -> None:
    create(api, "Poland")
    taken = api.post("/v1/segments", json={"name": "poland", "rules": POLES})
    assert fields(taken, 409) == ["name"]
    assert fields(api.post("/v1/segments", json={"name": "", "rules": POLES})) == ["name"]
    assert fields(api.post("/v1/segments", json={"name": "x"})) == ["rules"]
    answer = api.get("/v1/segments/Polnd")
    wrong(answer, 404)
    assert "Did you mean 'Poland'?" in answer.json()["detail"]
    wrong(api.get("/v1/segments/Polnd/count"), 404)
