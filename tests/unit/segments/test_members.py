"""Members of static segments: a few at once, a file by a job that may be run twice."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import editing, members
from distribution.segments.rules import parse
from storage import customer_writes, uploads
from storage.tables import Job, Segment, SegmentMember
from tests.conftest import NOON, run_jobs
from tests.unit.customers.people import customer


@pytest.fixture
def friends(runtime: Runtime) -> int:
    """Ten customers, S1 to S10, of whom the first three are on the segment "Friends"; returns its id."""
    with runtime.db.write() as session:
        for number in range(1, 11):
            customer(session, NOON, name=f"P{number}", phone=f"+485012342{number:02d}", source_id=f"S{number}")
        return editing.create_static(session, "Friends", [1, 2, 3], by="U1", now=NOON).id


def on(session: Session, segment_id: int) -> list[int]:
    """Who is on a segment."""
    chosen = select(SegmentMember.customer_id).where(SegmentMember.segment_id == segment_id)
    return sorted(session.scalars(chosen))


def hand_over(runtime: Runtime, segment_id: int, how: str, lines: str) -> int:
    """A file for the job."""
    with runtime.db.write() as session:
        upload = uploads.keep(session, "friends.csv", lines.encode(), by="U1", now=NOON)
        return members.change_by_file(runtime.jobs, session, segment_id, how, upload, by="U1")


@pytest.mark.parametrize(("how", "left"), [("add", [1, 2, 3, 4, 9]), ("remove", [1, 2]), ("replace", [3, 4, 9])])
def test_a_few_are_added_taken_off_or_put_in_place(runtime: Runtime, friends: int, how: str, left: list[int]) -> None:
    with runtime.db.write() as session:
        matched = members.change(session, friends, how, "S3\nS4, +48 501 234 209\n+48501234999", now=NOON)
        assert (len(matched.customer_ids), matched.unmatched) == (3, ["+48501234999"])
        assert on(session, friends) == left
        assert editing.get(session, friends).counted == len(left)


def test_a_list_of_nobody_changes_nothing(runtime: Runtime, friends: int) -> None:
    with runtime.db.write() as session, pytest.raises(Refused, match="Nobody on this list") as refused:
        members.change(session, friends, "replace", "+48501234999", now=NOON)
    assert refused.value.field == "list"
    hand_over(runtime, friends, "replace", "phone\n+48501234999\n")
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert on(session, friends) == [1, 2, 3]
        job = session.scalars(select(Job)).one()
        assert (job.state, job.result["found"], job.result["members"]) == ("done", 0, 3)
        assert session.scalars(select(Segment.kind)).all() == ["static"]


@pytest.mark.parametrize(("how", "left"), [("add", [1, 2, 3, 4, 9]), ("remove", [1, 2]), ("replace", [3, 4, 9])])
def test_a_file_is_read_by_a_job_in_chunks(
    runtime: Runtime, friends: int, how: str, left: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "CHUNK", 2)
    job_id = hand_over(runtime, friends, how, "phone\nS3\n+48501234204\nnot a number\n+48501234999\nS9\n")
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert on(session, friends) == left
        job = session.get(Job, job_id)
        assert job is not None and job.state == "done"
        assert job.result == {
            "job_id": job_id, "segment_id": friends, "lines": 5, "found": 3, "refused": 2, "members": len(left)
        }  # fmt: skip
        assert [line for line, _, _ in customer_writes.refused(session, job_id)] == [4, 5]
        assert session.scalars(select(Segment.kind)).all() == ["static"]
        assert uploads.name(session, job.args["upload_id"]) is None


def test_a_job_that_died_half_way_goes_on_and_nobody_is_lost(
    runtime: Runtime, friends: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "CHUNK", 2)
    job_id = hand_over(runtime, friends, "replace", "".join(f"S{number}\n" for number in range(4, 11)))
    whole, taken = members._take, []

    def once(*args: object) -> None:
        taken.append(1)
        if len(taken) == 3:
            runtime.jobs.stop()
        whole(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(members, "_take", once)
    runtime.jobs.run_next(runtime)
    with runtime.db.read() as session:
        assert on(session, friends) == [1, 2, 3], "half a list has not taken the members' place"
        job = session.get(Job, job_id)
        assert job is not None and (job.state, job.done) == ("queued", 6)
    runtime.jobs._stopping.clear()
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert on(session, friends) == [4, 5, 6, 7, 8, 9, 10]


def test_rules_have_no_members_to_change(runtime: Runtime, friends: int) -> None:
    with runtime.db.write() as session:
        dynamic = editing.create(session, "Everybody", parse({}), by="U1", now=NOON)
        with pytest.raises(Refused, match="follows its rules"):
            members.change(session, dynamic.id, "add", "S1", now=NOON)


def test_a_segment_deleted_meanwhile_fails_the_job_and_says_so(runtime: Runtime, friends: int) -> None:
    job_id = hand_over(runtime, friends, "add", "S4\n")
    with runtime.db.write() as session:
        editing.get(session, friends).deleted_at = NOON
    run_jobs(runtime)
    with runtime.db.read() as session:
        job = session.get(Job, job_id)
        assert job is not None and job.state == "failed" and "was deleted" in str(job.error)
