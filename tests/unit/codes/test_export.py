"""A long export: in parts, resumed without a code twice, and read back whole."""

from datetime import timedelta

import pytest

from distribution.codes import export
from distribution.codes.groups import create
from distribution.codes.intake import add
from distribution.jobs import LEASE
from distribution.runtime import Runtime
from storage.tables import Job
from tests.conftest import NOON, run_jobs

BY = {"by": "U0MAYA", "now": NOON}


class Killed(BaseException):
    """Stands for `kill -9`."""


def test_an_export_that_is_killed_goes_on_where_it_was(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CHUNK", 40)
    with runtime.db.write() as session:
        group_id = create(session, "Summer 10%", **BY).id
        add(session, group_id, [f"C{number:03}" for number in range(100)], **BY)
        other = create(session, "Other", **BY).id
        add(session, other, ["NOT MINE".replace(" ", "")], **BY)
        job_id = runtime.jobs.enqueue(session, export.KIND, {"group_id": group_id}, by="U0MAYA", total=100)
    chunks = iter(range(2))
    keep = export.uploads.keep

    def die(*args: object, **given: object) -> int:
        if next(chunks, None) is None:
            raise Killed
        return keep(*args, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(export.uploads, "keep", die)
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    monkeypatch.setattr(export.uploads, "keep", keep)
    runtime.clock.advance(LEASE + timedelta(seconds=1))  # type: ignore[attr-defined]
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get_one(Job, job_id)
        assert (job.state, job.done, job.result["codes"]) == ("done", 100, 100)
    lines = "".join(export.parts(runtime, job.result["parts"])).splitlines()
    assert lines[0] == "code,state,issued_at,redeemed_at,expires_at"
    assert sorted(lines[1:]) == [f"C{number:03},active,,," for number in range(100)]
