"""Verbs of a distribution over HTTP: sent or put before an approver, paused, stopped, sent again and called back."""

import pytest
from fastapi.testclient import TestClient

from distribution import approvals, review
from distribution.runtime import Runtime
from storage import approvals as approval_rows
from storage.tables import MessageState, TeamMember
from tests.conftest import run_jobs
from tests.unit.api.conftest import Make, fields, one_database
from tests.unit.api.distributing import Approver, allow, do, launched, lessen, make, report, settle, shop, sound

__all__ = ["shop"]


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
