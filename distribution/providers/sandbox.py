"""The sandbox phone as a provider (sandbox/README.md §2)."""

import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii as quoted
from typing import Any

from yarl import URL

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
    News,
    NotGenuine,
    Outcome,
    Outgoing,
    Provider,
    Sought,
    StatusNews,
)

ARRIVALS = {"accepted": Arrival.ACCEPTED, "delivered": Arrival.DELIVERED, "undelivered": Arrival.UNDELIVERED}


class SandboxKind:
    """How a sandbox phone is set up."""

    title = "Sandbox phone"
    about = "The pretend phone of the sandbox: for trying things out, no text leaves."
    fields = (
        Field("base_url", "Address of the sandbox", example="http://127.0.0.1:8080", address=True),
        Field("sender", "Sender that the phone shows", example="PROMO", optional=True),
    )
    replies = "The sandbox is started with it: `python -m sandbox --inbound-url …`"

    def capabilities(self, config: Mapping[str, Any]) -> Capabilities:
        """Everything but a validity period."""
        return Capabilities(receipts=True, look_up=True, replies=True, validity=False)

    def check(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """It needs the sandbox's address."""
        addresses.check(str(config.get("base_url") or ""), "base_url", guarded=False)

    def open(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Provider:
        """A client of the gateway at `base_url`."""
        return SandboxProvider(str(config["base_url"]), str(config.get("sender") or "PROMO"))


class SandboxProvider:
    """Speaks to the gateway of the sandbox."""

    pictures = NOWHERE

    # It lists a text before it answers; a request cut off on our side may be worked on for a moment yet.
    listed_within: float | None = 2.0

    def __init__(self, base_url: str, sender: str) -> None:
        """`base_url`: where the sandbox is ("http://127.0.0.1:8400"); `sender`: the name that texts come from."""
        self._url = URL(base_url.rstrip("/") + "/gateway/messages")
        self._quoted_sender = quoted(sender)
        self._headers = lines({"Content-Type": "application/json"})

    def encode(self, text: Outgoing) -> bytes:
        """The JSON body of one text."""
        # Put together from its values' JSON: a third of the time that an object takes.
        callback = f', "callback_url": {quoted(text.callback_url)}' if text.callback_url else ""
        return (
            f'{{"to": {quoted(text.phone)}, "from": {self._quoted_sender}, "body": {quoted(text.text)}, '
            f'"reference": {quoted(text.attempt_id)}{callback}}}'
        ).encode()

    async def send(self, http: Client, body: bytes) -> Outcome:
        """Post one text."""
        return await post(http, self._url, body, self._headers, read_answer)

    async def look_up(self, http: Client, sought: Sought) -> Found | None:
        """Search the texts to the number for the attempt's reference."""
        with looking_up("the gateway's list"):
            answer = await http.request("GET", self._url.with_query({"to": sought.phone}))
            if answer.status != 200:
                raise LookUpFailed(f"the gateway answered {answer.status}")
            for text in json.loads(answer.body)["messages"]:
                if text["reference"] == sought.attempt_id:
                    return Found(str(text["id"]), ARRIVALS.get(text["status"], Arrival.ACCEPTED))
        return None

    def read_callback(self, callback: Callback) -> News:
        """A status of an attempt, or a customer's text. Its address is the signature."""
        said = callback.fields
        try:
            if said["event"] == "inbound":
                return InboundNews(str(said["id"]), str(said["from"]), str(said["body"]))
            if said["event"] != "status" or (callback.attempt_id or said["reference"]) != said["reference"]:
                raise NotGenuine("neither the status of an attempt nor a customer's text")
            # Its "unreachable" is the customer's phone; ours is the provider.
            reason = {None: None, "unreachable": "phone_unreachable"}.get(said.get("error"), str(said.get("error")))
            return StatusNews(str(said["reference"]), str(said["id"]), ARRIVALS[said["status"]], reason)
        except (KeyError, TypeError) as error:
            raise NotGenuine(f"not a callback of the sandbox: {error!r}") from error


def read_answer(status: int, answer: bytes, wait: str | None) -> Outcome:
    """What the gateway's answer means. Anything that is not plainly an answer of its own is unknown."""
    try:
        said = json.loads(answer.decode())  # bytes would be searched for their encoding first
        if not isinstance(said, dict):
            raise ValueError
    except ValueError:
        said = {}
    if status in (200, 201) and said.get("id"):
        return Outcome(Kind.ACCEPTED, None, str(said["id"]), said.get("segments"))
    if status == 429:
        return Outcome(Kind.LATER, "rate_limited", retry_after=retry_after(wait))
    if status in (401, 402, 403, 404, 405) or 300 <= status < 400:  # redirects are not followed: that would post again
        return Outcome(Kind.ACCOUNT, "account")
    if 400 <= status < 500 and status != 408 and said.get("error"):
        return Outcome(Kind.REJECTED, str(said.get("error") or "refused"))
    return Outcome(Kind.UNKNOWN, "server_error")
