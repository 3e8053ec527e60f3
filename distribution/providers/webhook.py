"""Any other gateway as a provider: JSON that is signed both ways. docs/providers.md, "HTTP", is the contract.

Every request carries the time at which it was made and an HMAC over that time and the body, so that nobody can change
one, and nobody can use one again later than a few minutes.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from yarl import URL

from distribution.errors import Refused
from distribution.providers import addresses
from distribution.providers.connections import Client, lines
from distribution.providers.http import looking_up, post, retry_after
from distribution.providers.port import (
    NOWHERE,
    Arrival,
    Callback,
    Capabilities,
    Field,
    Found,
    InboundNews,
    Kind,
    LookUpFailed,
    Meaning,
    News,
    NotGenuine,
    Outcome,
    Outgoing,
    Provider,
    Sought,
    StatusNews,
    shorter,
)

TIMESTAMP_HEADER = "X-Promobot-Timestamp"  # seconds since 1970, digits
SIGNATURE_HEADER = "X-Promobot-Signature"  # "sha256=" and the HMAC in hex
WINDOW = 300  # seconds by which a callback's time may differ from ours when it comes in

ARRIVALS = {"accepted": Arrival.ACCEPTED, "delivered": Arrival.DELIVERED, "undelivered": Arrival.UNDELIVERED}
EFFECTS = {"refused": Kind.REJECTED, "later": Kind.LATER, "pause": Kind.ACCOUNT}
MEANT: dict[str, Meaning] = {"stop": "stop", "start": "start", "help": "help"}
SHORTEST_KEY = 16
# Seconds that a gateway may work on a request that was cut off before its list shows the text for certain.
LISTED_WITHIN = 30.0
LONGEST_VALIDITY = 604_800  # seconds: a week


def sign(key: str, timestamp: str, body: bytes) -> str:
    """The signature of a body sent at a time."""
    return "sha256=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def in_time(timestamp: str, now: float) -> bool:
    """Whether a callback that says it was made at `timestamp` may come in at `now` (both in seconds since 1970)."""
    return bool(re.fullmatch(r"[0-9]{1,12}", timestamp)) and abs(now - int(timestamp)) <= WINDOW


class HttpKind:
    """How a gateway that takes signed JSON is set up.

    Config: `api_base_url`, `from`, `validity` in seconds, `look_up` ("yes" where it answers look-ups). Secret: `key`.
    """

    title = "HTTP"
    about = "Any other gateway, through a small webhook that takes signed JSON."
    fields = (
        Field(
            "api_base_url",
            "Address that texts are posted to",
            "The whole of it: nothing is put behind it",
            "https://gateway.example.com/sms",
            address=True,
        ),
        Field("key", "Signing key", f"At least {SHORTEST_KEY} characters; the gateway has the same one", secret=True),
        Field("from", "Sender", "Passed on as it is", "PROMO", optional=True),
        Field(
            "look_up",
            "Can it be asked whether it has a text?",
            "If not, a person decides about texts whose outcome is unknown",
            choices=(("no", "No"), ("yes", "Yes: it answers look_up")),
            optional=True,
        ),
        Field("validity", "Give up after, in seconds", "Passed on as it is", "14400", optional=True),
    )
    replies = "The gateway posts receipts to each text's own `callback_url`, and customers' texts here, signed."

    def capabilities(self, config: Mapping[str, Any]) -> Capabilities:
        """Look-ups where it says so."""
        return Capabilities(receipts=True, look_up=config.get("look_up") == "yes", replies=True, validity=True)

    def check(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """It needs an address and a key that cannot be guessed."""
        addresses.check(_text(config, "api_base_url"), "api_base_url", guarded=False)
        if len(_text(secret, "key")) < SHORTEST_KEY:
            raise Refused(f"The signing key needs at least {SHORTEST_KEY} characters.", field="key")
        if _text(config, "look_up") not in ("", "yes", "no"):
            raise Refused("Write yes or no.", field="look_up")
        validity = _text(config, "validity")
        if validity and not (re.fullmatch("[0-9]{1,9}", validity) and 1 <= int(validity) <= LONGEST_VALIDITY):
            raise Refused(f"Write a number of seconds from 1 to {LONGEST_VALIDITY:,}, or nothing.", field="validity")

    def open(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Provider:
        """A client of that gateway."""
        return HttpProvider(
            _text(config, "api_base_url"),
            _text(secret, "key"),
            sender=_text(config, "from"),
            validity=_text(config, "validity"),
            look_up=config.get("look_up") == "yes",
        )


class HttpProvider:
    """Speaks to one webhook."""

    pictures = NOWHERE

    def __init__(self, url: str, key: str, *, sender: str = "", validity: str = "", look_up: bool = False) -> None:
        """`validity`: seconds, digits; `look_up`: whether it can be asked for a text."""
        self._url = URL(url)
        self._key = key
        self.listed_within: float | None = LISTED_WITHIN if look_up else None
        self._more = f', "from": {quoted(sender)}' if sender else ""
        self._validity = int(validity) if validity else None

    def encode(self, text: Outgoing) -> bytes:
        """The JSON of one text; its attempt's id is its `reference`."""
        callback = f', "callback_url": {quoted(text.callback_url)}' if text.callback_url else ""
        lasts = shorter(self._validity, text.validity)
        validity = "" if lasts is None else f', "validity_seconds": {lasts}'
        return (
            f'{{"event": "message", "reference": {quoted(text.attempt_id)}, "to": {quoted(text.phone)}, '
            f'"text": {quoted(text.text)}{self._more}{validity}{callback}}}'
        ).encode()

    async def send(self, http: Client, body: bytes) -> Outcome:
        """Post one text."""
        return await post(http, self._url, body, self._signed(body), read_answer)

    async def look_up(self, http: Client, sought: Sought) -> Found | None:
        """Ask the gateway for an attempt's reference, where it answers that."""
        if self.listed_within is None:
            raise LookUpFailed("this gateway does not answer look-ups")
        asked = {"event": "look_up", "reference": sought.attempt_id, "to": sought.phone}
        body = json.dumps(asked).encode()
        with looking_up("the gateway's answer"):
            answer = await http.request("POST", self._url, headers=self._signed(body), body=body)
            if answer.status != 200:
                raise LookUpFailed(f"the gateway answered {answer.status}")
            said = json.loads(answer.body)
            if said["found"] is False:
                return None
            if said["found"] is not True:
                raise ValueError
            return Found(str(said["id"]), ARRIVALS[said["status"]])

    def read_callback(self, callback: Callback) -> News:
        """A status of an attempt, or a customer's text; signed over its time and its body."""
        if not callback.signature or not callback.timestamp or callback.body is None:
            raise NotGenuine("it is not signed")
        made = sign(self._key, callback.timestamp, callback.body.encode())
        if not hmac.compare_digest(made.encode(), callback.signature.encode()):
            raise NotGenuine("its signature is not made with the signing key")
        said = callback.fields
        try:
            if said["event"] == "inbound":
                meant = MEANT.get(str(said.get("meaning")))
                answered = said.get("answered") is True
                return InboundNews(str(said["id"]), str(said["from"]), str(said["text"]), meant, answered)
            reference = str(said["reference"])
            if said["event"] != "status" or callback.attempt_id not in (None, reference):
                raise NotGenuine("neither the status of this attempt nor a customer's text")
            arrival = ARRIVALS[said["status"]]
            reason = _reason(said) if arrival is Arrival.UNDELIVERED else None
            return StatusNews(reference, str(said.get("id") or ""), arrival, reason)
        except (KeyError, TypeError) as error:
            raise NotGenuine(f"not a callback of the contract: {error!r}") from error

    def _signed(self, body: bytes) -> bytes:
        """The headers of a request that leaves now."""
        timestamp = str(int(time.time()))
        signature = sign(self._key, timestamp, body)
        return lines({"Content-Type": "application/json", TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature})


def read_answer(status: int, answer: bytes, wait: str | None = None) -> Outcome:
    """What a gateway's answer to a text means. Anything that the contract does not have is unknown."""
    try:
        said = json.loads(answer.decode())  # bytes would be searched for their encoding first
        if not isinstance(said, dict):
            raise ValueError
    except ValueError:
        said = {}
    if status in (200, 201, 202):
        if not said.get("id"):
            return Outcome(Kind.UNKNOWN, "server_error")
        segments = said.get("segments")
        return Outcome(Kind.ACCEPTED, None, str(said["id"]), segments if isinstance(segments, int) else None)
    effect = EFFECTS.get(str(said.get("effect"))) if status >= 400 else None
    if effect is not None:
        return Outcome(effect, _reason(said), retry_after=retry_after(wait) if effect is Kind.LATER else None)
    if status == 429:
        return Outcome(Kind.LATER, "rate_limited", retry_after=retry_after(wait))
    if 300 <= status < 400 or status in (401, 402, 403, 404, 405, 407):  # redirects are not followed
        return Outcome(Kind.ACCOUNT, "account")
    if 400 <= status < 500 and status != 408 and said.get("error"):
        return Outcome(Kind.REJECTED, _reason(said))
    return Outcome(Kind.UNKNOWN, "server_error")


def _reason(said: Mapping[str, Any]) -> str:
    """A gateway's `error` as a reason's key: a few small letters, whatever it says."""
    return re.sub(r"[^a-z0-9]+", "_", str(said.get("error") or "").lower()).strip("_")[:40] or "refused"


def _text(values: Mapping[str, Any], key: str) -> str:
    return str(values.get(key) or "").strip()
