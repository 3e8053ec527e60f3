"""Distributions over HTTP: made from names, sent or put before an approver, watched, and stopped."""

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from distribution import approvals, review, settings
from distribution.check import check
from distribution.runtime import Runtime
from distribution.sending.status import finish_if_over
from storage import approvals as approval_rows
from storage import stock
from storage.batches import lock
from storage.tables import CodeState, Distribution, MessageState, PromoCode, TeamMember
from tests.conftest import run_jobs
from tests.sending import make_provider, messages_of, outcome
from tests.unit.api.conftest import Make, fields, one_database, wrong

BODY = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}"


@dataclass(frozen=True)
class Approver:
    """Somebody in Slack who may approve."""

    user_id: str = "U0LEE"

    def must(self, action: str) -> None:
        """They may do everything."""


@pytest.fixture
def shop(api: TestClient, runtime: Runtime) -> TestClient:
    """A shop as a system loads it: ten codes, five customers of whom four may be texted, a segment, a provider."""
    api.post("/v1/promo-code-groups", json={"name": "Summer 10%"})
    api.post("/v1/promo-code-groups/Summer%2010%25/codes", json={"codes": [f"SUN-{n}" for n in range(10)]})
    people = [{"source_id": f"C-{n}", "phone": f"+4850123421{n}", "name": f"Anna{n}"} for n in range(5)]
    consents = ["given"] * 4 + ["unknown"]
    rows = [each | {"consent": consent} for each, consent in zip(people, consents, strict=True)]
    assert api.post("/v1/customers", json={"customers": rows}).json()["created"] == 5
    poles = {"rules": [{"field": "region", "op": "is", "value": "PL"}]}
    assert api.post("/v1/segments", json={"name": "Poles", "rules": poles}).status_code == 201
    make_provider(runtime, "http://127.0.0.1:1")
    allow(runtime, "never")
    return api


def allow(runtime: Runtime, required: str, **more: str) -> None:
    """Set the approval policy, and other settings."""
    with runtime.db.write() as session:
        settings.put(session, "approvals.required", required)
        for key, value in more.items():
            settings.put(session, key.replace("__", "."), value)


def asked(**more: Any) -> dict[str, Any]:
    """What a system sends."""
    wanted = {"purpose": "unique_codes", "subject": "Summer", "provider": "phone", "body": BODY, "segment": "poles"}
    return {name: value for name, value in (wanted | more).items() if value is not None}


def make(api: TestClient, **more: Any) -> int:
    """A distribution's id."""
    answer = api.post("/v1/distributions", json=asked(**more))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def do(api: TestClient, distribution_id: int, verb: str, status: int = 200) -> dict[str, Any]:
    """What is answered to a verb."""
    answer = api.post(f"/v1/distributions/{distribution_id}/{verb}")
    assert answer.status_code == status, answer.text
    if status >= 400:
        wrong(answer, status)
    return answer.json()


def report(api: TestClient, distribution_id: int) -> dict[str, Any]:
    """A report, which balances."""
    said = api.get(f"/v1/distributions/{distribution_id}/report").json()
    others = said["sent"] + said["failed"] + said["unknown"] + said["pending"]
    assert said["audience"] == sum(said["excluded"].values()) + others and said["balance_error"] is None
    return said


def launched(api: TestClient, runtime: Runtime, **more: Any) -> int:
    """A distribution whose codes are blocked and whose texts wait to be sent; its id."""
    made = make(api, **more)
    do(api, made, "send", 202)
    run_jobs(runtime)
    return made


def settle(runtime: Runtime, distribution_id: int, *states: MessageState) -> None:
    """What a sender does: the messages that wait end so, in the order of their customers, and it is done."""
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution_id)
        first = row.first_message_id or 0
    assert messages_of(runtime, distribution_id)[0] == first
    for at, state in enumerate(states):
        outcome(runtime, [first + at], state)
    with runtime.db.write() as session:
        row = lock(session, distribution_id)
        row.claimed_to = row.last_message_id
        finish_if_over(session, row, runtime.clock.now())


def sound(runtime: Runtime) -> None:
    """Nothing in the database is impossible."""
    assert check(runtime.db) == []


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


def lessen(runtime: Runtime, left: int) -> None:
    """Let a group have so few active codes: somebody else's distribution took the others."""
    with runtime.db.write() as session:
        rows = session.query(PromoCode).filter_by(state=CodeState.ACTIVE).order_by(PromoCode.id).all()[left:]
        for row in rows:
            session.delete(row)
        stock.move(session, 1, active=-len(rows), total=-len(rows))


def test_what_the_review_refuses_is_a_status_with_its_reason_and_can_be_mended(
    shop: TestClient, runtime: Runtime
) -> None:
    """Too few codes: nothing is sent, the missing number is said, and after loading them it is sent."""
    lessen(runtime, 1)
    made = make(shop)
    problem = do(shop, made, "send", 409)
    assert problem["reason"] == "codes_missing" and "3 codes are missing in 'Summer 10%'" in problem["detail"]
    said = report(shop, made)
    assert said["status"] == "refused" and "3 codes are missing" in said["reason"] and said["audience"] == 0
    assert shop.get(f"/v1/distributions/{made}").json()["review"]["codes"][0]["missing"] == 3
    shop.post("/v1/promo-code-groups/Summer%2010%25/codes", json={"codes": ["MORE-1", "MORE-2", "MORE-3"]})
    assert do(shop, made, "send", 202)["status"] == "blocking"
    run_jobs(runtime)
    assert report(shop, made)["pending"] == 4
    sound(runtime)


@one_database
def test_nobody_to_text_is_said(shop: TestClient) -> None:
    made = make(shop, segment=None, customers=["C-4"])
    problem = do(shop, made, "send", 409)
    assert problem["reason"] == "nobody" and "can be texted" in problem["detail"]


def test_codes_that_are_gone_at_launch_are_said_too(shop: TestClient, runtime: Runtime) -> None:
    """The review saw them; another distribution was quicker."""
    made = make(shop)
    do(shop, made, "send", 202)
    lessen(runtime, 1)
    run_jobs(runtime)
    said = report(shop, made)
    assert said["status"] == "refused" and "3 codes" in said["reason"]
    shop.post("/v1/promo-code-groups/Summer%2010%25/codes", json={"codes": ["MORE-1", "MORE-2", "MORE-3"]})
    do(shop, made, "send", 202)
    run_jobs(runtime)
    assert report(shop, made)["pending"] == 4


def test_the_approval_policy_binds_the_api(shop: TestClient, runtime: Runtime) -> None:
    """A token sends nothing that needs a second person; an approver in Slack lets it go."""
    allow(runtime, "above:3")
    made = make(shop)
    problem = do(shop, made, "send", 409)
    assert problem["reason"] == "approval_required" and "request-approval" in problem["detail"]
    assert "approvals.required never" in problem["detail"]
    assert do(shop, made, "request-approval", 409)["reason"] == "no_approver"
    with runtime.db.write() as session:
        session.add(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver"))
    waiting = do(shop, made, "request-approval", 202)
    assert (waiting["status"], waiting["approval"]["state"]) == ("pending", "pending")
    assert do(shop, made, "request-approval", 202)["status"] == "pending"  # asked twice, asked once
    assert do(shop, made, "send", 409)["reason"] == "pending"
    with runtime.db.write() as session:
        (only,) = approval_rows.pending(session)
        approvals.approve(session, runtime, only.id, Approver())
    run_jobs(runtime)
    gone = shop.get(f"/v1/distributions/{made}").json()
    assert gone["status"] == "sending" and gone["approval"]["decided_by"] == "Lee Okafor"
    assert do(shop, made, "request-approval", 202)["status"] == "sending"
    few = make(shop, segment=None, customers=["C-0"])
    assert do(shop, few, "request-approval", 409)["reason"] == "approval_not_needed"
    assert do(shop, few, "send", 202)["status"] == "blocking"


def test_a_rejected_one_is_over_and_says_why(shop: TestClient, runtime: Runtime) -> None:
    allow(runtime, "always", approvals__channel="C0APPROVALS")
    made = make(shop)
    assert do(shop, made, "request-approval", 202)["channel"] == "C0APPROVALS"
    with runtime.db.write() as session:
        (only,) = approval_rows.pending(session)
        approvals.reject(session, only.id, Approver(), "Wrong link", now=runtime.clock.now())
    said = report(shop, made)
    assert said["status"] == "refused" and "Wrong link" in said["reason"]
    assert "Wrong link" in do(shop, made, "request-approval", 409)["detail"]
    assert do(shop, made, "send", 409)["reason"] == "refused"


def test_it_is_paused_resumed_and_stopped_each_as_often_as_one_likes(shop: TestClient, runtime: Runtime) -> None:
    """And the report of a stopped one balances: those who got nothing for it are among the excluded."""
    made = launched(shop, runtime)
    for verb, status in (("pause", "paused"), ("resume", "sending"), ("stop", "stopped")):
        assert do(shop, made, verb)["status"] == status
        assert do(shop, made, verb)["status"] == status
    run_jobs(runtime)
    said = report(shop, made)
    assert said["excluded"] == {"no_consent": 1, "stopped": 4} and said["reason"] == "Stopped by the system 'shop'."
    assert shop.get("/v1/promo-code-groups/Summer%2010%25").json()["active"] == 10
    for verb in ("pause", "resume", "retry", "send"):
        assert do(shop, made, verb, 409)["reason"] == "stopped"
    sound(runtime)


def test_failed_texts_are_sent_again(shop: TestClient, runtime: Runtime) -> None:
    made = launched(shop, runtime)
    settle(runtime, made, *[MessageState.ACCEPTED] * 3, MessageState.REJECTED)
    again = do(shop, made, "retry")
    assert (again["status"], again["retried"]) == ("sending", 1)
    assert do(shop, made, "retry")["retried"] == 0
    assert report(shop, made)["pending"] == 1


def test_what_waits_is_called_back(shop: TestClient, runtime: Runtime) -> None:
    """A draft again, its request void; sent a second time as it is then."""
    allow(runtime, "always", approvals__channel="C0APPROVALS")
    made = make(shop)
    do(shop, made, "request-approval", 202)
    back = do(shop, made, "call-back")
    assert (back["status"], back["approval"]["state"]) == ("draft", "void")
    assert do(shop, made, "call-back")["status"] == "draft"
    allow(runtime, "never")
    later = make(shop, send_at="2026-06-16T12:00:00Z")
    assert do(shop, later, "send", 202)["status"] == "scheduled"
    assert do(shop, later, "call-back")["status"] == "draft"


def test_a_large_audience_is_reviewed_first_and_goes_on_by_itself(
    shop: TestClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its review refuses it, that is its status; while it is counted, it can be called back."""
    monkeypatch.setattr(review, "AT_ONCE", 2)
    made = make(shop)
    assert do(shop, made, "send", 202)["status"] == "reviewing"
    assert do(shop, made, "send", 202)["status"] == "reviewing"
    assert shop.get("/v1/distributions?status=reviewing").json()["distributions"][0]["id"] == made
    assert do(shop, made, "call-back")["status"] == "draft"
    run_jobs(runtime)
    assert report(shop, made)["status"] == "draft"
    do(shop, made, "send", 202)
    run_jobs(runtime)
    assert report(shop, made)["status"] == "sending"
    few = make(shop, subject="Second")
    lessen(runtime, 1)
    assert do(shop, few, "send", 202)["status"] == "reviewing"
    run_jobs(runtime)
    assert "missing" in report(shop, few)["reason"] and report(shop, few)["status"] == "refused"


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


@one_database
def test_a_token_that_only_makes_distributions_sends_none(shop: TestClient, token: Make) -> None:
    made = make(shop)
    writer = {"Authorization": f"Bearer {token('planner', 'distributions:write')}"}
    for verb in ("send", "pause", "resume", "stop", "retry", "call-back"):
        answer = shop.post(f"/v1/distributions/{made}/{verb}", headers=writer)
        assert answer.status_code == 403 and "distributions:send" in answer.json()["detail"]
    assert shop.get(f"/v1/distributions/{made}", headers=writer).status_code == 403


@one_database
def test_a_verb_takes_no_fields(shop: TestClient) -> None:
    made = make(shop)
    assert fields(shop.post(f"/v1/distributions/{made}/send", json={"force": True})) == ["force"]
    assert shop.post(f"/v1/distributions/{made}/send", json={}).status_code == 202
