"""What Twilio's error codes mean for us, from its Error and Warning Dictionary (twilio.com/docs/api/errors).

docs/providers.md shows this table to people; a test holds the two together. Twilio says that its codes change, so a
code that is not here is judged by its HTTP status (`distribution.providers.twilio.read_answer`).
"""

from typing import NamedTuple

from distribution.providers.port import Kind


class Meaning(NamedTuple):
    """What a code makes of an attempt that was refused with it, and the key of `distribution.reasons`."""

    kind: Kind
    reason: str


_NUMBER = Meaning(Kind.REJECTED, "invalid_number")
_NOT_MOBILE = Meaning(Kind.REJECTED, "landline")
_NO_TEXT = Meaning(Kind.REJECTED, "empty_text")
_TOO_LONG = Meaning(Kind.REJECTED, "text_too_long")
_SLOWER = Meaning(Kind.LATER, "rate_limited")
_FULL = Meaning(Kind.LATER, "queue_full")
_CREDENTIALS = Meaning(Kind.ACCOUNT, "credentials")
_INACTIVE = Meaning(Kind.ACCOUNT, "account_inactive")
_SENDER = Meaning(Kind.ACCOUNT, "sender_not_usable")
_PICTURE = Meaning(Kind.ACCOUNT, "picture_not_fetched")
_LIMIT = Meaning(Kind.ACCOUNT, "daily_limit")
_UNREGISTERED = Meaning(Kind.ACCOUNT, "sender_not_registered")

# Codes that a send is refused with, those that a receipt carries, and those that may be either. A receipt's text was
# taken, so of its code only the reason counts. What holds for one customer is REJECTED, even where an administrator
# could mend it (21408, 21608): one customer abroad must not hold up all the others.
CODES: dict[int, Meaning] = {
    10001: _INACTIVE,
    20003: _CREDENTIALS,
    20005: _INACTIVE,
    20008: _CREDENTIALS,
    20404: _CREDENTIALS,
    20429: _SLOWER,
    21211: _NUMBER,
    21212: _SENDER,
    21265: _NUMBER,
    21266: _NUMBER,
    21267: _SENDER,
    21268: _NUMBER,
    21408: Meaning(Kind.REJECTED, "region_not_enabled"),
    21601: _SENDER,
    21602: _NO_TEXT,
    21603: _SENDER,
    21606: _SENDER,
    21608: Meaning(Kind.REJECTED, "trial_account"),
    21609: Meaning(Kind.ACCOUNT, "callback_url"),
    21610: Meaning(Kind.REJECTED, "unsubscribed"),
    21611: _FULL,
    21612: Meaning(Kind.REJECTED, "no_route"),
    21614: _NOT_MOBILE,
    21617: _TOO_LONG,
    21619: _NO_TEXT,
    21620: _PICTURE,
    21635: _NOT_MOBILE,
    21659: _SENDER,
    21660: _SENDER,
    21661: _SENDER,
    21670: Meaning(Kind.ACCOUNT, "no_pictures_there"),
    21701: _SENDER,
    21703: _SENDER,
    21704: _SENDER,
    21705: _SENDER,
    30001: _FULL,
    30002: _INACTIVE,
    30003: Meaning(Kind.REJECTED, "phone_unreachable"),
    30004: Meaning(Kind.REJECTED, "blocked_by_carrier"),
    30005: _NUMBER,
    30006: _NOT_MOBILE,
    30007: Meaning(Kind.REJECTED, "filtered"),
    30008: Meaning(Kind.REJECTED, "undelivered"),
    30019: _TOO_LONG,
    30034: _UNREGISTERED,
    30454: _LIMIT,
    63017: _SLOWER,
    63019: _PICTURE,
    63038: _LIMIT,
}


def reason_of(code: int) -> str:
    """The reason's key for a code; one that is not listed names itself: "twilio_30999"."""
    return CODES[code].reason if code in CODES else f"twilio_{code}"
