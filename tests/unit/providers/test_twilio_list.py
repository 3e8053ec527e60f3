"""Twilio's list: what is found in it, what is absent, and what it cannot tell."""

import asyncio
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from distribution.providers import http as client
from distribution.providers.port import (
    Arrival,
    Found,
    LookUpFailed,
    Sought,
)
from distribution.providers.twilio import MOST_PAGES, TwilioProvider, find
from tests.unit.providers.fake_twilio import TOKEN, FakeTwilio, serving
from tests.unit.providers.on_twilio import FROM, SINCE, on_twilio, twilio


def listed(body: str | None, ago: float = 0, *, state: str = "sent", direction: str = "outbound-api") -> dict[str, Any]:
    """A text as Twilio lists it; `ago`: minutes before the attempt's intent."""
    created = format_datetime(SINCE - timedelta(minutes=ago))
    return {"sid": f"SM{ago:g}", "body": body, "status": state, "direction": direction, "date_created": created}


SOUGHT = Sought("12-34", "+48600100001", ("S-1", "W-2"), SINCE)
NO_CODE = SOUGHT._replace(codes=())


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        ([listed("S-1 and W-2", 1)], Found("SM1", Arrival.ACCEPTED)),
        ([listed("S-1 and W-2", 1, state="delivered")], Found("SM1", Arrival.DELIVERED)),
        ([listed("S-1 and W-2", 1, state="failed")], Found("SM1", Arrival.UNDELIVERED)),
        ([listed("S-1 and W-2", -2, state="queued")], Found("SM-2", Arrival.ACCEPTED)),
        ([listed("S-1 and W-2", 90), listed("S-1, W-2", -2)], Found("SM-2", Arrival.ACCEPTED)),
        ([listed("S-1 only", 1), listed("another", 90)], None),
        ([listed("S-1 and W-2", 90)], None),  # the same codes, in an earlier text: a reminder repeats them
        ([listed("S-1 and W-2", 1, direction="inbound")], None),
    ],
)
def test_a_text_is_known_by_its_codes(texts: list[dict[str, Any]], expected: Found | None) -> None:
    assert find(texts, SOUGHT) == expected


@pytest.mark.parametrize(
    ("sought", "texts"),
    [
        (SOUGHT, [listed("S-1 and W-2", 5)]),  # an earlier text, or this one under a clock that is behind?
        (SOUGHT, [listed("", 1)]),  # message redaction
        (SOUGHT, [listed(None, 1)]),
        (NO_CODE, [listed("Sale", 1)]),
        (NO_CODE, [listed("Sale", -1)]),
        (NO_CODE._replace(text="Sale tomorrow"), [listed("Sale", -1)]),
        (NO_CODE._replace(text="Sale"), [listed("Sale", 5)]),
    ],
)
def test_what_the_list_cannot_tell_is_left_to_a_person(sought: Sought, texts: list[dict[str, Any]]) -> None:
    with pytest.raises(LookUpFailed):
        find(texts, sought)


def test_a_text_without_a_code_is_absent_where_no_other_can_be_it() -> None:
    assert find([listed("Sale", 60), listed("STOP", -1, direction="inbound")], NO_CODE) is None


def test_a_text_without_a_code_is_known_by_its_words_since_its_intent() -> None:
    sought = NO_CODE._replace(text="Sale tomorrow")
    texts = [listed("Sale tomorrow", 60), listed("Another", -1), listed("Sale tomorrow", -2)]
    assert find(texts, sought) == Found("SM-2", Arrival.ACCEPTED)
    assert find(texts[:1], sought) is None


def test_it_reads_every_page_and_gives_up_rather_than_call_absent_what_it_has_not_seen() -> None:
    def look(pages: int) -> Found | None:
        texts = [listed("S-1 W-2", 1)] + [listed("x", 1) for _ in range(2 * pages - 1)]  # the oldest comes last
        fake = FakeTwilio(texts=[text | {"to": SOUGHT.phone} for text in texts], page=2)
        found = on_twilio(fake, lambda it, http: it.look_up(http, SOUGHT))
        assert len(fake.asked) == pages
        return found

    assert look(MOST_PAGES) == Found("SM1", Arrival.ACCEPTED)
    with pytest.raises(LookUpFailed, match="more than"):
        look(MOST_PAGES + 1)


@pytest.mark.parametrize("listing", ["[]", "{}", "<html>", '{"messages": [{}], "next_page_uri": null}'])
def test_a_list_that_cannot_be_read_is_no_absence(listing: str) -> None:
    class Odd(FakeTwilio):
        async def list(self, request: Any) -> Any:
            from aiohttp import web

            return web.Response(text=listing, content_type="application/json")

    with pytest.raises(LookUpFailed):
        on_twilio(Odd(), lambda it, http: it.look_up(http, SOUGHT))


def test_a_list_that_refuses_us_is_no_absence() -> None:
    async def run() -> None:
        async with serving(FakeTwilio()) as fake, client.open_session() as http:
            other = TwilioProvider("AC" + "f" * 32, TOKEN, sender=FROM, base=fake.url)
            await other.look_up(http, SOUGHT)

    with pytest.raises(LookUpFailed, match="404"):
        asyncio.run(run())
    with pytest.raises(LookUpFailed):
        asyncio.run(_unreachable())


async def _unreachable() -> None:
    async with client.open_session() as http:
        await twilio("http://127.0.0.1:1").look_up(http, SOUGHT)
