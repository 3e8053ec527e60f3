"""Drawing a known number of codes range by range, so that storing them walks through the unique index and not about it.

What comes out is what drawing each code on its own would give, in another order: how many of the codes begin with which
character is itself drawn, character by character, until a range has few enough codes; then the rest of each is drawn.
The ranges come in a random order.

Codes that are handed out one after the other then share their first characters. That tells an outsider who has one of
them at most what handing out all of them would tell, so it is done where even that is nothing: `AMPLE`.
"""

from collections.abc import Iterator, Sequence
from random import SystemRandom

from distribution.codes.format import Format, codes_of, draw

# A format with at least so many codes for each one wanted: a guess at a million tries finds one of ours.
AMPLE = 1_000_000
# Codes in a range, at most: about as many as fill a hundred pages of the index.
RANGE = 4_000

_CHANCE = SystemRandom()


def is_ample(form: Format, count: int) -> bool:
    """Whether `count` codes of a format may be drawn range by range."""
    return form.room >= AMPLE * count


class Ranges:
    """`count` codes of a format, range by range, no two of them equal; beyond those, codes from everywhere."""

    def __init__(self, form: Format, count: int) -> None:
        """`form` must be ample for `count`."""
        self._format = form
        self._ranges = split(form.columns, count)
        self._drawn: list[str] = []

    def draw(self, count: int) -> list[str]:
        """The next `count`."""
        while len(self._drawn) < count:
            columns, size = next(self._ranges, (self._format.columns, count - len(self._drawn)))
            found = dict.fromkeys(codes_of(columns, size))
            while len(found) < size:  # two were equal
                found.update(dict.fromkeys(codes_of(columns, size - len(found))))
            self._drawn += found
        drawn, self._drawn = self._drawn[:count], self._drawn[count:]
        return drawn


def split(columns: Sequence[str], count: int, at: int = 0) -> Iterator[tuple[Sequence[str], int]]:
    """`count` codes of `columns` as ranges: narrower columns, and how many codes of them; each at most `RANGE`.

    A range is larger where the columns cannot be narrowed any further.
    """
    at = next((place for place in range(at, len(columns)) if len(columns[place]) > 1), len(columns))
    if count <= RANGE or at == len(columns):
        yield columns, count
        return
    firsts = draw(columns[at], count)
    chars = list(columns[at])
    _CHANCE.shuffle(chars)
    for char in chars:
        begin_so = firsts.count(char.encode())
        if begin_so:
            yield from split((*columns[:at], char, *columns[at + 1 :]), begin_so, at + 1)
