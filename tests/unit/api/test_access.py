"""Who gets in, and what they hear who do not: tokens, scopes, sizes, methods; nothing of ours leaks."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from bot.web.api import entry, groups
from bot.web.api.entry import BODY_MAX
from bot.web.misses import MISSES
from distribution import tokens
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.tables import ApiToken
from tests.unit.api.conftest import Make, fields, one_database, wrong

GROUPS = "/v1/promo-code-groups"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer promobot_wrong", "Bearer other", "Basic dXNlcjpwYXNz", "promobot_x"]
)
@one_database
def test_without_a_token_that_opens_something_nobody_gets_in(web: TestClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in (GROUPS, "/v1/nothing-here"):
        answer = web.get(path, headers=headers)
        assert fields(answer, 401) == ["Authorization"]
        assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_a_revoked_token_opens_nothing_at_once(runtime: Runtime, web: TestClient, token: Make) -> None:
    header = {"Authorization": f"bearer {token('shop')}"}
    assert web.get(GROUPS, headers=header).status_code == 200
    with runtime.db.write() as session:
        tokens.revoke(session, "shop", now=runtime.clock.now())
    wrong(web.get(GROUPS, headers=header), 401)


def test_a_token_does_what_its_scopes_say_and_is_told_what_it_lacks(web: TestClient, token: Make) -> None:
    header = {"Authorization": f"Bearer {token('reader', 'codes:read')}"}
    assert web.get(GROUPS, headers=header).status_code == 200
    answer = web.post(GROUPS, json={"name": "a"}, headers=header)
    wrong(answer, 403)
    assert "codes:write" in answer.json()["detail"]
    assert answer.headers["www-authenticate"].endswith('error="insufficient_scope", scope="codes:write"')


def test_wrong_tokens_are_told_to_wait_and_right_ones_from_the_same_address_are_not(
    web: TestClient, token: Make
) -> None:
    right = token("shop")
    for _ in range(MISSES):
        wrong(web.get(GROUPS, headers={"Authorization": "Bearer promobot_old"}), 401)
    answer = web.get(GROUPS, headers={"Authorization": "Bearer promobot_old"})
    wrong(answer, 429)
    assert answer.headers["retry-after"] == "60"
    assert web.get(GROUPS, headers={"Authorization": f"Bearer {right}"}).status_code == 200


def test_the_last_use_is_kept_and_written_at_most_once_a_minute(
    runtime: Runtime, api: TestClient, clock: ManualClock
) -> None:
    seen = []
    for _ in range(3):
        api.get(GROUPS)
        with runtime.db.read() as session:
            seen.append(session.get_one(ApiToken, 1).last_used_at)
        clock.advance(timedelta(seconds=40))
    assert seen[0] == seen[1] and seen[2] == seen[0] + timedelta(seconds=80)


@one_database
def test_a_body_beyond_the_limit_is_refused_with_the_limit_whether_or_not_it_says_its_size(api: TestClient) -> None:
    large = b" " * (BODY_MAX + 1)
    for content in (large, iter([large[:1000], large])):
        answer = api.post(GROUPS, content=content, headers={"Content-Type": "application/json"})
        assert fields(answer, 413) == ["body"] and "4 MiB" in answer.json()["detail"]


@one_database
def test_what_is_no_json_is_said_with_its_place(api: TestClient) -> None:
    for body in (b"", b"{", b'{"name": "a",}', b"\xff", b'{"name": "\\ud800"}'):
        answer = api.post(GROUPS, content=body, headers={"Content-Type": "application/json"})
        assert fields(answer, 400) == ["body"]
    assert "line 1 column" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "text/plain"),
        ("Content-Encoding", "gzip"),
    ],
)
@one_database
def test_a_body_of_another_kind_is_refused(api: TestClient, header: str, value: str) -> None:
    answer = api.post(GROUPS, content=b"{}", headers={"Content-Type": "application/json"} | {header: value})
    assert fields(answer, 415) == [header]


@one_database
def test_a_method_that_a_path_does_not_take_names_those_that_it_does(api: TestClient) -> None:
    answer = api.put(GROUPS, json={})
    wrong(answer, 405)
    assert answer.headers["allow"] == "GET, POST" and "GET and POST, not PUT" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/", f"{GROUPS}/", f"{GROUPS}/a/b/c", "/v1//promo-code-groups"])
@one_database
def test_a_path_that_is_not_there_is_a_problem_too(api: TestClient, path: str) -> None:
    wrong(api.get(path), 404)


@one_database
def test_a_fault_of_ours_says_nothing_of_how_it_looks_inside_but_to_the_log(
    api: TestClient, monkeypatch: pytest.MonkeyPatch, logged: list[dict[str, Any]]
) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(groups, "listing", fail)
    answer = api.get(GROUPS)
    wrong(answer, 500)
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert logged[0]["request"] == answer.headers["x-request-id"] and logged[0]["exc_info"]


@one_database
def test_a_database_that_does_not_answer_is_asked_again_later(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("database is locked"))

    monkeypatch.setattr(groups, "listing", fail)
    answer = api.get(GROUPS)
    wrong(answer, 503)
    assert answer.headers["retry-after"] == "2"


@one_database
def test_neither_tokens_nor_names_are_logged(web: TestClient, token: Make, logged: list[dict[str, Any]]) -> None:
    text = token("shop")
    header = {"Authorization": f"Bearer {text}"}
    web.get(f"{GROUPS}/VERY-SECRET", headers=header)
    web.get(GROUPS, headers={"Authorization": "Bearer promobot_GUESSED"})
    assert [(each["token"], each["status"]) for each in logged] == [("shop", 404), (None, 401)]
    assert logged[0]["route"].startswith("/promo-code-groups/{name")
    assert not [secret for secret in (text, "GUESSED", "VERY-SECRET") if secret in str(logged)]


@one_database
def test_a_body_beyond_the_limit_is_not_read_to_its_end(runtime: Runtime, token: Make) -> None:
    """Nor is any of it, without a token."""
    read, sent = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 1024 * 1024, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("status"))

    for authorization, most in ((f"Bearer {token('shop')}", 5), ("Bearer promobot_wrong", 0)):
        headers = [(b"authorization", authorization.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": GROUPS, "raw_path": GROUPS.encode(), "headers": headers}
        read = 0
        asyncio.run(entry.Entry(FastAPI(), runtime)({**scope, "query_string": b"", "client": None}, receive, send))
        assert read == most
    assert [status for status in sent if status] == [413, 401]
