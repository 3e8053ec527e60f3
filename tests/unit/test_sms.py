"""SMS: encoding, characters and segments, against a plain walk through the standard's rules."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.sms import BASIC, EXTENSION, in_gsm, measure, replacement

GSM_TEXT = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=700)
ANY_TEXT = st.text(max_size=400)
MOSTLY_ASCII = st.text(alphabet=[*string.printable, "é", "ą", "€", "😀", "’", "\u200d"], max_size=400)


def by_hand(text: str) -> tuple[str, int, int]:
    """Segments filled one unit at a time, with units that belong together kept together. Slow, and plainly right."""
    gsm = all(char in BASIC or char in EXTENSION for char in text)
    units = [[char] * (2 if char in EXTENSION else 1) for char in text]
    if not gsm:
        units = [[char] * (len(char.encode("utf-16-be", "surrogatepass")) // 2) for char in text]
    single, part = (160, 153) if gsm else (70, 67)
    total = sum(map(len, units))
    if total <= single:
        return ("GSM-7" if gsm else "UCS-2"), total, 1 if text else 0
    segments: list[list[str]] = [[]]
    for unit in units:
        if len(segments[-1]) + len(unit) > part:
            segments.append([])
        segments[-1] += unit
    return ("GSM-7" if gsm else "UCS-2"), total, len(segments)


@given(st.one_of(GSM_TEXT, ANY_TEXT, MOSTLY_ASCII))
def test_the_quick_count_is_the_slow_one(text: str) -> None:
    measured = measure(text)
    assert (measured.encoding, measured.characters, measured.segments) == by_hand(text)


@given(MOSTLY_ASCII)
def test_room_is_how_many_plain_characters_fit_before_another_segment(text: str) -> None:
    measured = measure(text)
    if measured.segments:
        assert measure(text + "a" * measured.room).segments == measured.segments or measured.segments == 1
        assert measure(text + "a" * (measured.room + 1)).segments > measured.segments


def test_the_alphabet_has_127_characters_and_the_escape() -> None:
    """TS 23.038: 128 places, one of which is the escape to the extension table, which has ten characters."""
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert "`" not in BASIC


@pytest.mark.parametrize(
    ("text", "encoding", "characters", "segments"),
    [
        ("", "GSM-7", 0, 0),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("é" * 160, "GSM-7", 160, 1),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("Ω" * 160, "GSM-7", 160, 1),
        # 152 septets, then an escape that would be the last of the segment: it moves to the next.
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 306, 3),
        ("ą" * 70, "UCS-2", 70, 1),
        ("ą" * 71, "UCS-2", 71, 2),
        ("ą" * 134, "UCS-2", 134, 2),
        # 66 units, then a pair that would be split.
        ("ą" * 66 + "😀" + "ą" * 66, "UCS-2", 134, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        ("a`", "UCS-2", 2, 1),
    ],
)
def test_limits(text: str, encoding: str, characters: int, segments: int) -> None:
    assert measure(text)[:3] == (encoding, characters, segments)


def test_offenders_are_named_once_in_order() -> None:
    assert measure("It’s “fine” – it’s 😀 (€5)").offenders == ("’", "“", "”", "–", "😀")


@pytest.mark.parametrize(
    ("char", "instead"),
    [
        ("’", "'"),
        ("“", '"'),
        ("–", "-"),
        ("…", "..."),
        ("\u00a0", " "),
        ("ą", "a"),
        ("Ł", "L"),
        ("ç", "c"),
        ("\u200b", ""),
        ("😀", None),
        ("Ж", None),
        ("漢", None),
    ],
)
def test_replacements(char: str, instead: str | None) -> None:
    assert replacement(char) == instead


@given(ANY_TEXT)
def test_a_replacement_is_in_the_alphabet(text: str) -> None:
    for char in measure(text).offenders:
        instead = replacement(char)
        assert instead is None or measure(instead).encoding == "GSM-7"


def test_replacing_leaves_only_what_nothing_can_stand_for() -> None:
    assert in_gsm("Żółć – “ok” 😀") == 'Zólc - "ok" 😀'.replace("ó", "o")
