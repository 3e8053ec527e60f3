"""What a file of customers leaves open, to be asked before it is imported: looked for in its first rows. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from distribution.customers import clean
from distribution.customers.columns import Column
from distribution.errors import Refused
from distribution.files import Table

# Rows that are looked at: a modal waits for it.
LOOKED_AT = 20_000
WORDS_ASKED = 10
WORD_LIMIT = 60

SLASHED = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})")


@dataclass
class Questions:
    """`two_days`: a date that could be two days, where there is one. `words`: those of the consent column to explain.

    `notes`: by column (from 0), what people should know about its values.
    """

    two_days: str | None = None
    words: list[str] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)


def questions(table: Table, columns: Sequence[Column]) -> Questions:
    """What is to be asked about a file whose columns mean this."""
    asked = Questions()
    rows = list(islice(table.rows(), LOOKED_AT))
    for at, column in enumerate(columns):
        cells = [cell for row in rows if (cell := row[at])]
        if column.role == "consent":
            asked.words = _unknown_words(cells)
        elif column.role == "attribute" and column.type == "date":
            _dates(asked, at, cells)
        elif column.role == "attribute" and column.type in ("text", "number"):
            _numbers(asked, at, cells, column.type)
    return asked


def must_be_answered(asked: Questions, columns: Sequence[Column]) -> None:
    """Raise `Refused`, field "dates", where nobody has said what a date that could be two days means."""
    if asked.two_days and not any(column.order for column in columns):
        raise Refused(f"Say what {asked.two_days} means: does the day come first, or the month?", field="dates")


def _unknown_words(cells: Sequence[str]) -> list[str]:
    """Values of a consent column that mean nothing by themselves, the most frequent first."""
    seen: dict[str, int] = {}
    for cell in cells:
        word = cell.strip().casefold()
        if len(word) <= WORD_LIMIT:
            seen[word] = seen.get(word, 0) + 1
    unknown = [word for word in seen if word and not _is_consent(word)]
    return sorted(unknown, key=lambda word: (-seen[word], word))[:WORDS_ASKED]


def _is_consent(word: str) -> bool:
    """Whether a word says what it means."""
    try:
        clean.consent(word)
    except Refused:
        return False
    return True


def _dates(asked: Questions, at: int, cells: Sequence[str]) -> None:
    """Dates with slashes: those of two meanings are asked about, a column that has both orders is said to."""
    first, second = set[str](), set[str]()
    for cell in cells:
        if (found := SLASHED.match(cell)) and found[1] != found[2]:
            day_first, month_first = int(found[1]) > 12, int(found[2]) > 12
            if not day_first and not month_first:
                asked.two_days = asked.two_days or found[0]
            elif day_first != month_first:
                (first if day_first else second).add(found[0])
    if first and second:
        asked.notes[at] = f"Mixed: {min(first)} has the day first, {min(second)} the month."


def _numbers(asked: Questions, at: int, cells: Sequence[str], kind: str) -> None:
    """A column that has numbers and texts: how many of each, and what will become of them."""
    texts = [cell for cell in cells if not _is_number(cell)]
    numbers = len(cells) - len(texts)
    if not texts or not numbers or (kind == "text" and numbers < len(texts)):
        return
    are = "is" if len(texts) == 1 else "are"
    said = f"{numbers:,} of {len(cells):,} values are numbers, {len(texts):,} {are} not, such as '{texts[0][:30]}'."
    what = "All are kept as text." if kind == "text" else "Rows with those are refused; choose text to keep them all."
    asked.notes[at] = f"{said} {what}"


def _is_number(cell: str) -> bool:
    """Whether a cell can be read as an amount; one that begins with + or 0 is somebody's code or number."""
    if re.match(r"[+]|0\d", cell) or len(cell) > 15:
        return False
    try:
        clean.attribute(cell, "number")
    except Refused:
        return False
    return True
