"""The workspace's settings: what there is, what each accepts, and what holds where nobody has chosen."""

import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import limits
from distribution.errors import Refused
from distribution.limits import Cap, Silence
from distribution.schedule import holidays
from storage import batches
from storage.tables import Setting

LONGEST_HOLD = 3600  # seconds
LONGEST_LIFETIME = 168  # hours: a week
OLDEST = 720  # hours: 30 days
LATEST = 1440  # minutes: a day


@dataclass(frozen=True)
class Known:
    """One setting: its default, how a person's text becomes its value, and what it does, in a sentence."""

    default: Any
    parse: Callable[[str], Any]
    about: str


def _approvals(text: str) -> str:
    """`always`, `never`, or `above:N` (more than N customers). Raises `Refused`."""
    word, _, number = text.strip().lower().partition(":")
    if word in ("always", "never") and not number:
        return word
    if word == "above" and number.strip().isdigit():
        return f"above:{int(number)}"
    raise Refused(f"'{text}' is not an approval rule. Write always, never, or above:100 (more than 100 customers).")


def _region(text: str) -> str:
    """A region's two letters. Raises `Refused`."""
    region = text.strip().upper()
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise Refused(f"'{text}' is not a country code. Write its two letters, such as PL, GB or US.")
    return region


def _zone(text: str) -> str:
    """A time zone's name. Raises `Refused`."""
    zone = text.strip()
    if zone not in zoneinfo.available_timezones():
        raise Refused(f"'{text}' is not a time zone. Write a name such as Europe/Warsaw or America/New_York.")
    return zone


def _cost(text: str) -> float:
    """What an SMS segment or a picture message costs. Raises `Refused`."""
    try:
        cost = float(text.replace(",", "."))
    except ValueError:
        cost = -1.0
    if not 0 <= cost < 1000:
        raise Refused(f"'{text}' is not a price. Write a number such as 0.035.")
    return cost


def _hold(text: str) -> int:
    """Seconds, an hour at most. Raises `Refused`."""
    if text.strip().isdecimal() and int(text) <= LONGEST_HOLD:
        return int(text)
    raise Refused(f"'{text}' is not a hold. Write seconds from 0 (none) to {LONGEST_HOLD:,} (an hour).")


def _lifetime(text: str) -> int:
    """Hours, a week at most. Raises `Refused`."""
    if text.strip().isdecimal() and 1 <= int(text) <= LONGEST_LIFETIME:
        return int(text)
    raise Refused(f"'{text}' is not a time to give up after. Write hours from 1 to {LONGEST_LIFETIME} (a week).")


def _oldest(text: str) -> int:
    """Hours, from one to 30 days. Raises `Refused`."""
    if text.strip().isdecimal() and 1 <= int(text) <= OLDEST:
        return int(text)
    raise Refused(f"'{text}' is not an age. Write hours from 1 to {OLDEST} (30 days).")


def _late(text: str) -> int:
    """Minutes, a day at most. Raises `Refused`."""
    if text.strip().isdecimal() and int(text) <= LATEST:
        return int(text)
    raise Refused(f"'{text}' is not a delay. Write minutes from 0 to {LATEST:,} (a day).")


def _quiet(text: str) -> str:
    """Quiet hours as they are kept: "21:00-09:00", or "off". Raises `Refused`."""
    return str(limits.quiet_hours(text) or limits.OFF)


def _holidays(text: str) -> str:
    """Holidays as they are kept: "25 Dec Christmas, 3 May 2026", or "off". Raises `Refused`."""
    return str(holidays.parse(text))


def _cap(text: str) -> str:
    """A cap as it is kept: "3 in 7 days", or "off". Raises `Refused`."""
    return str(limits.cap(text) or limits.OFF)


def _currency(text: str) -> str:
    """A currency's three letters. Raises `Refused`."""
    currency = text.strip().upper()
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        raise Refused(f"'{text}' is not a currency. Write its three letters, such as USD or EUR.")
    return currency


def _yes(text: str) -> bool:
    """Yes or no. Raises `Refused`."""
    word = text.strip().lower()
    if word not in ("yes", "no", "true", "false"):
        raise Refused(f"'{text}' is neither yes nor no.")
    return word in ("yes", "true")


def _text(text: str) -> str:
    """Any text, without spaces around it."""
    return text.strip()


SETTINGS: dict[str, Known] = {
    "approvals.required": Known(
        "always", _approvals, "When a second person must approve: always, never, or above:N customers."
    ),
    "approvals.channel": Known("", _text, "The channel that approval cards are posted in."),
    "low_stock.channel": Known(
        "",
        _text,
        "The channel that is told when a group runs low on codes; without one, the approvals channel; without that, "
        "whoever made the group.",
    ),
    "region.default": Known("US", _region, "The country of phone numbers that are written without one."),
    "time_zone": Known("UTC", _zone, "The workspace's time zone, where a person or customer has none of their own."),
    "cost.per_segment": Known(0.0, _cost, "What one SMS segment costs, for the estimate in the review."),
    "cost.per_picture": Known(0.0, _cost, "What one picture message costs, for the same estimate."),
    "cost.currency": Known("USD", _currency, "The currency of these costs."),
    "sending.hold": Known(
        30, _hold, "Seconds after Send or Approve in which nothing leaves yet and it can be called back; 0 for none."
    ),
    "sending.lifetime": Known(
        24,
        _lifetime,
        "Hours after which a text that could not be sent is given up, where its distribution does not say otherwise.",
    ),
    "quiet_hours": Known(
        limits.OFF,
        _quiet,
        "Hours in which nobody is texted, by the clock on the customer's own wall: 21:00-09:00, or off.",
    ),
    "quiet_hours.holidays": Known(
        holidays.OFF,
        _holidays,
        "Days on which nobody is texted, by the customer's own date: 25 Dec Christmas, 2026-05-03, or off.",
    ),
    "cap": Known(
        limits.OFF, _cap, "How many texts one customer gets at most, across all distributions: 3 in 7 days, or off."
    ),
    "trigger.oldest": Known(
        24, _oldest, "Hours after which an event that comes in late sets nothing off any more, by its own time."
    ),
    "clock.late_after": Known(
        60,
        _late,
        "Minutes by which what fell due while promobot was not running may be late and still go by itself; later, it "
        "waits for a person's word.",
    ),
    "providers.internal_addresses": Known(
        False, _yes, "Whether providers added in Slack may be reached in our own network: yes or no."
    ),
}


def get(session: Session, key: str) -> Any:
    """The value of a setting, or its default. Raises `KeyError` for a key that does not exist."""
    known = SETTINGS[key]
    row = session.get(Setting, key)
    return known.default if row is None else row.value


def put(session: Session, key: str, text: str) -> Any:
    """Parse and store what a person wrote; returns the stored value. Raises `Refused`."""
    if key not in SETTINGS:
        raise Refused(f"There is no setting '{key}'. There are: {', '.join(sorted(SETTINGS))}.")
    value = SETTINGS[key].parse(text)
    if key in ("quiet_hours", "quiet_hours.holidays", "time_zone") and value != get(session, key):
        batches.open_quiet(session)  # what waits for the end of other hours is looked at again
    session.merge(Setting(key=key, value=value))
    return value


def sending_limits(session: Session) -> tuple[Silence | None, Cap | None]:
    """Quiet times and cap as they hold now, None where they are off; one query, for the sender asks at each batch."""
    keys = ("quiet_hours", "quiet_hours.holidays", "cap")
    rows = session.execute(select(Setting.key, Setting.value).where(Setting.key.in_(keys)))
    chosen: dict[str, Any] = dict(rows.all())
    hours, days, cap = (str(chosen.get(key, SETTINGS[key].default)) for key in keys)
    silence = Silence(limits.quiet_hours(hours), holidays.parse(days))
    return (silence if silence.hours or silence.holidays.days else None), limits.cap(cap)
