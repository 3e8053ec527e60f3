"""A client of the API, on both databases, with a token that may do everything."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
import structlog
from fastapi.testclient import TestClient

from bot.web.api import entry
from bot.web.app import build
from distribution import tokens
from distribution.runtime import Runtime

Make = Callable[..., str]

# For what never reaches the database: the many ways to be wrong need not be tried on both.
one_database = pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)


@pytest.fixture
def token(runtime: Runtime) -> Make:
    """Make a token: `token("shop", "codes:read")` → its text."""

    def make(name: str, *scopes: str) -> str:
        with runtime.db.write() as session:
            return tokens.create(session, name, scopes, by="U0ADA", now=runtime.clock.now())[1]

    return make


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the API's door writes down, instead of writing it: a printed traceback takes seconds."""
    capture = structlog.testing.LogCapture()
    quiet = structlog.wrap_logger(None, processors=[capture], wrapper_class=structlog.stdlib.BoundLogger)
    monkeypatch.setattr(entry, "log", quiet)
    return capture.entries


@pytest.fixture
def web(runtime: Runtime, logged: list[dict[str, Any]]) -> Iterator[TestClient]:
    """The HTTP service, without a token."""
    with TestClient(build(runtime), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(web: TestClient, token: Make) -> TestClient:
    """The HTTP service for a system called "shop" that may do everything."""
    web.headers["Authorization"] = f"Bearer {token('shop')}"
    return web


def wrong(answer: httpx.Response, status: int) -> list[dict[str, Any]]:
    """The fields that a problem names; fails where the answer is no such problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["detail"] and "Traceback" not in answer.text
    return body["errors"]


def fields(answer: httpx.Response, status: int = 422) -> Sequence[str]:
    """The names of the fields that a problem names."""
    return [each["field"] for each in wrong(answer, status)]
