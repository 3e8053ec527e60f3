"""How large the sample shop is to be, and what is said while it grows."""

from collections.abc import Callable
from dataclasses import dataclass

# The shop of the demo: its three groups are always there.
BASE_GROUPS = 3

# What is being made ("promo codes"), how many are there, how many there will be.
Say = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Size:
    """How many of each. `codes` are those of the largest group, or with further `groups` those of all of them."""

    customers: int = 420
    codes: int = 1_000
    groups: int = BASE_GROUPS
    events: int = 0
    seed: int = 20260615
