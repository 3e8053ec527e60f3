"""Files of redemptions: which column says what, and the job that takes them, with the reason for each row not taken."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from distribution.codes import dates
from distribution.codes.intake import handed_over
from distribution.codes.redemptions import Use, redeem_many
from distribution.codes.rules import INLINE
from distribution.errors import Refused
from distribution.files import Row, Table, read_table
from storage import customer_writes, uploads
from storage.customers import fold

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "import_redemptions"
CHUNK = 1_000

# As `fold` writes headings: small letters without accents.
HEADS: Mapping[str, tuple[str, ...]] = {
    what: tuple(heads.split("|"))
    for what, heads in {
        "code": "code|promo code|promocode|coupon|coupon code|voucher|voucher code|discount code"
        "|kod|kod promocyjny|kod rabatowy|kupon|gutschein|gutscheincode|rabattcode",
        "when": "when|redeemed at|redeemed|used at|used on|date|time|timestamp|created at|day|kiedy|data|datum",
        "where": "where|place|shop|store|location|channel|till|branch|gdzie|sklep|filiale|laden",
        "source": "source id|id|order|order id|order number|transaction|transaction id|receipt"
        "|zamowienie|numer zamowienia|bestellung|bestellnummer",
    }.items()
}


@dataclass(frozen=True)
class Columns:
    """Which columns (from 0) of a file say what; None where none does.

    `order`: what a person says about days that can be read in two ways (`dates.ORDERS`); `time_zone`: where the days
    and times were written down.
    """

    code: int
    when: int | None = None
    where: int | None = None
    source: int | None = None
    order: str = ""
    time_zone: str = "UTC"


def guess(table: Table, time_zone: str) -> Columns:
    """What the columns of a file most likely say, by their headings; where there are none, by what stands in them."""
    heads = [fold(head) for head in table.head or ()]
    found = {what: next((at for at, head in enumerate(heads) if head in names), None) for what, names in HEADS.items()}
    taken = {at for at in found.values() if at is not None}
    if found["when"] is None:
        found["when"] = next((at for at in range(table.width) if at not in taken and _all_days(table, at)), None)
    taken = {at for at in found.values() if at is not None}
    code = found["code"]
    if code is None:
        code = next((at for at in range(table.width) if at not in taken), 0)
    return Columns(code, found["when"], found["where"], found["source"], time_zone=time_zone)


def import_file(
    jobs: "Jobs", session: Session, upload_id: int, columns: Columns, *, by: str, channel: str | None = None
) -> int:
    """Have a job take a file that was handed over; returns its id.

    Raises `Refused` (fields "file", "code", "when", "dates", "source") when the file is gone, one column is chosen
    twice or not there, or its days are written in several ways or could be read in two.
    """
    table = handed_over(session, upload_id)
    chosen = {field: getattr(columns, field) for field in HEADS if getattr(columns, field) is not None}
    for field, at in chosen.items():
        if not 0 <= at < table.width:
            raise Refused(f"'{table.filename}' has no column {at + 1}.", field=field)
        if at in list(chosen.values())[: list(chosen).index(field)]:
            raise Refused("One column cannot say two things. Choose another, or none.", field=field)
    if not any(row[columns.code] for row in table.sample):
        raise Refused(f"'{table.filename}' has nothing in that column. Choose another.", field="code")
    first = list(islice(table.rows(), INLINE + 1))
    seen = _seen(table.filename, columns, first)
    if seen is not None and len(first) <= INLINE:  # of a longer file the job sees the rest
        seen.way()
    args = {"upload_id": upload_id, "filename": table.filename, "columns": asdict(columns)}
    return jobs.enqueue(session, KIND, args, by=by, channel=channel)


def import_redemptions(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of rows, each committed with how far it got, so that a second run takes nothing twice."""
    columns = Columns(**run.args["columns"])
    with runtime.db.read() as session:
        kept = uploads.read(session, run.args["upload_id"])
    if kept is not None:  # else an earlier run finished, and stopped before it could say so
        table = read_table(kept[1], kept[0])
        if run.total is None:
            run.total = sum(1 for _ in table.rows())
            seen = _seen(table.filename, columns, table.rows())
            way = seen.way() if seen is not None else None
            run.progress = {"line": 0, "way": way, "names": table.column_names()}
        rows = table.rows(after=run.progress["line"])
        while chunk := list(islice(rows, CHUNK)):
            with run.chunk(runtime) as session:
                counts = _take(session, run, table, columns, chunk)
                run.done += len(chunk)
                told = {name: run.progress.get(name, 0) + n for name, n in counts.items()}
                run.progress = {**run.progress, **told, "line": chunk[-1].line}
        with run.chunk(runtime) as session:
            uploads.drop(session, run.args["upload_id"])
    counts = {name: run.progress.get(name, 0) for name in ("redeemed", "again", "respelled", "refused")}
    names = run.progress.get("names", [])
    return {"job_id": run.id, "filename": run.args["filename"], "names": names, "rows": run.done, **counts}


def _take(session: Session, run: "JobRun", table: Table, columns: Columns, rows: Sequence[Row]) -> dict[str, int]:
    """Redeem the codes of some rows, and keep those that are not taken; how many of each kind there were."""
    by, now = f"import of {run.args['filename']} by {run.created_by}", run.clock.now()
    uses: list[tuple[Row, Use]] = []
    refused: list[tuple[int, Sequence[str], str]] = []
    read = {at for field in HEADS if (at := getattr(columns, field)) is not None}
    for row in rows:
        try:
            table.check(row, read)
            uses.append((row, _use(row, columns, run.progress["way"])))
        except Refused as refusal:
            refused.append((row.line, row.values, str(refusal)))
    counts = {"redeemed": 0, "again": 0, "respelled": 0}
    for (row, _), answer in zip(uses, redeem_many(session, [use for _, use in uses], by=by, now=now), strict=True):
        if isinstance(answer, Refused):
            refused.append((row.line, row.values, str(answer)))
        else:
            counts["again" if answer.again else "redeemed"] += 1
            counts["respelled"] += bool(answer.note)
    customer_writes.refuse(session, run.id, sorted(refused, key=lambda each: each[0]))
    return counts | {"refused": len(refused)}


def _use(row: Row, columns: Columns, way: str | None) -> Use:
    """What one row says. Raises `Refused`."""

    def cell(at: int | None) -> str:
        return row[at] if at is not None else ""

    written, at = cell(columns.when), None
    if written:
        at = dates.beginning(written, way, columns.time_zone)
        if at is None:
            raise Refused(f"'{written[:30]}' is no date.")
    return Use(row[columns.code], cell(columns.source) or None, at, cell(columns.where))


def _seen(filename: str, columns: Columns, rows: Iterable[Row]) -> dates.Column | None:
    """The days of these rows, looked at; None where no column says any. Raises `Refused`, field "when"."""
    if columns.when is None:
        return None
    seen = dates.Column(filename, columns.order)
    try:
        seen.see((row.line, row[columns.when]) for row in rows)
    except Refused as refusal:
        raise Refused(str(refusal), field="when") from None
    return seen


def _all_days(table: Table, at: int) -> bool:
    cells = [row[at] for row in table.sample if row[at]]
    return bool(cells) and all(map(dates.ways_of, cells))
