"""Taking in codes that were made elsewhere, by the chunk; and saying, line by line, what was not taken."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter, lt
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from distribution.codes.export import csv_lines
from distribution.codes.lots import Added, open_group, summary
from distribution.codes.order import to_store
from distribution.codes.rules import CHUNK, INLINE, UPLOAD_KEPT, all_plain, problem
from distribution.errors import Refused
from distribution.files import Table, read_table
from storage import code_writes, groups, uploads
from storage.tables import PromoCodeGroup

# How much of a line is kept to say that it was not taken.
LEFTOVER_MAX = 200
# So many lines are looked through at once in a chunk where some are odd.
BLOCK = 500

Status = Literal["inserted", "duplicated", "discarded"]


class Line(NamedTuple):
    """One code to take in: where it stands (from 1), its own expiry if it has one, or what is wrong with that."""

    number: int
    code: str
    expires_at: datetime | None = None
    wrong: str | None = None


@dataclass(frozen=True)
class CodeResult:
    """What became of one code, in the order given; `reason` says why it was not inserted."""

    code: str
    status: Status
    reason: str | None = None


@dataclass(frozen=True)
class Taken(Added):
    """An addition's numbers, and what became of each code."""

    results: tuple[CodeResult, ...] = ()


def add(
    session: Session,
    group_id: int,
    codes: Iterable[str],
    *,
    by: str,
    now: datetime,
    method: str = "paste",
    detail: dict[str, Any] | None = None,
) -> Added:
    """Add `codes` (one for each line, counted from 1) to a group, here and now: for up to some ten thousand.

    Spaces around a code and empty lines do not count. What is not taken is kept with its line and the reason
    (`leftovers`). Raises `Refused` when the group was deleted.
    """
    open_group(session, group_id)
    lot = groups.add_lot(session, group_id, method, detail or {}, by=by, now=now)
    numbered = (Line(number, code.strip()) for number, code in enumerate(codes, 1) if code.strip())
    while chunk := list(islice(numbered, CHUNK)):
        take_now(session, group_id, lot.id, chunk, now, dated=False)
    return summary(session, lot.id)


def add_codes(
    session: Session,
    group_id: int,
    codes: Sequence[str | tuple[str, datetime | None]],
    *,
    method: str,
    by: str,
    now: datetime,
) -> Taken:
    """Add up to `INLINE` codes, some with an expiry of their own (aware), and tell what became of each.

    Raises `Refused` (field "codes") for more, and when the group was deleted.
    """
    if len(codes) > INLINE:
        raise Refused(f"{len(codes):,} codes are too many at once; send up to {INLINE:,} at a time.", field="codes")
    open_group(session, group_id)
    lot = groups.add_lot(session, group_id, method, {}, by=by, now=now)
    given = [(each, None) if isinstance(each, str) else each for each in codes]
    lines = [Line(number, code.strip(), expires_at) for number, (code, expires_at) in enumerate(given, 1)]
    dated = any(expires_at for _, expires_at in given)
    left = take_now(session, group_id, lot.id, lines, now, dated=dated)
    results = tuple(
        CodeResult(code, *left.get(number, ("inserted", None))) for number, (code, _) in enumerate(given, 1)
    )
    return Taken(**vars(summary(session, lot.id)), results=results)


def hand_over(session: Session, data: bytes, filename: str, *, by: str, now: datetime) -> tuple[int, Table]:
    """Keep an uploaded file until it is imported; returns its id and what is in it. Raises `Refused` (field "file")."""
    table = read_table(data, filename)
    uploads.drop_before(session, now - UPLOAD_KEPT)
    return uploads.keep(session, filename, data, by=by, now=now), table


def handed_over(session: Session, upload_id: int) -> Table:
    """The table of a file that was handed over. Raises `Refused` (field "file") when it was imported or dropped."""
    found = uploads.read(session, upload_id)
    if found is None:
        raise Refused("The file is not here any more. Choose it again.", field="file")
    name, data = found
    return read_table(data, name)


def leftovers_csv(session: Session, lot_id: int) -> Iterator[str]:
    """The lines of a lot that were not taken, as the lines of a CSV, read a part at a time: line, code, reason."""
    return csv_lines(("line", "code", "reason"), groups.leftovers(session, lot_id))


@dataclass(frozen=True)
class Sifted:
    """A chunk of lines, looked through: what can be stored, if it is new, and what certainly cannot."""

    lines: Sequence[Line]
    codes: list[str]  # sorted, distinct
    fresh: dict[str, Line] | None  # the line of each of the codes; None: as they stand in `lines`
    repeated: int  # lines that repeat an earlier one of them
    left: list[tuple[Line, Status, str]]
    expiries: dict[str, datetime]

    def line_of(self, code: str) -> Line:
        """The line that one of the codes stands in."""
        return self.lines[bisect_left(self.codes, code)] if self.fresh is None else self.fresh[code]


def sift(lines: Sequence[Line], now: datetime, *, dated: bool) -> Sifted:
    """Look through one chunk, whatever the database holds. `dated`: some may have an expiry, or a wrong one.

    Sorted by their codes they are looked through all at once.
    """
    codes = list(map(itemgetter(1), lines))
    ascending = all(map(lt, codes, islice(codes, 1, None)))  # so all distinct; a file's chunks are, but for repetitions
    if not dated and ascending and all_plain(codes):
        return Sifted(lines, codes, None, 0, [], {})
    left: list[tuple[Line, Status, str]] = []
    fresh, repeated = _fresh(lines, now, left)
    expiries = {line.code: line.expires_at for line in fresh.values() if line.expires_at} if dated else {}
    return Sifted(lines, sorted(fresh), fresh, repeated, left, expiries)


def take(
    session: Session, group_id: int, lot_id: int, chunk: Sifted, known: Mapping[str, tuple[int, int]]
) -> dict[int, tuple[Status, str]]:
    """Store one chunk's new codes, and count and keep its other lines; returns those by number, with the reason.

    `known`: what `storage.code_writes.existing` said of its codes a moment ago.
    """
    taken = code_writes.store(
        session, to_store(chunk.codes), group_id=group_id, lot_id=lot_id, expiries=chunk.expiries, known=known
    )
    left, repeated = list(chunk.left), chunk.repeated
    names = _names(session, {owner for owner, _ in taken.values()})
    for code, (owner, lot) in taken.items():
        repeated += lot == lot_id
        why = "comes earlier in the same file" if lot == lot_id else names[owner]
        left.append((chunk.line_of(code), "duplicated", why))
    if left:
        left.sort(key=lambda each: each[0].number)
        duplicated = sum(status == "duplicated" for _, status, _ in left)
        groups.count_lines(session, lot_id, duplicated=duplicated, repeated=repeated, discarded=len(left) - duplicated)
        groups.add_leftovers(session, lot_id, [(line.number, _storable(line.code), why) for line, _, why in left])
    return {line.number: (status, why) for line, status, why in left}


def take_now(
    session: Session, group_id: int, lot_id: int, lines: Sequence[Line], now: datetime, *, dated: bool
) -> dict[int, tuple[Status, str]]:
    """Look through one chunk, and `take` it."""
    chunk = sift(lines, now, dated=dated)
    return take(session, group_id, lot_id, chunk, code_writes.existing(session, chunk.codes))


def _fresh(lines: Sequence[Line], now: datetime, left: list[tuple[Line, Status, str]]) -> tuple[dict[str, Line], int]:
    """The lines to store, by code, and how many repeat one of them; those that cannot be are added to `left`.

    A block is looked through at once, and only where one of its codes cannot be one, code by code.
    """
    fresh: dict[str, Line] = {}
    repeated = 0
    for start in range(0, len(lines), BLOCK):
        block = lines[start : start + BLOCK]
        sound = all_plain([line.code for line in block])
        for line in block:
            if line.code in fresh:
                repeated += 1
                left.append((line, "duplicated", f"repeats line {fresh[line.code].number}"))
            elif why := _why_not(line, now, sound=sound):
                left.append((line, "discarded", why))
            else:
                fresh[line.code] = line
    return fresh, repeated


def _why_not(line: Line, now: datetime, *, sound: bool) -> str | None:
    """Why a line cannot be taken, whatever the database holds; None when it can. `sound`: its code can be one."""
    if not sound and not line.code:
        return "an empty code"
    if why := (None if sound else problem(line.code)) or line.wrong:
        return why
    if line.expires_at is not None and line.expires_at <= now:
        return f"expired on {line.expires_at - timedelta(seconds=1):%d %b %Y} already".replace(" 0", " ")
    return None


def _storable(text: str) -> str:
    """A line as a leftover shows it: PostgreSQL stores no NUL and no half of a surrogate pair, nobody reads a novel."""
    return text[:LEFTOVER_MAX].encode("utf-8", "replace").decode().replace("\x00", "")


def _names(session: Session, group_ids: set[int]) -> dict[int, str]:
    """What to say of a code that one of these groups has."""
    found = [session.get_one(PromoCodeGroup, group_id) for group_id in group_ids]
    return {
        group.id: f"already in the deleted group '{group.name}'" if group.deleted_at else f"already in '{group.name}'"
        for group in found
    }
