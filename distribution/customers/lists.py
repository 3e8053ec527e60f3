"""Lists of people, pasted or out of a file: each line a phone number or a source id, matched to customers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy.orm import Session

from distribution.customers import phone
from distribution.errors import Refused
from distribution.files import Row
from storage.customers import ids_by
from storage.tables import Customer

# One statement for so many lines: memory stays flat, and a statement stays under a second.
CHUNK = 5_000

SPACING = str.maketrans("", "", " -()./\t\u00a0")


Lines = str | Iterable[tuple[int, str]] | Iterable[Row]


@dataclass
class Matched:
    """What became of the lines: who was found (in order, once), who is no customer, what could not be read."""

    customer_ids: dict[int, None] = field(default_factory=dict)
    unmatched: list[str] = field(default_factory=list)
    nobodys: list[tuple[int, str, str]] = field(default_factory=list)  # the lines of those: line, what it says, why not
    bad: list[tuple[int, str, str]] = field(default_factory=list)
    repeated: int = 0

    def add(self, customer_id: int) -> None:
        """Count a customer in, or as repeated."""
        if customer_id in self.customer_ids:
            self.repeated += 1
        else:
            self.customer_ids[customer_id] = None


def match(session: Session, given: Lines, region: str | None, *, heading: bool = True) -> Matched:
    """Find the customers that `given` names. `region`: the country of numbers written without one.

    `heading`: the first line may be one; else it names somebody as any other.
    """
    matched = Matched()
    lines = _lines(given)
    while chunk := list(islice(lines, CHUNK)):
        _match_chunk(session, matched, chunk, region, heading)
    return matched


def _match_chunk(
    session: Session, matched: Matched, chunk: list[tuple[int, str]], region: str | None, heading: bool
) -> None:
    """Exact numbers and ids in two statements; only the rest is parsed."""
    exact = {text: text.translate(SPACING) for _, text in chunk}
    by_phone = ids_by(session, Customer.phone, [number for number in exact.values() if number.startswith("+")])
    by_source = ids_by(session, Customer.source_id, list(exact))
    found = {text: by_source.get(text) or by_phone.get(number) for text, number in exact.items()}
    parsed: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for text, customer_id in found.items():
        if customer_id is None:
            try:
                parsed[text] = phone.parse(text, region)
            except Refused as refusal:
                wrong[text] = _why(text, refusal)
    late = ids_by(session, Customer.phone, list(set(parsed.values())))
    missing: dict[str, None] = dict.fromkeys(matched.unmatched)
    for line, text in chunk:
        customer_id = found[text] or late.get(parsed.get(text, ""))
        if customer_id is not None:
            matched.add(customer_id)
        elif text not in wrong:
            missing[parsed[text]] = None
            matched.nobodys.append((line, text, f"{parsed[text]} is no customer's number. Import the customer first."))
        elif not heading or len(chunk) == 1 or not _is_heading(line, text):
            matched.bad.append((line, text, wrong[text]))
    matched.unmatched = list(missing)


def _why(text: str, refusal: Refused) -> str:
    """Why a line could not be read; one with letters was no number to begin with."""
    if any(char.isalpha() for char in text) and "rounded" not in str(refusal):
        return f"'{text[:40]}' is neither a phone number nor a customer's source id."
    return str(refusal)


def _is_heading(line: int, text: str) -> bool:
    """Whether a line that nothing can be made of is the first one, and words: a heading."""
    return line == 1 and not any(char.isdecimal() for char in text)


def _lines(given: Lines) -> Iterator[tuple[int, str]]:
    """Line numbers, from 1, and what each line names; a pasted line may name several, with commas between."""
    if isinstance(given, str):
        for number, line in enumerate(given.splitlines(), 1):
            for part in line.replace(";", ",").replace("\t", ",").split(","):
                if part.strip():
                    yield number, part.strip()
        return
    for each in given:
        if isinstance(each, tuple):
            number, text = each
        else:
            number, text = each.line, _telling(each.values)
        if text.strip():
            yield number, text.strip()


def _telling(cells: Sequence[str]) -> str:
    """The cell of a row that names somebody: the first that may be a phone number, else the first that is not empty."""
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    for cell in filled:
        bare = cell.translate(SPACING).lstrip("+")
        if bare.isdecimal() and 7 <= len(bare) <= 15:
            return cell
    return filled[0] if filled else ""
