"""Long work: run once to its end, resumed where it stopped, cancelled at once."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.jobs import LEASE, TRIES, JobRun, Jobs
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage import jobs as rows
from storage.database import Database
from storage.tables import Job, Setting


@pytest.fixture
def kinds() -> dict[str, Any]:
    return {}


@pytest.fixture
def runtime(db: Database, clock: ManualClock, kinds: dict[str, Any]) -> Runtime:
    vault = Vault("a secret key for tests")
    return Runtime(db, clock, Jobs(clock, kinds), Links("https://promo.example", vault.derive("qr links")), vault)


def enqueue(runtime: Runtime, kind: str) -> int:
    with runtime.db.write() as session:
        return runtime.jobs.enqueue(session, kind, {"n": 3}, by="U0MAYA")


def job(runtime: Runtime, job_id: int) -> Job:
    with runtime.db.read() as session:
        return session.get_one(Job, job_id)


def count_to_three(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """Adds a setting a chunk, from where it was."""
    while run.done < run.args["n"]:
        with run.chunk(runtime) as session:
            session.add(Setting(key=f"k{run.done}", value=1))
            run.done += 1
    return {"counted": run.done}


def test_a_job_runs_once_to_its_end(runtime: Runtime, kinds: dict[str, Any]) -> None:
    kinds["count"] = count_to_three
    job_id = enqueue(runtime, "count")
    assert runtime.jobs.run_next(runtime)
    assert not runtime.jobs.run_next(runtime)
    found = job(runtime, job_id)
    assert (found.state, found.done, found.result) == ("done", 3, {"counted": 3})


def test_enqueueing_wakes_the_runner_only_when_it_is_committed(runtime: Runtime, kinds: dict[str, Any]) -> None:
    kinds["count"] = count_to_three
    woken: list[int] = []
    runtime.jobs.wake = lambda: woken.append(1)
    with pytest.raises(RuntimeError), runtime.db.write() as session:
        runtime.jobs.enqueue(session, "count", {"n": 1}, by="U0MAYA")
        raise RuntimeError
    assert not woken and not runtime.jobs.run_next(runtime)
    enqueue(runtime, "count")
    assert woken == [1]


def test_a_runner_that_died_is_replaced_and_the_work_goes_on(
    runtime: Runtime, kinds: dict[str, Any], clock: ManualClock
) -> None:
    class Killed(BaseException):
        """Nothing is written after it, as after `kill -9`."""

    def dies(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        with run.chunk(runtime) as session:
            session.add(Setting(key="k0", value=1))
            run.done = 1
        raise Killed

    kinds["count"] = dies
    job_id = enqueue(runtime, "count")
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    kinds["count"] = count_to_three
    assert not runtime.jobs.run_next(runtime), "its lease still holds"
    clock.advance(LEASE + timedelta(seconds=1))
    assert runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).result == {"counted": 3}


def test_whoever_lost_the_job_undoes_the_chunk(runtime: Runtime, kinds: dict[str, Any]) -> None:
    def slow(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        with runtime.db.write() as session:
            session.get_one(Job, run.id).owner = "another"
        with run.chunk(runtime) as session:
            session.add(Setting(key="late", value=1))
        raise AssertionError("the chunk must not be kept")

    kinds["count"] = slow
    job_id = enqueue(runtime, "count")
    runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).owner == "another"
    with runtime.db.read() as session:
        assert session.get(Setting, "late") is None


def test_a_cancelled_job_ends_after_the_chunk_that_was_undone(
    runtime: Runtime, kinds: dict[str, Any], clock: ManualClock
) -> None:
    def cancelled(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        with runtime.db.write() as session:
            assert rows.cancel(session, run.id, at=clock.now())
        return count_to_three(runtime, run)

    kinds["count"] = cancelled
    job_id = enqueue(runtime, "count")
    runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).state == "cancelled"
    with runtime.db.write() as session:
        assert session.get(Setting, "k0") is None
        assert not rows.cancel(session, job_id, at=clock.now()), "it is over"


def test_a_process_that_stops_gives_its_job_back_with_what_it_did(runtime: Runtime, kinds: dict[str, Any]) -> None:
    def stopped(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        runtime.jobs.stop()
        return count_to_three(runtime, run)

    kinds["count"] = stopped
    job_id = enqueue(runtime, "count")
    runtime.jobs.run_next(runtime)
    found = job(runtime, job_id)
    assert (found.state, found.owner, found.done) == ("queued", None, 1)
    kinds["count"] = count_to_three
    again = Jobs(runtime.clock, kinds)
    assert again.run_next(runtime)
    assert job(runtime, job_id).result == {"counted": 3}


def test_a_refusal_is_told_in_its_own_words_and_a_bug_with_the_jobs_number(
    runtime: Runtime, kinds: dict[str, Any]
) -> None:
    def refuse(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        raise Refused("98 codes are missing.")

    def fail(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        raise ZeroDivisionError

    kinds |= {"refuse": refuse, "fail": fail}
    refused, failed = enqueue(runtime, "refuse"), enqueue(runtime, "fail")
    while runtime.jobs.run_next(runtime):
        pass
    assert job(runtime, refused).error == "98 codes are missing."
    assert f"job {failed}" in (job(runtime, failed).error or "")


def test_a_kind_that_does_not_exist_is_not_enqueued(runtime: Runtime) -> None:
    with pytest.raises(KeyError):
        enqueue(runtime, "nothing")


def test_two_jobs_that_wait_for_each_other_both_come_to_their_end(runtime: Runtime, kinds: dict[str, Any]) -> None:
    """PostgreSQL ends one of them: it goes on from the last chunk that it kept, and does nothing twice."""
    tries, met = Counter[int](), threading.Barrier(2)

    def crosswise(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        tries[run.id] += 1
        if not run.done:
            with run.chunk(runtime) as session:
                session.add(Setting(key=f"began {run.id}", value=1))  # twice, and the job would fail
                run.done = 1
        with run.chunk(runtime) as session:
            wanted = select(Setting).with_for_update()
            first, then = ("a", "b") if run.id % 2 else ("b", "a")
            session.scalars(wanted.where(Setting.key == first)).one().value += 1
            if tries[run.id] == 1 and not runtime.db.is_sqlite:
                met.wait(10)  # each holds the row that the other wants next
            session.scalars(wanted.where(Setting.key == then)).one().value += 1
            run.done += 1
        return {"done": run.done}

    kinds["crosswise"] = crosswise
    with runtime.db.write() as session:
        session.add_all([Setting(key="a", value=0), Setting(key="b", value=0)])
    both = [enqueue(runtime, "crosswise") for _ in range(2)]
    threads = [threading.Thread(target=runtime.jobs.run_next, args=(runtime,)) for _ in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(found.state, found.done) for found in (job(runtime, job_id) for job_id in both)] == [("done", 2)] * 2
    with runtime.db.read() as session:
        assert [session.get_one(Setting, key).value for key in ("a", "b")] == [2, 2]
    assert sum(tries.values()) == (2 if runtime.db.is_sqlite else 3)


def test_a_job_that_the_database_undoes_again_and_again_fails_in_words(runtime: Runtime, kinds: dict[str, Any]) -> None:
    tries: list[int] = []

    def unlucky(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        tries.append(run.done)
        with run.chunk(runtime):
            run.done += 1
            raise OperationalError("UPDATE", {}, Exception("deadlock detected"))

    kinds["unlucky"] = unlucky
    job_id = enqueue(runtime, "unlucky")
    assert runtime.jobs.run_next(runtime)
    assert tries == [0] * TRIES
    assert (job(runtime, job_id).state, job(runtime, job_id).done) == ("failed", 0)
    assert "on our side" in str(job(runtime, job_id).error)
