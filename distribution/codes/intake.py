"""Taking in codes that were made elsewhere, by the chunk; and saying, line by line, what was not taken."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from distribution.codes.export import csv_lines
from distribution.codes.lots import Added, open_group, summary
from distribution.codes.rules import CHUNK, INLINE, UPLOAD_KEPT, all_plain, problem
from distribution.errors import Refused
from distribution.files import Table, read_table
from storage import codes as rows
from storage import groups, uploads
from storage.tables import PromoCodeGroup

# How much of a line is kept to say that it was not taken.
LEFTOVER_MAX = 200

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
    for chunk in chunks(numbered):
        take(session, group_id, lot.id, chunk, now)
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
    left = take(session, group_id, lot.id, lines, now)
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


def take(
    session: Session, group_id: int, lot_id: int, lines: Sequence[Line], now: datetime
) -> dict[int, tuple[Status, str]]:
    """Store one chunk's new codes, and count and keep its other lines; returns those by number, with the reason."""
    left: dict[int, tuple[Status, str]] = {}
    fresh, repeated = _fresh(lines, now, left)
    expiries = {line.code: line.expires_at for line in fresh.values() if line.expires_at is not None}
    taken = rows.store(session, rows.mixed(sorted(fresh)), group_id=group_id, lot_id=lot_id, expiries=expiries)
    names = _names(session, {owner for owner, _ in taken.values()})
    for code, (owner, lot) in taken.items():
        repeated += lot == lot_id
        why = "comes earlier in the same file" if lot == lot_id else names[owner]
        left[fresh[code].number] = ("duplicated", why)
    if left:
        duplicated = sum(status == "duplicated" for status, _ in left.values())
        groups.count_lines(session, lot_id, duplicated=duplicated, repeated=repeated, discarded=len(left) - duplicated)
        shown = {line.number: line.code for line in lines if line.number in left}
        groups.add_leftovers(
            session, lot_id, [(number, _storable(shown[number]), why) for number, (_, why) in sorted(left.items())]
        )
    return left


def _fresh(lines: Sequence[Line], now: datetime, left: dict[int, tuple[Status, str]]) -> tuple[dict[str, Line], int]:
    """The lines to store, by code, and how many repeat one of them; those that cannot be are added to `left`."""
    fresh = {line.code: line for line in lines}
    if len(fresh) == len(lines) and all_plain(list(fresh)) and not any(line[2:] != (None, None) for line in lines):
        return fresh, 0
    fresh, repeated = {}, 0
    for line in lines:
        if line.code in fresh:
            repeated += 1
            left[line.number] = ("duplicated", f"repeats line {fresh[line.code].number}")
        elif why := _why_not(line, now):
            left[line.number] = ("discarded", why)
        else:
            fresh[line.code] = line
    return fresh, repeated


def _why_not(line: Line, now: datetime) -> str | None:
    """Why a line cannot be taken, whatever the database holds; None when it can."""
    if not line.code:
        return "an empty code"
    if why := problem(line.code) or line.wrong:
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


def chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    """Lines by the chunk."""
    while chunk := list(islice(lines, CHUNK)):
        yield chunk
