"""Our Twilio against its double, and the requests of Twilio's own client."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from distribution.providers import http as client
from distribution.providers.connections import Client as Connections
from distribution.providers.twilio import API, TwilioProvider
from distribution.runtime import Runtime
from tests.sending import make_distribution, make_group, sending, set_up, start, status, until
from tests.unit.providers.fake_twilio import SID, TOKEN, Asked, FakeTwilio, serving

T = TypeVar("T")
FROM = "+15550100200"
BODY = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}"
CALLBACK = "https://promo.example/callbacks/1-x/12-34"
SINCE = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def twilio(url: str = API, *, sender: str = FROM, service: str = "", validity: str = "") -> TwilioProvider:
    """Our Twilio at `url`."""
    return TwilioProvider(SID, TOKEN, sender=sender, service=service, validity=validity, base=url)


def on_twilio(fake: FakeTwilio, work: Callable[[TwilioProvider, Connections], Awaitable[T]], **more: str) -> T:
    """Run `work` with the sender's own HTTP session against the double."""

    async def run() -> T:
        async with serving(fake), client.open_session() as http:
            return await work(twilio(fake.url, **more), http)

    return asyncio.run(run())


class Redirected(TwilioHttpClient):
    """The official client's own HTTP client, with another host in its addresses."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace(API, self._base), *args, **more)


def official(fake: FakeTwilio, work: Callable[[Client], object]) -> Asked:
    """The request that the `twilio` package makes."""

    async def run() -> None:
        async with serving(fake):
            await asyncio.to_thread(work, Client(SID, TOKEN, http_client=Redirected(fake.url)))

    asyncio.run(run())
    return fake.asked[0]


def error(code: int, http_status: int = 400) -> tuple[int, str]:
    """A refusal, as Twilio writes it."""
    return http_status, json.dumps({"code": code, "message": "…", "more_info": "…", "status": http_status})


def make_twilio(runtime: Runtime, url: str, **config: str) -> int:
    """A Twilio set up at `url`; its id."""
    whole = {"account_sid": SID, "from": FROM, "api_base_url": url, **config}
    return set_up(runtime, "twilio", whole, rate=100.0, auth_token=TOKEN)


async def sent(runtime: Runtime, fake: FakeTwilio, customers: list[int], body: str = BODY, **config: str) -> int:
    """A distribution sent through the double, from its launch until it is done; its id."""
    make_group(runtime, "Summer 10%", 5)
    distribution = make_distribution(runtime, make_twilio(runtime, fake.url, **config), customers, body=body)
    start(runtime, distribution)
    async with sending(runtime):
        await until(lambda: status(runtime, distribution) == "done")
    return distribution
