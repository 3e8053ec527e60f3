"""In which order codes are stored and handed out."""

import random
import string
from itertools import pairwise

import pytest

from distribution.codes.format import Format
from distribution.codes.order import guessable, mixed, to_store

FORMATS = {
    "SUMMER-{string('0-9', 4)}{string('a-Z', 10)}": False,
    "{string('A-Z0-9', 16)}": False,
    "{string('0-9', 8)}": True,
    "WELCOME{string('0-9', 6)}-SHOP-LONDON-EAST": True,  # what follows the chance is the same in all of them
}


@pytest.mark.parametrize(("text", "short"), FORMATS.items())
def test_codes_with_little_left_to_chance_are_not_handed_out_in_sorted_order(text: str, short: bool) -> None:
    codes = sorted(set(Format.parse(text).codes(50_000)))
    order = to_store(codes)
    assert guessable(codes) is short
    assert sorted(order) == codes
    assert (list(order) != codes) is short


def test_numbered_codes_are_mixed_however_long() -> None:
    codes = [f"PROMO-2026-WARSAW-{number:012d}" for number in range(1000)]
    assert guessable(codes)


def test_a_few_short_codes_among_many_long_ones_are_enough() -> None:
    chance = random.Random(5)
    long = {"".join(chance.choices(string.ascii_uppercase, k=20)) for _ in range(150)}
    short = {f"ZZ{number}" for number in range(50)}
    assert not guessable(sorted(long))
    assert guessable(sorted(long | short))


def test_one_code_and_none_have_no_neighbours() -> None:
    assert to_store([]) == []
    assert to_store(["ONE"]) == ["ONE"]


def test_mixing_puts_no_two_neighbours_side_by_side() -> None:
    codes = [f"{number:06}" for number in range(2000)]
    order = mixed(codes)
    assert sorted(order) == codes
    assert all(abs(int(one) - int(other)) > 1 for one, other in pairwise(order))
