"""Files of customers: looked at, then taken in by a job, chunk by chunk, with what was not taken kept as a file."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.customers import clean, consent
from distribution.customers.columns import Column, Record, checked, read_columns, read_row
from distribution.customers.merging import Merge
from distribution.errors import Refused
from distribution.files import Row, Table, read_table
from storage import customer_writes, customers, uploads

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "import_customers"
CHUNK = 5_000
REFUSED_KEPT = timedelta(days=30)
# Two imports at once may both add a person: the second tries again, and finds them.
TRIES = 3

STATEMENT = "Everyone in this file has agreed to texts"


@dataclass(frozen=True)
class Preview:
    """The first rows as they would be read: a record or the reason against it, by line."""

    records: list[Record]
    refused: list[tuple[int, str]]


def preview(table: Table, columns: Sequence[Column], region: str | None, limit: int = 3) -> Preview:
    """Read the first rows of `table`: up to `limit` that would be taken, and why others of its sample would not."""
    records: list[Record] = []
    refused: list[tuple[int, str]] = []
    names, read = table.column_names(), read_columns(columns)
    for row in table.sample:
        try:
            table.check(row, read)
            records.append(read_row(row, columns, region, names))
        except Refused as refusal:
            refused.append((row.line, str(refusal)))
    return Preview(records[:limit], refused)


def import_file(
    jobs: "Jobs",
    session: Session,
    upload_id: int,
    columns: Sequence[Mapping[str, Any]],
    *,
    region: str,
    everyone_agreed: bool,
    by: str,
    by_name: str,
    channel: str | None = None,
) -> int:
    """Have a job take in a file that was handed over, and return the job's id.

    `columns`: what each is, as `Column.to_json`; those after the last are ignored. `everyone_agreed`: the person `by`
    states it, and the statement is kept with each consent. Raises `Refused`: fields "file", "region", "column.3".
    """
    filename = uploads.name(session, upload_id)
    if filename is None:
        raise Refused("The file is not here any more. Choose it again.", field="file")
    checked_columns = checked(columns, customers.attributes(session))
    statement = f"import of {filename}" + (f': "{STATEMENT}"' if everyone_agreed else "")
    args = {
        "upload_id": upload_id,
        "filename": filename,
        "columns": [column.to_json() for column in checked_columns],
        "region": clean.region(region),
        "consent": "given" if everyone_agreed else None,
        "source": consent.by_person(by_name, by, statement),
    }
    return jobs.enqueue(session, KIND, args, by=by, channel=channel)


def import_customers(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of rows, each committed with how far it got, so that a second run takes nothing twice."""
    with runtime.db.read() as session:
        kept = uploads.read(session, run.args["upload_id"])
    if kept is not None:
        table = read_table(kept[1], kept[0])
        columns = [Column(**column) for column in run.args["columns"]]
        _begin(runtime, run, table, columns)
        rows = table.rows(after=run.progress["line"])
        while chunk := list(islice(rows, CHUNK)):
            _take_chunk(runtime, run, table, columns, chunk)
        with runtime.db.write() as session:
            uploads.drop(session, run.args["upload_id"])
    counts = {
        name: run.progress.get(name, 0) for name in ("created", "updated", "unchanged", "kept_opt_out", "refused")
    }
    return {
        "job_id": run.id,
        "filename": run.args["filename"],
        "names": run.progress.get("names", []),
        "rows": run.done,
        **counts,
    }


def refused_csv(session: Session, job_id: int, names: Sequence[str]) -> bytes | None:
    """The rows that a job did not take as a CSV with their line and the reason; None where it took them all.

    UTF-8 with a mark, so that spreadsheets read it right; ready to be corrected and imported again.
    """
    rows = customer_writes.refused(session, job_id)
    first = next(rows, None)
    if first is None:
        return None
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*names, "Line", "Why it was not taken"])
    for line, cells, reason in _again(first, rows):
        writer.writerow([*map(_harmless, _as_wide(cells, len(names))), line, _harmless(reason)])
    return text.getvalue().encode("utf-8-sig")


def _as_wide(cells: Sequence[str], width: int) -> list[str]:
    """A row's cells in so many columns; the last has what a longer row holds beyond them."""
    if len(cells) > width > 0:
        return [*cells[: width - 1], ",".join(cells[width - 1 :]).rstrip(",")]
    return [*cells, *[""] * (width - len(cells))]


def _begin(runtime: "Runtime", run: "JobRun", table: Table, columns: Sequence[Column]) -> None:
    """Before the first row: how many there are, and the attributes made known with their types."""
    if run.total is not None:
        return
    total = sum(1 for _ in table.rows())
    with run.chunk(runtime) as session:
        run.total = total
        run.progress = {"line": 0, "names": table.column_names()}
        now = run.clock.now()
        customer_writes.forget_refused(session, now - REFUSED_KEPT)
        for column in columns:
            if column.role == "attribute":
                kind = customers.add_attribute(session, column.attribute or "", column.type or "text", at=now)
                if kind != column.type:
                    raise Refused(f"Attribute '{column.attribute}' is a {kind} by now. Import the file again.")


def _take_chunk(
    runtime: "Runtime", run: "JobRun", table: Table, columns: Sequence[Column], rows: Sequence[Row]
) -> None:
    """Read and merge some rows in one transaction, tried again where another import was quicker."""
    records: list[Record] = []
    refused: list[tuple[int, Sequence[str], str]] = []
    read = read_columns(columns)
    for row in rows:
        try:
            table.check(row, read)
            records.append(read_row(row, columns, run.args["region"], run.progress["names"]))
        except Refused as refusal:
            refused.append((row.line, row.values, str(refusal)))
    done, progress = run.done, dict(run.progress)
    for attempt in range(1, TRIES + 1):
        try:
            with run.chunk(runtime, lasting=False) as session:
                merge = Merge(session, run.clock.now())
                outcomes = merge.take(records, run.args["consent"], run.args["source"])
                not_taken = refused + [
                    (record.line, record.cells, str(outcome.refusal))
                    for record, outcome in zip(records, outcomes, strict=True)
                    if outcome.refusal
                ]
                customer_writes.refuse(session, run.id, not_taken)
                run.done = done + len(rows)
                counts = {name: progress.get(name, 0) + n for name, n in merge.tally.items()}
                counts["refused"] = progress.get("refused", 0) + len(not_taken)
                run.progress = progress | counts | {"line": rows[-1].line}
            return
        except IntegrityError:
            run.done, run.progress = done, progress
            if attempt == TRIES:
                raise


def _again(
    first: tuple[int, list[str], str], rest: Iterator[tuple[int, list[str], str]]
) -> Iterator[tuple[int, list[str], str]]:
    """`first`, and then the rest."""
    yield first
    yield from rest


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; a phone number keeps its plus."""
    if cell[:1] in ("=", "@") or (
        cell[:1] in ("+", "-") and not cell[1:].replace(" ", "").replace("-", "").isdecimal()
    ):
        return f"'{cell}"
    return cell
