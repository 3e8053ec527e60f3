"""Phone numbers: what people write becomes E.164, or a sentence that says what is wrong with it."""

from functools import lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, ValidationResult, timezone

from distribution.customers.known_numbers import known, zones
from distribution.errors import Refused

# What usually stands between digits; a number of these and digits alone needs no closer look.
USUAL = str.maketrans("", "", " -()./")
# What may stand between the digits: also the spaces, dashes and invisible marks that documents put there.
PUNCTUATION = frozenset(
    " +-().,/\u00a0\u2010\u2011\u2012\u2013\u2014\u202f\u2007\u2009\ufeff\u200b\u2060\u202a\u202c\t"
)

LENGTHS = {
    ValidationResult.TOO_SHORT: "is too short",
    ValidationResult.TOO_LONG: "is too long",
    ValidationResult.INVALID_LENGTH: "has the wrong number of digits",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code, and is too short",
}


def parse(text: str, region: str | None) -> str:
    """The E.164 form of what a person wrote ("+48 501-234-218", "0048…", "501 234 218" in `region` "PL").

    `region` is the country (two letters) of numbers written without one; None: they are refused. Raises `Refused`,
    field "phone", with the reason: letters, no country, too short for Poland, no such number there.
    """
    shown = text.strip()
    if not shown:
        raise Refused("Write a phone number, such as +48 501 234 218.", field="phone")
    if len(shown) > 40:
        raise Refused(f"'{shown[:30]}…' is too long for a phone number.", field="phone")
    if plain := _plain(shown, region):
        return plain
    _only_digits(shown)
    # "00" is how many countries dial abroad, and no number begins with it.
    digits = "".join(char for char in shown if char.isdecimal() or char in "+＋")
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    number = _parse(shown, digits, region)
    where = country_name(phonenumbers.region_code_for_country_code(number.country_code or 0))
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != ValidationResult.IS_POSSIBLE:
        hinted = length == ValidationResult.TOO_LONG and not digits.startswith("+")
        hint = " If it begins with a country code, write a + before it." if hinted else ""
        wrong = LENGTHS.get(length, "is not a phone number")
        raise Refused(f"'{shown}' {wrong} for {where}.{hint}", field="phone")
    if not phonenumbers.is_valid_number(number):
        raise Refused(f"'{shown}' is not a number that exists in {where}: check its first digits.", field="phone")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _plain(shown: str, region: str | None) -> str | None:
    """The E.164 form of digits with the usual between them, where they are a number; None where it is not so plain."""
    bare = shown.translate(USUAL)
    digits = bare[1:] if bare.startswith("+") else bare
    if not (digits.isascii() and digits.isdecimal()):
        return None
    if not bare.startswith("+"):
        if digits.startswith("00"):
            digits = digits[2:]
        elif region in phonenumbers.SUPPORTED_REGIONS:
            digits = f"{_country_code(region)}{digits}"
        else:
            return None
    return f"+{digits}" if known(digits) else None


@lru_cache
def _country_code(region: str) -> int:
    """The country code of a region."""
    return phonenumbers.country_code_for_region(region)


def _only_digits(shown: str) -> None:
    """Raise `Refused` for letters (a rounded spreadsheet number says so) and for other signs."""
    if "e+" in shown.casefold() and shown[0].isdecimal():
        raise Refused(
            f"'{shown}' was rounded by a spreadsheet: format that column as text, and save the file again.",
            field="phone",
        )
    if letters := [char for char in shown if char.isalpha()]:
        raise Refused(f"'{shown}' has letters in it ('{letters[0]}'). Write digits only.", field="phone")
    for char in shown:
        if not (char.isdecimal() or char in PUNCTUATION or char == "＋"):
            raise Refused(f"'{shown}' has '{char}' in it. Write digits only.", field="phone")


def _parse(shown: str, digits: str, region: str | None) -> PhoneNumber:
    """The number that `digits` may be. Raises `Refused` where its country is missing or unknown."""
    if not digits.startswith(("+", "＋")) and not region:
        raise Refused(
            f"'{shown}' has no country. Begin with + and the country code, as in +48 501 234 218.", field="phone"
        )
    try:
        return phonenumbers.parse(digits, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise Refused(f"'{shown}' does not begin with the code of any country.", field="phone") from None
        if error.error_type == NumberParseException.TOO_LONG:
            raise Refused(f"'{shown}' is too long for a phone number.", field="phone") from None
        raise Refused(f"'{shown}' is too short for a phone number.", field="phone") from None


def region_of(e164: str) -> str | None:
    """The region (two letters) of a number in E.164; None for one that belongs to no country (satellite phones)."""
    if plain := known(e164[1:]):
        return plain.region
    return _region(phonenumbers.parse(e164))


def time_zone_of(e164: str) -> str | None:
    """The IANA time zone of a number in E.164, None where the number does not tell (a mobile phone in Brazil)."""
    if plain := known(e164[1:]):
        found, region = zones(e164[1:], plain.geographical), region_of(e164)
    else:
        number = phonenumbers.parse(e164)
        found, region = timezone.time_zones_for_number(number), _region(number)
    if len(found) == 1 and found[0] != timezone.UNKNOWN_TIMEZONE:
        return str(found[0])
    return _only_zone(region)


def _region(number: PhoneNumber) -> str | None:
    """The region of a number; of one that is not in use, the region that most numbers with its country code are of."""
    region = phonenumbers.region_code_for_number(number)
    region = region or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return region if region in phonenumbers.SUPPORTED_REGIONS else None


def pretty(e164: str) -> str:
    """A number as its country writes it, with the country code: "+48 501 234 218"."""
    return phonenumbers.format_number(phonenumbers.parse(e164), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def prefixes(text: str, region: str) -> list[str]:
    """How the E.164 form of a number that begins as `text` may begin, for search: with the country code, or without."""
    digits = "".join(char for char in text if char.isdecimal())
    if "+" in text:
        return [f"+{digits}"]
    if digits.startswith("00"):
        return [f"+{digits[2:]}"]
    trunk = phonenumbers.ndd_prefix_for_region(region, True) or ""
    national = digits.removeprefix(trunk)
    code = phonenumbers.country_code_for_region(region)
    return [f"+{digits}", f"+{code}{national}"] if national else [f"+{digits}"]


def country_name(region: str | None) -> str:
    """A region's English name ("Poland"), from the table that ships with tzdata; its code where that has none."""
    return _tab("iso3166.tab").get(region or "", [region or "that country"])[0]


@lru_cache
def _tab(name: str) -> dict[str, list[str]]:
    """Country code → last columns, from one of tzdata's tables (iso3166.tab: name, zone.tab: zones)."""
    column = 2 if name == "zone.tab" else 1
    found: dict[str, list[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            cells = line.split("\t")
            found.setdefault(cells[0], []).append(cells[column])
    return found


@lru_cache(512)
def _only_zone(region: str | None) -> str | None:
    """The time zone of a country that has one."""
    zones = _tab("zone.tab").get(region or "", [])
    return zones[0] if len(zones) == 1 else None
