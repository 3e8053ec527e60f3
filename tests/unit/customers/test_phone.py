"""What people write for a phone number, and what they are told about it."""

import pytest

from distribution.customers import phone
from distribution.errors import Refused


@pytest.mark.parametrize(
    "text",
    [
        "+48 501 234 218",
        "48501234218",
        "501 234 218",
        "0048 501-234-218",
        "(501) 234.218",
        "\u202a+48501234218\u202c",
        "+48501234218 ",
    ],
)
def test_ways_to_write_one_number_are_one_number(text: str) -> None:
    assert phone.parse(text, "PL") == "+48501234218"


@pytest.mark.parametrize(
    ("text", "region", "why"),
    [
        ("501234218", None, "has no country"),
        ("+48 5O1 234 218", "PL", "has letters in it ('O')"),
        ("1-800-FLOWERS", "US", "has letters"),
        ("5012", "PL", "is too short for Poland"),
        ("501 234 218 999", "PL", "is too long for Poland"),
        ("48501234218", "US", "If it begins with a country code, write a + before it"),
        ("111 111 111", "PL", "is not a number that exists in Poland"),
        ("+999 123 456 789", None, "does not begin with the code of any country"),
        ("4.85E+10", "PL", "was rounded by a spreadsheet"),
        ("+48 501 😀", "PL", "has '😀' in it"),
        ("", "PL", "Write a phone number"),
        ("+", "PL", "too short"),
        ("1" * 60, "PL", "too long"),
    ],
)
def test_a_bad_number_is_refused_with_the_reason(text: str, region: str | None, why: str) -> None:
    with pytest.raises(Refused) as refused:
        phone.parse(text, region)
    assert why in str(refused.value)
    assert refused.value.field == "phone"


@pytest.mark.parametrize(
    ("number", "region", "zone"),
    [
        ("+48501234218", "PL", "Europe/Warsaw"),
        ("+447700900123", "GB", "Europe/London"),
        ("+12125550123", "US", "America/New_York"),
        ("+18005550123", "US", None),
        ("+870773111632", None, None),
    ],
)
def test_a_number_tells_its_country_and_often_its_time_zone(number: str, region: str | None, zone: str | None) -> None:
    assert (phone.region_of(number), phone.time_zone_of(number)) == (region, zone)


def test_the_beginning_of_a_number_is_searched_with_and_without_its_country() -> None:
    assert phone.prefixes("501 2", "PL") == ["+5012", "+485012"]
    assert phone.prefixes("07911", "GB") == ["+07911", "+447911"]
    assert phone.prefixes("+48 501", "GB") == ["+48501"]
    assert phone.prefixes("0048501", "GB") == ["+48501"]
