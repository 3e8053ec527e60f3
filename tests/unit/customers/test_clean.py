"""What customers are called and described by, made fit to store."""

import pytest

from distribution.customers import clean
from distribution.errors import Refused


def test_a_name_keeps_what_people_see_and_loses_what_they_do_not() -> None:
    assert clean.name(" <!channel>\x00 *Anna*\n😀\u202e ") == "<!channel> *Anna* 😀"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 234,5", 1234.5),
        ("1,234", 1234),
        ("-7", -7),
        ("2.50", 2.5),
        ("1,5", 1.5),
        ("1e3", 1000),
        ("12,345,678.5", 12345678.5),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: float) -> None:
    assert clean.attribute(text, "number") == value


@pytest.mark.parametrize(
    "text", ["2026-06-15", "15.06.2026", "15/06/2026", "06/15/2026", "2026-06-15T00:00:00", "20260615"]
)
def test_dates_are_read_where_they_mean_one_day(text: str) -> None:
    assert clean.attribute(text, "date") == "2026-06-15"


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        ("06/07/2026", "date", "two different days"),
        ("31.02.2026", "date", "is not a date"),
        ("soon", "date", "is not a date"),
        ("abc", "number", "is not a number"),
        ("NaN", "number", "is not a number"),
        ("1e300", "number", "too large"),
        ("maybe", "boolean", "neither yes nor no"),
        ("x" * 501, "text", "500 is the limit"),
    ],
)
def test_a_value_of_another_type_is_refused(text: str, kind: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        clean.attribute(text, kind)
    assert why in str(refused.value)


def test_places_and_languages_have_one_spelling() -> None:
    assert (clean.region("poland"), clean.region("gb")) == ("PL", "GB")
    assert (clean.locale("EN_gb"), clean.locale("PL")) == ("en-GB", "pl")
    assert clean.time_zone("america/new york") == "America/New_York"


@pytest.mark.parametrize(
    "wrong", ["clean.region('Atlantis')", "clean.locale('English!')", "clean.time_zone('Mars/Base')"]
)
def test_places_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(Refused):
        eval(wrong)


def test_an_attribute_is_named_so_that_templates_can_read_it() -> None:
    assert clean.attribute_name("Favourite city (2025)") == "favourite_city_2025"
    for wrong in ("😀", "2nd", "", "x" * 61):
        with pytest.raises(Refused):
            clean.attribute_name(wrong)


@pytest.mark.parametrize(
    ("word", "consent"),
    [("Yes", "given"), ("1", "given"), ("opted out", "opted_out"), ("NO", "opted_out"), ("?", "unknown")],
)
def test_words_for_consent(word: str, consent: str) -> None:
    assert clean.consent(word) == consent


def test_a_word_that_may_or_may_not_mean_consent_is_refused() -> None:
    with pytest.raises(Refused, match="Write yes, no, or unknown"):
        clean.consent("perhaps")
