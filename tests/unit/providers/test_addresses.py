"""Where providers may be reached; and what holds for every kind: no redirect followed, no post repeated below us."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from sqlalchemy import select

from distribution import providers, settings
from distribution.errors import Refused
from distribution.providers import addresses, registry
from distribution.providers import http as client
from distribution.providers.port import Kind, LookUpFailed, Outcome, Outgoing, Provider, Sought
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Message, MessageState
from storage.tables import Provider as Row
from tests.sending import make_customers, make_distribution, make_group, sending, start, status, until
from tests.unit.providers.fake_twilio import SID, TOKEN

TEXT = Outgoing("12-34", "+48600100001", "Hi", "https://promo.example/callbacks/1-x/12-34")
KEY = "a key that is long"


def setup(kind: str, url: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A configuration of a kind at an address, and its secret."""
    configs: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "twilio": ({"account_sid": SID, "from": "+15550100200", "api_base_url": url}, {"auth_token": TOKEN}),
        "kannel": ({"api_base_url": url, "username": "promobot"}, {"password": "s3cret"}),
        "http": ({"api_base_url": f"{url}/sms", "look_up": "yes"}, {"key": KEY}),
        "sandbox": ({"base_url": url}, {}),
    }
    return configs[kind]


def opened(kind: str, url: str) -> Provider:
    return registry.kind_of(kind).open(*setup(kind, url))


class Scripted:
    """A gateway that answers everything with one status, or hangs up; `paths`: what it was asked."""

    def __init__(self, answer: int | None, headers: dict[str, str] | None = None) -> None:
        self.answer, self.headers = answer, headers or {}
        self.paths: list[str] = []
        self.url = ""

    async def answer_to(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(f"{request.method} {request.path}")
        await request.read()
        if self.answer is None or self.answer < 0:
            if self.answer is not None and len(self.paths) <= -self.answer:
                return web.Response(status=400)  # the connection is kept, and breaks at the next request
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=self.answer, headers=self.headers)


@asynccontextmanager
async def serving(gateway: Scripted) -> AsyncIterator[Scripted]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer_to)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield gateway
    finally:
        await asyncio.wait_for(runner.cleanup(), 10)


# What is typed.

INTERNAL = [
    "https://localhost",
    "https://LOCALHOST.",
    "https://api.localhost/x",
    "https://gateway.internal/sms",
    "https://printer.local",
    "https://metadata",
    "https://127.0.0.1",
    "https://127.1",
    "https://0x7f000001",
    "https://2130706433",
    "https://0.0.0.0",
    "https://10.0.0.5:8443/sms",
    "https://172.20.1.1",
    "https://192.168.1.10",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1",
    "https://224.0.0.1",
    "https://[::1]",
    "https://[::]",
    "https://[fe80::1]",
    "https://[fd00::1]",
    "https://[::ffff:10.0.0.5]",
    "https://[64:ff9b::a00:5]",
    "https://[2002:a00:5::]",
    "https://[64:ff9b:1::a00:5]",
    "https://[::ffff:0:10.0.0.5]",
    "https://[::10.0.0.5]",
]


@pytest.mark.parametrize("url", [*INTERNAL, "http://gateway.example.com/sms"])
def test_what_is_typed_in_slack_is_public_and_encrypted_and_an_operator_may_set_any(url: str) -> None:
    with pytest.raises(Refused) as refused:
        addresses.check(url, "api_base_url", guarded=True)
    assert refused.value.field == "api_base_url" and "An admin can allow" in str(refused.value)
    addresses.check(url, "api_base_url", guarded=False)


@pytest.mark.parametrize(
    "url", ["https://gateway.example.com/sms?shop=1", "https://8.8.8.8", "https://[2001:4860:4860::8888]:8443/x"]
)
def test_a_public_address_is_taken(url: str) -> None:
    addresses.check(url, "api_base_url", guarded=True)


@pytest.mark.parametrize(
    "url",
    ["", "gateway.example.com", "ftp://x.example", "file:///etc/passwd", "https://", "https://me:pw@x.example", "http://[::1",
     "https://x.example:0", "https://x.example:99999", "https://x.example/a b", "https://x.example/#a"],
)  # fmt: skip
def test_what_is_no_address_is_refused_to_everybody(url: str) -> None:
    for guarded in (True, False):
        with pytest.raises(Refused):
            addresses.check(url, "api_base_url", guarded=guarded)


# What is connected to.


@pytest.mark.parametrize("kind", list(registry.KINDS))
@pytest.mark.parametrize("host", ["127.0.0.1", "public.example"])
def test_a_guarded_session_connects_to_nothing_inside_whatever_a_name_says_by_now(
    kind: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name was public when it was typed, and leads to this machine when it is connected to."""
    real = socket.getaddrinfo

    def rebound(name: Any, *args: Any, **more: Any) -> Any:
        return real("127.0.0.1" if name == "public.example" else name, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async def run() -> tuple[Outcome, Outcome, int]:
        async with serving(Scripted(200)) as gateway:
            provider = opened(kind, gateway.url.replace("127.0.0.1", host))
            async with client.open_session(guarded=True) as http:
                inside = await provider.send(http, provider.encode(TEXT))
                with pytest.raises(LookUpFailed):
                    await provider.look_up(http, Sought("12-34", TEXT.phone, ("S-1",), datetime.now(UTC)))
            asked = len(gateway.paths)
            async with client.open_session() as http:
                open_ = await provider.send(http, provider.encode(TEXT))
        return inside, open_, asked

    inside, open_, asked = asyncio.run(run())
    assert (inside.kind, inside.reason, asked) == (Kind.ACCOUNT, "internal_address", 0)
    assert open_.reason != "internal_address"


@pytest.mark.parametrize("kind", list(registry.KINDS))
def test_no_kind_follows_a_redirect(kind: str) -> None:
    async def run() -> list[str]:
        async with serving(Scripted(307, {"Location": "/elsewhere"})) as gateway, client.open_session() as http:
            provider = opened(kind, gateway.url)
            assert (await provider.send(http, provider.encode(TEXT))).kind is Kind.ACCOUNT
            with pytest.raises(LookUpFailed):
                await provider.look_up(http, Sought("12-34", TEXT.phone, ("S-1",), datetime.now(UTC)))
            return gateway.paths

    paths = asyncio.run(run())
    assert len(paths) == (1 if kind == "kannel" else 2) and not any("elsewhere" in path for path in paths)


@pytest.mark.parametrize("kind", list(registry.KINDS))
@pytest.mark.parametrize("kept", [0, 1])
def test_a_connection_that_breaks_is_one_request_and_an_unknown_outcome(kind: str, kept: int) -> None:
    """Also one that was kept from the request before: an HTTP client repeats a GET there by itself."""

    async def run() -> tuple[Outcome, int]:
        async with serving(Scripted(-kept if kept else None)) as gateway, client.open_session() as http:
            provider = opened(kind, gateway.url)
            for _ in range(kept):
                await provider.send(http, provider.encode(TEXT))
            return await provider.send(http, provider.encode(TEXT)), len(gateway.paths)

    outcome, requests = asyncio.run(run())
    assert (outcome.kind, requests) == (Kind.UNKNOWN, kept + 1)


def test_the_documented_capabilities_are_those_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs/providers.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| \[([^]]+)\]\(#[^)]+\) \| [^|]+ \| (\w+) \| (\w+) \| ([^|]+) \| (\w+) \| ([^|]+) \|$", page, re.MULTILINE
    )
    said = {title: rest for title, *rest in rows}
    for kind in registry.KINDS.values():
        can, could = kind.capabilities({}), kind.capabilities({"look_up": "yes", "pictures": "yes"})
        asked = "yes" if can.look_up else "where it answers `look_up`" if could.look_up else "no"
        flags = ["yes" if each else "no" for each in (can.receipts, can.replies, can.validity)]
        pictures = "yes" if can.pictures else "where wanted" if could.pictures else "no"
        assert said[kind.title] == [flags[0], flags[1], asked, flags[2], pictures]
        opened_as = kind.open(*setup(next(k for k, v in registry.KINDS.items() if v is kind), "https://x.example"))
        assert (opened_as.listed_within is not None) == could.look_up


# What is stored, and who set it.


def add(runtime: Runtime, url: str, **more: Any) -> Row:
    config, secret = setup("http", url)
    with runtime.db.write() as session:
        return providers.add(
            session,
            runtime.vault,
            name="Gateway",
            kind="http",
            config=config,
            secret=secret,
            by="U0ADA",
            now=runtime.clock.now(),
            **more,
        )


def test_what_an_operator_set_stays_trusted_until_slack_changes_its_address(runtime: Runtime) -> None:
    row = add(runtime, "http://10.0.0.5")

    def edit(url: str, key: str = "", *, rate: float = 10.0) -> bool:
        config = setup("http", url)[0]
        with runtime.db.write() as session:
            edited = providers.edit(
                session, runtime.vault, row.id, name="G", config=config, secret={"key": key}, rate=rate, guarded=True
            )
            return registry.is_guarded(session, edited)

    assert edit("http://10.0.0.5", rate=5) is False
    with pytest.raises(Refused, match="our own network"):
        edit("https://10.0.0.6", KEY)
    with pytest.raises(Refused, match="give the signing key again") as refused:
        edit("https://gateway.example.com")
    assert refused.value.field == "key"
    assert edit("https://gateway.example.com", KEY) is True
    with runtime.db.write() as session:
        settings.put(session, addresses.SETTING, "yes")
    assert edit("http://10.0.0.7", KEY) is False


def test_a_distribution_through_a_guarded_provider_that_leads_inside_pauses_and_says_so(runtime: Runtime) -> None:
    """Nothing is asked; once an admin allows it, what waits is sent: the lane is opened anew with the setting."""

    class Gateway(Scripted):
        async def answer_to(self, request: web.Request) -> web.StreamResponse:
            await super().answer_to(request)
            return web.json_response({"id": f"T{len(self.paths)}"}, status=201)

    async def scenario() -> None:
        async with serving(Gateway(201)) as gateway:
            make_group(runtime, "Summer 10%", 3)
            row = add(runtime, gateway.url)
            with runtime.db.write() as session:
                stored = session.get_one(Row, row.id)
                stored.config = {**stored.config, registry.GUARDED: True}
            distribution = make_distribution(runtime, row.id, make_customers(runtime, 3))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "paused")
                assert gateway.paths == []
                with runtime.db.read() as session:
                    failed = session.get_one(Row, row.id)
                    assert (failed.last_failure, failed.last_success_at) == ("internal_address", None)
            with runtime.db.write() as session:
                settings.put(session, addresses.SETTING, "yes")
                control.resume(session, runtime, distribution, by="U0MAYA", now=runtime.clock.now())
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.paths) == 3
            with runtime.db.read() as session:
                assert set(session.scalars(select(Message.state))) == {MessageState.ACCEPTED}
                assert session.get_one(Row, row.id).last_success_at == runtime.clock.now()

    asyncio.run(scenario())
