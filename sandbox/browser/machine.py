"""The page beside the workspace: phones, the clock, knobs, and the stream of pushes (README §3)."""

from __future__ import annotations

import asyncio
import contextlib
import json

from starlette.requests import Request
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from sandbox.blocks import Json
from sandbox.browser.endpoint import refused, routes_of
from sandbox.browser.timekeeper import ClockError, Timekeeper
from sandbox.phone.gateway import Gateway
from sandbox.slack.slack import Slack


class Machine:
    """The HTTP side of everything on the page that is not Slack."""

    def __init__(self, slack: Slack, gateway: Gateway, timekeeper: Timekeeper) -> None:
        self.slack = slack
        self.gateway = gateway
        self.phones = gateway.phones
        self.timekeeper = timekeeper

    def routes(self) -> list[BaseRoute]:
        """The routes of this side."""
        table = [
            ("GET", "/sandbox/phones", self.list_phones),
            ("GET", "/sandbox/phones/{number}", self.phone),
            ("POST", "/sandbox/phones/{number}/reply", self.reply),
            ("PUT", "/sandbox/contacts", self.contacts),
            ("GET", "/sandbox/clock", self.clock),
            ("POST", "/sandbox/clock", self.move_clock),
            ("GET", "/sandbox/behaviour", self.behaviour),
            ("PUT", "/sandbox/behaviour", self.behave),
            ("GET", "/sandbox/changes", self.changes),
        ]
        return [*routes_of(table), WebSocketRoute("/sandbox/events", self.events)]

    async def list_phones(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/phones"""
        return {"phones": self.phones.listing(str(args.get("q", "")))}

    async def phone(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/phones/{number}"""
        number = str(args["number"])
        return {"number": number, "name": self.phones.name(number), "texts": self.phones.conversation(number)}

    async def reply(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/phones/{number}/reply"""
        body = str(args.get("body") or "").strip()
        if not body:
            raise refused("no_text", "There is nothing to send.")
        text, failure = await self.gateway.reply(str(args["number"]), body)
        if failure:
            raise refused("not_received", failure, 502)
        return {"text": text}

    async def contacts(self, args: Json, _request: Request) -> Json:
        """PUT /sandbox/contacts"""
        self.phones.set_names({number: str(name) for number, name in args.items()})
        return {"ok": True}

    # The clock, the knobs, the pushes

    async def clock(self, _args: Json, _request: Request) -> Json:
        """GET /sandbox/clock"""
        return self.timekeeper.reading()

    async def move_clock(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/clock"""
        try:
            return await self.timekeeper.move(args)
        except ClockError as error:
            raise refused(error.name, str(error), error.status) from None

    async def behaviour(self, _args: Json, _request: Request) -> Json:
        """GET /sandbox/behaviour"""
        return self.slack.knobs.as_dict()

    async def behave(self, args: Json, _request: Request) -> Json:
        """PUT /sandbox/behaviour"""
        drop = args.pop("drop_socket", False)
        try:
            self.slack.knobs.update(args)
        except ValueError as error:
            raise refused("invalid_arguments", str(error)) from None
        if drop:
            await self.slack.sockets.drop(warn=drop == "warning")
        return self.slack.knobs.as_dict()

    async def changes(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/changes?after=&timeout=: waits until something changed, for drivers that would else poll"""
        try:
            after, timeout = int(args.get("after", 0)), min(float(args.get("timeout", 10)), 30.0)
        except ValueError:
            raise refused("invalid_arguments", "after and timeout must be numbers.") from None
        return {"version": await self.slack.workspace.hub.wait(after, timeout)}

    async def events(self, socket: WebSocket) -> None:
        """WS /sandbox/events"""
        await socket.accept()
        with self.slack.workspace.hub.page(socket.query_params.get("user", "")) as queue:
            reader = asyncio.create_task(_until_closed(socket))
            try:
                while not reader.done():
                    getter = asyncio.ensure_future(queue.get())
                    await asyncio.wait({getter, reader}, return_when=asyncio.FIRST_COMPLETED)
                    if getter.done():
                        await socket.send_text(json.dumps(getter.result()))
                    else:
                        getter.cancel()
            except (WebSocketDisconnect, RuntimeError):
                pass
            finally:
                reader.cancel()


async def _until_closed(socket: WebSocket) -> None:
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
