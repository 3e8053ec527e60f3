"""Promo codes over HTTP: loaded, generated, looked at, redeemed."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from bot.web.api import codes
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.codes import find
from storage.tables import CodeState, Customer
from tests.conftest import run_jobs
from tests.unit.api.conftest import Make, fields, one_database, wrong

GROUP = "/v1/promo-code-groups/Summer%2010%25"
FORMAT = "S-{string('0-9', 6)}"


@pytest.fixture
def summer(api: TestClient) -> TestClient:
    """The client, with an empty group "Summer 10%"."""
    assert api.post("/v1/promo-code-groups", json={"name": "Summer 10%", "format": FORMAT}).status_code == 201
    return api


def load(api: TestClient, *given: Any) -> dict[str, Any]:
    answer = api.post(f"{GROUP}/codes", json={"codes": list(given)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def stock(api: TestClient) -> tuple[int, ...]:
    group = api.get(GROUP).json()
    return tuple(group[each] for each in ("total", "active", "issued", "redeemed"))


def issue(runtime: Runtime, code: str, **more: Any) -> None:
    """Give an active code to a customer of its own."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        customer = Customer(phone=None, source_id=f"owner of {code}", name="Maja", created_at=now, updated_at=now)
        session.add(customer)
        session.flush()
        row = find(session, code)
        assert row is not None
        row.customer_id, row.state, row.issued_at = customer.id, CodeState.ISSUED, now
        for name, value in more.items():
            setattr(row, name, value)
        from storage import stock

        stock.move(session, row.group_id, active=-1, issued=1)


def test_each_code_is_told_what_became_of_it_in_the_order_sent(summer: TestClient) -> None:
    assert load(summer, "OLD-1")["inserted"] == 1
    told = load(
        summer, "A-1", "OLD-1", " A-2 ", "A-1", "two words", "", {"code": "A-3", "expires_at": "2030-01-01T00:00:00Z"}
    )
    assert (told["inserted"], told["duplicated"], told["discarded"]) == (3, 2, 2)
    statuses = [each["status"] for each in told["results"]]
    assert statuses == ["inserted", "duplicated", "inserted", "duplicated", "discarded", "discarded", "inserted"]
    reasons = [each["reason"] for each in told["results"]]
    assert reasons[1] == "already in 'Summer 10%'" and "space" in reasons[4]
    assert [reason is None for reason in reasons] == [status == "inserted" for status in statuses]
    assert stock(summer)[:2] == (4, 4)


def test_text_with_one_code_on_each_line_says_the_same_as_json(summer: TestClient) -> None:
    text = "\ufeffA-1\r\n\r\n  A-2  \nA-1\rtwo words\n"
    answer = summer.post(f"{GROUP}/codes", content=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})
    told = answer.json()
    assert (told["inserted"], told["duplicated"], told["discarded"]) == (2, 1, 1)
    assert [each["code"] for each in told["results"]] == ["A-1", "A-2", "A-1", "two words"]


def test_more_than_one_request_takes_is_refused_with_the_limit_and_nothing_is_loaded(summer: TestClient) -> None:
    text = "\n".join(f"C-{number:05}" for number in range(10_001))
    plain = summer.post(f"{GROUP}/codes", content=text, headers={"Content-Type": "text/plain"})
    listed = summer.post(f"{GROUP}/codes", json={"codes": text.split("\n")})
    for answer in (plain, listed):
        assert len(fields(answer, 413)) == 1 and "10,000" in answer.json()["detail"]
    assert stock(summer)[0] == 0
    full = summer.post(f"{GROUP}/codes", json={"codes": text.split("\n")[:-1]})
    assert full.json()["inserted"] == len(full.json()["results"]) == 10_000


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "codes"),
        ({"codes": "A-1"}, "codes"),
        ({"codes": ["A-1", 5]}, "codes[1]"),
        ({"codes": [{"code": "A-1", "expires_at": "2030-01-01"}]}, "codes[0].expires_at"),
        ({"codes": [{"kode": "A-1"}]}, "codes[0].code"),
        ({"codes": ["A-\u00001"]}, "codes[0]"),
    ],
)
@one_database
def test_what_is_no_list_of_codes_is_named_by_its_place(summer: TestClient, body: Any, named: str) -> None:
    assert named in fields(summer.post(f"{GROUP}/codes", json=body))
    assert stock(summer)[0] == 0


@one_database
def test_text_that_is_no_utf_8_says_where(summer: TestClient) -> None:
    answer = summer.post(f"{GROUP}/codes", content=b"A-1\n\xff\n", headers={"Content-Type": "text/plain"})
    assert fields(answer, 400) == ["body"] and "byte 5" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["codes", "generate"])
def test_a_group_that_is_not_there_takes_no_codes(summer: TestClient, path: str) -> None:
    answer = summer.post(f"/v1/promo-code-groups/Sumer/{path}", json={"codes": [], "count": 1})
    assert answer.status_code in (404, 422)
    body = {"codes": ["A"]} if path == "codes" else {"count": 1}
    wrong(summer.post(f"/v1/promo-code-groups/Sumer%2010%25/{path}", json=body), 404)


def test_a_few_codes_are_generated_at_once_and_not_shown(summer: TestClient) -> None:
    answer = summer.post(f"{GROUP}/generate", json={"count": 20})
    assert answer.status_code == 201
    assert answer.json() == {"group": "Summer 10%", "wanted": 20, "inserted": 20, "note": None, "job": None}
    assert stock(summer)[:2] == (20, 20)


def test_many_are_a_job_that_can_be_looked_at(runtime: Runtime, summer: TestClient, token: Make) -> None:
    answer = summer.post(f"{GROUP}/generate", json={"count": 10_001})
    assert answer.status_code == 202
    url = answer.json()["job"]["url"]
    assert summer.get(url).json()["state"] == "queued"
    run_jobs(runtime)
    job = summer.get(url).json()
    assert job["state"] == "done" and job["result"]["inserted"] == job["done"] == job["total"] == 10_001
    assert stock(summer)[0] == 10_001
    summer.headers["Authorization"] = f"Bearer {token('other')}"
    wrong(summer.get(url), 404)
    for path in ("/v1/jobs/99", "/v1/jobs/x", "/v1/jobs/99999999999999999999"):
        assert summer.get(path).status_code in (404, 422)


def test_the_same_generation_sent_twice_makes_the_codes_once(runtime: Runtime, summer: TestClient) -> None:
    for count in (20, 10_001):
        for _ in range(2):
            answer = summer.post(f"{GROUP}/generate", json={"count": count}, headers={"Idempotency-Key": f"k{count}"})
        assert answer.headers["idempotent-replayed"] == "true"
    run_jobs(runtime)
    assert stock(summer)[0] == 20 + 10_001


def test_a_format_of_its_own_makes_other_codes(summer: TestClient) -> None:
    assert summer.post(f"{GROUP}/generate", json={"count": 9, "format": "X{string('0-9', 1)}"}).status_code == 201
    answer = summer.post(f"{GROUP}/generate", json={"count": 9, "format": "X{string('0-9', 1)}"})
    assert fields(answer) == ["count"] and "10 codes, of which 9 exist" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "count"),
        ({"count": 0}, "count"),
        ({"count": 5_000_001}, "count"),
        ({"count": "5"}, "count"),
        ({"count": 1.5}, "count"),
        ({"count": 1, "format": "{"}, "format"),
        ({"count": 2_000_000}, "count"),
    ],
)
@one_database
def test_what_cannot_be_generated_is_named(summer: TestClient, body: Any, named: str) -> None:
    assert fields(summer.post(f"{GROUP}/generate", json=body)) == [named]


def test_a_code_tells_its_life_however_it_is_typed(runtime: Runtime, summer: TestClient) -> None:
    load(summer, "Abc/1%", "other")
    issue(runtime, "Abc/1%")
    exact, other_case = (summer.get(f"/v1/promo-codes/{quote(code, safe='')}").json() for code in ("Abc/1%", "ABC/1%"))
    assert exact["state"] == "issued" and exact["group"] == "Summer 10%" and exact["note"] is None
    assert exact["customer"] == "owner of Abc/1%"
    assert exact["life"][0] | {"at": None} == {
        "kind": "made", "at": None, "by": "api:shop", "why": "", "distribution": None, "place": "", "other_code": None
    }  # fmt: skip
    assert other_case["code"] == "Abc/1%" and "Abc/1%" in other_case["note"]
    assert fields(summer.get("/v1/promo-codes/nothing"), 404) == ["code"]
    wrong(summer.get("/v1/promo-codes/%00"), 404)


def test_a_code_is_redeemed_once_and_a_use_that_is_said_again_is_one(runtime: Runtime, summer: TestClient) -> None:
    load(summer, "A-1")
    issue(runtime, "A-1")
    path = "/v1/promo-codes/A-1/redemptions"
    first = summer.post(path, json={"source_id": "order-1", "place": "Warsaw", "at": "2026-06-15T14:00:00+02:00"})
    assert first.status_code == 201
    assert first.json() | {"recorded_at": None} == {
        "code": "A-1", "note": None, "source_id": "order-1", "at": "2026-06-15T12:00:00Z", "place": "Warsaw",
        "recorded_at": None, "rolled_back_at": None, "again": False,
    }  # fmt: skip
    again = summer.post(path, json={"source_id": "order-1"})
    assert again.status_code == 200 and again.json()["again"] is True
    twice = summer.post(path, json={"source_id": "order-2"})
    assert fields(twice, 409) == ["code"] and twice.json()["reason"] == "redeemed"
    assert stock(summer)[3] == 1
    assert summer.get("/v1/promo-codes/A-1").json()["state"] == "redeemed"


def test_a_redemption_is_rolled_back_and_the_code_can_be_redeemed_again(runtime: Runtime, summer: TestClient) -> None:
    load(summer, "A-1")
    issue(runtime, "A-1")
    path = "/v1/promo-codes/A-1/redemptions"
    assert summer.delete(path).json()["reason"] == "not_redeemed"
    assert summer.post(path).status_code == 201  # nothing about it need be said
    assert summer.delete(path, params={"why": "order cancelled"}).json()["rolled_back_at"] is not None
    assert summer.post(path, json={"source_id": "order-2"}).status_code == 201
    for again in (False, True):
        assert summer.delete(path, params={"source_id": "order-2"}).json()["again"] is again
    assert fields(summer.delete(path, params={"why": "a\x00b"})) == ["why"]
    wrong(summer.delete("/v1/promo-codes/nothing/redemptions"), 404)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (None, "active"),
        ({"state": CodeState.BLOCKED}, "blocked"),
        ({"expires_at": timedelta(days=-1)}, "expired"),
    ],
)
def test_a_code_that_nobody_may_use_is_refused_with_the_reason(
    runtime: Runtime, summer: TestClient, clock: ManualClock, change: dict[str, Any] | None, reason: str
) -> None:
    load(summer, "A-1")
    if change is not None:
        issue(runtime, "A-1", **{k: clock.now() + v if k == "expires_at" else v for k, v in change.items()})
    answer = summer.post("/v1/promo-codes/A-1/redemptions", json={})
    assert fields(answer) == ["code"] and answer.json()["reason"] == reason
    unknown = summer.post("/v1/promo-codes/A-2/redemptions", json={})
    assert fields(unknown, 404) == ["code"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"at": "2026-06-15"}, "at"),
        ({"at": "2036-06-15T12:00:00Z"}, "at"),
        ({"place": "x" * 201}, "place"),
        ({"source_id": ""}, "source_id"),
        ({"sourceid": "x"}, "sourceid"),
    ],
)
@one_database
def test_a_use_that_cannot_be_is_named(runtime: Runtime, summer: TestClient, body: Any, named: str) -> None:
    load(summer, "A-1")
    issue(runtime, "A-1")
    assert fields(summer.post("/v1/promo-codes/A-1/redemptions", json=body)) == [named]


def test_the_words_for_a_states_are_those_that_a_life_uses() -> None:
    """OpenAPI lists them: a state that is new must be added there."""
    schema = codes.PromoCode.model_json_schema()["properties"]["state"]["enum"]
    assert set(schema) == {state.name.lower() for state in CodeState} | {"redeemed"}
