"""In which order codes are stored, and so handed out: sorted is fastest to store, and best to guess.

Whoever has one of several codes that were handed out in sorted order knows that the next one is the next in that order.
That tells nothing where neighbours have six characters or more that chance has put there; where they have fewer, the
order is one nobody can foresee.
"""

from collections.abc import Sequence
from random import SystemRandom

# In how many characters neighbours must differ after the first: with digits, one guess in a million is a hit.
UNFORESEEABLE = 6
# How many pairs of neighbours in a chunk are looked at.
SAMPLE = 200
# How far apart in sorted order codes are that are handed out one after the other (`mixed`).
APART = 223

_CHANCE = SystemRandom()


def to_store(codes: Sequence[str]) -> Sequence[str]:
    """Sorted, distinct codes of a chunk in the order to store them in and hand them out."""
    return mixed(codes) if guessable(codes) else codes


def guessable(codes: Sequence[str]) -> bool:
    """Whether from some of these codes (sorted, distinct) the one that follows it could be guessed."""
    step = max(1, len(codes) // SAMPLE)
    return any(_apart(codes[at], codes[at + 1]) < UNFORESEEABLE for at in range(0, len(codes) - 1, step))


def _apart(one: str, other: str) -> int:
    """In how many places two codes differ after the first one in which they do: what is alike may always be so."""
    return sum(map(str.__ne__, one, other)) - 1


def mixed(codes: Sequence[str]) -> list[str]:
    """Sorted codes in an order to hand them out in: the columns of a table of `APART` columns, in a random order.

    A twentieth of the cost of a shuffle; and the unique index is walked from end to end some times, not at random.
    """
    columns = list(range(min(APART, len(codes))))
    _CHANCE.shuffle(columns)
    out: list[str] = []
    for column in columns:
        out += codes[column::APART]
    return out
