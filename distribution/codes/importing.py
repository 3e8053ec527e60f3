"""Codes in an uploaded file: which column holds them, when each expires, and the job that takes a long one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import Session

from distribution.ahead import ahead
from distribution.codes import dates
from distribution.codes.intake import Line, Sifted, handed_over, sift, take, take_now
from distribution.codes.lots import Added, open_group, summary
from distribution.codes.rules import CHUNK, INLINE, problem
from distribution.errors import Refused
from distribution.files import Row, Table, read_table
from storage import code_writes, groups, uploads
from storage.customers import fold

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "import_codes"

# So many lines are sorted before they are taken in by the chunk: neighbours are stored twice as fast as codes from
# everywhere. 60 MB or so.
WINDOW = 5 * CHUNK

# As `fold` writes headings: small letters without accents.
_EXPIRY_HEADS = [
    "expires",
    "expiry",
    "expires at",
    "expires on",
    "expiry date",
    "expiration",
    "expiration date",
    "valid until",
    "valid to",
    "end date",
    "last day",
    "wazny do",
    "wazne do",
    "data waznosci",
    "gultig bis",
    "ablaufdatum",
]
_CODE_HEADS = [
    "code",
    "codes",
    "promo code",
    "promo codes",
    "promocode",
    "coupon",
    "coupon code",
    "voucher",
    "voucher code",
    "discount",
    "discount code",
    "kod",
    "kody",
    "kod promocyjny",
    "kod rabatowy",
    "kupon",
    "gutschein",
    "gutscheincode",
    "rabattcode",
]


@dataclass(frozen=True)
class Columns:
    """Which columns (from 0) of a file hold what.

    `expiry`: the codes' own expiries; None: they have none. `order`: what a person says about days that can be read in
    two ways (`dates.ORDERS`); `time_zone`: where a day ends.
    """

    code: int
    expiry: int | None = None
    order: str = ""
    time_zone: str = "UTC"


def import_file(
    jobs: "Jobs",
    session: Session,
    group_id: int,
    upload_id: int,
    columns: Columns,
    *,
    by: str,
    now: datetime,
    channel: str | None = None,
) -> Added:
    """Add the codes in a column of a file that was handed over: a short one at once, else in a job.

    Raises `Refused` when the file or the group is gone, no row has anything in that column ("column"), or the expiries
    are written in several ways ("expiry") or could be read in two ("dates"); then nothing was taken.
    """
    open_group(session, group_id)
    table = handed_over(session, upload_id)
    for field, column in (("column", columns.code), ("expiry", columns.expiry)):
        if column is not None and not 0 <= column < table.width:
            raise Refused(f"'{table.filename}' has no column {column + 1}.", field=field)
    if columns.expiry == columns.code:
        raise Refused(
            "The codes and their expiries cannot stand in one column. Choose another, or none.", field="expiry"
        )
    written = list(islice(_rows(table, columns.code), INLINE + 1))
    if not written:
        raise Refused(f"'{table.filename}' has nothing in that column. Choose another.", field="column")
    seen = dates.Column(table.filename, columns.order)
    if columns.expiry is not None:
        seen.see((row.line, row[columns.expiry]) for row in written)
    way = seen.way() if len(written) <= INLINE else None
    lot = groups.add_lot(session, group_id, "file", {"file": table.filename, "column": columns.code}, by=by, now=now)
    if len(written) <= INLINE:
        dated = columns.expiry is not None
        take_now(session, group_id, lot.id, list(_lines(written, columns, way)), now, dated=dated)
        uploads.drop(session, upload_id)
        return summary(session, lot.id)
    args = {"group_id": group_id, "lot_id": lot.id, "upload_id": upload_id, "columns": asdict(columns)}
    return summary(session, lot.id, job_id=jobs.enqueue(session, KIND, args, by=by, channel=channel))


def import_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of lines, each with how far it got, so that a second run adds nothing twice."""
    group_id, lot_id, upload_id = run.args["group_id"], run.args["lot_id"], run.args["upload_id"]
    columns = Columns(**run.args["columns"])
    with runtime.db.read() as session:
        kept = uploads.read(session, upload_id)
    # No file: an earlier run finished, and stopped before it could say so.
    if kept is not None:
        table = read_table(kept[1], kept[0])
        if run.total is None:
            run.total, way = _look_through(table, columns)
            run.progress = {"line": 0, "way": way}
        way = run.progress["way"]
        lines = _lines(_rows(table, columns.code, after=run.progress["line"]), columns, way)
        coming = ready(runtime, lines, dated=columns.expiry is not None, taken=run.progress.get("taken", 0))
        with closing(ahead(coming)) as chunks:
            for chunk in chunks:
                with run.chunk(runtime, lasting=False) as session:
                    open_group(session, group_id)
                    take(session, group_id, lot_id, chunk.sifted, chunk.known)
                    run.done += len(chunk.sifted.lines)
                    if chunk.last is None:
                        run.progress = {**run.progress, "taken": chunk.taken}
                    else:
                        run.progress = {"line": chunk.last, "way": way}
        with run.chunk(runtime) as session:
            uploads.drop(session, upload_id)
    with runtime.db.read() as session:
        return summary(session, lot_id).as_result()


class Ready(NamedTuple):
    """A chunk that can be taken in: what was found in it and in the database, and where it ends.

    `taken`: so many lines of its window are taken with it; `last`: the last line of its window, None before its end.
    """

    sifted: Sifted
    known: Mapping[str, tuple[int, int]]
    taken: int
    last: int | None


def ready(runtime: "Runtime", lines: Iterator[Line], *, dated: bool, taken: int = 0) -> Iterator[Ready]:
    """Lines by the chunk, sorted window by window; `taken`: so many of the first window are taken already."""
    while window := list(islice(lines, WINDOW)):
        last = window[-1].number
        window.sort(key=itemgetter(1))  # by the code; those that are equal stay in the order of their lines
        for start in range(taken, len(window), CHUNK):
            sifted = sift(window[start : start + CHUNK], runtime.clock.now(), dated=dated)
            with runtime.db.read() as session:
                known = code_writes.existing(session, sifted.codes)
            end = start + len(sifted.lines)
            yield Ready(sifted, known, end, last if end == len(window) else None)
        taken = 0


def _look_through(table: Table, columns: Columns) -> tuple[int, str | None]:
    """How many lines a file has, and how its expiries are written. Raises `Refused` as `import_file` does."""
    seen, total = dates.Column(table.filename, columns.order), 0
    for row in _rows(table, columns.code):
        total += 1
        if columns.expiry is not None:
            seen.see([(row.line, row[columns.expiry])])
    return total, seen.way()


def guess_column(table: Table) -> int:
    """The column (from 0) that most likely holds the codes: by its heading, else the one most like distinct codes."""
    named = _headed(table, _CODE_HEADS)
    if named is not None:
        return named

    def likeness(at: int) -> tuple[int, int]:
        cells = {row[at] for row in table.sample if len(row[at]) >= 4 and "@" not in row[at]}
        codes = {cell for cell in cells if problem(cell) is None} if not _days(table, at) else set()
        return len(codes), -at

    return max(range(table.width), key=likeness)


def guess_expiry(table: Table) -> int | None:
    """The column (from 0) that most likely holds the codes' own expiries: by its heading, else the first of days."""
    named = _headed(table, _EXPIRY_HEADS)
    if named is not None:
        return named
    return next((at for at in range(table.width) if _days(table, at)), None)


def _days(table: Table, at: int) -> bool:
    """Whether a column holds days, but for a cell in five that somebody mistyped."""
    cells = [row[at] for row in table.sample if row[at]]
    return bool(cells) and sum(1 for cell in cells if dates.ways_of(cell)) >= 0.8 * len(cells)


def _headed(table: Table, heads: Sequence[str]) -> int | None:
    """The first column that is called one of `heads`."""
    for at, head in enumerate(table.head or ()):
        if fold(head) in heads:
            return at
    return None


def _rows(table: Table, column: int, after: int = 0) -> Iterator[Row]:
    """The rows that have something in a column."""
    return (row for row in table.rows(after) if row[column])


def _lines(found: Iterable[Row], columns: Columns, way: str | None) -> Iterator[Line]:
    """The lines of a file's rows; `way`: how their expiries are written."""
    moment: Callable[[str], datetime | None] = dates.reader(way, columns.time_zone)
    for row in found:
        written = row[columns.expiry] if columns.expiry is not None else ""
        expires_at = moment(written) if written else None
        wrong = f"'{written[:30]}' is no date" if written and expires_at is None else None
        yield Line(row.line, row[columns.code], expires_at, wrong)
