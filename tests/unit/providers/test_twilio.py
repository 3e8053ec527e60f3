"""Twilio: the requests of its own client, its answers, its list, its callbacks; and a distribution sent through it."""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from bot.web.app import build
from distribution import providers
from distribution.check import check
from distribution.errors import Refused
from distribution.providers import http as client
from distribution.providers import registry
from distribution.providers.connections import Client as Connections
from distribution.providers.port import (
    Arrival,
    Callback,
    Found,
    InboundNews,
    Kind,
    LookUpFailed,
    Meaning,
    NotGenuine,
    Outcome,
    Outgoing,
    Sought,
    StatusNews,
)
from distribution.providers.twilio import API, MOST_PAGES, TwilioKind, TwilioProvider, find, read_answer
from distribution.providers.twilio_errors import CODES
from distribution.reasons import WORDS, words
from distribution.runtime import Runtime
from storage.tables import CallbackInbox, CodeState, ConsentChange, Customer, Message, MessageState, PromoCode, Reply
from storage.tables import Provider as Row
from tests.sending import make_customers, make_distribution, make_group, sending, start, status, until
from tests.unit.providers.fake_twilio import SERVICE, SID, TOKEN, Asked, FakeTwilio, inbound_form, serving, sign

T = TypeVar("T")
FROM = "+15550100200"
CALLBACK = "https://promo.example/callbacks/1-x/12-34"
SINCE = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def twilio(url: str = API, *, sender: str = FROM, service: str = "", validity: str = "") -> TwilioProvider:
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


# The contract.


@pytest.mark.parametrize("text", ["Hi Anna, your code: SUMMER-1", "Zażółć & 50% + = ~*\n😀 'x' \"y\"", "a b+c"])
@pytest.mark.parametrize(
    ("sender", "service", "callback", "validity"),
    [(FROM, "", CALLBACK, ""), ("", SERVICE, CALLBACK, "14400"), ("My Shop", SERVICE, None, "")],
)
def test_a_send_is_the_request_of_twilios_own_client_byte_for_byte(
    text: str, sender: str, service: str, callback: str | None, validity: str
) -> None:
    options: dict[str, Any] = {"status_callback": callback, "from_": sender, "messaging_service_sid": service}
    options["validity_period"] = int(validity) if validity else None
    theirs = official(
        FakeTwilio(),
        lambda it: it.messages.create(
            to="+48600100001", body=text, **{key: value for key, value in options.items() if value}
        ),
    )
    fake = FakeTwilio()
    body = twilio(sender=sender, service=service, validity=validity).encode(
        Outgoing("12-34", "+48600100001", text, callback)
    )
    on_twilio(fake, lambda it, http: it.send(http, body))
    (ours,) = fake.asked
    assert (ours.method, ours.path, ours.query, ours.body) == (theirs.method, theirs.path, theirs.query, theirs.body)
    for name in ("Authorization", "Content-Type", "Accept"):
        assert ours.headers[name] == theirs.headers[name]


@pytest.mark.parametrize(
    ("own", "left", "said"),
    [("", 7200, "7200"), ("14400", 7200, "7200"), ("600", 7200, "600"), ("", 86_400, None), ("36000", 86_400, "36000")],
)
def test_twilio_keeps_a_text_no_longer_than_it_is_worth_sending(own: str, left: int, said: str | None) -> None:
    """Twilio takes 36,000 seconds at most, and that is what it does where nothing is said."""
    form = parse_qs(twilio(validity=own).encode(Outgoing("12-34", "+48600100001", "Hi", CALLBACK, left)).decode())
    assert form.get("ValidityPeriod", [None]) == [said]


def test_a_look_up_is_the_request_of_twilios_own_client() -> None:
    theirs = official(FakeTwilio(), lambda it: it.messages.list(to="+48600100001", page_size=1000, limit=1))
    fake = FakeTwilio()
    on_twilio(fake, lambda it, http: it.look_up(http, Sought("12-34", "+48600100001", ("S-1",), SINCE)))
    (ours,) = fake.asked
    assert (ours.method, ours.path, sorted(ours.query)) == (theirs.method, theirs.path, sorted(theirs.query))
    assert ours.headers["Authorization"] == theirs.headers["Authorization"]


def test_no_receipt_is_asked_for_where_twilio_could_not_call() -> None:
    """It would refuse the whole text (21609). A double on this machine can call."""
    text = Outgoing("1-2", "+48600100001", "Hi", "http://localhost:8000/callbacks/1-x/1-2")
    assert b"StatusCallback" not in twilio().encode(text)
    assert b"StatusCallback" in twilio("http://127.0.0.1:1").encode(text)
    assert b"StatusCallback" in twilio().encode(text._replace(callback_url=CALLBACK))


# Outcomes.


def error(code: int, http_status: int = 400) -> tuple[int, str]:
    return http_status, json.dumps({"code": code, "message": "…", "more_info": "…", "status": http_status})


ANSWERS: list[tuple[tuple[int, str] | str, Kind, str | None]] = [
    (error(21211), Kind.REJECTED, "invalid_number"),
    (error(21610), Kind.REJECTED, "unsubscribed"),
    (error(21408), Kind.REJECTED, "region_not_enabled"),
    (error(29999), Kind.REJECTED, "twilio_29999"),
    (error(20429, 429), Kind.LATER, "rate_limited"),
    (error(21611), Kind.LATER, "queue_full"),
    ((429, "slow down"), Kind.LATER, "rate_limited"),
    (error(63038, 429), Kind.ACCOUNT, "daily_limit"),
    (error(20003, 401), Kind.ACCOUNT, "credentials"),
    (error(20005, 403), Kind.ACCOUNT, "account_inactive"),
    (error(21606), Kind.ACCOUNT, "sender_not_usable"),
    (error(21609), Kind.ACCOUNT, "callback_url"),
    (error(29998, 403), Kind.ACCOUNT, "account"),
    ((401, ""), Kind.ACCOUNT, "account"),
    ((307, ""), Kind.ACCOUNT, "account"),
    (error(20500, 500), Kind.UNKNOWN, "server_error"),
    (error(20429, 503), Kind.UNKNOWN, "server_error"),
    (error(21211, 408), Kind.UNKNOWN, "server_error"),
    ((400, "<html>a proxy</html>"), Kind.UNKNOWN, "server_error"),
    ((201, "<html>"), Kind.UNKNOWN, "server_error"),
    ((201, "[]"), Kind.UNKNOWN, "server_error"),
    ((200, '{"status": "queued"}'), Kind.UNKNOWN, "server_error"),
    ("drop", Kind.UNKNOWN, "connection_lost"),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), ANSWERS, ids=lambda value: str(value)[:40])
def test_what_twilio_answers_decides_what_happens_to_the_text(
    answer: tuple[int, str] | str, kind: Kind, reason: str | None
) -> None:
    fake = FakeTwilio(answers=[answer])
    outcome = on_twilio(fake, lambda it, http: it.send(http, it.encode(Outgoing("1-2", "+48600100001", "Hi"))))
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert len(fake.asked) == 1, "nothing below the attempt may post again"


def test_what_it_took_has_its_sid_and_segments() -> None:
    fake = FakeTwilio()
    body = twilio().encode(Outgoing("1-2", "+48600100001", "Hi"))
    assert on_twilio(fake, lambda it, http: it.send(http, body)) == Outcome(Kind.ACCEPTED, None, "SM" + "0" * 32, 1)
    # A Messaging Service has not chosen a sender yet, and counts none.
    assert read_answer(201, b'{"sid": "SM1", "num_segments": "0"}').segments is None
    assert read_answer(201, b'{"sid": "SM1", "num_segments": null}').kind is Kind.ACCEPTED


def test_it_is_left_alone_as_long_as_it_asks() -> None:
    fake = FakeTwilio(answers=[error(20429, 429)], headers={"Retry-After": "7"})
    outcome = on_twilio(fake, lambda it, http: it.send(http, b"To=1"))
    assert outcome.retry_after == 7.0


def test_a_redirect_is_not_followed_for_that_would_post_again() -> None:
    fake = FakeTwilio(answers=[(307, "")], headers={"Location": f"/2010-04-01/Accounts/{SID}/Messages.json"})
    body = twilio().encode(Outgoing("1-2", "+48600100001", "Hi"))
    assert on_twilio(fake, lambda it, http: it.send(http, body)).kind is Kind.ACCOUNT
    assert len(fake.asked) == 1 and fake.texts == []


def test_a_twilio_that_is_not_there_got_nothing() -> None:
    async def run() -> Outcome:
        async with client.open_session() as http:
            return await twilio("http://127.0.0.1:1").send(http, b"To=1")

    assert asyncio.run(run()).kind is Kind.LATER


def test_the_documented_table_is_what_the_code_does() -> None:
    page = (Path(__file__).parents[3] / "docs/providers.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{5}) \| ([a-z ]+) \| ([^|]+) \|", page, re.MULTILINE)
    said = {Kind.REJECTED: "refused", Kind.LATER: "later", Kind.ACCOUNT: "pause"}
    assert rows == [(str(code), said[kind], words(reason)) for code, (kind, reason) in sorted(CODES.items())]


def test_every_reason_has_words() -> None:
    assert {reason for _, reason in CODES.values()} <= set(WORDS)


# The look-up.


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


# Callbacks.


def callback(form: dict[str, str], *, url: str = CALLBACK, attempt: str | None = "12-34", **more: Any) -> Callback:
    return Callback(form, attempt, url, more.get("signature", sign(url, form)))


TEXT = {"sid": "SM1", "to": "+48600100001"}


@pytest.mark.parametrize(
    ("state", "code", "arrival", "reason"),
    [
        ("queued", None, Arrival.ACCEPTED, None),
        ("sent", None, Arrival.ACCEPTED, None),
        ("delivered", None, Arrival.DELIVERED, None),
        ("undelivered", 30003, Arrival.UNDELIVERED, "phone_unreachable"),
        ("undelivered", 30005, Arrival.UNDELIVERED, "invalid_number"),
        ("failed", 30007, Arrival.UNDELIVERED, "filtered"),
        ("failed", 39999, Arrival.UNDELIVERED, "twilio_39999"),
        ("failed", None, Arrival.UNDELIVERED, None),
    ],
)
def test_a_status_says_what_became_of_the_attempt_in_its_address(
    state: str, code: int | None, arrival: Arrival, reason: str | None
) -> None:
    form = FakeTwilio().status_form(TEXT, state, code)
    assert twilio().read_callback(callback(form)) == StatusNews("12-34", "SM1", arrival, reason)


@pytest.mark.parametrize(
    ("body", "more", "meaning"),
    [
        ("Is it open on Sunday?", {}, None),
        ("stop", {}, None),
        ("", {"NumMedia": "1"}, None),
        ("arret", {"OptOutType": "STOP"}, "stop"),
        ("Stop please", {"OptOutType": "START"}, "start"),
        ("stop", {"OptOutType": "else"}, None),
    ],
)
def test_a_customers_text_and_what_advanced_opt_out_read_in_it(
    body: str, more: dict[str, str], meaning: Meaning | None
) -> None:
    """Where Twilio says what it read, it has answered already: a second answer would only confuse."""
    form = inbound_form("SM9", "+48600100001", body, **more)
    news = twilio().read_callback(callback(form, attempt=None))
    assert news == InboundNews("SM9", "+48600100001", body, meaning, answered=meaning is not None)


STATUS = FakeTwilio().status_form(TEXT, "delivered")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (callback(STATUS, signature=None), "not signed"),
        (callback(STATUS, signature=""), "not signed"),
        (callback(STATUS, signature="x"), "signature"),
        (callback(STATUS, signature="ż"), "signature"),
        (callback(STATUS, signature=sign(CALLBACK, STATUS, "another token")), "signature"),
        (callback(STATUS | {"MessageStatus": "failed"}, signature=sign(CALLBACK, STATUS)), "signature"),
        (callback(STATUS, url=CALLBACK + "5", signature=sign(CALLBACK, STATUS)), "signature"),
        (callback(STATUS, attempt=None), "no attempt"),
        (callback(STATUS | {"MessageStatus": "lost"}), "no status"),
        (callback({"AccountSid": SID}), "names no message"),
        (callback({"MessageSid": "SM1"}), "neither"),
        (Callback({"MessageSid": ["SM1"]}, None, CALLBACK, "x"), "not a form"),
    ],
)
def test_what_twilio_did_not_sign_or_cannot_mean_is_not_believed(given: Callback, why: str) -> None:
    with pytest.raises(NotGenuine, match=why):
        twilio().read_callback(given)


def test_a_signature_over_the_address_with_its_port_counts_too() -> None:
    assert twilio().read_callback(
        callback(STATUS, signature=sign(CALLBACK.replace("example/", "example:443/"), STATUS))
    )


# Setting up.

GOOD = {"account_sid": SID, "from": FROM}


@pytest.mark.parametrize(
    ("config", "secret", "field"),
    [
        ({"account_sid": "AC1"}, {}, "account_sid"),
        ({"account_sid": SERVICE}, {}, "account_sid"),
        ({}, {"auth_token": ""}, "auth_token"),
        ({}, {"auth_token": "two words"}, "auth_token"),
        ({"from": ""}, {}, "from"),
        ({"from": "0048600100200"}, {}, "from"),
        ({"from": "The whole shop"}, {}, "from"),
        ({"from": "", "messaging_service_sid": "MG1"}, {}, "messaging_service_sid"),
        ({"api_base_url": "api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "ftp://api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "https://me:secret@api.twilio.com"}, {}, "api_base_url"),
        ({"api_base_url": "http://[::1"}, {}, "api_base_url"),
        ({"api_base_url": "https://api.twilio.com?x=1"}, {}, "api_base_url"),
        ({"validity": "36001"}, {}, "validity"),
        ({"validity": "4 hours"}, {}, "validity"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(config: dict[str, str], secret: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        TwilioKind().check(GOOD | config, {"auth_token": TOKEN} | secret)
    assert refused.value.field == field
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"from": "73737"},
        {"from": "My Shop"},
        {"from": "", "messaging_service_sid": SERVICE},
        {"api_base_url": "https://api.dublin.ie1.twilio.com/"},
        {"api_base_url": "http://127.0.0.1:8400"},
    ],
)
def test_what_can_work_is_taken(config: dict[str, str]) -> None:
    TwilioKind().check(GOOD | config, {"auth_token": TOKEN})


def test_the_token_is_encrypted_and_in_no_log(
    runtime: Runtime, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with serving(FakeTwilio(answers=[error(20003, 401)])) as fake:
            provider_id = make_twilio(runtime, fake.url)
            with runtime.db.read() as session:
                row = session.get_one(Row, provider_id)
            assert TOKEN not in json.dumps(row.config) + str(row.secret)
            assert TOKEN not in repr(registry.opened(runtime.vault, row))
            with pytest.raises(Refused, match="does not accept the credentials"):
                await asyncio.to_thread(registry.send_test, runtime, provider_id, "+48600100001", "Hi")

    asyncio.run(run())
    shown = capsys.readouterr()
    assert TOKEN not in caplog.text + shown.out + shown.err


def make_twilio(runtime: Runtime, url: str) -> int:
    with runtime.db.write() as session:
        return providers.add(
            session,
            runtime.vault,
            name="main",
            kind="twilio",
            config={"account_sid": SID, "from": FROM, "api_base_url": url},
            secret={"auth_token": TOKEN},
            rate=100.0,
            by="U0ADA",
            now=runtime.clock.now(),
        ).id


# All of it together.


def test_three_texts_through_twilio_their_receipts_and_a_stop(runtime: Runtime) -> None:
    """Launched, sent, called back over HTTP with a signature: by a proxy, at an address that is not the public one."""
    web = TestClient(build(runtime), base_url="http://10.0.0.7:8000")

    def call(url: str, form: dict[str, str], *, signed: bool = True) -> int:
        headers = {"X-Twilio-Signature": sign(url, form)} if signed else {}
        return web.post(urlsplit(url).path, data=form, headers=headers).status_code

    def states() -> list[tuple[MessageState, str | None]]:
        with runtime.db.read() as session:
            return [(row.state, row.reason) for row in session.scalars(select(Message).order_by(Message.id))]

    async def scenario() -> None:
        async with serving(FakeTwilio()) as fake:
            make_group(runtime, "Summer 10%", 5)
            provider_id = make_twilio(runtime, fake.url)
            distribution = make_distribution(runtime, provider_id, make_customers(runtime, 3))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
                assert len(fake.texts) == 3 and len({text["body"].rsplit(" ", 1)[1] for text in fake.texts}) == 3
                assert dict(parse_qsl(fake.asked[0].body.decode()))["From"] == FROM
                by_phone = sorted(fake.texts, key=lambda text: str(text["to"]))
                assert all(text["callback"].startswith("https://promo.example/callbacks/") for text in by_phone)

                # Nobody else may say that it was not delivered.
                forged = fake.status_form(by_phone[0], "undelivered", 30005)
                assert call(by_phone[0]["callback"], forged, signed=False) == 204
                for text, form in zip(
                    by_phone,
                    (
                        fake.status_form(by_phone[0], "delivered"),
                        fake.status_form(by_phone[1], "delivered"),
                        fake.status_form(by_phone[2], "undelivered", 30003),
                    ),
                    strict=True,
                ):
                    assert call(text["callback"], form) == 204
                    assert call(text["callback"], form) == 204  # Twilio repeats itself
                stop = inbound_form("SM9", by_phone[0]["to"], "arret", OptOutType="STOP")
                inbound = runtime.links.callback(provider_id)
                assert call(inbound, stop) == call(inbound, stop) == 204
                await until(lambda: MessageState.UNDELIVERED in dict(states()))
                await until(lambda: not _waiting(runtime))
            assert states() == [
                (MessageState.DELIVERED, None),
                (MessageState.DELIVERED, None),
                (MessageState.UNDELIVERED, "phone_unreachable"),
            ]
            with runtime.db.read() as session:
                assert session.scalars(select(PromoCode.state)).all().count(CodeState.ISSUED) == 3
                assert session.scalar(select(Customer.consent).where(Customer.phone == stop["From"])) == "opted_out"
                (reply,) = session.scalars(select(Reply)).all()
                assert (reply.provider_ref, reply.body, reply.meaning) == ("SM9", "arret", "stop")
                assert reply.answer_state is None, "Twilio has answered"
                assert len(session.scalars(select(CallbackInbox)).all()) == 5, "each once, and the forged one"
                assert session.scalars(select(Message.provider_ref)).all().count(None) == 0
            assert check(runtime.db) == []

    asyncio.run(scenario())


def _waiting(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return len(session.scalars(select(CallbackInbox).where(CallbackInbox.applied_at.is_(None))).all())


def test_a_text_that_left_without_an_answer_is_found_in_the_list_and_not_sent_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TwilioProvider, "listed_within", 0.1)

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=["drop-after-accept"])) as fake:
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_twilio(runtime, fake.url), make_customers(runtime, 1))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert [asked.method for asked in fake.asked] == ["POST", "GET"]
            with runtime.db.read() as session:
                assert session.scalar(select(Message.state)) is MessageState.ACCEPTED
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        "Hi {{ client.first_name }}, show this: {{ client.promocode('Summer 10%') | qr }}",  # its code is not in it
        "Hi {{ client.first_name }}, we moved",  # no code at all: known by its words
    ],
)
def test_a_text_is_found_by_the_link_to_its_code_or_by_its_words(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """Searching a text with a link for the code itself found nothing, twice, and texted the customer again."""
    monkeypatch.setattr(TwilioProvider, "listed_within", 0.1)

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=["drop-after-accept"])) as fake:
            make_group(runtime, "Summer 10%", 5)
            customers = make_customers(runtime, 1)
            distribution = make_distribution(runtime, make_twilio(runtime, fake.url), customers, body=body)
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert [asked.method for asked in fake.asked] == ["POST", "GET"]
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_who_opted_out_at_twilio_is_opted_out_here_too(runtime: Runtime) -> None:
    """21610: the code is active again, and nobody asks Twilio about this customer a second time."""

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=[error(21610)])) as fake:
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_twilio(runtime, fake.url), make_customers(runtime, 1))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            with runtime.db.read() as session:
                assert session.scalar(select(Customer.consent)) == "opted_out"
                change = session.scalars(select(ConsentChange)).one()
                assert (change.source, change.consent) == ("opted out at the provider", "opted_out")
                assert session.scalars(select(PromoCode.state)).all().count(CodeState.ACTIVE) == 5
                assert session.scalar(select(Row.last_success_at)) is not None, "refusing one customer is no failure"
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_refused_account_pauses_and_nothing_is_lost(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(FakeTwilio(answers=[error(20003, 401)] * 20)) as fake:
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_twilio(runtime, fake.url), make_customers(runtime, 5))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "paused")
            assert fake.texts == []
            with runtime.db.read() as session:
                assert set(session.scalars(select(Message.state))) == {MessageState.QUEUED}
            assert check(runtime.db) == []

    asyncio.run(scenario())
