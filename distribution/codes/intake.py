"""Taking in codes that were made elsewhere: pasted, or in a file; and saying, line by line, what was not taken."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from distribution.codes.lots import Added, open_group, summary
from distribution.codes.rules import CHUNK, INLINE, problem
from distribution.errors import Refused
from distribution.files import Table, read_table
from storage import codes as rows
from storage import groups, uploads
from storage.names import fold
from storage.tables import PromoCodeGroup

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "import_codes"

# A file that was handed over in a modal, and then not used.
UPLOAD_KEPT = timedelta(days=1)

# How much of a line is kept to say that it was not taken.
LEFTOVER_MAX = 200

_CODE_HEADS = (
    "code",
    "codes",
    "promo code",
    "promo codes",
    "promocode",
    "coupon",
    "coupon code",
    "voucher",
    "discount",
)

Line = tuple[int, str]


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
    for chunk in _chunks(_numbered(codes)):
        _take(session, group_id, lot.id, chunk)
    return summary(session, lot.id)


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


def import_file(
    jobs: "Jobs",
    session: Session,
    group_id: int,
    upload_id: int,
    column: int,
    *,
    by: str,
    now: datetime,
    channel: str | None = None,
) -> Added:
    """Add the codes in a column (from 0) of a file that was handed over: a short one at once, else in a job.

    Raises `Refused` when the file or the group is gone, or no row has anything in that column.
    """
    open_group(session, group_id)
    table = handed_over(session, upload_id)
    if not 0 <= column < table.width:
        raise Refused(f"'{table.filename}' has no column {column + 1}.", field="column")
    lines = list(islice(_lines(table, column), INLINE + 1))
    if not lines:
        raise Refused(f"'{table.filename}' has nothing in that column. Choose another.", field="column")
    lot = groups.add_lot(session, group_id, "file", {"file": table.filename, "column": column}, by=by, now=now)
    if len(lines) <= INLINE:
        _take(session, group_id, lot.id, lines)
        uploads.drop(session, upload_id)
        return summary(session, lot.id)
    args = {"group_id": group_id, "lot_id": lot.id, "upload_id": upload_id, "column": column}
    return summary(session, lot.id, job_id=jobs.enqueue(session, KIND, args, by=by, channel=channel))


def import_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of lines, each with how far it got, so that a second run adds nothing twice."""
    group_id, lot_id, upload_id = run.args["group_id"], run.args["lot_id"], run.args["upload_id"]
    with runtime.db.read() as session:
        kept = uploads.read(session, upload_id)
    # No file: an earlier run finished, and stopped before it could say so.
    if kept is not None:
        table = read_table(kept[1], kept[0])
        if run.total is None:
            run.total = sum(1 for _ in _lines(table, run.args["column"]))
        for chunk in _chunks(_lines(table, run.args["column"], after=run.progress.get("line", 0))):
            with run.chunk(runtime) as session:
                open_group(session, group_id)
                _take(session, group_id, lot_id, chunk)
                run.done += len(chunk)
                run.progress = {"line": chunk[-1][0]}
        with run.chunk(runtime) as session:
            uploads.drop(session, upload_id)
    with runtime.db.read() as session:
        return summary(session, lot_id).as_result()


def guess_column(table: Table) -> int:
    """The column (from 0) that most likely holds the codes: by its heading, else the one most like distinct codes."""
    for at, head in enumerate(table.head or ()):
        if fold(head).replace("_", " ").replace("-", " ") in _CODE_HEADS:
            return at

    def likeness(at: int) -> tuple[int, int]:
        cells = [row[at] for row in table.sample if row[at]]
        return len({cell for cell in cells if problem(cell) is None and len(cell) >= 4}), -at

    return max(range(table.width), key=likeness)


def leftovers_csv(session: Session, lot_id: int) -> str:
    """The lines of a lot that were not taken, as CSV: line, code, reason."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("line", "code", "reason"))
    writer.writerows(groups.leftovers(session, lot_id))
    return out.getvalue()


def _take(session: Session, group_id: int, lot_id: int, lines: Sequence[Line]) -> None:
    """Store one chunk's new codes, and count and keep its other lines."""
    fresh: dict[str, int] = {}
    discarded: list[tuple[int, str, str]] = []
    duplicated: list[tuple[int, str, str]] = []
    for line, code in lines:
        if code in fresh:
            duplicated.append((line, code, f"repeats line {fresh[code]}"))
        elif why := problem(code):
            discarded.append((line, code, why))
        else:
            fresh[code] = line
    codes = sorted(fresh)
    taken = rows.already(session, codes)
    new = [code for code in codes if code not in taken] if taken else codes
    if rows.insert(session, new, group_id=group_id, lot_id=lot_id) < len(new):
        # Somebody else stored some of them at this very moment.
        taken |= {code: owner for code, owner in rows.already(session, new).items() if owner[1] != lot_id}
    names = _names(session, {owner for owner, _ in taken.values()})
    for code, (owner, lot) in taken.items():
        duplicated.append((fresh[code], code, "comes earlier in the same file" if lot == lot_id else names[owner]))
    if duplicated or discarded:
        groups.count_lines(session, lot_id, duplicated=len(duplicated), discarded=len(discarded))
        groups.add_leftovers(
            session, lot_id, [(line, _storable(code), why) for line, code, why in sorted(duplicated + discarded)]
        )


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


def _numbered(codes: Iterable[str]) -> Iterator[Line]:
    return ((line, code.strip()) for line, code in enumerate(codes, 1) if code.strip())


def _lines(table: Table, column: int, after: int = 0) -> Iterator[Line]:
    return ((row.line, row[column]) for row in table.rows(after) if row[column])


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, CHUNK)):
        yield chunk
