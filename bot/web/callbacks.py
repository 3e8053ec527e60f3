"""`/callbacks/{token}/{attempt}`: a provider tells what became of a text, or (without an attempt) of a reply.

It posts a form or JSON, or (Kannel can nothing else) asks with GET.

A plain Starlette endpoint, and one write for everything that came in the meantime: a gateway sends a callback for each
text, thousands in a few seconds, and each is answered only when it is on disk (docs/decisions: one commit per callback
managed 880 a second, grouped 4,000 and more).
"""

import asyncio
import json
import time
from typing import Any
from urllib.parse import parse_qsl

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from distribution.providers import webhook
from distribution.runtime import Runtime
from distribution.sending.callbacks import ATTEMPT, BODY, ENVELOPE, SIGNATURE, TIMESTAMP, URL, receive

log = structlog.get_logger(__name__)

LARGEST = 64 * 1024  # bytes of one callback
MOST_AT_ONCE = 500  # payloads in one transaction

TWILIO_SIGNATURE = "x-twilio-signature"

Payload = dict[str, Any]


class Inbox:
    """Writes payloads in groups; `put` returns when its payload is committed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: list[tuple[int, Payload, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def put(self, provider_id: int, payload: Payload) -> None:
        """Store one payload. Raises what the transaction raised."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((provider_id, payload, stored))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await stored

    async def _write(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            by_provider: dict[int, list[Payload]] = {}
            for provider_id, payload, _stored in group:
                by_provider.setdefault(provider_id, []).append(payload)
            failure: Exception | None = None
            try:
                await run_in_threadpool(self._store, by_provider)
            except Exception as error:
                log.exception("callbacks not stored", count=len(group))
                failure = error
            for _provider, _payload, stored in group:
                if stored.done():  # the provider hung up
                    continue
                if failure is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(failure)

    def _store(self, by_provider: dict[int, list[Payload]]) -> None:
        with self._runtime.db.write() as session:
            for provider_id, payloads in by_provider.items():
                receive(session, provider_id, payloads, self._runtime.clock.now())


def parse(content_type: str, body: bytes) -> Payload | None:
    """A JSON object or form fields; None when it is neither."""
    try:
        if "json" in content_type or body[:1] == b"{":
            payload = json.loads(body)
        else:
            payload = dict(parse_qsl(body.decode(), keep_blank_values=True)) or None
    except ValueError:
        return None
    return payload if isinstance(payload, dict) else None


def routes(runtime: Runtime) -> list[Route]:
    """The endpoints. 204, or 200 to a GET: stored; 400: not a callback; 404: not our link; 503: send it again."""
    inbox = Inbox(runtime)

    async def callback(request: Request) -> Response:
        provider_id = runtime.links.provider_id(request.path_params["token"])
        if provider_id is None:
            return PlainTextResponse("no such callback link", 404)
        asked = request.method != "POST"
        body = request.url.query.encode() if asked else await request.body()
        kind = "" if asked else request.headers.get("content-type", "")
        payload = parse(kind, body) if len(body) <= LARGEST else None
        if payload is None:
            return PlainTextResponse("expected a JSON object or form fields, at most 64 KiB", 400)
        timestamp = request.headers.get(webhook.TIMESTAMP_HEADER)
        if timestamp is not None and not webhook.in_time(timestamp, time.time()):
            return PlainTextResponse(f"{webhook.TIMESTAMP_HEADER} is not within {webhook.WINDOW} seconds of now", 400)
        fields = {key: value for key, value in payload.items() if key not in ENVELOPE}
        try:
            await inbox.put(provider_id, fields | _envelope(runtime, request, body))
        except Exception:
            return PlainTextResponse("not stored, please send it again", 503)
        # Kannel texts "could not fetch content" to the customer after anything but a 200 or 202.
        return PlainTextResponse("", 200) if asked else Response(status_code=204)

    return [
        Route("/callbacks/{token}", callback, methods=["POST", "GET"]),
        Route("/callbacks/{token}/{attempt}", callback, methods=["POST", "GET"]),
    ]


def _envelope(runtime: Runtime, request: Request, body: bytes) -> Payload:
    """What a provider's signature is over besides the fields, and the attempt that the address names.

    The address is the public one: behind a proxy ours would be another.
    """
    query = f"?{request.url.query}" if request.url.query else ""
    found: Payload = {URL: f"{runtime.links.public_url}{request.url.path}{query}"}
    if "attempt" in request.path_params:
        found[ATTEMPT] = request.path_params["attempt"]
    headers = request.headers
    if webhook.SIGNATURE_HEADER in headers:
        found[SIGNATURE] = headers[webhook.SIGNATURE_HEADER]
        found[TIMESTAMP] = headers.get(webhook.TIMESTAMP_HEADER)
        found[BODY] = body.decode("utf-8", "replace")
    elif TWILIO_SIGNATURE in headers:
        found[SIGNATURE] = headers[TWILIO_SIGNATURE]
    return found
