"""Clients with nothing around them, posting one text again and again: what the whole of sending is measured beside."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiohttp
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as Twilio
from yarl import URL

from benchmarks.campaign import SID, TOKEN
from distribution.providers import http
from distribution.providers.port import Outgoing, Provider

TEXT = Outgoing(
    "1234-1234567",
    "+48600000000",
    "Hi Anna0, your 10% code: SUMMER-00000000000000. Reply STOP to opt out.",
    "http://localhost:8000/callbacks/1-0123456789abcd/1234-1234567",
)
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# Where a kind's requests go, and the headers of one: those that do not change with the text.
REQUESTS: dict[str, tuple[str, dict[str, str]]] = {
    "sandbox": ("/gateway/messages", {"Content-Type": "application/json"}),
    "http": (
        "/sms",
        {"Content-Type": "application/json", "X-Promobot-Timestamp": "1", "X-Promobot-Signature": "x" * 71},
    ),
    "kannel": (
        "/cgi-bin/sendsms",
        {"Content-Type": "text/plain", "X-Kannel-To": "+48600000000", "X-Kannel-Coding": "0"},
    ),
    "twilio": (f"/2010-04-01/Accounts/{SID}/Messages.json", FORM | {"Authorization": "Basic " + "x" * 88}),
}


async def tuned(url: str, kind: str, provider: Provider, count: int, concurrency: int) -> float:
    """Seconds that aiohttp takes, tuned: one session, the body and the headers ready, the answer read once."""
    path, headers = REQUESTS[kind]
    address, body = URL(url + path), provider.encode(TEXT)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
    ) as session:

        async def post() -> None:
            async with session.post(address, data=body, headers=headers, allow_redirects=False) as response:
                await response.read()

        return await at_once(post, count, concurrency)


async def ours_alone(url: str, kind: str, provider: Provider, count: int, concurrency: int) -> float:
    """Seconds that our own client takes for the same, its answers unread."""
    path, headers = REQUESTS[kind]
    address, body = URL(url + path), provider.encode(TEXT)
    said = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    async with http.open_session() as client:

        async def post() -> None:
            await client.request("POST", address, headers=said, body=body)

        return await at_once(post, count, concurrency)


async def twilio_async(url: str, count: int, concurrency: int) -> float:
    """Seconds that the `twilio` package takes with its asynchronous client."""
    async with _Redirected(url) as redirected:
        client = Twilio(SID, TOKEN, http_client=redirected)

        async def post() -> None:
            await client.messages.create_async(to=TEXT.phone, from_="+15550100200", body=TEXT.text)

        return await at_once(post, count, concurrency)


def twilio_sync(url: str, count: int, threads: int) -> float:
    """Seconds that the `twilio` package takes with its synchronous client in threads."""
    client = Twilio(SID, TOKEN, http_client=_RedirectedSync(url))

    def post(_: int) -> None:
        client.messages.create(to=TEXT.phone, from_="+15550100200", body=TEXT.text)

    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        list(pool.map(post, range(count)))
        return time.perf_counter() - started


async def at_once(post: Callable[[], Awaitable[None]], count: int, concurrency: int) -> float:
    """Seconds until `count` posts are done, `concurrency` of them at a time."""
    waiting = deque(range(count))

    async def work() -> None:
        while waiting:
            waiting.popleft()
            await post()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    return time.perf_counter() - started


class _Redirected(AsyncTwilioHttpClient):
    """The package's own client, with the sink's address in the place of Twilio's."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    async def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return await super().request(method, url.replace("https://api.twilio.com", self._url), *args, **more)


class _RedirectedSync(TwilioHttpClient):
    """The same for threads."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._url), *args, **more)
