"""Workers on PostgreSQL: called at once, found when nobody called them, and one version beside another."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from distribution.clock import SystemClock
from distribution.jobs import JobFunction, JobRun, Jobs
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from distribution.workers import Worker
from storage.database import Database
from storage.tables import Job

pytestmark = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)

PATIENCE = 20.0  # seconds until a condition that does not come true fails a test
# Seconds between two polls, where a test is about being called. procrastinate forgets a call that comes in the instant
# in which it ends a look, so without any polling a test would fail once in a long while.
SELDOM = 15.0


def of_version(db: Database, **kinds: JobFunction) -> Runtime:
    """A runtime that knows these kinds of job, as a process of some version has one."""
    clock, vault = SystemClock(), Vault("a secret key for tests")
    return Runtime(db, clock, Jobs(clock, kinds), Links("https://promo.example", vault.derive("qr links")), vault)


@contextmanager
def working(runtime: Runtime, *, poll: float = SELDOM, stop_within: float = 2.0) -> Iterator[Worker]:
    """A worker that takes tickets within the block."""
    before = listeners(runtime)
    worker = Worker(runtime, concurrency=2, poll=poll, stop_within=stop_within)
    worker.start()
    try:
        until(lambda: len(listeners(runtime)) > len(before))
        yield worker
    finally:
        runtime.jobs.stop()
        worker.stop()


def listeners(runtime: Runtime) -> set[int]:
    """The connections on which workers hear of new tickets, once they have said all that they listen to."""
    with runtime.db.read() as session:
        listens = "datname = current_database() AND state = 'idle' AND query LIKE 'LISTEN%tidy%'"
        return set(session.scalars(text(f"SELECT pid FROM pg_stat_activity WHERE {listens}")))


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)


def say(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """A job that is done at once."""
    return {"said": run.args["word"]}


def enqueue(runtime: Runtime, kind: str = "say", word: str = "yes") -> int:
    with runtime.db.write() as session:
        return runtime.jobs.enqueue(session, kind, {"word": word}, by="U0MAYA")


def state(runtime: Runtime, job_id: int) -> str:
    with runtime.db.read() as session:
        return session.get_one(Job, job_id).state


def tickets_left(runtime: Runtime) -> list[tuple[str, str]]:
    """Queue and status of procrastinate's jobs."""
    with runtime.db.read() as session:
        found = session.execute(text("SELECT queue_name, status::text FROM procrastinate_jobs WHERE task_name = 'run'"))
        return [(row.queue_name, row.status) for row in found]


def change(runtime: Runtime, statement: str) -> None:
    with runtime.db.write() as session:
        session.execute(text(statement))


def test_a_worker_is_called_at_once_and_leaves_no_ticket_behind(db: Database) -> None:
    runtime = of_version(db, say=say)
    took = []
    with working(runtime):
        for _ in range(3):
            began = time.monotonic()
            job_id = enqueue(runtime)
            until(lambda: state(runtime, job_id) == "done")  # noqa: B023  it is waited for right here
            took.append(time.monotonic() - began)
        until(lambda: tickets_left(runtime) == [])
    assert min(took) < SELDOM / 3, "only polling found it"


def test_what_waited_before_the_worker_came_is_found(db: Database) -> None:
    runtime = of_version(db, say=say)
    job_id = enqueue(runtime)
    with working(runtime):
        until(lambda: state(runtime, job_id) == "done")


def cut(runtime: Runtime) -> None:
    """End every connection of the worker to its queue, as a database that restarts does."""
    mine = "pid <> pg_backend_pid() AND datname = current_database()"
    for said in ("LISTEN%", "%procrastinate%"):
        change(runtime, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine} AND query LIKE '{said}'")


def test_a_notification_that_nobody_heard_is_made_up_for_by_polling(db: Database) -> None:
    runtime = of_version(db, say=say)
    with working(runtime, poll=0.2):
        cut(runtime)
        job_id = enqueue(runtime)
        until(lambda: state(runtime, job_id) == "done")


def test_a_worker_whose_connections_broke_listens_again(db: Database) -> None:
    runtime = of_version(db, say=say)
    with working(runtime):
        before = listeners(runtime)
        cut(runtime)
        until(lambda: bool(listeners(runtime) - before))
        job_id = enqueue(runtime)
        until(lambda: state(runtime, job_id) == "done")


def test_a_job_whose_ticket_was_lost_gets_another(db: Database) -> None:
    """A ticket goes with the worker that took it and was killed before it had claimed the job."""
    runtime = of_version(db, say=say)
    with working(runtime) as worker:
        with db.write() as session:
            job_id = runtime.jobs.enqueue(session, "say", {"word": "yes"}, by="U0MAYA")
            session.execute(text("DELETE FROM procrastinate_jobs"))
        worker.look_after()
        until(lambda: state(runtime, job_id) == "done")
        worker.look_after()
        until(lambda: tickets_left(runtime) == [])


def test_a_job_whose_runner_died_is_taken_over_when_its_lease_ends(db: Database) -> None:
    runtime = of_version(db, say=say)
    job_id = enqueue(runtime)
    soon = SystemClock().now() + timedelta(seconds=1)
    with db.write() as session:
        session.get_one(Job, job_id).state = "running"
        session.get_one(Job, job_id).owner = "dead"
        session.get_one(Job, job_id).lease_until = soon
    with working(runtime) as worker:
        until(lambda: tickets_left(runtime) == [])  # it came to the job and found it another's
        worker.look_after()
        assert state(runtime, job_id) == "running" and tickets_left(runtime) == []
        until(lambda: SystemClock().now() > soon)
        worker.look_after()
        until(lambda: state(runtime, job_id) == "done")


def test_a_kind_of_job_that_an_older_version_does_not_know_waits_for_a_newer_worker(db: Database) -> None:
    """In a rolling upgrade both are there at once: the older leaves job and ticket alone, and goes on with its own."""
    older, newer = of_version(db, say=say), of_version(db, say=say, forecast=say)
    with working(older, poll=0.05) as worker:
        unknown = enqueue(newer, "forecast")
        known = enqueue(newer, "say")
        until(lambda: state(older, known) == "done")
        worker.look_after()
        until(lambda: tickets_left(older) == [("forecast", "todo")])
        assert state(older, unknown) == "queued"
        with working(newer):
            until(lambda: state(newer, unknown) == "done")


def test_a_chunk_that_takes_too_long_is_left_behind_when_the_worker_stops(db: Database) -> None:
    """The process ends in time; the job is free at once, and somebody is called to it."""
    began, go_on = threading.Event(), threading.Event()

    def slow(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        with run.chunk(runtime):
            began.set()
            assert go_on.wait(PATIENCE)
            run.done = 1
        return {}

    runtime = of_version(db, slow=slow)
    with working(runtime, stop_within=0.1):
        job_id = enqueue(runtime, "slow")
        assert began.wait(PATIENCE)
    assert state(runtime, job_id) == "queued"
    assert tickets_left(runtime) == [("slow", "todo")]
    go_on.set()
    until(lambda: f"job {job_id}" not in [thread.name for thread in threading.enumerate()])
    with db.read() as session:
        assert session.get_one(Job, job_id).done == 0, "what was left behind must not be kept"


def test_a_bug_in_a_job_fails_the_job_and_not_the_worker(db: Database) -> None:
    def fail(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        raise ZeroDivisionError

    runtime = of_version(db, say=say, fail=fail)
    with working(runtime):
        failed, fine = enqueue(runtime, "fail"), enqueue(runtime)
        until(lambda: state(runtime, failed) == "failed" and state(runtime, fine) == "done")


def test_tickets_of_a_dead_worker_are_thrown_away(db: Database) -> None:
    runtime = of_version(db, say=say)
    done = enqueue(runtime)
    assert runtime.jobs.run_next(runtime)
    change(runtime, "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')")
    dead = "SELECT max(id) FROM procrastinate_workers"
    change(runtime, f"UPDATE procrastinate_jobs SET status = 'doing', worker_id = ({dead})")
    with working(runtime, poll=0.1):
        until(lambda: tickets_left(runtime) == [])
    assert state(runtime, done) == "done"
