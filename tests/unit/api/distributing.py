"""A shop that distributes over HTTP, and what a system asks of it."""

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from distribution import settings
from distribution.check import check
from distribution.runtime import Runtime
from distribution.sending.status import finish_if_over
from storage import stock
from storage.batches import lock
from storage.tables import CodeState, Distribution, MessageState, PromoCode
from tests.conftest import run_jobs
from tests.sending import make_provider, messages_of, outcome
from tests.unit.api.conftest import wrong

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


def lessen(runtime: Runtime, left: int) -> None:
    """Let a group have so few active codes: somebody else's distribution took the others."""
    with runtime.db.write() as session:
        rows = session.query(PromoCode).filter_by(state=CodeState.ACTIVE).order_by(PromoCode.id).all()[left:]
        for row in rows:
            session.delete(row)
        stock.move(session, 1, active=-len(rows), total=-len(rows))
