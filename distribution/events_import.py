"""Files of events: handed over, and taken in by a job, chunk by chunk, with what was not taken kept as a file.

A row is an event as `distribution.events` records it: told twice under its own id it is one, it counts by its own time,
and it sets off what waits for it. Without an id of its own a row is a new event each time that its file is imported.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import events
from distribution.automatic.trigger import EVENT
from distribution.codes.intake import handed_over
from distribution.customers.importing import REFUSED_KEPT
from distribution.errors import Refused
from distribution.events_columns import LOOKED_AT, Column, Layout, looked_at, read_row
from distribution.files import Row, Table, read_table
from storage import customer_writes, uploads
from storage.tables import Distribution

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "import_events"
CHUNK = 1_000


def check(session: Session, upload_id: int, layout: Layout) -> None:
    """Raise `Refused` (fields "file", "column.3", "dates") where a file that was handed over is gone, or its times are
    written in several ways or could be read in two. Of a long file the job sees the rest: a person waits for this.
    """
    table = handed_over(session, upload_id)
    first = list(islice(table.rows(), LOOKED_AT + 1))
    looked_at(table.filename, layout, first, all_of_them=len(first) <= LOOKED_AT)


def import_file(
    jobs: "Jobs", session: Session, upload_id: int, layout: Layout, *, by: str, channel: str | None = None
) -> int:
    """Have a job take in a file that was handed over, and `check`ed; returns the job's id.

    Raises `Refused`, field "file", where it is gone.
    """
    filename = uploads.name(session, upload_id)
    if filename is None:
        raise Refused("The file is not here any more. Choose it again.", field="file")
    args = {
        "upload_id": upload_id,
        "filename": filename,
        "columns": [column.to_json() for column in layout.columns],
        "name": layout.name,
        "order": layout.order,
        "time_zone": layout.time_zone,
    }
    return jobs.enqueue(session, KIND, args, by=by, channel=channel)


def import_events(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of rows, each committed with how far it got, so that a second run takes nothing twice."""
    with runtime.db.read() as session:
        kept = uploads.read(session, run.args["upload_id"])
    if kept is not None:  # else an earlier run finished, and stopped before it could say so
        table = read_table(kept[1], kept[0])
        if run.total is None:
            layout = looked_at(table.filename, _layout(run.args), table.rows())
            run.total = sum(1 for _ in table.rows())
            run.progress = {"line": 0, "way": layout.way, "names": table.column_names()}
        layout = _layout(run.args, way=run.progress["way"])
        rows = table.rows(after=run.progress["line"])
        while chunk := list(islice(rows, CHUNK)):
            with run.chunk(runtime, lasting=False) as session:
                counts = _take(session, run, table, layout, chunk)
                run.done += len(chunk)
                told = {name: run.progress.get(name, 0) + n for name, n in counts.items()}
                run.progress = {**run.progress, **told, "line": chunk[-1].line}
        with run.chunk(runtime) as session:
            uploads.drop(session, run.args["upload_id"])
            customer_writes.forget_refused(session, run.clock.now() - REFUSED_KEPT)
    counts = {name: run.progress.get(name, 0) for name in ("recorded", "again", "refused")}
    names = run.progress.get("names", [])
    return {"job_id": run.id, "filename": run.args["filename"], "names": names, "rows": run.done, **counts}


def waiting(session: Session, names: Collection[str]) -> list[str]:
    """The subjects of live distributions that events of these names may set off."""
    live = select(Distribution.subject, Distribution.trigger).where(
        Distribution.mode == "automatic", Distribution.status.in_(("sending", "paused"))
    )
    found = session.execute(live.order_by(Distribution.id))
    return [subject for subject, trigger in found if trigger.get("kind") == EVENT and trigger.get("event") in names]


def _take(session: Session, run: "JobRun", table: Table, layout: Layout, rows: Sequence[Row]) -> dict[str, int]:
    """Record what some rows tell, and keep those that are not taken; how many of each kind there were."""
    told: list[tuple[Row, dict[str, Any]]] = []
    refused: list[tuple[int, Sequence[str], str]] = []
    read = layout.read
    for row in rows:
        try:
            table.check(row, read)
            told.append((row, read_row(row, layout, run.progress["names"])))
        except Refused as refusal:
            refused.append((row.line, row.values, str(refusal)))
    counts = {"recorded": 0, "again": 0}
    answers = events.record(session, [event for _, event in told], now=run.clock.now())
    for (row, _), answer in zip(told, answers, strict=True):
        if answer.reason is not None:  # refused, or told before as something else
            refused.append((row.line, row.values, answer.reason))
        else:
            counts[answer.status] += 1
    customer_writes.refuse(session, run.id, sorted(refused, key=lambda each: each[0]))
    return counts | {"refused": len(refused)}


def _layout(args: Mapping[str, Any], *, way: str | None = None) -> Layout:
    """A job's layout."""
    columns = tuple(Column(**column) for column in args["columns"])
    return Layout(columns, args["name"], args["order"], args["time_zone"], way)
