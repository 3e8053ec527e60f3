"""Customers and events over HTTP."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from distribution.runtime import Runtime
from storage.tables import ConsentChange, Event
from storage.tables import Customer as Row
from tests.unit.api.conftest import fields, one_database, wrong

MAJA = {"phone": "+48501234218", "name": "Maja Nowak", "consent": "given", "attributes": {"city": "Łódź", "vip": True}}


def test_a_batch_is_told_one_by_one_and_one_that_is_wrong_holds_up_no_other(runtime: Runtime, api: TestClient) -> None:
    rows = [
        {"source_id": "C-1", **MAJA},
        {"source_id": "C-2", "phone": "12"},
        7,
        {"source_id": "C-3", "agee": 1},
        {"source_id": "C-4"},
    ]
    told = api.post("/v1/customers", json={"customers": rows}).json()
    assert (told["created"], told["updated"], told["unchanged"], told["refused"]) == (2, 0, 0, 3)
    assert [each["status"] for each in told["results"]] == ["created", "refused", "refused", "refused", "created"]
    assert [each["field"] for each in told["results"]] == [None, "phone", None, "agee", None]
    assert all(each["reason"] for each in told["results"] if each["status"] == "refused")
    again = api.post("/v1/customers", json={"customers": rows[:1]}).json()
    assert again["unchanged"] == 1
    with runtime.db.read() as session:
        assert "token 'shop'" in session.scalars(select(ConsentChange.source)).one()


def test_a_batch_beyond_the_limit_is_refused_with_it(runtime: Runtime, api: TestClient) -> None:
    answer = api.post("/v1/customers", json={"customers": [{"source_id": str(n)} for n in range(1001)]})
    assert fields(answer, 413) == ["customers"] and "1,000" in answer.json()["detail"]
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Row)) == 0


@pytest.mark.parametrize("body", [{}, {"customers": {}}, {"customer": []}, [], {"customers": [{"name": "a\u0000"}]}])
@one_database
def test_what_is_no_batch_is_refused(api: TestClient, body: Any) -> None:
    assert fields(api.post("/v1/customers", json=body))


@pytest.mark.parametrize("source_id", ["C-1", "a/b c%d", "żółć", "..x", "a?b#c"])
def test_one_customer_is_put_looked_at_and_erased_by_an_id_of_any_kind(api: TestClient, source_id: str) -> None:
    path = "/v1/customers/" + "".join(f"%{byte:02X}" for byte in source_id.encode())
    wrong(api.get(path), 404)
    assert api.put(path, json=MAJA).status_code == 201
    changed = api.put(path, json={"attributes": {"city": "Warsaw"}})
    assert changed.status_code == 200
    found = api.get(path).json()
    assert found == changed.json()
    assert found["source_id"] == source_id and found["phone"] == "+48501234218" and found["consent"] == "given"
    assert found["attributes"] == {"city": "Warsaw", "vip": True} and found["region"] == "PL"
    assert api.get(f"{path}/promo-codes").json() == {"promo_codes": []}
    assert api.delete(path).status_code == 204
    for answer in (api.get(path), api.delete(path), api.get(f"{path}/promo-codes")):
        wrong(answer, 404)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"phone": "12"}, ["phone"]),
        ({"phone": 48501234218}, ["phone"]),
        ({"consent": "maybe"}, ["consent"]),
        ({"attributes": {"City": "x"}}, ["attributes.City"]),
        ({"attributes": {"city": {"a": 1}}}, ["attributes.city"]),
        ({"colour": "red"}, ["colour"]),
        ({"source_id": "C-2"}, ["source_id"]),
        ([], ["body"]),
    ],
)
@one_database
def test_a_fact_that_is_wrong_is_named_and_nothing_is_written(
    runtime: Runtime, api: TestClient, body: Any, named: list[str]
) -> None:
    assert fields(api.put("/v1/customers/C-1", json=body)) == named
    wrong(api.get("/v1/customers/C-1"), 404)


def test_events_are_recorded_once_and_told_one_by_one(runtime: Runtime, api: TestClient) -> None:
    api.put("/v1/customers/C-1", json=MAJA)
    cart = {"source_id": "cart-1", "customer": "C-1", "name": "cart_abandoned", "properties": {"total": 59.9}}
    sent = {"events": [cart, {**cart, "source_id": "cart-2", "customer": "nobody"}, {"customer": "C-1"}, cart]}
    told = api.post("/v1/events", json=sent).json()
    assert [each["status"] for each in told["results"]] == ["recorded", "refused", "refused", "again"]
    assert [each["field"] for each in told["results"]] == [None, "customer", "name", None]
    assert (told["recorded"], told["again"], told["refused"]) == (1, 1, 2)
    assert api.post("/v1/events", json={"events": [cart]}).json()["again"] == 1
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 1


def test_too_many_events_are_refused_with_the_limit(api: TestClient) -> None:
    answer = api.post("/v1/events", json={"events": [{}] * 1001})
    assert fields(answer, 413) == ["events"] and "1,000" in answer.json()["detail"]


def test_an_offset_that_postgresql_does_not_know_is_no_error_of_ours(runtime: Runtime, api: TestClient) -> None:
    api.put("/v1/customers/C-1", json=MAJA)
    sent = [{"customer": "C-1", "name": "x", "at": f"2026-06-15T10:00:00{zone}"} for zone in ("+01:02:03.000004", "Z")]
    assert api.post("/v1/events", json={"events": sent}).json()["recorded"] == 2
