"""What a person meant."""

import pytest

from distribution.search import containing, did_you_mean, nearest

NAMES = ["Summer 10%", "Summer 20%", "School 30%", "Ärmel"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Sumer 10%", "Summer 10%"),
        ("SUMMER 20", "Summer 20%"),
        ("school", "School 30%"),
        ("scool 30%", "School 30%"),
        ("ärmle", "Ärmel"),
        ("xyz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_suggested_and_none_where_none_is_near(word: str, meant: str | None) -> None:
    assert nearest(word, NAMES) == meant
    assert did_you_mean(word, NAMES) == (f" Did you mean '{meant}'?" if meant else "")


def test_nothing_is_near_to_nothing() -> None:
    assert nearest("Summer", []) is None


def test_words_are_looked_for_anywhere_in_any_case() -> None:
    assert containing("10% sum", NAMES) == ["Summer 10%"]
    assert containing("", NAMES) == NAMES
    assert containing("zzz", NAMES) == []
