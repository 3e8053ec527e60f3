"""What an SMS provider is to the engine: send one text, look one up, read its callbacks.

A provider never retries: each request stands behind an attempt that was committed before it.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Literal, NamedTuple, Protocol

from distribution.providers.connections import Client

NOWHERE: frozenset[str] = frozenset()


class Kind(Enum):
    """What one attempt came to."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # for good: this text will never be taken for this number
    LATER = "later"  # certainly not processed: try again
    ACCOUNT = "account"  # certainly not processed, and nothing will be until a person mends the account
    UNKNOWN = "unknown"  # it may have left


class Outcome(NamedTuple):
    """What one attempt came to."""

    kind: Kind
    reason: str | None = None  # a key of `distribution.reasons`
    provider_ref: str | None = None
    segments: int | None = None  # 0: it left as a picture message
    retry_after: float | None = None  # seconds, where the provider said


class Outgoing(NamedTuple):
    """One text on its way out."""

    attempt_id: str
    phone: str  # E.164
    text: str
    callback_url: str | None = None
    validity: int | None = None  # seconds that it is worth delivering for; None: as the provider is set up
    pictures: tuple[str, ...] = ()  # addresses of pictures that go with it: it is a picture message then


def shorter(one: int | None, other: int | None) -> int | None:
    """The shorter of two validities, either of which may not be set."""
    return min(one, other) if one is not None and other is not None else one if other is None else other


class Arrival(Enum):
    """What a provider says became of a text that it took."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"


class Sought(NamedTuple):
    """An attempt whose outcome is not known, as a provider's own list can be searched for it."""

    attempt_id: str
    phone: str
    codes: tuple[str, ...]  # those in its text; empty where it has none
    since: datetime  # its intent, which was committed before the socket was opened
    text: str | None = None  # as it was sent, where that can still be told


class Found(NamedTuple):
    """A text that the provider has."""

    provider_ref: str
    arrival: Arrival


class StatusNews(NamedTuple):
    """A callback: what became of one attempt."""

    attempt_id: str
    provider_ref: str
    arrival: Arrival
    reason: str | None


Meaning = Literal["stop", "start", "help", "other"]  # what a customer's text asks for


class InboundNews(NamedTuple):
    """A callback: a customer's own text."""

    provider_ref: str
    phone: str
    body: str
    meaning: Meaning | None = None  # what the provider read in it, where it says so; None: ours to read
    answered: bool = False  # the provider has answered it already: a second answer would only confuse


News = StatusNews | InboundNews


class Callback(NamedTuple):
    """A request from a provider, as the inbox kept it."""

    fields: Mapping[str, Any]  # its JSON object or form
    attempt_id: str | None  # from its address, where that names one
    url: str = ""  # as the provider called it: signatures are over it
    signature: str | None = None
    timestamp: str | None = None  # when it was signed, where the signature is over that
    body: str | None = None  # as it came, where the signature is over that


class NotGenuine(Exception):
    """A callback that the provider did not make, or that cannot be read; `str()` says which."""


class LookUpFailed(Exception):
    """The provider could not be asked: neither presence nor absence."""


class Provider(Protocol):
    """One configured integration. Stateless but for its config: the HTTP session is the caller's."""

    # Seconds after a request's end until the provider's own list shows it for certain; None: it cannot be asked.
    listed_within: float | None
    # Regions (two letters) to whose numbers it sends picture messages; none where it is not to, or cannot.
    pictures: frozenset[str]

    def encode(self, text: Outgoing) -> bytes:
        """The request's body: all that can be done ahead of sending."""
        ...

    async def send(self, http: Client, body: bytes) -> Outcome:
        """Post one text. Never raises for what the provider or the network does: that is an outcome."""
        ...

    async def look_up(self, http: Client, sought: Sought) -> Found | None:
        """Ask the provider whether it has the text of an attempt. Raises `LookUpFailed`."""
        ...

    def read_callback(self, callback: Callback) -> News:
        """What a callback says. Raises `NotGenuine`."""
        ...


class Capabilities(NamedTuple):
    """What a provider can do beyond sending."""

    receipts: bool  # it tells what became of a text
    look_up: bool  # it can be asked whether it has a text; where it cannot, a person decides about unknown ones
    replies: bool  # it passes customers' own texts on
    validity: bool  # it gives a text up after a time that we say
    pictures: frozenset[str] = NOWHERE  # regions (two letters) to whose numbers it sends picture messages


class Field(NamedTuple):
    """One thing that a kind of provider is told when it is set up; forms and checks are made from these."""

    key: str  # in `config`, or in `secret` where it is one
    label: str
    hint: str = ""
    example: str = ""
    secret: bool = False
    optional: bool = False
    address: bool = False  # requests go there: see `distribution.providers.addresses`
    choices: tuple[tuple[str, str], ...] = ()  # value and label; the first is what holds where nothing is chosen


class ProviderKind(Protocol):
    """What the registry knows of a kind of provider: how it is set up."""

    @property
    def title(self) -> str:
        """What people call the kind."""
        ...

    @property
    def about(self) -> str:
        """In a sentence, for whoever chooses among kinds."""
        ...

    @property
    def fields(self) -> tuple[Field, ...]:
        """What it is told when it is set up."""
        ...

    @property
    def replies(self) -> str:
        """What to do with the callback link so that customers' replies arrive; mrkdwn."""
        ...

    def capabilities(self, config: Mapping[str, Any]) -> Capabilities:
        """What one of that configuration can do."""
        ...

    def check(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> None:
        """Raise `Refused` at the field that is wrong."""
        ...

    def open(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> Provider:
        """A provider over that configuration."""
        ...
