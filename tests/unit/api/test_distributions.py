"""Distributions over HTTP: made from names, refused by field, listed and reported."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from distribution.runtime import Runtime
from storage.tables import MessageState
from tests.conftest import run_jobs
from tests.unit.api.conftest import Make, fields, one_database, wrong
from tests.unit.api.distributing import BODY, asked, do, launched, lessen, make, report, settle, shop, sound

__all__ = ["shop"]


def test_a_distribution_is_made_sent_and_reported(shop: TestClient, runtime: Runtime) -> None:
    made = shop.post("/v1/distributions", json=asked(mode="manual")).json()
    assert (made["status"], made["group"], made["provider"]) == ("draft", "Summer 10%", "Phone")
    assert made["audience"] == {"segment": "Poles", "customers": None} and made["created_by"] == "api:shop"
    path = f"/v1/distributions/{made['id']}"
    assert report(shop, made["id"])["status"] == "draft"
    gone = do(shop, made["id"], "send", 202)
    assert gone["status"] == "blocking"
    assert gone["review"]["codes"] == [{"group": "Summer 10%", "needed": 4, "active": None, "missing": None}]
    assert (gone["review"]["audience"], gone["review"]["excluded"]) == (5, {"no_consent": 1})
    run_jobs(runtime)
    assert shop.get(path).json()["progress"] == {
        "audience": 5, "excluded": 1, "sent": 0, "delivered": 0, "failed": 0, "unknown": 0, "pending": 4,
    }  # fmt: skip
    assert do(shop, made["id"], "send", 202)["status"] == "sending"  # sent again, it goes out once
    settle(runtime, made["id"], *[MessageState.ACCEPTED] * 3, MessageState.REJECTED)
    assert do(shop, made["id"], "send", 202)["status"] == "done"
    said = report(shop, made["id"])
    numbers = {name: said[name] for name in ("status", "audience", "excluded", "sent", "failed")}
    assert numbers == {
        "status": "done", "audience": 5, "excluded": {"no_consent": 1}, "sent": 3, "failed": 1,
    }  # fmt: skip
    assert said["codes"] == [{"group": "Summer 10%", "issued": 3, "returned": 1, "blocked": 0}]
    assert said["pending"] == said["unknown"] == 0 and sum(said["failures"].values()) == 1
    sound(runtime)


@pytest.mark.parametrize(
    ("named", "size"),
    [
        (["C-0", "+48 501 234 211", {"source_id": "C-2"}, {"phone": "+48501234213"}, "C-0"], 4),
        (["C-1"], 1),
    ],
)
def test_customers_are_named_by_source_id_or_number(
    shop: TestClient, runtime: Runtime, named: list[Any], size: int
) -> None:
    made = launched(shop, runtime, segment=None, customers=named)
    assert shop.get(f"/v1/distributions/{made}").json()["audience"] == {"segment": None, "customers": size}
    assert report(shop, made)["pending"] == size


@one_database
@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({"mode": "cyclic"}, ["mode"]),
        ({"purpose": "gift"}, ["purpose"]),
        ({"subject": "  "}, ["subject"]),
        ({"provider": "twilo"}, ["provider"]),
        ({"segment": "Pole"}, ["segment"]),
        ({"segment": 99}, ["segment"]),
        ({"segment": None}, ["body"]),
        ({"customers": ["C-1"]}, ["body"]),
        ({"segment": None, "customers": []}, ["customers"]),
        ({"segment": None, "customers": ["nobody", "C-1", "+48999"]}, ["customers[0]", "customers[2]"]),
        ({"segment": None, "customers": [{"source_id": "x", "phone": "y"}]}, ["customers[0]"]),
        ({"body": "Hi {{ client.nmae }}"}, ["body"]),
        ({"body": "No code in it"}, ["body"]),
        ({"body": "Your code: {{ client.promocode('Winter') }}"}, ["body"]),
        ({"group": "Winter"}, ["group"]),
        ({"purpose": "custom"}, ["body"]),
        ({"purpose": "custom", "group": "Summer 10%", "body": "Hi"}, ["group"]),
        ({"purpose": "promotion", "body": "Hi"}, ["promotion"]),
        ({"purpose": "promotion", "promotion": "Free tea", "body": "Hi"}, ["promotion"]),
        ({"code_policy": "old"}, ["code_policy"]),
        ({"send_at": "2020-01-01T12:00:00Z"}, ["send_at"]),
        ({"send_at": "2026-07-01T12:00:00"}, ["send_at"]),
        ({"channel": "#marketing"}, ["channel"]),
        ({"lifetime_minutes": 0}, ["lifetime_minutes"]),
        ({"remainders": []}, ["remainders"]),
        ({"subject": "", "provider": "x", "segment": "y", "body": "{{"}, ["body", "segment", "subject", "provider"]),
    ],
)
def test_every_field_that_is_wrong_is_named(shop: TestClient, more: dict[str, Any], wanted: list[str]) -> None:
    body = {**asked(), **more}
    if more.get("segment", "") is None:
        del body["segment"]
    answer = shop.post("/v1/distributions", json=body)
    assert sorted(fields(answer)) == sorted(wanted), answer.text
    assert shop.get("/v1/distributions").json()["distributions"] == []


@one_database
def test_what_may_be_left_out_is_found(shop: TestClient) -> None:
    """The default provider, and the group that the body takes codes from."""
    made = shop.post("/v1/distributions", json=asked(provider=None, body=BODY.replace("Summer", "summer"))).json()
    assert (made["provider"], made["group"], made["mode"], made["code_policy"]) == (
        "Phone", "Summer 10%", "manual", "new",
    )  # fmt: skip


def test_a_key_makes_one_and_a_refusal_does_not_use_it_up(shop: TestClient, runtime: Runtime) -> None:
    """What was refused is tried again under the same key; what was made comes again."""
    key = {"Idempotency-Key": "k-1"}
    first = shop.post("/v1/distributions", json=asked(), headers=key)
    again = shop.post("/v1/distributions", json=asked(), headers=key)
    assert first.json() == again.json() and again.headers["Idempotent-Replayed"] == "true"
    path = f"/v1/distributions/{first.json()['id']}/send"
    taken = make(shop, segment=None, customers=["C-0"], subject="Other")
    codes = shop.get("/v1/promo-code-groups/Summer%2010%25").json()["active"]
    assert codes == 10 and taken
    lessen(runtime, 3)
    key = {"Idempotency-Key": "k-2"}
    assert shop.post(path, headers=key).status_code == 409
    shop.post("/v1/promo-code-groups/Summer%2010%25/codes", json={"codes": ["MORE-1"]})
    assert shop.post(path, headers=key).status_code == 202
    assert shop.post(path, headers=key).headers["Idempotent-Replayed"] == "true"


def test_the_list_is_paged_newest_first_and_shows_no_drafts_of_others(
    shop: TestClient, runtime: Runtime, token: Make
) -> None:
    ids = [make(shop, subject=f"Number {n}") for n in range(5)]
    do(shop, ids[0], "send", 202)
    seen, path = [], "/v1/distributions?limit=2"
    while path:
        page = shop.get(path).json()
        seen += [each["id"] for each in page["distributions"]]
        path = page["next"]
    assert seen == ids[::-1]
    assert [each["id"] for each in shop.get("/v1/distributions?status=blocking").json()["distributions"]] == ids[:1]
    other = {"Authorization": f"Bearer {token('other')}"}
    assert [each["id"] for each in shop.get("/v1/distributions", headers=other).json()["distributions"]] == ids[:1]
    assert shop.get(f"/v1/distributions/{ids[1]}", headers=other).status_code == 404
    assert shop.post(f"/v1/distributions/{ids[0]}/send", headers=other).status_code == 403
    assert wrong(shop.get("/v1/distributions/99"), 404) == []
