"""Words about additions of codes that a modal and a message share."""

from commands.ui.text import number


def not_taken(duplicated: int, repeated: int, discarded: int) -> str:
    """ "1 duplicated among these lines · 2 duplicated in the database · 1 discarded", without what is none.

    `repeated`: those of the duplicated that repeat an earlier line of the same addition.
    """
    parts = (
        (repeated, "duplicated among these lines"),
        (duplicated - repeated, "duplicated in the database"),
        (discarded, "discarded"),
    )
    return " · ".join(f"{number(n)} {words}" for n, words in parts if n)
