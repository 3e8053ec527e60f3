"""The short way to know a number says what libphonenumber says, for numbers of every region."""

import random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType, timezone

from distribution.customers import phone
from distribution.customers.known_numbers import known, zones
from distribution.errors import Refused

TYPES = [kind for kind in range(11) if kind != PhoneNumberType.FIXED_LINE_OR_MOBILE]


def _numbers(chance: random.Random) -> list[str]:
    """Digits of numbers that exist and of numbers that do not: examples of each region and type, and turned ones."""
    found: list[str] = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in TYPES:
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                found.append(phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:])
    turned = []
    for digits in found:
        for _ in range(6):
            at = chance.randrange(1, len(digits))
            turned.append(digits[:at] + str(chance.randrange(10)) + digits[at + 1 :])
        turned += [digits[:-1], digits + "1", digits[:2] + "0" + digits[2:]]
    return found + turned


def test_what_is_known_at_once_is_what_libphonenumber_says() -> None:
    numbers = _numbers(random.Random(7))
    at_once = 0
    for digits in numbers:
        plain = known(digits)
        if plain is None:
            continue
        at_once += 1
        number = phonenumbers.parse(f"+{digits}")
        assert phonenumbers.is_valid_number(number), digits
        assert phonenumbers.format_number(number, PhoneNumberFormat.E164) == f"+{digits}"
        assert plain.region == phonenumbers.region_code_for_number(number), digits
        assert zones(digits, plain.geographical) == tuple(timezone.time_zones_for_number(number)), digits
    assert at_once > 0.8 * sum(map(_exists, numbers))


def _exists(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


@pytest.mark.parametrize("region", ["PL", "GB", "US", "IT", "DE", "BR", "MX", "AR", "RU", "KZ", "FR", "AU", "HU", "IN"])
def test_numbers_without_a_country_are_read_as_libphonenumber_reads_them(
    region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(region)
    texts = []
    for kind in TYPES:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        national = phonenumbers.national_significant_number(number)
        code = str(number.country_code)
        for digits in (national, f"0{national}", code + national, f"00{code}{national}", f"1{national}"):
            texts += [digits, digits[:-2] + str(chance.randrange(10, 99)), digits[: chance.randrange(5, len(digits))]]
        texts.append(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))

    def read() -> list[str]:
        found = []
        for text in texts:
            try:
                found.append(phone.parse(text, region))
            except Refused as refusal:
                found.append(str(refusal))
        return found

    short = read()
    monkeypatch.setattr(phone, "_plain", lambda *_: None)
    assert short == read()
