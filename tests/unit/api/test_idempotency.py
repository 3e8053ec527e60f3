"""A request that is sent again: done once, answered alike; also at the same moment, and after a crash."""

import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from bot.web.api import groups
from distribution import tokens
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage import idempotency
from storage.tables import IdempotencyKey, PromoCodeGroup
from tests.unit.api.conftest import Make, fields, one_database

GROUPS = "/v1/promo-code-groups"


def send(client: TestClient, name: str, key: str, **more: Any) -> httpx.Response:
    return client.post(GROUPS, json={"name": name}, headers={"Idempotency-Key": key}, **more)


def count(runtime: Runtime, table: type = PromoCodeGroup) -> int:
    with runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_under_one_key_a_request_is_done_once_and_answered_alike(runtime: Runtime, api: TestClient) -> None:
    first, again = send(api, "Summer", "k-1"), send(api, "Summer", "k-1")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert "idempotent-replayed" not in first.headers and again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]
    assert count(runtime) == 1
    assert fields(send(api, "Summer", "k-2"), 409) == ["name"]


def test_a_key_is_for_one_request(runtime: Runtime, api: TestClient) -> None:
    send(api, "Summer", "k-1")
    answer = send(api, "Winter", "k-1")
    assert fields(answer) == ["Idempotency-Key"] and answer.json()["reason"] == "key_reused"
    assert count(runtime) == 1


def test_what_was_refused_did_nothing_and_may_be_sent_again_when_it_can_be_done(
    runtime: Runtime, api: TestClient
) -> None:
    send(api, "Summer", "k-1")
    assert send(api, "Summer", "k-2").status_code == 409
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, 1).name_key = None
    assert send(api, "Summer", "k-2").status_code == 201


def test_keys_are_each_tokens_own(runtime: Runtime, api: TestClient, token: Make) -> None:
    send(api, "Summer", "k-1")
    api.headers["Authorization"] = f"Bearer {token('other')}"
    assert send(api, "Winter", "k-1").status_code == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a b"])
@one_database
def test_what_is_no_key_is_refused(runtime: Runtime, api: TestClient, key: str) -> None:
    assert fields(send(api, "Summer", key)) == ["Idempotency-Key"]
    assert count(runtime) == 0


def test_two_at_once_are_one(runtime: Runtime, api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the first is at work: it waits, and gets the first one's answer."""
    inside, go_on = threading.Event(), threading.Event()
    create = groups.groups.create

    def slow(*args: Any, **more: Any) -> PromoCodeGroup:
        inside.set()
        assert go_on.wait(10)
        return create(*args, **more)

    monkeypatch.setattr(groups.groups, "create", slow)
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(send(api, "Summer", "k-1"))) for _ in range(2)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert [answer.status_code for answer in answers] == [201, 201]
    assert {answer.headers.get("idempotent-replayed") for answer in answers} == {None, "true"}
    assert count(runtime) == 1


def test_a_crash_between_doing_and_answering_does_it_once(
    runtime: Runtime, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done and its answer are committed together, or not at all: there is no moment between them."""

    def crash(*_args: object, **_more: object) -> None:
        raise SystemError("the machine stopped here")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "keep", crash)
        assert send(api, "Summer", "k-1").status_code == 500
    assert count(runtime) == count(runtime, IdempotencyKey) == 0
    assert send(api, "Summer", "k-1").status_code == 201  # committed; say its answer was lost on the way
    assert send(api, "Summer", "k-1").headers["idempotent-replayed"] == "true"
    assert count(runtime) == count(runtime, IdempotencyKey) == 1


def test_answers_are_kept_for_three_days(runtime: Runtime, api: TestClient, clock: ManualClock) -> None:
    send(api, "Summer", "k-1")
    clock.advance(timedelta(days=3) - timedelta(seconds=1))
    assert tokens.sweep(runtime) == 0
    clock.advance(timedelta(seconds=2))
    assert tokens.sweep(runtime) == 1
    assert count(runtime, IdempotencyKey) == 0
