"""Kannel as a provider: its sendsms interface, and the delivery reports and replies that its smsbox fetches.

Kannel speaks SMPP, EMI/UCP and CIMD to carriers; this speaks HTTP to Kannel (User's Guide 1.4.5, chapters "SMS Push"
and "Delivery Reports"), tried against 1.4.5 itself. Texts are posted, not fetched with GET as most examples do: a GET
would be repeated by the HTTP client where a kept connection breaks, and would put the password into addresses.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from yarl import URL

from distribution.errors import Refused
from distribution.providers import addresses
from distribution.providers.connections import Client, lines
from distribution.providers.http import post
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
    shorter,
)
from distribution.sms import measure

# What Kannel fills in when it fetches an address. Its dlr-mask 31 asks for every kind of report but "intermediate".
REPORT = "?type=%d&answer=%A&ref=%F"
ALL_REPORTS = "31"
GSM7, UCS2 = "0", "2"  # X-Kannel-Coding

# %d of a delivery report.
ARRIVALS = {
    "1": Arrival.DELIVERED,
    "2": Arrival.UNDELIVERED,
    "4": Arrival.ACCEPTED,  # waits at the carrier
    "8": Arrival.ACCEPTED,  # the carrier took it
    "16": Arrival.UNDELIVERED,  # the carrier refused it
}
# What a carrier says in a report: SMPP 3.4 §5.1.3 (command_status, as Kannel writes it: "NACK/0x0000000b/…"), and
# appendix B's receipt ("stat:EXPIRED").
SMPP_STATUS = {0x0B: "invalid_number", 0x33: "invalid_number", 0x0A: "sender_not_usable", 0x34: "no_route"}
RECEIPT_STAT = {
    "EXPIRED": "phone_unreachable",
    "UNDELIV": "undelivered",
    "REJECTD": "blocked_by_carrier",
    "DELETED": "undelivered",
}
LONGEST_VALIDITY = 10_080  # minutes: a week


class KannelKind:
    """How Kannel is set up.

    Config: `api_base_url` (where its smsbox listens), `username`, `from`, `smsc`, `validity` in minutes. Secret:
    `password`.
    """

    title = "Kannel"
    about = "A Kannel of your own, in front of any carrier that speaks SMPP."
    fields = (
        Field("api_base_url", "Address of the smsbox", "Its sendsms-port", "https://kannel.example.com", address=True),
        Field("username", "User name", "Of the sendsms-user group in Kannel's configuration", "promobot"),
        Field("password", "Password", "Of the same group", secret=True),
        Field("from", "Sender", "Empty: the group's own default-sender", "PROMO", optional=True),
        Field("smsc", "SMSC", "The smsc-id of one carrier; empty: Kannel's own routing", optional=True),
        Field(
            "validity",
            "Give up after, in minutes",
            "How long the carrier tries; empty: as long as it likes",
            "240",
            optional=True,
        ),
    )
    replies = (
        "In Kannel's configuration, group `sms-service`: `get-url` is this link and "
        "`?event=inbound&from=%q&id=%I&charset=%C&text=%b`, and `max-messages = 0`."
    )

    def capabilities(self, config: Mapping[str, Any]) -> Capabilities:
        """Everything but look-ups: Kannel keeps no list of what it has sent."""
        return Capabilities(receipts=True, look_up=False, replies=True, validity=True)

    def check(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """It needs an address and an account; nothing may break out of the header that it is sent in."""
        base = _text(config, "api_base_url")
        addresses.check(base, "api_base_url", guarded=False)
        if urlsplit(base).query:
            raise Refused("The smsbox's address must not have a '?'.", field="api_base_url")
        if not _text(config, "username"):
            raise Refused("Give the sendsms-user's user name.", field="username")
        if not _text(secret, "password"):
            raise Refused("Give the sendsms-user's password.", field="password")
        for field, value in (*config.items(), *secret.items()):
            if isinstance(value, str) and not (value.isascii() and value.isprintable()):
                raise Refused("Only plain letters, digits and signs can be sent to Kannel here.", field=field)
        validity = _text(config, "validity")
        if validity and not (validity.isdigit() and 1 <= int(validity[:9]) <= LONGEST_VALIDITY):
            raise Refused(f"Write a number of minutes from 1 to {LONGEST_VALIDITY:,}, or nothing.", field="validity")

    def open(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Provider:
        """A client of that smsbox."""
        return KannelProvider(
            _text(config, "api_base_url"),
            _text(config, "username"),
            _text(secret, "password"),
            sender=_text(config, "from"),
            smsc=_text(config, "smsc"),
            validity=_text(config, "validity"),
        )


class KannelProvider:
    """Speaks to one smsbox."""

    pictures = NOWHERE

    # It cannot be asked: only a delivery report settles a text whose outcome is unknown, or a person.
    listed_within: float | None = None

    def __init__(
        self, base: str, username: str, password: str, *, sender: str = "", smsc: str = "", validity: str = ""
    ) -> None:
        """`validity`: minutes, digits."""
        self._url = URL(f"{base.rstrip('/')}/cgi-bin/sendsms")
        self._validity = int(validity) if validity else None
        said = {"From": sender, "SMSC": smsc}
        account = {"Content-Type": "text/plain; charset=UTF-8", "X-Kannel-Username": username}
        more = {f"X-Kannel-{name}": value for name, value in said.items() if value}
        self._headers = lines({**account, "X-Kannel-Password": password, **more})

    def encode(self, text: Outgoing) -> bytes:
        """Number, coding, validity and report address in a line each, then the text: `send` makes headers of them."""
        coding = GSM7 if measure(text.text).encoding == "GSM-7" else UCS2
        report = text.callback_url + REPORT if text.callback_url else ""
        left = None if text.validity is None else max(1, text.validity // 60)  # it counts in whole minutes
        return f"{text.phone}\n{coding}\n{shorter(self._validity, left) or ''}\n{report}\n{text.text}".encode()

    async def send(self, http: Client, body: bytes) -> Outcome:
        """Post one text."""
        phone, coding, validity, report, text = body.split(b"\n", 4)
        headers = {"X-Kannel-To": phone.decode(), "X-Kannel-Coding": coding.decode()}
        if validity:
            headers["X-Kannel-Validity"] = validity.decode()
        if report:
            headers |= {"X-Kannel-DLR-URL": report.decode(), "X-Kannel-DLR-Mask": ALL_REPORTS}
        return await post(http, self._url, text, self._headers + lines(headers), read_answer)

    async def look_up(self, http: Client, sought: Sought) -> Found | None:
        """Kannel has no list to search."""
        raise LookUpFailed("Kannel keeps no list of its texts")

    def read_callback(self, callback: Callback) -> News:
        """A delivery report of an attempt, or a customer's text. Its address is the signature: Kannel has none."""
        said = callback.fields
        if said.get("event") == "inbound":
            return _inbound(callback)
        kind = str(said.get("type", ""))
        if callback.attempt_id is None or kind not in ARRIVALS:
            raise NotGenuine("neither a delivery report of an attempt nor a customer's text")
        arrival = ARRIVALS[kind]
        reason = reason_of(str(said.get("answer", "")), kind) if arrival is Arrival.UNDELIVERED else None
        return StatusNews(callback.attempt_id, str(said.get("ref", "")), arrival, reason)


def read_answer(status: int, answer: bytes, _wait: str | None = None) -> Outcome:
    """What the smsbox's answer means: a line of words. Anything that is not plainly one of its own is unknown."""
    said = answer.decode("utf-8", "replace").strip().lower()
    if status == 202 and (said.startswith(("0:", "3:")) or said == "sent."):
        return Outcome(Kind.ACCEPTED)
    if status == 503 and said.startswith("temporal failure"):  # the bearerbox refused it: its queue is full
        return Outcome(Kind.LATER, "queue_full")
    if status == 403 and "authorization failed" in said:
        return Outcome(Kind.ACCOUNT, "credentials")
    if 300 <= status < 400:  # redirects are not followed: that would post again
        return Outcome(Kind.ACCOUNT, "account")
    if 400 <= status < 500 and said:
        return _refused(status, said)
    return Outcome(Kind.UNKNOWN, "server_error")


def _refused(status: int, said: str) -> Outcome:
    """A refusal in Kannel's words; another program's (a proxy's) 4xx is not for one customer."""
    if "sender missing" in said:
        return Outcome(Kind.ACCOUNT, "sender_not_usable")
    if "black-list" in said or "denied by" in said:
        return Outcome(Kind.REJECTED, "blocked_by_list")
    if "receiver" in said and "rejected" in said:
        return Outcome(Kind.REJECTED, "invalid_number")
    if "not routable" in said:
        return Outcome(Kind.REJECTED, "no_route")
    if "rejected" in said:
        return Outcome(Kind.REJECTED, "refused")
    if status in (401, 403, 404, 405, 407) or "invalid content-type" in said:  # not an smsbox of 1.4.4 or newer
        return Outcome(Kind.ACCOUNT, "account")
    return Outcome(Kind.UNKNOWN, "server_error")


def reason_of(answer: str, kind: str) -> str:
    """A reason's key for what a carrier said in a report of `kind` (%d, "2" or "16")."""
    status = re.search(r"0x([0-9a-fA-F]{1,8})", answer)
    if status and int(status[1], 16) in SMPP_STATUS:
        return SMPP_STATUS[int(status[1], 16)]
    stat = re.search(r"stat:([A-Z]{7})", answer)
    if stat and stat[1] in RECEIPT_STAT:
        return RECEIPT_STAT[stat[1]]
    return "blocked_by_carrier" if kind == "16" else "undelivered"


def _inbound(callback: Callback) -> InboundNews:
    """A customer's text, out of the address as Kannel called it: its text is in the charset that it names."""
    fields = dict(parse_qsl(urlsplit(callback.url).query, keep_blank_values=True, encoding="latin-1"))
    phone = str(callback.fields.get("from", ""))
    try:
        text = fields.get("text", "").encode("latin-1").decode(fields.get("charset") or "UTF-8", "replace")
    except LookupError:
        raise NotGenuine(f"a charset that nobody knows: {fields['charset'][:40]!r}") from None
    if not fields.get("id") or not re.fullmatch(r"\+?[0-9A-Za-z]{3,20}", phone):
        raise NotGenuine("a customer's text without its number or id: check get-url in Kannel's configuration")
    return InboundNews(fields["id"], phone, text)


def _text(values: Mapping[str, Any], key: str) -> str:
    return str(values.get(key) or "").strip()
