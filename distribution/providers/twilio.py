"""Twilio as a provider: the requests of its official package, without that package's client.

The client cannot be used to send: its asynchronous half posts again after a 500 and ignores its timeout, and no retry
may sit below the attempt that was committed. Requests as in twilio 9.13, `rest/api/v2010/account/message`; a test
compares them. Its `RequestValidator` checks callbacks.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

from twilio.request_validator import RequestValidator
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
from distribution.providers.twilio_errors import CODES, reason_of

API = "https://api.twilio.com"
# Twilio refuses a whole text whose StatusCallback it cannot call (21609): better no receipts than no texts.
NOT_PUBLIC = ("http://localhost", "https://localhost", "http://127.", "https://127.")

# Message.Status of the package; whatever it says before an end is reached, the text was taken.
ARRIVALS = {
    "accepted": Arrival.ACCEPTED,
    "scheduled": Arrival.ACCEPTED,
    "queued": Arrival.ACCEPTED,
    "sending": Arrival.ACCEPTED,
    "sent": Arrival.ACCEPTED,
    "partially_delivered": Arrival.ACCEPTED,
    "delivered": Arrival.DELIVERED,
    "read": Arrival.DELIVERED,
    "undelivered": Arrival.UNDELIVERED,
    "failed": Arrival.UNDELIVERED,
    "canceled": Arrival.UNDELIVERED,
}
# OptOutType, where Advanced Opt-Out has read the text already.
MEANT: dict[str, Meaning] = {"STOP": "stop", "START": "start", "HELP": "help"}

PAGE_SIZE = 1000  # the most that Twilio lists at once
MOST_PAGES = 5
# A text that Twilio dates so long before the attempt's intent may be of that attempt all the same: two clocks. One
# between the two spans may be or may not be; one before both was sent earlier.
EARLIER, LONG_BEFORE = timedelta(minutes=1), timedelta(minutes=15)
# Where Twilio's numbers send picture messages to (help.twilio.com, "Sending and receiving MMS messages").
PICTURES_IN = frozenset({"AU", "CA", "US"})
MOST_PICTURES = 10  # in one message (twilio.com/docs/messaging/api/media-resource)
LONGEST_VALIDITY = 36_000  # seconds (twilio.com/docs/messaging/api/message-resource, "ValidityPeriod")


class TwilioKind:
    """How Twilio is set up.

    Config: `account_sid`, `from` or `messaging_service_sid` or both, `validity` in seconds, `pictures` ("yes" where a
    code's QR picture goes with its text), `api_base_url` where it is another. Secret: `auth_token`.
    """

    title = "Twilio"
    about = "An account at Twilio: a number, a short code, a name or a Messaging Service."
    fields = (
        Field("account_sid", "Account SID", "On the Twilio Console's first page", "AC…"),
        Field("auth_token", "Auth token", "Beside the account SID in the Console", secret=True),
        Field("from", "Sender", "A number with its country code, a short code, a name", "+15550100200", optional=True),
        Field(
            "messaging_service_sid", "Messaging Service SID", "Instead of a sender, or with it", "MG…", optional=True
        ),
        Field(
            "validity",
            "Give up after, in seconds",
            "How long a text may wait at Twilio, at most 36000; empty: Twilio's own 10 hours",
            "14400",
            optional=True,
        ),
        Field(
            "pictures",
            "Codes as QR pictures",
            "In a picture message (MMS), which costs more; numbers elsewhere get the link alone",
            optional=True,
            choices=(("no", "As a link in the text"), ("yes", "As a picture too: Australia, Canada, US")),
        ),
        Field("api_base_url", "API address", "Only for a regional edge", API, optional=True, address=True),
    )
    replies = (
        "In the Twilio Console enter it at the number or the Messaging Service, under *A message comes in*, "
        "as Webhook, HTTP POST."
    )

    def capabilities(self, config: Mapping[str, Any]) -> Capabilities:
        """Everything; picture messages where they are wanted."""
        pictures = PICTURES_IN if config.get("pictures") == "yes" else NOWHERE
        return Capabilities(receipts=True, look_up=True, replies=True, validity=True, pictures=pictures)

    def check(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """It needs an account, its token, and something to send from."""
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", _text(config, "account_sid")):
            raise Refused("The account SID is 'AC' and 32 digits or letters a to f.", field="account_sid")
        token = _text(secret, "auth_token")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise Refused("Give the auth token, as the Twilio Console shows it.", field="auth_token")
        sender, service = _text(config, "from"), _text(config, "messaging_service_sid")
        if not sender and not service:
            raise Refused("Give a number to send from, or the SID of a Messaging Service.", field="from")
        if sender and not _can_send(sender):
            raise Refused(
                "The sender is a number with its country code (+15550100200), a short code, "
                "or a name of up to 11 letters, digits and spaces.",
                field="from",
            )
        if service and not re.fullmatch(r"MG[0-9a-fA-F]{32}", service):
            raise Refused(
                "The SID of a Messaging Service is 'MG' and 32 digits or letters a to f.", field="messaging_service_sid"
            )
        validity = _text(config, "validity")
        if validity and not (validity.isascii() and validity.isdigit() and 1 <= int(validity[:9]) <= LONGEST_VALIDITY):
            raise Refused(f"Write a number of seconds from 1 to {LONGEST_VALIDITY:,}, or nothing.", field="validity")
        if _text(config, "pictures") not in ("", "yes", "no"):
            raise Refused("Write yes or no.", field="pictures")
        base = _text(config, "api_base_url") or API
        addresses.check(base, "api_base_url", guarded=False)
        if urlsplit(base).query:
            raise Refused("Twilio's address must be like https://api.twilio.com, without a '?'.", field="api_base_url")

    def open(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Provider:
        """A client of that account."""
        return TwilioProvider(
            _text(config, "account_sid"),
            _text(secret, "auth_token"),
            sender=_text(config, "from"),
            service=_text(config, "messaging_service_sid"),
            validity=_text(config, "validity"),
            pictures=self.capabilities(config).pictures,
            base=_text(config, "api_base_url") or API,
        )


class TwilioProvider:
    """Speaks to Twilio's API of 2010-04-01, which is the current one for messages."""

    # Nobody at Twilio says how soon its list shows a text; and what it answers with a 5xx it may go on working at.
    listed_within: float | None = 30.0

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        sender: str = "",
        service: str = "",
        validity: str = "",
        pictures: frozenset[str] = NOWHERE,
        base: str = API,
    ) -> None:
        """`sender`: a number, short code or name; `service`: the SID of a Messaging Service; one of them is needed.

        `validity`: seconds, digits; after them Twilio gives up a text that still waits. `pictures`: regions to whose
        numbers it sends picture messages.
        """
        self.pictures = pictures
        self._base = base.rstrip("/")
        self._url = URL(f"{self._base}/2010-04-01/Accounts/{account_sid}/Messages.json")
        credentials = b64encode(f"{account_sid}:{auth_token}".encode()).decode()
        self._asking = lines({"Accept": "application/json", "Authorization": f"Basic {credentials}"})
        self._sending = lines({"Content-Type": "application/x-www-form-urlencoded"}) + self._asking
        self._from = "".join(
            f"&{name}={quote_plus(value)}"
            for name, value in (("From", sender), ("MessagingServiceSid", service))
            if value
        )
        self._validity = int(validity) if validity else None
        self._validator = RequestValidator(auth_token)

    def encode(self, text: Outgoing) -> bytes:
        """The form of one text."""
        called = text.callback_url or ""
        if self._base == API and called.startswith(NOT_PUBLIC):
            called = ""
        callback = f"&StatusCallback={quote_plus(called)}" if called else ""
        lasts = shorter(self._validity, text.validity)
        if lasts is not None and (lasts < LONGEST_VALIDITY or self._validity is not None):  # else it is Twilio's own
            callback += f"&ValidityPeriod={lasts}"
        media = "".join(f"&MediaUrl={quote_plus(url)}" for url in text.pictures[:MOST_PICTURES])
        return f"To={quote_plus(text.phone)}{callback}{self._from}&Body={quote_plus(text.text)}{media}".encode()

    async def send(self, http: Client, body: bytes) -> Outcome:
        """Post one text."""
        return await post(http, self._url, body, self._sending, read_answer)

    async def look_up(self, http: Client, sought: Sought) -> Found | None:
        """Search the texts to the number for one that carries the attempt's codes.

        Not by DateSent: a text that waits in Twilio's queue has none yet, and would seem absent.
        """
        texts: list[Mapping[str, Any]] = []
        url = self._url.with_query({"To": sought.phone, "PageSize": str(PAGE_SIZE)})
        with looking_up("Twilio's list"):
            for _ in range(MOST_PAGES):
                answer = await http.request("GET", url, headers=self._asking)
                if answer.status != 200:
                    raise LookUpFailed(f"Twilio answered {answer.status}")
                page = json.loads(answer.body)
                texts += page["messages"]
                following = page["next_page_uri"]
                if not following:
                    return find(texts, sought)
                url = URL(self._base + following, encoded=True)
        raise LookUpFailed(f"more than {MOST_PAGES * PAGE_SIZE:,} texts to that number")

    def read_callback(self, callback: Callback) -> News:
        """A status of an attempt, or a customer's text; signed over our public address and every field."""
        said = callback.fields
        if not callback.signature:  # the validator would raise
            raise NotGenuine("it is not signed")
        if not all(isinstance(value, str) for value in said.values()):
            raise NotGenuine("not a form")
        if not self._validator.validate(callback.url, dict(said), callback.signature):
            raise NotGenuine(
                "its signature is not Twilio's: check the auth token, and that PUBLIC_URL is what Twilio calls"
            )
        ref = said.get("MessageSid") or said.get("SmsSid")
        if not ref:
            raise NotGenuine("it names no message")
        if "MessageStatus" in said:
            return _status(callback, ref)
        if "From" not in said or "Body" not in said:
            raise NotGenuine("neither the status of a text nor a customer's text")
        # Advanced Opt-Out has read the text, and answered it (twilio.com/docs/messaging/tutorials/advanced-opt-out).
        meant = MEANT.get(said.get("OptOutType", "").upper())
        return InboundNews(ref, said["From"], said["Body"], meant, answered=meant is not None)


def read_answer(status: int, answer: bytes, wait: str | None = None) -> Outcome:
    """What Twilio's answer to a send means. Anything that is not plainly an answer of its own is unknown."""
    try:
        said = json.loads(answer.decode())  # bytes would be searched for their encoding first
        if not isinstance(said, dict):
            raise ValueError
    except ValueError:
        said = {}
    if 200 <= status < 300:
        if not said.get("sid"):
            return Outcome(Kind.UNKNOWN, "server_error")
        sid = str(said["sid"])
        return Outcome(Kind.ACCEPTED, None, sid, 0 if sid.startswith("MM") else _segments(said.get("num_segments")))
    if status in (408, 409) or not 300 <= status < 500:
        return Outcome(Kind.UNKNOWN, "server_error")
    code = said.get("code")
    if isinstance(code, int) and code in CODES and status >= 400:
        kind, reason = CODES[code]
        return Outcome(kind, reason, retry_after=retry_after(wait) if kind is Kind.LATER else None)
    if status == 429:
        return Outcome(Kind.LATER, "rate_limited", retry_after=retry_after(wait))
    if status < 400 or status in (401, 402, 403, 404, 405, 407):  # redirects are not followed: that would post again
        return Outcome(Kind.ACCOUNT, "account")
    if isinstance(code, int):
        return Outcome(Kind.REJECTED, reason_of(code))
    return Outcome(Kind.UNKNOWN, "server_error")


def find(texts: Sequence[Mapping[str, Any]], sought: Sought) -> Found | None:
    """The sought text among all that went to its number; None when it is certainly not there.

    Raises `LookUpFailed` where the list cannot tell: a person then decides, for a guess would either text the customer
    twice or not at all. Also `KeyError` and `ValueError` for texts that are not Twilio's.
    """
    ours = [
        (parsedate_to_datetime(text["date_created"]).astimezone(UTC), text)
        for text in texts
        if str(text["direction"]).startswith("outbound")
    ]
    recent = [(created, text) for created, text in ours if created >= sought.since - EARLIER]
    found = [each for each in recent if _is(each[1], sought)]
    if found:
        text = max(found, key=_created)[1]
        return Found(str(text["sid"]), ARRIVALS.get(text["status"], Arrival.ACCEPTED))
    if any(_is(text, sought) for created, text in ours if created >= sought.since - LONG_BEFORE):
        raise LookUpFailed("the same went to that number shortly before: it may be the text sought")
    if recent and not sought.codes:
        raise LookUpFailed("the text has no code, and others went to that number: they cannot be told apart")
    if any(not text["body"] for _, text in recent):
        raise LookUpFailed("Twilio does not keep the bodies of texts (message redaction)")
    return None


def _is(text: Mapping[str, Any], sought: Sought) -> bool:
    """Whether a listed text is the sought one, by its words or by the codes in it."""
    body = text["body"] or ""
    coded = bool(sought.codes) and all(code in body for code in sought.codes)
    return coded or (sought.text is not None and body == sought.text)


def _created(dated: tuple[datetime, Mapping[str, Any]]) -> datetime:
    return dated[0]


def _status(callback: Callback, ref: str) -> StatusNews:
    """A status callback; the address that Twilio called names the attempt."""
    said = callback.fields
    if callback.attempt_id is None:
        raise NotGenuine("the status of a text that no attempt sent (a test, an answer, or another program's)")
    if said["MessageStatus"] not in ARRIVALS:
        raise NotGenuine(f"no status that is known: {said['MessageStatus']!r}")
    code = said.get("ErrorCode", "")
    reason = reason_of(int(code)) if code.isascii() and code.isdigit() and int(code) else None
    return StatusNews(callback.attempt_id, ref, ARRIVALS[said["MessageStatus"]], reason)


def _segments(value: Any) -> int | None:
    """How many segments Twilio counts; None for "0", which it says until a Messaging Service has chosen a sender."""
    try:
        return int(value) or None
    except (TypeError, ValueError):
        return None


def _text(values: Mapping[str, Any], key: str) -> str:
    return str(values.get(key) or "").strip()


def _can_send(sender: str) -> bool:
    """A number in E.164, a short code, or a name (twilio.com/docs/glossary/what-alphanumeric-sender-id)."""
    number = re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}", sender)
    return bool(number or (re.fullmatch(r"[A-Za-z0-9 ]{1,11}", sender) and re.search("[A-Za-z]", sender)))
