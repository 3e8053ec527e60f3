"""Numbers that need no thought: digits with their country code, checked against libphonenumber's own patterns.

`phonenumbers` takes 150 µs to say that a number is one, of which region and in which time zone: it is made for any
input. Most numbers of a file are plain digits; for those the same patterns, compiled once, say the same in 10 µs.
What this does not know at once it leaves to `phonenumbers`; that both agree is tested over every region.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberDesc, PhoneNumberType, timezone
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE, is_number_type_geographical

# Types that are not at a place; libphonenumber asks for them first.
TYPES = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail")
# Time zones are told apart by so many digits (`phonenumbers.tzdata`).
ZONE_DIGITS = 9


class Known(NamedTuple):
    """A number that exists: its region (two letters), and whether its digits say where it is."""

    region: str
    geographical: bool


class _Region:
    """The patterns of one region's numbers, by how many digits they have."""

    def __init__(self, region: str, metadata: PhoneMetadata) -> None:
        self.region, self.same = region, metadata.same_mobile_and_fixed_line_pattern
        self.leading = re.compile(metadata.leading_digits) if metadata.leading_digits else None
        prefix = metadata.national_prefix_for_parsing
        self.prefix = re.compile(prefix) if prefix else None
        general = metadata.general_desc
        self.lengths = {
            length: tuple(
                _any_of([getattr(metadata, name) for name in names], length)
                for names in (("general_desc",), TYPES, ("fixed_line",), ("mobile",))
            )
            for length in (general.possible_length if general else ())
        }

    def type_of(self, national: str) -> int | None:
        """The number's type as `phonenumbers` tells it; None where it is none of this region."""
        patterns = self.lengths.get(len(national))
        if patterns is None:
            return None
        general, others, fixed, mobile = patterns
        if not general.fullmatch(national):
            return None
        if others.fullmatch(national):
            return PhoneNumberType.UNKNOWN  # one that is not at a place: which of them does not matter
        if fixed.fullmatch(national):
            both = self.same or mobile.fullmatch(national)
            return PhoneNumberType.FIXED_LINE_OR_MOBILE if both else PhoneNumberType.FIXED_LINE
        return PhoneNumberType.MOBILE if not self.same and mobile.fullmatch(national) else None


def _any_of(descs: Iterable[PhoneNumberDesc | None], length: int) -> re.Pattern[str]:
    """What fits any of the descriptions that have numbers of this length; no lengths: as the general one has."""
    patterns = [
        desc.national_number_pattern
        for desc in descs
        if desc and desc.national_number_pattern and (not desc.possible_length or length in desc.possible_length)
    ]
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or "(?!)")


@lru_cache(16_384)  # a chunk of an import asks three times of each
def known(digits: str) -> Known | None:
    """What a number is whose `digits` begin with its country code; None where that takes a closer look."""
    code = code_of(digits)
    if code is None:
        return None
    national = digits[len(str(code)) :]
    regions = _regions(code)
    if not national or national[0] == "0" or not regions:
        return None
    if regions[0].prefix and regions[0].prefix.match(national):
        return None
    for region in regions:
        if region.leading is not None and not region.leading.match(national):
            continue
        kind = region.type_of(national)
        if kind is not None:
            return Known(region.region, is_number_type_geographical(kind, code))
        if region.leading is not None:
            return None
    return None


def code_of(digits: str) -> int | None:
    """The country code that `digits` begin with."""
    for length in (1, 2, 3):
        if (code := int(digits[:length] or 0)) in COUNTRY_CODE_TO_REGION_CODE:
            return code
    return None


def zones(digits: str, geographical: bool) -> tuple[str, ...]:
    """The time zones that a known number may be in: by its first digits, or all of its country."""
    if geographical:
        return _zones(digits[:ZONE_DIGITS])
    code = code_of(digits) or 0
    if code not in _OF_COUNTRY:
        _OF_COUNTRY[code] = tuple(timezone.time_zones_for_number(phonenumbers.parse(f"+{digits}")))
    return _OF_COUNTRY[code]


_OF_COUNTRY: dict[int, tuple[str, ...]] = {}


@lru_cache(65_536)
def _zones(prefix: str) -> tuple[str, ...]:
    """The same for all numbers that begin alike."""
    code = code_of(prefix) or 0
    number = PhoneNumber(code, int(prefix[len(str(code)) :] or 0))
    return tuple(timezone.time_zones_for_geographical_number(number))


@lru_cache
def _regions(code: int) -> list[_Region]:
    """The regions that share a country code, the main one first; none where there is no region at all (satellites)."""
    found = []
    for name in COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = PhoneMetadata.metadata_for_region(name, None)
        if name == "001" or metadata is None:
            return []
        found.append(_Region(name, metadata))
    return found
