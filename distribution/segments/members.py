"""Members of static segments: added, taken off, replaced; a few at once, a file of any length by a job.

The job works on chunks of lines and may be run twice: adding who is on the list and taking off who is not changes
nothing. A replacement is put together on a hidden list, and takes the members' place in one transaction at the end.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, delete, insert, literal, select
from sqlalchemy.orm import Session

from distribution import settings
from distribution.audience import nobody
from distribution.automatic import watching
from distribution.customers.lists import Lines, Matched, match
from distribution.errors import Refused
from distribution.files import Row, Table, read_table
from distribution.segments import counting, editing
from storage import customer_writes, fixed_lists, uploads
from storage.bulk import values
from storage.tables import Customer, Segment, SegmentMember

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "segment_members"
WAYS = ("add", "remove", "replace")
CHUNK = 5_000
REFUSED_KEPT = timedelta(days=30)


def static(session: Session, segment_id: int) -> Segment:
    """A static segment. Raises `Refused`, field "segment", for one by rules, deleted, or not there."""
    segment = editing.get(session, segment_id)
    if segment.kind != "static":
        raise Refused(f"'{segment.name}' follows its rules: change those, and its members change.", field="segment")
    return segment


def change(session: Session, segment_id: int, how: str, given: Lines, *, now: datetime) -> Matched:
    """Add, take off or replace the members whom `given` names; returns what became of its lines.

    Raises `Refused`, field "list", where no line is a customer: nothing changes then.
    """
    segment = static(session, segment_id)
    matched = match(session, given, settings.get(session, "region.default"))
    if not matched.customer_ids:
        raise Refused(nobody(matched), field="list")
    if how == "replace":
        session.execute(delete(SegmentMember).where(SegmentMember.segment_id == segment_id))
    _apply(session, segment_id, how, matched.customer_ids)
    watching.touch(session, "lists", matched.customer_ids)
    segment.counted, segment.counted_at, segment.updated_at = fixed_lists.size(session, segment_id), now, now
    session.flush()
    return matched


def freeze(session: Session, segment_id: int, name: str, *, by: str, now: datetime) -> Segment:
    """A static segment of those who are in a segment now. Raises `Refused`, fields "name" and "segment"."""
    original = editing.get(session, segment_id)
    made = editing.create_static(session, name, [], by=by, now=now)
    chosen = select(literal(made.id), Customer.id).where(counting.belongs(session, original, now))
    session.execute(insert(SegmentMember).from_select(["segment_id", "customer_id"], chosen))
    made.counted, made.counted_at = fixed_lists.size(session, made.id), now
    session.flush()
    return made


def take_off(session: Session, segment_id: int, customer_ids: Iterable[int]) -> None:
    """Take customers off a static segment or list; those who are not on it change nothing."""
    given = values(session, {"customer_id": BigInteger()}, [(each,) for each in customer_ids])
    session.execute(
        delete(SegmentMember).where(
            SegmentMember.segment_id == segment_id, SegmentMember.customer_id.in_(select(given.c.customer_id))
        )
    )


def change_by_file(
    jobs: "Jobs", session: Session, segment_id: int, how: str, upload_id: int, *, by: str, channel: str | None = None
) -> int:
    """Have a job do what `change` does with a file that was handed over (`storage.uploads`); returns the job's id.

    Raises `Refused`: fields "segment" and "file".
    """
    segment = static(session, segment_id)
    filename = uploads.name(session, upload_id)
    if filename is None:
        raise Refused("The file is not here any more. Choose it again.", field="file")
    args = {"segment_id": segment.id, "name": segment.name, "how": how, "upload_id": upload_id, "filename": filename}
    return jobs.enqueue(session, KIND, args, by=by, channel=channel)


def change_members(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of lines, each committed with how far it got. Raises `Refused` for a segment that is gone."""
    with runtime.db.read() as session:
        kept = uploads.read(session, run.args["upload_id"])
    if kept is not None:
        table = read_table(kept[1], kept[0])
        _begin(runtime, run, table)
        lines = table.rows(after=run.progress["line"])
        while chunk := list(islice(lines, CHUNK)):
            _take(runtime, run, chunk)
        _end(runtime, run)
    said = {name: run.progress.get(name, 0) for name in ("found", "refused", "members")}
    return {"job_id": run.id, "segment_id": run.args["segment_id"], "lines": run.done, **said}


def _begin(runtime: "Runtime", run: "JobRun", table: Table) -> None:
    """Before the first line: how many there are, and the hidden list that a replacement is put together on."""
    if run.total is not None:
        return
    total = sum(1 for _ in table.rows())
    with run.chunk(runtime) as session:
        now = run.clock.now()
        static(session, run.args["segment_id"])
        customer_writes.forget_refused(session, now - REFUSED_KEPT)
        target = run.args["segment_id"]
        if run.args["how"] == "replace":
            target = editing.create_list(session, run.args["name"], by=run.created_by, now=now).id
        run.total, run.progress = total, {"line": 0, "target": target}


def _take(runtime: "Runtime", run: "JobRun", rows: list[Row]) -> None:
    """Match and apply some lines in one transaction."""
    with run.chunk(runtime) as session:
        static(session, run.args["segment_id"])
        matched = match(session, rows, settings.get(session, "region.default"))
        how = "remove" if run.args["how"] == "remove" else "add"
        _apply(session, run.progress["target"], how, matched.customer_ids)
        refused = [(line, [text], why) for line, text, why in [*matched.bad, *matched.nobodys]]
        customer_writes.refuse(session, run.id, sorted(refused))
        run.done += len(rows)
        run.progress = run.progress | {
            "line": rows[-1].line,
            "found": run.progress.get("found", 0) + len(matched.customer_ids),
            "refused": run.progress.get("refused", 0) + len(refused),
        }


def _end(runtime: "Runtime", run: "JobRun") -> None:
    """After the last line: the replacement takes the members' place, unless nobody was found; the file is dropped."""
    with run.chunk(runtime) as session:
        segment = static(session, run.args["segment_id"])
        target = run.progress["target"]
        if target != segment.id:
            if not run.progress.get("found"):
                fixed_lists.forget(session, target)
                uploads.drop(session, run.args["upload_id"])
                run.progress = run.progress | {"members": fixed_lists.size(session, segment.id)}
                return
            session.execute(delete(SegmentMember).where(SegmentMember.segment_id == segment.id))
            moved = select(literal(segment.id), SegmentMember.customer_id).where(SegmentMember.segment_id == target)
            session.execute(insert(SegmentMember).from_select(["segment_id", "customer_id"], moved))
            fixed_lists.forget(session, target)
        now = run.clock.now()
        segment.counted, segment.counted_at, segment.updated_at = fixed_lists.size(session, segment.id), now, now
        uploads.drop(session, run.args["upload_id"])
        run.progress = run.progress | {"members": segment.counted}


def _apply(session: Session, segment_id: int, how: str, customer_ids: Iterable[int]) -> None:
    """Put customers on a list, or take them off it."""
    if how == "remove":
        take_off(session, segment_id, customer_ids)
    else:
        editing.add_members(session, segment_id, customer_ids)
