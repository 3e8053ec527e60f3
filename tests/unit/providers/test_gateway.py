"""The gateway that misbehaves, held to Twilio's own client: what the package asks, and what it makes of the answers."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.dialects import ACCOUNT_SID
from tests.gateway import Gateway, serving
from tests.unit.providers.on_twilio import Redirected

T = TypeVar("T")


def asked(gateway: Gateway, work: Callable[[Client], T]) -> T:
    """What the `twilio` package makes of the gateway."""

    async def run() -> T:
        async with serving(gateway):
            return await asyncio.to_thread(work, Client(ACCOUNT_SID, "token", http_client=Redirected(gateway.url)))

    return asyncio.run(run())


def send(client: Client, to: str = "+48600100001") -> Any:
    callback = "https://promo.example/callbacks/1-x/12-34"
    return client.messages.create(to=to, from_="+15550100200", body="Zażółć & 50% + =", status_callback=callback)


def test_twilios_client_sends_a_text_and_finds_it() -> None:
    gateway = Gateway()

    def work(client: Client) -> tuple[Any, list[Any], list[Any]]:
        return send(client), client.messages.list(to="+48600100001"), client.messages.list(to="+48600100002")

    made, there, elsewhere = asked(gateway, work)
    assert (made.sid, made.status, made.body, made.to) == (there[0].sid, "queued", "Zażółć & 50% + =", "+48600100001")
    assert (len(there), elsewhere, there[0].direction) == (1, [], "outbound-api")
    assert there[0].date_created is not None
    (text,) = gateway.accepted
    assert (text["reference"], text["body"]) == ("12-34", "Zażółć & 50% + =")


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [("refuse", 400, 21211), ("account", 401, 20003), ("429", 429, 20429), ("500", 500, 20500)],
)
def test_twilios_client_reads_its_refusals(what: str, status: int, code: int) -> None:
    gateway = Gateway(always=what)
    with pytest.raises(TwilioRestException) as refused:
        asked(gateway, send)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert gateway.accepted == []


@pytest.mark.parametrize("what", ["500-after-accept", "drop-after-accept"])
def test_a_text_that_it_took_and_did_not_say_so_is_in_its_list(what: str) -> None:
    gateway = Gateway(script=[what])

    def work(client: Client) -> list[Any]:
        with pytest.raises(Exception, match=r"500|Connection|disconnect"):
            send(client)
        return client.messages.list(to="+48600100001")

    assert len(asked(gateway, work)) == 1
    assert gateway.requests == 1
