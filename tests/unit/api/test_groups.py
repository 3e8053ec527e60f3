"""Promo code groups over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from distribution.clock import ManualClock
from tests.unit.api.conftest import fields, one_database, wrong

FORMAT = "SUMMER-{string('0-9', 4)}"


def create(api: TestClient, name: str, **more: Any) -> dict[str, Any]:
    answer = api.post("/v1/promo-code-groups", json={"name": name, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_group_is_created_with_all_that_a_person_may_decide(api: TestClient, clock: ManualClock) -> None:
    until = (clock.now() + timedelta(days=90)).isoformat()
    asked = {
        "formats": [FORMAT, "S{string('A-Z', 8)}"],
        "shares": [70, 30],
        "prefix": "PL-",
        "suffix": "X",
        "without_lookalikes": True,
        "low_stock_level": 500,
        "validity_days": 30,
        "top_up": 1000,
        "top_up_ceiling": 100_000,
    }
    made = create(api, "Summer 10%", expires_at=until, **asked)
    assert {key: made[key] for key in asked} == asked
    assert made["expires_at"] == until.replace("+00:00", "Z")
    counts = ("total", "active", "blocked", "issued", "redeemed", "revoked", "expired")
    assert all(made[each] == 0 for each in counts) and made["low_stock"] is False
    assert api.get("/v1/promo-code-groups/summer%2010%25").json() == made


@pytest.mark.parametrize("name", ["Summer 10%", "10/20 off", "żółć 🎁", "a?b#c&d", "100%25", "a\\b".replace("\\", "+")])
def test_a_group_of_any_name_is_found_by_its_path(api: TestClient, name: str) -> None:
    create(api, name)
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert api.get(f"/v1/promo-code-groups/{encoded}").json()["name"] == name


def test_the_list_is_paged_by_name(api: TestClient) -> None:
    names = ["alpha", "Beta & co/2", "gamma", "Żubr"]
    for name in reversed(names):
        create(api, name)
    seen, path = [], "/v1/promo-code-groups?limit=1"
    while path:
        page = api.get(path).json()
        assert len(page["groups"]) == 1
        seen += [group["name"] for group in page["groups"]]
        path = page["next"]
    assert seen == names
    assert api.get("/v1/promo-code-groups").json()["next"] is None
    assert fields(api.get("/v1/promo-code-groups?limit=0")) == ["limit"]


def test_a_name_that_is_taken_is_a_conflict(api: TestClient) -> None:
    create(api, "Summer 10%")
    answer = api.post("/v1/promo-code-groups", json={"name": "summer  10%"})
    assert fields(answer, 409) == ["name"] and answer.json()["reason"] == "taken"


def test_a_group_that_is_not_there_suggests_the_nearest(api: TestClient) -> None:
    create(api, "Summer 10%")
    answer = api.get("/v1/promo-code-groups/sumer%2010%25")
    assert wrong(answer, 404) == [] and "Did you mean 'Summer 10%'?" in answer.json()["detail"]
    for path in ("/v1/promo-code-groups/%00", "/v1/promo-code-groups/%FF", "/v1/promo-code-groups/' OR 1=1 --"):
        wrong(api.get(path), 404)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["name"]),
        ({"name": " "}, ["name"]),
        ({"name": "x" * 61}, ["name"]),
        ({"name": "a\u0000b"}, ["name"]),
        ({"name": 5}, ["name"]),
        ({"name": "a", "nmae": 1}, ["nmae"]),
        ({"name": "a", "format": "{string('0-9'"}, ["format"]),
        ({"name": "a", "formats": ["OK-{string('0-9', 4)}", "{"]}, ["formats"]),
        ({"name": "a", "formats": ["A"], "shares": [1, 2]}, ["shares"]),
        ({"name": "a", "format": "A", "formats": ["B"]}, ["body"]),
        ({"name": "a", "low_stock_level": -1}, ["low_stock_level"]),
        ({"name": "a", "low_stock_level": "5"}, ["low_stock_level"]),
        ({"name": "a", "validity_days": 0}, ["validity_days"]),
        ({"name": "a", "validity_days": 10**30}, ["validity_days"]),
        ({"name": "a", "expires_at": "2020-01-01T00:00:00Z"}, ["expires_at"]),
        ({"name": "a", "expires_at": "2030-01-01T00:00:00"}, ["expires_at"]),
        ({"name": "a", "expires_at": "tomorrow"}, ["expires_at"]),
        ({"name": "a", "top_up": 100}, ["top_up"]),
        ({"name": 1, "low_stock_level": True}, ["name", "low_stock_level"]),
        ([], ["body"]),
        ("text", ["body"]),
    ],
)
@one_database
def test_what_is_wrong_is_named_and_nothing_is_created(api: TestClient, body: Any, named: list[str]) -> None:
    assert fields(api.post("/v1/promo-code-groups", json=body)) == named
    assert api.get("/v1/promo-code-groups").json()["groups"] == []


def test_an_unknown_field_suggests_the_nearest(api: TestClient) -> None:
    answer = api.post("/v1/promo-code-groups", json={"name": "a", "formatt": "X"})
    assert wrong(answer, 422)[0]["message"] == "There is no such field. Did you mean 'format'?"
