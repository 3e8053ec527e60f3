"""Twilio's callbacks: what is believed, and what it says."""

from typing import Any

import pytest

from distribution.providers.port import (
    Arrival,
    Callback,
    InboundNews,
    Meaning,
    NotGenuine,
    StatusNews,
)
from tests.unit.providers.fake_twilio import SID, FakeTwilio, inbound_form, sign
from tests.unit.providers.on_twilio import CALLBACK, twilio


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
