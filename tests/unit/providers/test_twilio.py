"""Twilio: the requests of its own client, and what its answers mean."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from distribution.providers import http as client
from distribution.providers.port import (
    Kind,
    Outcome,
    Outgoing,
    Sought,
)
from distribution.providers.twilio import read_answer
from distribution.providers.twilio_errors import CODES
from distribution.reasons import WORDS, words
from tests.unit.providers.fake_twilio import SERVICE, SID, FakeTwilio
from tests.unit.providers.on_twilio import CALLBACK, FROM, SINCE, error, official, on_twilio, twilio


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
