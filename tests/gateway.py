"""A stateful gateway that misbehaves: it keeps every text that it took, calls back, and can be any kind of trouble.

In a test's own loop (`serving`), in a thread of its own (`gateway_in_thread`), or in a process of its own, which writes
down what it took and never dies with whoever it serves:

    python -m tests.gateway --log texts.jsonl --seed 7 --trouble drop-after-accept=0.05 --receipts lost=0.1

It speaks as the sandbox's phone does, as Twilio does (`tests/unit/providers/test_gateway.py` holds that to Twilio's own
client), and as a webhook behind the HTTP provider that cannot be asked about texts (`tests.dialects`).
"""

import argparse
import asyncio
import json
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from aiohttp import ClientError, ClientSession, web

from tests.dialects import ACCOUNT_SID, Dialect, Phone, Twilio, Webhook

# What may become of a request. Those after the line break take the text first.
TROUBLE = (
    *("refuse", "account", "429", "500", "drop", "hang"),
    *("slow", "500-after-accept", "drop-after-accept", "hang-after-accept"),
)


@dataclass
class Receipts:
    """How the gateway calls back about the texts that it took. Each is a share of them, from 0 to 1."""

    undelivered: float = 0.0
    early: float = 0.0  # the callback comes before the answer to the request
    twice: float = 0.0
    swapped: float = 0.0  # "delivered" before "accepted"
    lost: float = 0.0
    silent: bool = False  # none at all

    def about(self, text: dict[str, Any], chance: random.Random) -> list[dict[str, Any]]:
        """The callbacks about a text, in the order in which they are made."""
        if self.silent:
            return []
        end = "undelivered" if chance.random() < self.undelivered else "delivered"
        error = None if end == "delivered" else "unreachable"
        made = [callback_of(text, "accepted"), callback_of(text, end, error=error)]
        if chance.random() < self.swapped:
            made.reverse()
        if chance.random() < self.twice:
            made += made
        return [news for news in made if chance.random() >= self.lost]


@dataclass
class Gateway:
    """What it took, what it does to the coming requests, and what it has to say about its texts."""

    url: str = ""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    # What happens to the coming requests, in order; then, by these shares, one of `TROUBLE`; then `always`.
    script: list[str] = field(default_factory=list)
    trouble: dict[str, float] = field(default_factory=dict)
    always: str = "ok"
    # What always happens to a number.
    by_number: dict[str, str] = field(default_factory=dict)
    lookups: int = 0
    mute: bool = False  # look-ups get no answer until `hanging` is set
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    in_hand: int = 0  # requests that it is at work on
    closed: bool = False  # it takes nothing, and hangs up
    latency: float = 0.0
    slow: float = 0.5  # seconds that a slow answer takes
    receipts: Receipts = field(default_factory=lambda: Receipts(silent=True))
    # Callbacks that somebody has yet to carry: where to, and what. A process posts them itself.
    outbox: deque[tuple[str, dict[str, Any]]] = field(default_factory=deque)
    log: TextIO | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def texts_to(self) -> Counter[str]:
        """How many texts each number got."""
        return Counter(text["to"] for text in self.accepted)

    def twice(self) -> list[str]:
        """Bodies that were accepted more than once, for one number."""
        bodies = Counter((text["to"], text["body"]) for text in self.accepted)
        return [f"{to}: {body}" for (to, body), n in bodies.items() if n > 1]

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Within the block, no request is under way: those that were have ended, and no other is taken.

        For a test in another thread that lets minutes pass at once, in which every request would have ended.
        """
        self.closed = True
        try:
            while self.in_hand:
                time.sleep(0.01)
            yield
        finally:
            self.closed = False

    def write(self, path: Path) -> Path:
        """Write down what it took, as `promobot check --gateway-log` reads it."""
        path.write_text("".join(line_of(text) for text in self.accepted), encoding="utf-8")
        return path

    async def send(self, request: web.Request) -> web.StreamResponse:
        """POST /gateway/messages."""
        return await self._handle(request, await request.json(), Phone())

    async def search(self, request: web.Request) -> web.Response:
        """GET /gateway/messages."""
        return web.json_response({"messages": await self._found(request.query["to"])})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST Messages.json, as Twilio's."""
        form = await request.post()
        callback = str(form.get("StatusCallback") or "")
        body = {
            "to": form["To"],
            "body": form["Body"],
            "callback_url": callback,
            "reference": callback.rpartition("/")[2],
            "pictures": [str(url) for url in form.getall("MediaUrl", [])],
        }
        return await self._handle(request, body, Twilio())

    async def hook(self, request: web.Request) -> web.StreamResponse:
        """POST /hook: a text as the HTTP provider posts it."""
        said = await request.json()
        body = {"to": said["to"], "body": said["text"], "reference": said["reference"]}
        return await self._handle(request, body, Webhook())

    async def listing(self, request: web.Request) -> web.Response:
        """GET Messages.json, as Twilio's: newest first, one page."""
        texts = [Twilio.text(text) for text in await self._found(request.query.get("To"))]
        return web.json_response({"messages": texts, "next_page_uri": None, "page": 0, "uri": str(request.rel_url)})

    async def _found(self, to: str | None) -> list[dict[str, Any]]:
        self.lookups += 1
        if self.mute:
            await self.hanging.wait()
        return [text for text in reversed(self.accepted) if to is None or text["to"] == to]

    def _what(self, to: str) -> str:
        """What happens to the next request."""
        known = self.by_number.get(to) or (self.script.pop(0) if self.script else None)
        if known is not None:
            return known
        drawn = self.chance.random() if self.trouble else 1.0
        for what, share in self.trouble.items():
            if drawn < share:
                return what
            drawn -= share
        return self.always

    async def _handle(self, request: web.Request, body: dict[str, Any], speaks: Dialect) -> web.StreamResponse:
        self.in_hand += 1
        try:
            return _cut(request) if self.closed else await self._answer(request, body, speaks)
        finally:
            self.in_hand -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any], speaks: Dialect) -> web.StreamResponse:
        self.requests += 1
        what = self._what(body["to"])
        if self.latency:
            await asyncio.sleep(self.latency)
        if what in ("refuse", "account", "429", "500"):
            return speaks.refusal(what)
        if what == "drop":
            return _cut(request)
        if what == "hang":
            await self.hanging.wait()
            return _cut(request)
        if what == "slow":
            await asyncio.sleep(self.slow)
        text = self._take(body)
        await self._call_back(text)
        if what == "500-after-accept":
            return speaks.refusal("500")
        if what == "drop-after-accept":
            return _cut(request)
        if what == "hang-after-accept":
            await self.hanging.wait()
        return speaks.taken(text)

    def _take(self, body: dict[str, Any]) -> dict[str, Any]:
        text = {
            **body,
            "id": f"SM{len(self.accepted):032x}",
            "status": "accepted",
            "time": datetime.now(UTC).isoformat(),
        }
        self.accepted.append(text)
        if self.log is not None:  # on disk before it is answered: whoever asks later must find it
            self.log.write(line_of(text))
            self.log.flush()
        return text

    async def _call_back(self, text: dict[str, Any]) -> None:
        """Put its callbacks where they are carried from; those that are early are given the time to arrive first."""
        news = self.receipts.about(text, self.chance)
        url = str(text.get("callback_url") or "")
        if self.chance.random() < self.receipts.early:
            self.outbox.extend((url, each) for each in news)
            await asyncio.sleep(0.05)
        else:
            asyncio.get_running_loop().call_later(0.01, self.outbox.extend, [(url, each) for each in news])

    async def carry(self) -> None:
        """Post callbacks until cancelled; one that is not taken is posted again, as gateways do."""
        async with ClientSession() as http:
            while True:
                while not self.outbox:
                    await asyncio.sleep(0.02)
                round_ = [self.outbox.popleft() for _ in range(min(50, len(self.outbox)))]
                taken = await asyncio.gather(*(_post(http, url, news) for url, news in round_))
                again = [each for each, ok in zip(round_, taken, strict=True) if not ok]
                self.outbox.extend(again)
                await asyncio.sleep(0.2 if again else 0)


async def _post(http: ClientSession, url: str, news: dict[str, Any]) -> bool:
    with suppress(ClientError, OSError, TimeoutError):
        async with asyncio.timeout(5), http.post(url, json=news) as response:
            return response.status < 300
    return False


def line_of(text: dict[str, Any]) -> str:
    """A text in the gateway's own log."""
    return json.dumps({key: text.get(key) for key in ("to", "body", "reference", "time")}) + "\n"


def callback_of(
    text: dict[str, Any], state: str, at: datetime | None = None, error: str | None = None
) -> dict[str, Any]:
    """The status callback that the gateway would post about an accepted text."""
    when = at or datetime.now(UTC)
    news = {
        "event": "status",
        "id": text["id"],
        "reference": text["reference"],
        "status": state,
        "at": when.isoformat(),
    }
    return json.loads(json.dumps(news | ({"error": error} if error else {})))


def _cut(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        transport.abort()
    return web.Response()


@asynccontextmanager
async def serving(gateway: Gateway, port: int = 0) -> AsyncIterator[Gateway]:
    """The gateway on a free port, or on this one."""
    app = web.Application()
    app.router.add_post("/gateway/messages", gateway.send)
    app.router.add_get("/gateway/messages", gateway.search)
    app.router.add_post("/hook", gateway.hook)
    twilio = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    app.router.add_post(twilio, gateway.create)
    app.router.add_get(twilio, gateway.listing)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield gateway
    finally:
        gateway.hanging.set()
        await runner.cleanup()


@contextmanager
def gateway_in_thread(gateway: Gateway | None = None) -> Iterator[Gateway]:
    """The gateway in a thread of its own, so that a sender whose loop is killed or held does not take it along."""
    loop = asyncio.new_event_loop()
    gateway = gateway or Gateway()
    up = threading.Event()
    done = asyncio.Event()

    async def serve() -> None:
        async with serving(gateway):
            up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert up.wait(10)
    try:
        yield gateway
    finally:
        loop.call_soon_threadsafe(gateway.hanging.set)
        loop.call_soon_threadsafe(done.set)
        thread.join(5)
        loop.close()


def _shares(words: list[str]) -> dict[str, float]:
    """`drop=0.1` → {"drop": 0.1}."""
    return {word.partition("=")[0]: float(word.partition("=")[2]) for word in words}


async def _serve(options: argparse.Namespace) -> None:
    """Serve until killed; the address is the first line of the output."""
    trouble, receipts = _shares(options.trouble), _shares(options.receipts)
    unknown = (set(trouble) - set(TROUBLE)) | (set(receipts) - {each.name for each in fields(Receipts)})
    assert not unknown, f"the gateway cannot do this: {', '.join(sorted(unknown))}"
    with Path(options.log).open("a", encoding="utf-8") as log:
        gateway = Gateway(
            trouble=trouble,
            latency=options.latency,
            receipts=Receipts(**receipts),
            log=log,
            chance=random.Random(options.seed),
        )
        async with serving(gateway, options.port):
            sys.stdout.write(gateway.url + "\n")
            sys.stdout.flush()
            await gateway.carry()


def _main() -> None:
    parser = argparse.ArgumentParser(description="A gateway that misbehaves.")
    parser.add_argument("--log", required=True, help="where every text that it took is written down")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--trouble", nargs="*", default=[], help=f"share of requests, such as drop=0.1: {TROUBLE}")
    parser.add_argument("--receipts", nargs="*", default=[], help="share of texts, such as lost=0.1, twice=0.2")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    _main()
