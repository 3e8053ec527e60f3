"""Drawing range by range gives what drawing one by one gives, in an order that is quick to store."""

from collections import Counter

from distribution.codes.format import Format
from distribution.codes.ranges import AMPLE, RANGE, Ranges, is_ample, split

FORM = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")


def test_as_many_as_asked_in_any_portions_and_each_fits_the_format() -> None:
    ranges = Ranges(FORM, 30_000)
    drawn = [code for portion in (1, 29_000, 999, 5_000) for code in ranges.draw(portion)]
    assert len(drawn) == 35_000, "beyond the number that was said, it goes on"
    assert all(map(FORM.matches, drawn))
    assert len(set(drawn)) == 35_000


def test_every_character_is_as_likely_as_the_others() -> None:
    drawn = Ranges(FORM, 100_000).draw(100_000)
    for place in (7, 8, 9, 10):
        counts = Counter(code[place] for code in drawn)
        assert set(counts) == set("0123456789")
        # Six standard deviations (95) of a binomial with n = 100,000 and p = 0.1.
        assert all(abs(n - 10_000) < 570 for n in counts.values()), counts
    counts = Counter(code[11] for code in drawn)
    assert len(counts) == 52 and all(abs(n - 1_923) < 270 for n in counts.values()), counts


def test_how_many_begin_alike_is_drawn_and_not_dealt_out() -> None:
    """Equal parts would betray that they are parts."""
    counts = Counter(code[7] for code in Ranges(FORM, 100_000).draw(100_000))
    assert len(set(counts.values())) > 1


def test_a_range_is_near_together_and_ranges_come_in_no_order() -> None:
    found = list(split(FORM.columns, 200_000))
    assert sum(count for _, count in found) == 200_000
    assert all(count <= RANGE for _, count in found)
    begun = [columns[7:10] for columns, _ in found]
    assert len(begun) == len(set(begun)), "no range comes twice"
    assert begun != sorted(begun)


def test_columns_that_cannot_be_narrowed_are_one_range() -> None:
    assert list(split(("A", "B"), 10_000)) == [(("A", "B"), 10_000)]
    narrow = list(split(Format.parse("{string('a-b', 1)}-{string('a-b', 1)}").columns, 100_000))
    assert sum(count for _, count in narrow) == 100_000 and len(narrow) == 4


def test_only_where_a_guess_stays_hopeless() -> None:
    short = Format.parse("{string('0-9', 6)}")
    assert not is_ample(short, 1) or short.room >= AMPLE
    assert not is_ample(short, 2)
    assert is_ample(FORM, 5_000_000)
