"""Long work: run once to its end, resumed where it stopped, cancelled at once."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

import distribution.jobs
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
def machine() -> ManualClock:
    """The clock of leases, which nobody moves but a test."""
    return ManualClock(datetime(2026, 11, 22, 8, 0, tzinfo=UTC))


@pytest.fixture
def runtime(db: Database, clock: ManualClock, machine: ManualClock, kinds: dict[str, Any]) -> Runtime:
    vault = Vault("a secret key for tests")
    jobs = Jobs(clock, kinds, machine=machine)
    return Runtime(db, clock, jobs, Links("https://promo.example", vault.derive("qr links")), vault)


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


def tickets(runtime: Runtime) -> list[tuple[str, int]]:
    """On PostgreSQL: to which jobs procrastinate calls workers, each by its kind."""
    with runtime.db.read() as session:
        found = session.execute(
            text("SELECT queue_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id")
        )
        return [(kind, args["job"]) for kind, args in found]


def test_enqueueing_calls_somebody_only_when_it_is_committed(runtime: Runtime, kinds: dict[str, Any]) -> None:
    """On SQLite this process's own runner is woken; on PostgreSQL a ticket is there if and only if the job is."""
    kinds["count"] = count_to_three
    woken: list[int] = []
    runtime.jobs.wake = lambda: woken.append(1)
    with pytest.raises(RuntimeError), runtime.db.write() as session:
        runtime.jobs.enqueue(session, "count", {"n": 1}, by="U0MAYA")
        raise RuntimeError
    assert not woken and not runtime.jobs.run_next(runtime)
    if not runtime.db.is_sqlite:
        assert tickets(runtime) == []
    job_id = enqueue(runtime, "count")
    if runtime.db.is_sqlite:
        assert woken == [1]
    else:
        assert tickets(runtime) == [("count", job_id)] and not woken


def test_a_job_of_a_newer_versions_kind_is_left_alone(runtime: Runtime, kinds: dict[str, Any]) -> None:
    """Not failed: while a new version comes in, its jobs wait for its workers; the others go on with what they know."""
    kinds["count"] = count_to_three
    newer = Jobs(runtime.clock, {**kinds, "forecast": lambda _runtime, _run: {}})
    with runtime.db.write() as session:
        unknown = newer.enqueue(session, "forecast", {"n": 1}, by="U0MAYA")
    known = enqueue(runtime, "count")
    assert runtime.jobs.run_next(runtime)
    assert not runtime.jobs.run_next(runtime) and not runtime.jobs.run(runtime, unknown)
    assert (job(runtime, known).state, job(runtime, unknown).state) == ("done", "queued")
    assert newer.run_next(runtime)
    assert job(runtime, unknown).state == "done"


class Killed(BaseException):
    """Nothing is written after it, as after `kill -9`."""


def one_and_dead(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    with run.chunk(runtime) as session:
        session.add(Setting(key="k0", value=1))
        run.done = 1
    raise Killed


def test_a_runner_that_died_is_replaced_and_the_work_goes_on(
    runtime: Runtime, kinds: dict[str, Any], clock: ManualClock, machine: ManualClock
) -> None:
    kinds["count"] = one_and_dead
    job_id = enqueue(runtime, "count")
    with pytest.raises(Killed):
        runtime.jobs.run_next(runtime)
    kinds["count"] = count_to_three
    assert not runtime.jobs.run_next(runtime), "its lease still holds"
    clock.advance(timedelta(days=1))
    assert not runtime.jobs.run_next(runtime), "the sandbox's clock, or a test's, has nothing to do with it"
    machine.advance(LEASE + timedelta(seconds=1))
    assert runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).result == {"counted": 3}


def test_a_runner_that_is_heard_of_is_not_replaced_however_long_its_chunk(
    runtime: Runtime, kinds: dict[str, Any], machine: ManualClock
) -> None:
    elsewhere = Jobs(runtime.clock, kinds, machine=machine)

    def slow(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        for _ in range(4):
            machine.advance(LEASE * 0.75)
            runtime.jobs.hold(runtime)  # as the process does every two seconds
            assert not elsewhere.run_next(runtime)
        machine.advance(LEASE * 2)
        assert not runtime.jobs.run_next(runtime), "a process never takes over from itself"
        return count_to_three(runtime, run)

    kinds["slow"] = slow
    job_id = enqueue(runtime, "slow")
    assert runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).result == {"counted": 3}


def test_a_process_that_ends_in_the_middle_of_a_chunk_hands_its_job_over(
    runtime: Runtime, kinds: dict[str, Any], machine: ManualClock
) -> None:
    """The chunk that was left behind is undone, should it ever come to its end."""
    elsewhere = Jobs(runtime.clock, {"count": count_to_three}, machine=machine)

    def left_behind(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        runtime.jobs.hand_over(runtime)
        assert elsewhere.run(runtime, run.id)
        with run.chunk(runtime) as session:
            session.add(Setting(key="late", value=1))
        raise AssertionError("the chunk must not be kept")

    kinds["count"] = left_behind
    job_id = enqueue(runtime, "count")
    runtime.jobs.run_next(runtime)
    assert (job(runtime, job_id).state, job(runtime, job_id).done) == ("done", 3)
    with runtime.db.read() as session:
        assert session.get(Setting, "late") is None
    if not runtime.db.is_sqlite:
        assert tickets(runtime) == [("count", job_id)] * 2, "one of the start, one for whoever takes over"


class Gone(Exception):
    """What psycopg says of a connection that broke: an error without a code."""

    sqlstate = None


def away(times: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """`work`, which at first finds no database as often as that."""
    left = iter(range(times))

    def tried(*args: Any, **named: Any) -> Any:
        if next(left, None) is not None:
            raise OperationalError("SELECT", {}, Gone("connection refused"))
        return work(*args, **named)

    return tried


def test_a_database_that_restarts_costs_a_job_nothing(
    runtime: Runtime, kinds: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it looks before the database is back, in the middle of the job and at its end."""
    monkeypatch.setattr("distribution.jobs.LOOK_EVERY", 0.001)
    monkeypatch.setattr("distribution.jobs._look", away(2 * TRIES, distribution.jobs._look))
    monkeypatch.setattr(rows, "finish", away(2 * TRIES, rows.finish))
    kinds["count"] = lambda runtime, run: (count_to_three if run.done else broken)(runtime, run)

    def broken(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        with run.chunk(runtime) as session:
            session.add(Setting(key="k0", value=1))
            run.done = 1
        raise OperationalError("INSERT", {}, Gone("server closed the connection unexpectedly"))

    job_id = enqueue(runtime, "count")
    assert runtime.jobs.run_next(runtime)
    assert (job(runtime, job_id).state, job(runtime, job_id).result) == ("done", {"counted": 3})


def test_a_job_whose_database_stays_away_is_resumed_and_not_failed(
    runtime: Runtime, kinds: dict[str, Any], machine: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distribution.jobs.AWAY", 0.0)
    monkeypatch.setattr(rows, "finish", away(1, rows.finish))
    kinds["count"] = count_to_three
    job_id = enqueue(runtime, "count")
    assert runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).state == "running"
    machine.advance(LEASE * 2)
    assert runtime.jobs.run_next(runtime)
    assert job(runtime, job_id).result == {"counted": 3}


def test_tries_are_counted_anew_once_a_chunk_was_kept(runtime: Runtime, kinds: dict[str, Any]) -> None:
    """An import of an hour may lose more than five deadlocks; no chunk may lose five in a row."""
    tries: list[int] = []

    def unlucky(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        while run.done < run.args["n"]:
            with run.chunk(runtime):
                tries.append(run.done)
                if tries.count(run.done) < TRIES - 1:
                    raise OperationalError("UPDATE", {}, Exception("deadlock detected"))
                run.done += 1
        return {"counted": run.done}

    kinds["unlucky"] = unlucky
    job_id = enqueue(runtime, "unlucky")
    assert runtime.jobs.run_next(runtime)
    assert len(tries) > TRIES
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
    if not runtime.db.is_sqlite:
        assert tickets(runtime) == [("count", job_id)] * 2, "whoever is free is called at once"
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
