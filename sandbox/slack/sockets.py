"""Socket Mode: the bot's WebSocket connections, and envelopes that wait for their ack.

docs.slack.dev/apis/events-api/using-socket-mode. Each envelope goes to one of the open connections, in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox import people
from sandbox.blocks import Json
from sandbox.hub import Hub
from sandbox.knobs import ACK_SECONDS, Knobs

TICKET_SECONDS = 30.0


class NotConnected(Exception):
    """No socket of the bot is open, so Slack has nobody to ask."""


class NotAcknowledged(Exception):
    """The bot did not acknowledge within three seconds."""


@dataclass(frozen=True)
class Ack:
    """What the bot acknowledged with; an empty dict when with nothing."""

    payload: Json


class Sockets:
    """The bot's open connections."""

    def __init__(self, hub: Hub, knobs: Knobs, ack_seconds: float = ACK_SECONDS) -> None:
        self.connected_once = asyncio.Event()
        self._hub = hub
        self._knobs = knobs
        self._ack_seconds = ack_seconds
        self._open: list[WebSocket] = []
        self._leaving: list[WebSocket] = []
        """Told to reconnect; used and kept open only until another connection is there."""
        self._turn = itertools.count()
        self._tickets: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether the bot has at least one connection."""
        return bool(self._open or self._leaving)

    def new_ticket(self) -> str:
        """A ticket for one connection, good for 30 seconds (`apps.connections.open`)."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = time.monotonic()
        return ticket

    async def serve(self, socket: WebSocket) -> None:
        """Run one connection of the bot until it closes."""
        issued = self._tickets.pop(socket.query_params.get("ticket", ""), None)
        if issued is None or time.monotonic() - issued > TICKET_SECONDS:
            await socket.close(code=4001, reason="ticket is unknown, used or older than 30 seconds")
            return
        await socket.accept()
        self._open.append(socket)
        hello = {
            "type": "hello",
            "num_connections": len(self._open),
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": people.APP_ID},
        }
        try:
            await socket.send_text(json.dumps(hello))
            self.connected_once.set()
            for old in self._leaving:
                await _close(old)
            self._hub.push({"type": "bot", "connected": True})
            while True:
                self._take_ack(await socket.receive_text())
        except (WebSocketDisconnect, RuntimeError):
            pass  # closed by either side
        finally:
            for sockets in (self._open, self._leaving):
                if socket in sockets:
                    sockets.remove(socket)
            self._hub.push({"type": "bot", "connected": self.connected})

    def _take_ack(self, raw: str) -> None:
        try:
            message = json.loads(raw)
        except ValueError:
            return
        future = self._waiting.get(message.get("envelope_id", "")) if isinstance(message, dict) else None
        if future is not None and not future.done():
            payload = message.get("payload")
            future.set_result(payload if isinstance(payload, dict) else {})

    async def ask(self, kind: str, payload: Json) -> Ack:
        """Deliver an interaction or a command and wait for its ack.

        Raises NotConnected when there is no connection, NotAcknowledged after three seconds.
        """
        started = time.monotonic()
        ack = await self._send(kind, payload)
        if self._knobs.duplicate_events:
            self._later(self._send_quietly(kind, payload, attempt=1))
        late = self._knobs.slow_ack_ms / 1000
        left = self._ack_seconds - (time.monotonic() - started)
        await asyncio.sleep(min(late, max(left, 0)))
        if late >= left:
            raise NotAcknowledged
        return ack

    def tell(self, payload: Json) -> None:
        """Deliver an Events API event in the background, with Slack's retries when it is not acknowledged."""
        self._later(self._deliver_event(payload))

    async def _deliver_event(self, payload: Json) -> None:
        waits = (None, *self._knobs.retry_seconds)
        for attempt, wait in enumerate(waits):
            if wait is not None:
                await asyncio.sleep(wait)
            try:
                await self._send("events_api", payload, attempt=attempt)
            except (NotConnected, NotAcknowledged) as failure:
                if attempt == 0:
                    self._notice(payload, failure)
                continue
            if self._knobs.duplicate_events:
                await self._send_quietly("events_api", payload, attempt=attempt + 1)
            return

    def _notice(self, payload: Json, failure: Exception) -> None:
        """Tell the person whose doing was not heard; Slack says nothing here, a demo should."""
        why = "is not connected" if isinstance(failure, NotConnected) else "did not answer in 3 seconds"
        text = f"{people.BOT.name} {why}. What you did is sent to it again."
        self._hub.push({"type": "notice", "level": "error", "text": text}, user=payload["event"].get("user"))

    async def _send_quietly(self, kind: str, payload: Json, *, attempt: int) -> None:
        with contextlib.suppress(NotConnected, NotAcknowledged):
            await self._send(kind, payload, attempt=attempt)

    async def _send(self, kind: str, payload: Json, *, attempt: int = 0) -> Ack:
        sockets = self._open or self._leaving
        if not sockets:
            raise NotConnected
        socket = sockets[next(self._turn) % len(sockets)]
        envelope_id = str(uuid.uuid4())
        envelope: dict[str, Any] = {
            "envelope_id": envelope_id,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            "payload": payload,
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": "timeout" if attempt else ""}
        future = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = future
        try:
            await socket.send_text(json.dumps(envelope))
            async with asyncio.timeout(self._ack_seconds):
                return Ack(await future)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            raise NotAcknowledged from None
        finally:
            del self._waiting[envelope_id]

    async def drop(self, *, warn: bool = False) -> None:
        """Cut every connection; with `warn`, send Slack's `disconnect` message and close once there is another."""
        gone, self._open = self._open, []
        if warn:
            self._leaving += gone
            notice = {"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "sandbox"}}
            for socket in gone:
                with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                    await socket.send_text(json.dumps(notice))
            return
        for socket in gone:
            await _close(socket)
        self._hub.push({"type": "bot", "connected": False})

    async def close(self) -> None:
        """Stop what is still running in the background."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close(socket: WebSocket) -> None:
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code=1011)
