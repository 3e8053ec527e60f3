"""The SMS gateway's HTTP side: takes texts, calls back with their status, passes replies on (README §2)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field, fields
from typing import Any

import aiohttp
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.blocks import Json
from sandbox.clock import Clock
from sandbox.phone.phones import Phones

E164 = re.compile(r"\+[1-9]\d{6,14}")
FAILURES = ("500", "429", "500-after-accept", "drop", "drop-before-accept", "hang", "hang-before-accept")
DELIVERY_SECONDS = 0.15
CALLBACK_TRIES = 5
HANG_SECONDS = 120.0


@dataclass
class Behaviour:
    """Knobs for tests (README §2); everything works by default."""

    refuse_numbers: list[str] = field(default_factory=list)
    fail_next: list[dict[str, Any]] = field(default_factory=list)
    delivery: str = "at-once"
    latency_ms: int = 0
    duplicate_callbacks: bool = False

    def update(self, change: dict[str, Any]) -> None:
        """Set the knobs that `change` names. Raises ValueError that says what is wrong."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in change.items():
            if name not in known:
                raise ValueError(f"There is no knob '{name}'. There are: {', '.join(sorted(known))}.")
            if not isinstance(value, type(known[name])):
                raise ValueError(f"Knob '{name}' takes {type(known[name]).__name__}, not {type(value).__name__}.")
        kinds = [item.get("kind") for item in change.get("fail_next", [])]
        for kind in kinds:
            if kind not in FAILURES:
                raise ValueError(f"There is no failure '{kind}'. There are: {', '.join(FAILURES)}.")
        if change.get("delivery", "at-once") not in ("at-once", "never", "before-response"):
            raise ValueError("delivery is at-once, never or before-response.")
        for name, value in change.items():
            setattr(self, name, value)

    def next_failure(self) -> str | None:
        """The failure that the coming request meets, if any; counts it off."""
        while self.fail_next:
            first = self.fail_next[0]
            left = int(first.get("times", 1))
            if left > 1:
                self.fail_next[0] = first | {"times": left - 1}
            else:
                self.fail_next.pop(0)
            if left > 0:
                return str(first["kind"])
        return None


class Gateway:
    """Takes texts for phones, and talks back to the product over HTTP."""

    def __init__(self, phones: Phones, clock: Clock, inbound_url: str | None) -> None:
        self.behaviour = Behaviour()
        self.phones = phones
        self.inbound_url = inbound_url
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._callbacks = asyncio.Semaphore(32)

    def routes(self) -> list[BaseRoute]:
        """The routes of this side."""
        return [
            Route("/gateway/messages", self.send, methods=["POST"]),
            Route("/gateway/messages", self.search, methods=["GET"]),
            Route("/gateway/log", self.log, methods=["GET"]),
            Route("/gateway/behaviour", self.get_behaviour, methods=["GET"]),
            Route("/gateway/behaviour", self.put_behaviour, methods=["PUT"]),
        ]

    async def send(self, request: Request) -> Response:
        """Take one text."""
        try:
            body = await request.json()
        except (ValueError, ClientDisconnect):
            return JSONResponse({"error": "invalid_json", "permanent": True}, 400)
        wrong = _wrong_fields(body)
        if wrong:
            return JSONResponse({"error": "invalid_request", "detail": wrong, "permanent": True}, 400)
        if self.behaviour.latency_ms:
            await asyncio.sleep(self.behaviour.latency_ms / 1000)
        number = body["to"]
        if not E164.fullmatch(number) or number.endswith("0000") or number in self.behaviour.refuse_numbers:
            return JSONResponse({"error": "invalid_number", "permanent": True}, 400)
        failure = self.behaviour.next_failure()
        if failure in ("500", "429", "drop-before-accept", "hang-before-accept"):
            return await _failed(request, failure)
        text = self.phones.receive(
            to=number,
            sender=str(body.get("from") or "PROMO"),
            body=body["body"],
            media_url=body.get("media_url"),
            reference=str(body.get("reference") or ""),
        )
        if self.behaviour.delivery == "before-response":
            await self._deliver(text, body.get("callback_url"))
        elif self.behaviour.delivery == "at-once":
            self._later(self._deliver_soon(text, body.get("callback_url")))
        if failure is not None:
            return await _failed(request, failure)
        return JSONResponse({"id": text["id"], "status": "accepted", "segments": text["segments"]}, 201)

    async def search(self, request: Request) -> Response:
        """Texts to a number that contain a string, newest first."""
        to, contains = request.query_params.get("to", ""), request.query_params.get("contains", "")
        keys = ("id", "to", "from", "body", "reference", "status", "at")
        found = self.phones.search(to=to, contains=contains)
        return JSONResponse({"messages": [{key: text[key] for key in keys} for text in found]})

    async def log(self, request: Request) -> Response:
        """Every accepted text after a `seq`, for checkers."""
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return JSONResponse({"error": "invalid_request", "detail": "after must be a number"}, 400)
        texts = self.phones.log(int(after))
        return JSONResponse({"texts": texts, "next": texts[-1]["seq"] if texts else int(after)})

    async def get_behaviour(self, _request: Request) -> Response:
        """Where the knobs stand."""
        return JSONResponse(vars(self.behaviour))

    async def put_behaviour(self, request: Request) -> Response:
        """Turn knobs."""
        try:
            self.behaviour.update(await request.json())
        except (ValueError, AttributeError, TypeError) as error:
            return JSONResponse({"error": "invalid_request", "detail": str(error)}, 400)
        return JSONResponse(vars(self.behaviour))

    async def reply(self, number: str, body: str) -> tuple[Json, str | None]:
        """A reply typed on a phone, passed to the inbound address. Returns the text, and why it did not arrive."""
        text = self.phones.reply(number, body)
        if self.inbound_url is None:
            self.phones.set_status(text, "failed", "no inbound address")
            return text, "The sandbox was started without an inbound address, so nobody receives replies."
        event = {
            "event": "inbound",
            "from": number,
            "to": text["to"],
            "body": body,
            "id": text["id"],
            "at": text["at"],
        }
        if await self._post(self.inbound_url, event):
            return text, None
        self.phones.set_status(text, "failed", "not received")
        return text, f"Nobody answered at {self.inbound_url}."

    async def close(self) -> None:
        """Stop callbacks under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _deliver_soon(self, text: Json, callback_url: str | None) -> None:
        await asyncio.sleep(DELIVERY_SECONDS)
        await self._deliver(text, callback_url)

    async def _deliver(self, text: Json, callback_url: str | None) -> None:
        reached = not text["number"].endswith("0001")
        error = None if reached else "unreachable"
        self.phones.set_status(text, "delivered" if reached else "undelivered", error)
        if not callback_url:
            return
        event = {
            "event": "status",
            "id": text["id"],
            "reference": text["reference"],
            "status": text["status"],
            "at": self._clock.iso(),
        } | ({"error": error} if error else {})
        for _ in range(2 if self.behaviour.duplicate_callbacks else 1):
            await self._post(callback_url, event)

    async def _post(self, url: str, event: Json) -> bool:
        """Post an event, again a few times while nobody takes it; False when nobody did."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        for attempt in range(CALLBACK_TRIES):
            try:
                async with self._callbacks, self._session.post(url, json=event) as response:
                    if response.status < 300:
                        return True
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2 * 2**attempt)
        return False

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wrong_fields(body: Any) -> str | None:
    if not isinstance(body, dict):
        return "the body must be an object"
    for key in ("to", "body"):
        if not isinstance(body.get(key), str) or not body[key]:
            return f"{key} must be a text"
    for key in ("from", "media_url", "callback_url", "reference"):
        if body.get(key) is not None and not isinstance(body[key], str):
            return f"{key} must be a text"
    return None


async def _failed(request: Request, kind: str) -> Response:
    """What a request meets that fails: an error, a connection cut without an answer, or silence."""
    if kind == "429":
        return JSONResponse({"error": "rate_limited", "permanent": False}, 429, {"Retry-After": "1"})
    if kind.startswith("500"):
        return JSONResponse({"error": "server_error"}, 500)
    if kind.startswith("hang"):
        await asyncio.sleep(HANG_SECONDS)
    request.scope["sandbox.transport"].abort()
    return Response(status_code=500)
