"""The door of the API, before any endpoint: paths, tokens, sizes, how many at once, and what is written down.

An ASGI app around the API's own. It is here that a request without a token costs next to nothing, that a body beyond
the limit is not read, and that many large requests cannot take the threads and connections that provider callbacks and
Slack's clicks need.
"""

import asyncio
import threading
import time
import uuid
from dataclasses import dataclass
from urllib.parse import quote, unquote

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.web.api.problems import Problem
from bot.web.misses import Misses
from distribution import tokens
from distribution.runtime import Runtime
from storage.tables import ApiToken

log = structlog.get_logger(__name__)

BODY_MAX = 4 * 1024 * 1024  # bytes
BODY_MAX_WORDS = "4 MiB"

# Requests that work at one time; the rest wait. More would not be quicker on a machine's cores, and would take the
# database's connections from everybody else in this process.
AT_ONCE = 4

VISIT = "promobot.visit"
REQUEST_ID = "promobot.request_id"


@dataclass(frozen=True)
class Visit:
    """One request that came through the door: whose it is, and its body."""

    runtime: Runtime
    token: ApiToken
    body: bytes
    writing: threading.Semaphore  # held while a transaction writes


class Name(Convertor[str]):
    """A name or code in a path, in which everything may be written as %XX: also the slash."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The name; what is no UTF-8 becomes U+FFFD, as does NUL, which no database looks for: nothing is called so."""
        return unquote(value).replace("\x00", "\ufffd")

    def to_string(self, value: str) -> str:
        """The name as a path has it."""
        return quote(value, safe="")


register_url_convertor("name", Name())


class Entry:
    """`app`, for those with a token."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._misses = Misses()
        # On SQLite writes follow one another anyway: this way a receipt or a click waits for one of ours at most.
        self._writing = threading.Semaphore(1 if runtime.db.is_sqlite else AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request_id, started, status = uuid.uuid4().hex[:12], time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        visit, scope[REQUEST_ID] = None, request_id
        try:
            scope["path"] = canonical(scope)
            visit = await self._enter(scope, receive)
            scope[VISIT] = visit
            async with self._turns:
                await self._app(scope, _again(visit.body), sending)
        except ClientDisconnect:
            return
        except Problem as problem:
            await problem.response()(scope, receive, sending)
        except Exception as error:  # the app has answered with `failure` already, where it was the app's
            self._log_failure(error, request_id)
            if status == 0:
                await failure(error, request_id).response()(scope, receive, sending)
        # Paths hold codes and customers' ids: what is written down is the route.
        route = getattr(scope.get("route"), "path", "none")
        log.info(
            "api",
            method=scope["method"],
            route=route,
            status=status,
            ms=round((time.perf_counter() - started) * 1000, 1),
            token=visit.token.name if visit else None,
            request=request_id,
        )
        if visit and tokens.is_due(visit.token, self._runtime.clock.now()):
            await run_in_threadpool(self._note_use, visit.token.id)

    async def _enter(self, scope: Scope, receive: Receive) -> Visit:
        """Check the token, then read the body. Raises `Problem`."""
        request = Request(scope, receive)
        token = await self._token(request)
        body = await _body(request)
        return Visit(self._runtime, token, body, self._writing)

    async def _token(self, request: Request) -> ApiToken:
        """The token of a request. Raises `Problem` 401, or 429 where an address showed too many wrong ones."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if not text.strip():
            raise Problem(
                401,
                "Show a token: Authorization: Bearer promobot_… (promobot token create makes one).",
                field="Authorization",
                headers={"WWW-Authenticate": 'Bearer realm="promobot"'},
            )
        known = None
        if scheme.lower() == "bearer" and text.strip().startswith(tokens.PREFIX):
            known = await run_in_threadpool(self._look_up, text.strip())
        if known is not None:
            return known
        address = request.client.host if request.client else ""
        if self._misses.too_many(address):
            raise Problem(429, "Too many wrong tokens from this address. Wait a minute.", headers={"Retry-After": "60"})
        self._misses.note(address)
        raise Problem(
            401,
            "This token opens nothing: it is not complete, or it was revoked.",
            field="Authorization",
            headers={"WWW-Authenticate": 'Bearer realm="promobot", error="invalid_token"'},
        )

    def _look_up(self, text: str) -> ApiToken | None:
        with self._runtime.db.read() as session:
            return tokens.check(session, text)

    def _note_use(self, token_id: int) -> None:
        try:
            with self._runtime.db.write() as session:
                tokens.note_use(session, token_id, now=self._runtime.clock.now())
        except OperationalError:  # the database is busy: the next request will tell
            log.warning("a token's use was not recorded", token=token_id)

    def _log_failure(self, error: Exception, request_id: str) -> None:
        if _is_the_database(error):
            log.warning("the database did not answer", request=request_id, why=str(getattr(error, "orig", error)))
        else:
            log.exception("a request failed", request=request_id)


def failure(error: Exception, request_id: str) -> Problem:
    """What is answered to an error of ours: nothing of how it looks inside, which is in the log."""
    if _is_the_database(error):
        return Problem(503, "The database is busy. Nothing was done: send it again.", headers={"Retry-After": "2"})
    return Problem(500, f"Something went wrong on our side. The log says more of request {request_id}.")


def _is_the_database(error: Exception) -> bool:
    """Whether it is busy, away, or ended one of two transactions that waited for each other."""
    return isinstance(error, OperationalError | NoConnection)


def canonical(scope: Scope) -> str:
    """The path with every part written in one way, a slash inside a part as %2F; so routes match parts as they are."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    parts = raw.decode("ascii", "replace").split("/")
    return "/".join(quote(unquote(part), safe="") for part in parts)


async def _body(request: Request) -> bytes:
    """All of the body. Raises `Problem` 413 before reading more than `BODY_MAX`, 415 for one that is packed."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "Send the body unpacked, without a Content-Encoding.", field="Content-Encoding")
    told = request.headers.get("content-length", "0")
    parts, size = [], int(told) if told.isdecimal() else 0
    if size <= BODY_MAX:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > BODY_MAX:
                break
            parts.append(part)
    if size > BODY_MAX:
        raise Problem(
            413,
            f"The body is larger than {BODY_MAX_WORDS}. Send it in parts.",
            field="body",
            headers={"Connection": "close"},
        )
    return b"".join(parts)


def _again(body: bytes) -> Receive:
    """A body that was read, for whoever reads it again."""
    told = False

    async def receive() -> Message:
        nonlocal told
        if told:
            await asyncio.Event().wait()  # nothing more comes; whoever waits here is cancelled
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
