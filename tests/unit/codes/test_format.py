"""Formats: what they make, how many, and where they are wrong."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.codes.format import RUNS, Format, parse_all
from distribution.codes.rules import CODE_MAX, problem
from distribution.errors import Refused

LITERALS = st.text(st.sampled_from("SUMMER-10%_é'\"{}\\ü."), max_size=5)
RANGES = st.lists(
    st.sampled_from(RUNS).flatmap(
        lambda run: st.tuples(st.integers(0, len(run) - 1), st.integers(0, len(run) - 1)).map(
            lambda ends: (run[min(ends)], run[max(ends)], run[min(ends) : max(ends) + 1])
        )
    ),
    min_size=1,
    max_size=3,
)
MACROS = st.tuples(RANGES, st.integers(1, 8), st.sampled_from("'\"‘“"), st.sampled_from(["", " ", "  "]))


def escaped(literal: str) -> str:
    return "".join(f"\\{char}" if char in "{}\\" else char for char in literal)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A valid format, and for each place of its codes the characters that may stand there."""
    text, places = "", []
    for literal, macro in draw(st.lists(st.tuples(LITERALS, st.none() | MACROS), min_size=1, max_size=4)):
        text += escaped(literal)
        places += list(literal)
        if macro:
            ranges, count, quote, space = macro
            inside = "".join(first if first == last else f"{first}-{last}" for first, last, _ in ranges)
            text += f"{{{space}string{space}({space}{quote}{inside}{quote}{space},{space}{count}{space}){space}}}"
            places += ["".join(chars for _, _, chars in ranges)] * count
    if not places:
        return "A" + text, ["A"]
    return text, places


@given(written())
@settings(max_examples=300)
def test_every_code_is_what_its_format_says(made: tuple[str, list[str]]) -> None:
    text, places = made
    form = Format.parse(text)
    room = 1
    for chars in places:
        room *= len(set(chars))
    assert (form.room, form.width) == (room, len(places))
    for code in form.codes(7):
        assert len(code) == len(places)
        assert all(char in chars for char, chars in zip(code, places, strict=True))
        assert form.matches(code)
        assert form.nth(form.index(code)) == code


@given(st.text(st.sampled_from("AB{}()'\"\\string,-09aZ 4"), max_size=30))
@settings(max_examples=500)
def test_any_text_is_a_format_or_is_refused_at_a_position_inside_it(text: str) -> None:
    try:
        form = Format.parse(text)
    except Refused as refusal:
        assert refusal.field == "formats"
        if text.strip():
            position = int(str(refusal).removeprefix("Position ").split(":")[0])
            assert 1 <= position <= len(text) + 1
    else:
        assert all(problem(code) is None and len(code) <= CODE_MAX for code in form.codes(3))


@pytest.mark.parametrize(
    ("text", "position", "says"),
    [
        ("{string('9-0', 4)}", 10, "9-0 runs backwards; write 0-9"),
        ("{string('Z-a', 4)}", 10, "write a-Z"),
        ("{string('0-9', 0)}", 16, "write 1 or more"),
        ("{string('0-9', -1)}", 16, "write 1 or more"),
        ("{string('0-9', 65)}", 16, "up to 64"),
        ("{string('0-9', 99999999999999999999)}", 16, "up to 64"),
        ("A{number('0-9', 4)}", 3, "there is no macro 'number'"),
        ("AB{string('0-9', 4)", 3, "not closed"),
        ("AB{string('0-9', 4", 3, "not closed"),
        ("AB{", 3, "not closed"),
        ("{string('0-9, 4)}", 9, "quote is not closed"),
        ("{string('', 4)}", 9, "nothing to draw from"),
        ("{string('a-', 4)}", 10, "has no end"),
        ("{string('-9', 4)}", 10, "starts no range"),
        ("{string('0-Z', 4)}", 10, "mixes letters and digits"),
        ("{string('a-ź', 4)}", 12, "'ź' ends no range"),
        ("{string('0-9', four)}", 16, "how many goes here"),
        ("{string(0-9, 4)}", 9, "in quotes"),
        ("{string('0-9' 4)}", 15, "',' goes here"),
        ("{{string('0-9', 4)}}", 2, "one brace opens a macro"),
        ("A}B", 2, "closes nothing"),
        ("A B", 2, "space"),
        ("  A B", 4, "space"),
        ("A\\n", 2, "after '\\' comes"),
        ("A,B", 2, "comma"),
        ("S-{string('a-Z', 60)}{string('0-9', 4)}", 22, "passes 64 characters"),
        ("x" * 65, 65, "passes 64 characters"),
    ],
)
def test_a_malformed_format_is_refused_with_the_position(text: str, position: int, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        Format.parse(text)
    assert str(refusal.value).startswith(f"Position {position}: ")
    assert says in str(refusal.value)


def test_the_documented_format_makes_what_its_macros_say() -> None:
    form = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
    code = form.example()
    assert code[:7] == "SUMMER-" and code[7:11].isdigit() and code[11:].isalpha() and len(code) == 21
    assert form.room == 10**4 * 52**10
    assert form.masked() == "SUMMER-XXXXXXXXXXXXXX"
    assert form.arithmetic.startswith("10^4 × 52^10 = ")


def test_each_character_is_as_likely_as_the_others() -> None:
    """62 characters do not divide 256: a plain remainder would make the first eight likelier by a quarter."""
    count = 200_000
    seen = Counter("".join(Format.parse("{string('a-Z0-9', 2)}").codes(count // 2)))
    assert len(seen) == 62
    expected = count / 62
    chi_squared = sum((times - expected) ** 2 / expected for times in seen.values())
    # 61 degrees of freedom: above 130 once in a million runs. The biased draw gives about 2,000.
    assert chi_squared < 130


def test_each_place_is_drawn_on_its_own() -> None:
    """The stream of one alphabet is dealt out to several places: none may repeat another."""
    codes = Format.parse("{string('0-9', 3)}").codes(30_000)
    assert 0.08 < sum(code[0] == code[1] for code in codes) / 30_000 < 0.12
    assert 0.08 < sum(code[1] == code[2] for code in codes) / 30_000 < 0.12


def test_several_lines_are_several_formats_and_an_error_names_the_line() -> None:
    assert [form.text for form in parse_all("A{string('0-9', 4)}\n\n  B{string('a-z', 4)}  \n")] == [
        "A{string('0-9', 4)}",
        "B{string('a-z', 4)}",
    ]
    assert parse_all(" \n") == []
    with pytest.raises(Refused, match=r"^Line 3, position 11: the range 9-0 runs backwards"):
        parse_all("A{string('0-9', 4)}\n\nB{string('9-0', 4)}")
    with pytest.raises(Refused, match="Line 2 repeats line 1"):
        parse_all("A{string('0-9', 4)}\nA{ string(\"0-9\",4) }")
    with pytest.raises(Refused, match="21 formats are too many"):
        parse_all("\n".join(f"A{line}" for line in range(21)))
