"""The sandbox's server: the ASGI app of the four surfaces (README), and how to start and stop it.

`python -m sandbox` runs it; tests use `Sandbox` as a context manager.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import manifest as manifests
from sandbox.browser.machine import Machine
from sandbox.browser.routes import Browser
from sandbox.browser.timekeeper import ClockError, Timekeeper
from sandbox.hub import Hub
from sandbox.knobs import ACK_SECONDS, TRIGGER_SECONDS, Knobs
from sandbox.phone.gateway import Gateway
from sandbox.phone.phones import Phones
from sandbox.slack.api import Api
from sandbox.slack.interactions import Interactions
from sandbox.slack.slack import Recorded, Slack
from sandbox.slack.sockets import Sockets
from sandbox.slack.triggers import Handles
from sandbox.slack.views import Views
from sandbox.store import Store
from sandbox.workspace import Workspace

WEB = Path(__file__).parent / "web"


@dataclass
class Options:
    """How a sandbox is started; see README for each."""

    data: Path | None = None
    manifest: Path | None = None
    inbound_url: str | None = None
    clock_hooks: list[str] = field(default_factory=list)
    contacts: dict[str, str] = field(default_factory=dict)
    ack_seconds: float = ACK_SECONDS
    trigger_seconds: float = TRIGGER_SECONDS


class Parts:
    """Everything that one running sandbox is made of."""

    def __init__(self, options: Options) -> None:
        self.store = Store(options.data)
        self.hub = Hub()
        self.knobs = Knobs()
        self.workspace = Workspace(self.store, self.hub)
        self.slack = Slack(
            workspace=self.workspace,
            sockets=Sockets(self.hub, self.knobs, options.ack_seconds),
            views=Views(self.workspace),
            handles=Handles(options.trigger_seconds),
            knobs=self.knobs,
            manifest=manifests.read(options.manifest) if options.manifest else manifests.DEFAULT,
        )
        self.phones = Phones(self.store, self.hub, self.workspace.clock)
        if options.contacts:
            self.phones.set_names(options.contacts)
        self.gateway = Gateway(self.phones, self.workspace.clock, options.inbound_url)
        self.timekeeper = Timekeeper(self.workspace, options.clock_hooks)
        interactions = Interactions(self.slack)
        self.api = Api(self.slack)
        self.browser = Browser(self.slack, interactions, self.timekeeper)
        self.machine = Machine(self.slack, self.gateway, self.timekeeper)

    def app(self) -> Starlette:
        """The ASGI app; closing it closes the parts."""
        routes = [
            *self.api.routes(),
            *self.gateway.routes(),
            *self.browser.routes(),
            *self.machine.routes(),
            Route("/healthz", _healthy),
        ]
        if WEB.is_dir():
            routes.append(Mount("/", _Page(directory=WEB, html=True)))
        return Starlette(routes=routes, lifespan=self._lifespan)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        telling = asyncio.create_task(self._tell_time())
        try:
            yield
        finally:
            telling.cancel()
            await self.slack.sockets.close()
            await self.gateway.close()
            self.store.close()

    async def _tell_time(self) -> None:
        """Once the bot is there, tell it a clock that an earlier run moved ahead."""
        await self.slack.sockets.connected_once.wait()
        if self.workspace.clock.offset_seconds:
            with contextlib.suppress(ClockError):
                await self.timekeeper.tell()


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok")


class _Page(StaticFiles):
    """The page's files, never cached: they belong to this very server."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


class _Protocol(H11Protocol):
    """HTTP with the connection within reach of the app, so that the gateway can cut it without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            await app(scope | {"sandbox.transport": transport}, receive, send)

        self.app = with_transport


def make_server(parts: Parts, *, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Server:
    """A uvicorn server of these parts; not started yet."""
    config = uvicorn.Config(
        parts.app(),
        host=host,
        port=port,
        http=_Protocol,
        ws="websockets-sansio",
        ws_max_size=16 * 1024 * 1024,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


class Sandbox:
    """A sandbox in a thread of this process, on a free port of 127.0.0.1: `with Sandbox() as sandbox: …`.

    Takes the fields of `Options` as keywords. `sandbox.url` is what a browser opens, `sandbox.api_url` what
    `WebClient(base_url=…)` or `SLACK_API_URL` takes, `sandbox.gateway_url` what a gateway client takes.
    """

    def __init__(self, *, port: int = 0, **options: Any) -> None:
        self._parts = Parts(Options(**options))
        self._socket = socket.create_server(("127.0.0.1", port))
        self._server = make_server(self._parts)
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.api_url = f"{self.url}/api/"
        self.gateway_url = f"{self.url}/gateway"

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> Sandbox:
        """Start, and return once the port answers."""
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.005)
            if not self._thread.is_alive():
                raise RuntimeError("The sandbox did not start.")
        return self

    def stop(self) -> None:
        """Stop and wait for the end; what must survive is stored by then."""
        self._server.should_exit = True
        self._thread.join(10)

    def set_hooks(self, *, inbound_url: str | None = None, clock_hooks: list[str] | None = None) -> None:
        """Name the product's addresses once they are known, where that is after the start."""
        self._parts.gateway.inbound_url = inbound_url
        self._parts.timekeeper.hooks = list(clock_hooks or [])

    @property
    def payloads(self) -> list[Recorded]:
        """Every payload the bot has sent so far, with the validator's findings."""
        return list(self._parts.slack.recorded)

    @property
    def connected(self) -> bool:
        """Whether the bot has an open socket."""
        return self._parts.slack.sockets.connected

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
