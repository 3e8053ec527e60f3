r"""Code formats: `SUMMER-{string('0-9', 4)}{string('a-Z', 10)}` (docs/formats.md).

A format is literal text and macros. `{string('RANGES', COUNT)}` stands for COUNT characters, each drawn on its own and
evenly from RANGES: letters and digits, alone or as ranges (`a-z`, `A-Z`, `0-9`, `a-Z` for both cases, `2-9`), several
together (`A-HJ-NP-Z2-9`). Quotes may be single or double (or curly: keyboards make them so); spaces inside the braces
do not count. `\{`, `\}` and `\\` are a literal brace or backslash.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from string import ascii_lowercase, ascii_uppercase, digits

from distribution.codes.rules import CODE_MAX, problem
from distribution.errors import Refused

FORMAT_MAX = 300
FORMATS_MAX = 20

# Characters that people take for one another when they read a code off a screen: a group may leave them out.
LOOKALIKES = "0Oo1Il"

# `a-Z` runs through the small letters, then the capitals; digits are a run of their own.
RUNS = (ascii_lowercase + ascii_uppercase, digits)
QUOTES = "'\"‘’‚“”„"
DASHES = "-–—"

_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER = re.compile(r"[+-]?\d+")
_EXAMPLE = "{string('0-9', 4)}"


@dataclass(frozen=True)
class Drawn:
    """`count` characters, each drawn from `alphabet` (distinct ASCII letters and digits)."""

    alphabet: str
    count: int


@dataclass(frozen=True)
class Format:
    """One parsed format. `parts` are literal text (`str`) and `Drawn`, in order."""

    text: str
    parts: tuple[str | Drawn, ...]

    @classmethod
    def parse(cls, text: str, *, without: str = "") -> "Format":
        """Read one format; nothing is drawn from the characters of `without`.

        Raises `Refused` (field "formats") that names the 1-based position of what is wrong.
        """
        return cls(text.strip(), _Parser(text, without).parts())

    def between(self, prefix: str, suffix: str) -> "Format":
        """The same with literal text before and after. Raises `Refused` (field "prefix") where a code gets too long."""
        width = len(prefix) + self.width + len(suffix)
        if width > CODE_MAX:
            raise Refused(
                f"With its prefix and suffix a code of {self.text} has {width} characters; up to {CODE_MAX} fit.",
                field="prefix",
            )
        parts = tuple(part for part in (prefix, *self.parts, suffix) if part)
        return Format(f"{_escaped(prefix)}{self.text}{_escaped(suffix)}", parts)

    @cached_property
    def width(self) -> int:
        """How many characters each code has."""
        return sum(len(part) if isinstance(part, str) else part.count for part in self.parts)

    @cached_property
    def room(self) -> int:
        """How many different codes the format can make."""
        room = 1
        for part in self.parts:
            if isinstance(part, Drawn):
                room *= len(part.alphabet) ** part.count
        return room

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """For each character of a code, what it may be: a literal character alone, or an alphabet."""
        columns: list[str] = []
        for part in self.parts:
            columns.extend(part if isinstance(part, str) else [part.alphabet] * part.count)
        return tuple(columns)

    @cached_property
    def arithmetic(self) -> str:
        """How `room` comes about, in words ("10^2 = 100", "26 × 10^3 = 26,000")."""
        sizes = [(len(part.alphabet), part.count) for part in self.parts if isinstance(part, Drawn)]
        product = " × ".join(f"{size}^{count}" if count > 1 else f"{size}" for size, count in sizes)
        return f"{product} = {self.room:,}" if product and product != str(self.room) else f"{self.room:,}"

    def matches(self, code: str) -> bool:
        """Whether the format could have made `code`."""
        return len(code) == self.width and all(char in column for column, char in zip(self.columns, code, strict=True))

    def example(self) -> str:
        """A code as the format makes them, drawn anew at each call."""
        return self.codes(1)[0]

    def masked(self) -> str:
        """A code with an X for each drawn character ("SUMMER-XXXXXXXXXXXXXX"), for those who should not see one."""
        return "".join(part if isinstance(part, str) else "X" * part.count for part in self.parts)

    def codes(self, count: int) -> list[str]:
        """`count` codes drawn independently (so two may be equal) from the operating system's cryptographic source.

        Column by column, without bias: a byte that would make some characters likelier than others is thrown away.
        Seven million codes a second of two alphabets on one core (benchmarks/codes.py); keep `count` to a chunk.
        """
        return codes_of(self.columns, count)

    def nth(self, index: int) -> str:
        """The code at `index` of all `room` codes in their fixed order, from 0."""
        chars = []
        for column in reversed(self.columns):
            index, digit = divmod(index, len(column))
            chars.append(column[digit])
        return "".join(reversed(chars))

    def index(self, code: str) -> int:
        """Where a code that `matches` stands among all `room` codes: the inverse of `nth`."""
        index = 0
        for column, char in zip(self.columns, code, strict=True):
            index = index * len(column) + column.index(char)
        return index


def parse_all(text: str, *, without: str = "") -> list[Format]:
    """The formats of a text with one on each line; empty lines do not count, and no text is no format.

    Nothing is drawn from the characters of `without`.

    Raises `Refused` (field "formats"), naming the line where there are several, also for a line that repeats another.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > FORMATS_MAX:
        raise Refused(f"{len(lines)} formats are too many: a group mixes up to {FORMATS_MAX}.", field="formats")
    formats: list[Format] = []
    seen: dict[tuple[str | Drawn, ...], int] = {}
    for number, line in lines:
        try:
            found = Format.parse(line, without=without)
        except Refused as refusal:
            if len(lines) == 1:
                raise
            detail = str(refusal)
            raise Refused(f"Line {number}, {detail[0].lower()}{detail[1:]}", field="formats") from None
        if found.parts in seen:
            raise Refused(
                f"Line {number} repeats line {seen[found.parts]}. Remove one of them.",
                field="formats",
            )
        seen[found.parts] = number
        formats.append(found)
    return formats


def _escaped(literal: str) -> str:
    """Literal text as a format spells it."""
    return "".join(f"\\{char}" if char in "{}\\" else char for char in literal)


def codes_of(columns: Sequence[str], count: int) -> list[str]:
    """`count` codes of which each character is drawn from the column at its place; see `Format.codes`."""
    if count <= 0:
        return []
    row = bytearray()
    drawn: dict[str, list[int]] = {}
    for column in columns:
        if len(column) == 1:
            row += column.encode()
        else:
            drawn.setdefault(column, []).append(len(row))
            row += b"?"
    row += b"\n"
    buffer = bytearray(bytes(row) * count)
    for alphabet, places in drawn.items():
        stream = draw(alphabet, count * len(places))
        for turn, place in enumerate(places):
            buffer[place :: len(row)] = stream[turn * count : (turn + 1) * count]
    return buffer[:-1].decode().split("\n")


def draw(alphabet: str, count: int) -> bytes:
    """`count` characters of `alphabet` (2 to 62 ASCII characters), each as likely as the others."""
    table, too_high = _tables(alphabet)
    accepted = 256 - len(too_high)
    stream = b""
    while len(stream) < count:
        # As many bytes as it takes on average, and a little more so that a second round is rare.
        missing = (count - len(stream)) * 256 // accepted
        stream += os.urandom(missing + missing // 64 + 32).translate(table, too_high)
    return stream[:count]


@lru_cache(256)
def _tables(alphabet: str) -> tuple[bytes, bytes]:
    """The character of each byte, and the bytes to throw away, with which some characters would be likelier."""
    size = len(alphabet)
    table = bytes(ord(alphabet[byte % size]) for byte in range(256))
    return table, bytes(range(256 - 256 % size, 256))


class _Parser:
    """Reads one format from left to right; `at` is where it is, from 0. Spaces around the format do not count."""

    def __init__(self, text: str, without: str = "") -> None:
        self.text = text.rstrip()
        self.without = without
        self.at = len(self.text) - len(self.text.lstrip())

    def parts(self) -> tuple[str | Drawn, ...]:
        """All parts, literals joined. Raises `Refused`."""
        if not self.text:
            raise Refused(f"The format is empty. Write one such as SUMMER-{_EXAMPLE}.", field="formats")
        if len(self.text) > FORMAT_MAX:
            raise self.wrong(f"the format is longer than {FORMAT_MAX} characters", FORMAT_MAX)
        found: list[str | Drawn] = []
        width = 0
        while self.at < len(self.text):
            start = self.at
            part = self.macro() if self.text[self.at] == "{" else self.literal()
            width += part.count if isinstance(part, Drawn) else 1
            if width > CODE_MAX:
                raise self.wrong(f"here a code passes {CODE_MAX} characters, the most that a code may have", start)
            # One character to draw from is no draw.
            found.append(part.alphabet * part.count if isinstance(part, Drawn) and len(part.alphabet) == 1 else part)
        joined: list[str | Drawn] = []
        for part in found:
            if isinstance(part, str) and joined and isinstance(joined[-1], str):
                joined[-1] += part
            else:
                joined.append(part)
        return tuple(joined)

    def literal(self) -> str:
        """One literal character, its escape undone."""
        char = self.text[self.at]
        if char == "}":
            raise self.wrong(r"'}' closes nothing; write \} for a literal brace")
        if char == "\\":
            self.at += 1
            char = self.text[self.at : self.at + 1]
            if not char or char not in "{}\\":
                raise self.wrong(r"after '\' comes '{', '}' or another '\'", self.at - 1)
        elif why := problem(char):
            raise self.wrong(f"{why}; a code cannot have that")
        self.at += 1
        return char

    def macro(self) -> Drawn:
        """A macro from its '{' to its '}'."""
        opened = self.at
        self.at += 1
        if self.text[self.at : self.at + 1] == "{":
            raise self.wrong(rf"one brace opens a macro, as in {_EXAMPLE}; write \{{ for a literal brace")
        self.spaces()
        name_at = self.at
        name = self.match(_NAME)
        if name is None:
            raise self.unclosed(opened) if self.ended() else self.wrong(f"a macro goes here, as in {_EXAMPLE}")
        if name != "string":
            raise self.wrong(f"there is no macro '{name}'; the one there is, is string, as in {_EXAMPLE}", name_at)
        self.expect("(", opened)
        alphabet = self.ranges(opened)
        self.expect(",", opened)
        count = self.count(opened)
        self.expect(")", opened)
        self.expect("}", opened)
        return Drawn(alphabet, count)

    def ranges(self, opened: int) -> str:
        """The quoted ranges as the distinct characters that they hold."""
        self.spaces()
        if self.ended():
            raise self.unclosed(opened)
        if self.text[self.at] not in QUOTES:
            raise self.wrong(f"the characters to draw from go in quotes, as in {_EXAMPLE}")
        quoted_at = self.at
        self.at += 1
        end = next((at for at in range(self.at, len(self.text)) if self.text[at] in QUOTES), None)
        if end is None:
            raise self.wrong("this quote is not closed", quoted_at)
        chars: dict[str, None] = {}
        while self.at < end:
            chars.update(dict.fromkeys(self.range(end)))
        if not chars:
            raise self.wrong("there is nothing to draw from between the quotes; write a range such as 0-9", quoted_at)
        left = [char for char in chars if char not in self.without]
        if not left:
            raise self.wrong(
                f"only look-alikes ({' '.join(self.without)}) stand between the quotes, and they are left out",
                quoted_at,
            )
        self.at = end + 1
        return "".join(left)

    def range(self, end: int) -> Iterator[str]:
        """One range or single character before `end`."""
        first_at, first = self.at, self.text[self.at]
        run = next((run for run in RUNS if first in run), None)
        if run is None:
            what = f"'{first}' starts no range" if first in DASHES else f"'{first}' cannot be drawn"
            raise self.wrong(f"{what}; ranges are of letters and digits, such as 0-9, A-Z or a-Z")
        self.at += 1
        if self.at >= end or self.text[self.at] not in DASHES:
            return iter(first)
        if self.at + 1 >= end:
            raise self.wrong(f"the range {first}- has no end; write {first}-{run[-1]}", first_at)
        last = self.text[self.at + 1]
        if not any(last in known for known in RUNS):
            raise self.wrong(
                f"'{last}' ends no range; ranges are of letters and digits, such as 0-9, A-Z or a-Z", self.at + 1
            )
        if last not in run:
            raise self.wrong(
                f"the range {first}-{last} mixes letters and digits; write them one after the other, as in a-Z0-9",
                first_at,
            )
        if run.index(last) < run.index(first):
            raise self.wrong(f"the range {first}-{last} runs backwards; write {last}-{first}", first_at)
        self.at += 2
        return iter(run[run.index(first) : run.index(last) + 1])

    def count(self, opened: int) -> int:
        """How many characters to draw."""
        self.spaces()
        at = self.at
        number = self.match(_NUMBER)
        if number is None:
            raise self.unclosed(opened) if self.ended() else self.wrong(f"how many goes here, as in {_EXAMPLE}")
        if len(number) > 4 or int(number) > CODE_MAX:
            raise self.wrong(f"{number[:12]} characters are too many; a code may have up to {CODE_MAX}", at)
        if int(number) < 1:
            raise self.wrong(f"{number} characters are none; write 1 or more", at)
        return int(number)

    def expect(self, char: str, opened: int) -> None:
        """Pass `char`, and spaces before it."""
        self.spaces()
        if self.ended():
            raise self.unclosed(opened)
        if self.text[self.at] != char:
            raise self.wrong(f"'{char}' goes here, not '{self.text[self.at]}', as in {_EXAMPLE}")
        self.at += 1

    def spaces(self) -> None:
        """Pass spaces."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Pass and return what `pattern` finds here, or None."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found.group()

    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.at >= len(self.text)

    def unclosed(self, opened: int) -> Refused:
        """The error of a macro that the text ends in."""
        return self.wrong(f"this brace is not closed; a macro reads {_EXAMPLE}", opened)

    def wrong(self, what: str, at: int | None = None) -> Refused:
        """The error that says what is wrong at `at` (from 0; here, unless given)."""
        return Refused(f"Position {(self.at if at is None else at) + 1}: {what}.", field="formats")
