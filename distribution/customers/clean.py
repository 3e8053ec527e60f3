"""What customers are called and described by, made fit to store: typed by people, or out of somebody's spreadsheet."""

import math
import re
import unicodedata
import zoneinfo
from collections.abc import Callable
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from distribution.customers.phone import country_name
from distribution.errors import Refused

TEXT_LIMIT = 500
NAME_LIMIT = 200
# Above this, a number is not the same on every machine that reads JSON (RFC 8259 §6).
EXACT = 2**53 - 1

# Marks that turn the direction of the text after them, which would rewrite what stands beside a name.
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

YES = frozenset({"yes", "y", "true", "t", "1", "x", "tak", "ja", "oui", "si", "sí", "✓", "✔", "on", "given"})
NO = frozenset({"no", "n", "false", "f", "0", "nie", "nein", "non", "off", "-", "–"})
CONSENT_GIVEN = YES | frozenset(
    {"agreed", "opted in", "opt-in", "opt in", "optin", "opted_in", "subscribed", "granted", "consented"}
)
OPTED_OUT = NO | frozenset(
    {"opted out", "opted_out", "opt-out", "opt out", "optout", "unsubscribed", "stop", "withdrawn", "declined"}
)
CONSENT_UNKNOWN = frozenset({"unknown", "?", "not asked", "n/a", "na", "none", "null"})

DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d")


def text(value: str, *, limit: int = TEXT_LIMIT, field: str = "text") -> str:
    """`value` on one line, without control characters. Raises `Refused` beyond `limit` characters."""
    if len(value) <= limit and value.isprintable() and "  " not in value and value == value.strip():
        return value
    kept = "".join(char for char in value if char.isspace() or not _unseen(char))
    kept = " ".join(kept.split())
    if len(kept) > limit:
        raise Refused(f"'{kept[:30]}…' has {len(kept):,} characters; {limit} is the limit.", field=field)
    return kept


def name(value: str) -> str:
    """A customer's name. Raises `Refused`, field "name"."""
    return text(value, limit=NAME_LIMIT, field="name")


def source_id(value: str) -> str:
    """A customer's id elsewhere. Raises `Refused`, field "source_id"."""
    return text(value, limit=NAME_LIMIT, field="source_id")


def region(value: str) -> str:
    """A country's two letters, or its English name. Raises `Refused`, field "region"."""
    word = text(value, field="region")
    code = word.upper()
    if len(code) == 2 and country_name(code) != code:
        return code
    if named := _regions_by_name().get(word.casefold()):
        return named
    raise Refused(f"'{word}' is not a country. Write its two letters, such as PL, GB or US.", field="region")


def time_zone(value: str) -> str:
    """An IANA time zone, whatever its capitals. Raises `Refused`, field "time_zone"."""
    word = text(value, field="time_zone").replace(" ", "_")
    if zone := _zones().get(word.casefold()):
        return zone
    raise Refused(
        f"'{word}' is not a time zone. Write a name such as Europe/Warsaw or America/New_York.", field="time_zone"
    )


def locale(value: str) -> str:
    """A language, and a country where it matters: "pl", "en-GB" (also written en_gb). Raises `Refused`."""
    word = text(value, field="locale").replace("_", "-")
    language, _, rest = word.partition("-")
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", word):
        raise Refused(f"'{word}' is not a locale. Write a language such as pl, or en-GB.", field="locale")
    return f"{language.lower()}-{rest.upper() if len(rest) == 2 else rest}" if rest else language.lower()


def consent(value: str) -> str:
    """ "given", "opted_out" or "unknown" from a word of a file. Raises `Refused`, field "consent"."""
    word = text(value, field="consent").casefold()
    if word in CONSENT_GIVEN:
        return "given"
    if word in OPTED_OUT:
        return "opted_out"
    if word in CONSENT_UNKNOWN:
        return "unknown"
    raise Refused(f"'{text(value)}' is not a consent. Write yes, no, or unknown.", field="consent")


def attribute_name(value: str) -> str:
    """The key of an attribute as templates read it: "Favourite city" → "favourite_city". Raises `Refused`."""
    key = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", value).lower()).strip("_")
    if not key.isidentifier() or len(key) > 60:
        raise Refused(
            f"'{value[:60]}' cannot be an attribute's name: a letter first, then letters, digits, _; at most 60.",
            field="attribute",
        )
    return key


def attribute(value: str, kind: str, order: str | None = None) -> str | int | float | bool:
    """A value of an attribute of type `kind` (text, number, boolean, date) as JSON keeps it.

    `order`: what stands first in 03/04/2026, "day" or "month"; None: nobody has said. Raises `Refused`, field
    "attribute", where the text is no such thing.
    """
    word = text(value, field="attribute")
    return _date(word, order) if kind == "date" else _PARSERS[kind](word)


def _number(word: str) -> int | float:
    """ "1 234,5" → 1234.5. A single comma is a decimal one unless three digits follow it."""
    compact = word.replace(" ", "").replace("\u00a0", "").replace("\u202f", "").replace("'", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", compact):
        compact = compact.replace(",", "")
    elif compact.count(",") == 1 and "." not in compact:
        compact = compact.replace(",", ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", compact, re.ASCII):
        raise Refused(f"'{word}' is not a number.", field="attribute")
    number = float(compact)
    if not math.isfinite(number) or abs(number) > EXACT:
        raise Refused(f"'{word}' is too large: numbers up to {EXACT:,} are kept exactly.", field="attribute")
    return int(number) if number.is_integer() else number


def _boolean(word: str) -> bool:
    """ "Yes" → True."""
    folded = word.casefold()
    if folded in YES:
        return True
    if folded in NO:
        return False
    raise Refused(f"'{word}' is neither yes nor no.", field="attribute")


def _date(word: str, order: str | None) -> str:
    """ "15.06.2026" or "2026-06-15 00:00:00" → "2026-06-15". 06/07/2026 means two days: refused without `order`."""
    day = re.split(r"[T ]", word, maxsplit=1)[0]
    for pattern in DATE_FORMATS:
        try:
            parsed: date = datetime.strptime(day, pattern).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
        if 1800 <= parsed.year <= 2200:
            return parsed.isoformat()
    if slashed := re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})", day):
        first, second, year = (int(part) for part in slashed.groups())
        return _slashed(word, first, second, year, order)
    raise Refused(f"'{word}' is not a date. Write it as 2026-06-15.", field="attribute")


def _slashed(word: str, first: int, second: int, year: int, order: str | None) -> str:
    """The one day that 15/06/2026 or 06/15/2026 can mean; `Refused` where it could be two, or is none in `order`."""
    if order is not None:
        day, month = (first, second) if order == "day" else (second, first)
        try:
            return date(year, month, day).isoformat()
        except ValueError:
            raise Refused(
                f"'{word}' is no day with the {order} first. Write it as 2026-06-15.", field="attribute"
            ) from None
    for day, month in ((first, second), (second, first)):
        if (12 < day <= 31 and 1 <= month <= 12) or first == second:
            try:
                return date(year, month, day).isoformat()
            except ValueError:
                break
    raise Refused(f"'{word}' could be two different days, or none. Write it as 2026-06-15.", field="attribute")


_PARSERS: dict[str, Callable[[str], str | int | float | bool]] = {
    "text": lambda word: word,
    "number": _number,
    "boolean": _boolean,
}


def shown(value: Any) -> str:
    """An attribute's stored value as a person reads and writes it: true → "yes"."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _unseen(char: str) -> bool:
    """Whether a character must not be stored: controls, halves of characters, marks that turn direction."""
    return unicodedata.category(char) in ("Cc", "Cs") or char in BIDI


@lru_cache
def _zones() -> dict[str, str]:
    """Time zones by their folded names."""
    return {zone.casefold(): zone for zone in zoneinfo.available_timezones()}


@lru_cache
def _regions_by_name() -> dict[str, str]:
    """Regions by their folded English names."""
    from phonenumbers import SUPPORTED_REGIONS

    return {country_name(code).casefold(): code for code in SUPPORTED_REGIONS}
