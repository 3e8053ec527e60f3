"""A group's codes as a CSV: a short one at once, a long one by a job that keeps its parts until Slack has them.

A million codes make some 40 MB. No process ever holds them all: the job writes a part for each chunk (so it goes on
after a restart from where it was), and who uploads the file reads part after part.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from distribution.codes.groups import found
from distribution.codes.rules import UPLOAD_KEPT
from storage import exported, uploads
from storage.exported import Exported

if TYPE_CHECKING:
    from distribution.jobs import JobRun
    from distribution.runtime import Runtime

KIND = "export_codes"
# Up to so many codes a listener writes at once (a tenth of a second).
AT_ONCE = 10_000

# How many codes a part holds: less than half a second, some megabytes.
CHUNK = 20_000

HEAD = ("code", "state", "issued_at", "redeemed_at", "expires_at")


def csv_lines(head: Sequence[str], cells: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A CSV, some lines at a time."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for number, row in enumerate(cells, 1):
        writer.writerow(row)
        if number % 1000 == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def group_csv(session: Session, group_id: int) -> str:
    """All codes of a small group in the order in which they are handed out, times in UTC.

    Who has a code is not in it: a customer's profile says that.
    """
    return "".join(csv_lines(HEAD, map(_cells, exported.of_group(session, group_id, after=0, limit=None))))


def export_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: a part of the file for each chunk of codes; its result names the parts, for `parts` to read."""
    group_id = run.args["group_id"]
    with runtime.db.write() as session:
        name = found(session, group_id)[0].name
        uploads.drop_before(session, runtime.clock.now() - UPLOAD_KEPT)
    while True:
        after, ids = run.progress.get("after", 0), list(run.progress.get("parts", []))
        with runtime.db.read() as session:  # not in the chunk: nobody else could write to SQLite meanwhile
            chunk = list(exported.of_group(session, group_id, after=after, limit=CHUNK))
        if not chunk:
            return {"group_id": group_id, "group": name, "codes": run.done, "parts": ids}
        text = "".join(csv_lines(HEAD, map(_cells, chunk)))
        data = (text if not ids else text.partition("\n")[2]).encode()
        with run.chunk(runtime) as session:
            part = uploads.keep(session, f"{name}.csv", data, by=run.created_by, now=runtime.clock.now())
            run.done += len(chunk)
            run.progress = {"after": chunk[-1].id, "parts": [*ids, part]}


def parts(runtime: "Runtime", part_ids: Sequence[int]) -> Iterator[str]:
    """The text of a finished export, part after part."""
    for part_id in part_ids:
        with runtime.db.read() as session:
            kept = uploads.read(session, part_id)
        if kept is not None:
            yield kept[1].decode()


def _cells(code: Exported) -> tuple[str, ...]:
    moments = (code.issued_at, code.redeemed_at, code.expires_at)
    return (code.code, code.state.name.lower(), *(moment.isoformat() if moment else "" for moment in moments))
