"""`promobot worker`, as processes that are killed and stopped in the middle of their work, on PostgreSQL."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from distribution.check import check
from distribution.clock import SystemClock
from distribution.codes.intake import hand_over
from distribution.customers import columns as cols
from distribution.customers import importing
from distribution.runtime import Runtime
from storage import customers
from storage.tables import Batch, Customer, Distribution, Job
from tests.gateway import Gateway, gateway_in_thread
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    start,
    wait_until_somebody_waits_for_a_lock,
)

pytestmark = pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)

ROWS = importing.CHUNK + 10  # two chunks
PATIENCE = 60.0  # seconds until a condition that does not come true fails a test
STOPS_WITHIN = 15.0  # seconds; on a quiet machine it is one


class Workers:
    """Processes of `promobot worker`, none of which outlives its test."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._environment = os.environ | {"DATABASE_URL": url, "SECRET_KEY": "a secret key for tests"}
        self._started: list[subprocess.Popen[bytes]] = []

    def hire(self, roles: str) -> "subprocess.Popen[bytes]":
        """One more process; it may take a second until it works."""
        command = [sys.executable, "-c", "from bot.cli import main; main()", "worker", "--roles", roles]
        with (self._folder / f"{len(self._started)}.log").open("wb") as said:
            process = subprocess.Popen(command, env=self._environment, cwd=self._folder, stdout=said, stderr=said)
        self._started.append(process)
        return process

    def said(self, process: "subprocess.Popen[bytes]") -> str:
        """What a process logged so far."""
        return (self._folder / f"{self._started.index(process)}.log").read_text()

    def dismiss(self) -> None:
        """End all of them, and say what they said."""
        for process in self._started:
            process.kill()
            process.wait()
            sys.stdout.write(self.said(process))  # shown where the test failed


@pytest.fixture
def clock() -> SystemClock:
    """The processes' own: they have no other."""
    return SystemClock()


@pytest.fixture
def workers(db_url: str, tmp_path: Path) -> Iterator[Workers]:
    found = Workers(db_url, tmp_path)
    yield found
    found.dismiss()


def until(condition: Callable[[], bool], why: str) -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, why
        time.sleep(0.02)


def import_rows(runtime: Runtime) -> int:
    """Enqueue the import of a file of `ROWS` customers; the job's id."""
    data = "Name,Mobile\n" + "".join(f"Anna {n},+48{600_000_000 + n}\n" for n in range(ROWS))
    with runtime.db.write() as session:
        upload_id, table = hand_over(session, data.encode(), "spring.csv", by="U0MAYA", now=runtime.clock.now())
        columns = [column.to_json() for column in cols.guess(table, customers.attributes(session))]
        return importing.import_file(
            runtime.jobs,
            session,
            upload_id,
            columns,
            region="PL",
            everyone_agreed=True,
            by="U0MAYA",
            by_name="Maya",
        )


def job(runtime: Runtime, job_id: int) -> Job:
    with runtime.db.read() as session:
        return session.get_one(Job, job_id)


@contextmanager
def held_in_its_second_chunk(runtime: Runtime) -> Iterator[int]:
    """An import, whose id is given: its second chunk waits within the block, as somebody adds its last customer too."""
    with runtime.db.engine.connect() as connection:
        now = runtime.clock.now()
        phone = f"+48{600_000_000 + ROWS - 1}"
        connection.execute(insert(Customer).values(phone=phone, consent="unknown", created_at=now, updated_at=now))
        job_id = import_rows(runtime)
        until(lambda: job(runtime, job_id).done == importing.CHUNK, "no chunk was done")
        wait_until_somebody_waits_for_a_lock(runtime)
        yield job_id
        connection.rollback()


def all_there_once(runtime: Runtime, job_id: int) -> None:
    """Nothing doubled, nothing lost, and the job says so."""
    assert job(runtime, job_id).result["created"] == ROWS
    assert (job(runtime, job_id).state, job(runtime, job_id).done, job(runtime, job_id).total) == ("done", ROWS, ROWS)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == ROWS
    assert check(runtime.db) == []


def test_another_worker_goes_on_where_a_killed_one_was(runtime: Runtime, workers: Workers) -> None:
    """kill -9 in the middle of an import. Its lease is made to end here; how long it is, `test_jobs` looks at."""
    first = workers.hire("jobs")
    with held_in_its_second_chunk(runtime) as job_id:
        workers.hire("jobs")
        first.kill()
        first.wait()
    with runtime.db.write() as session:
        session.scalars(select(Job).where(Job.id == job_id).with_for_update()).one().lease_until = datetime.now(UTC)
    until(lambda: job(runtime, job_id).state == "done", "nobody took it over")
    all_there_once(runtime, job_id)


def test_a_worker_that_is_stopped_ends_within_seconds_and_gives_back_what_it_holds(
    runtime: Runtime, workers: Workers
) -> None:
    """The chunk that it is in is kept, and the next worker is called at once: there is no lease to wait for."""
    first = workers.hire("jobs")
    with held_in_its_second_chunk(runtime) as job_id:
        first.send_signal(signal.SIGTERM)
        until(lambda: "stopping" in workers.said(first), "it does not stop")
    assert first.wait(STOPS_WITHIN) == 0
    found = job(runtime, job_id)
    assert (found.state, found.owner, found.done) == ("queued", None, ROWS)
    workers.hire("jobs")
    until(lambda: job(runtime, job_id).state == "done", "nobody took it over")
    all_there_once(runtime, job_id)


def test_two_workers_share_one_distribution(runtime: Runtime, workers: Workers) -> None:
    """Each sends batches of it, at once; every customer gets one text, and both end in good order."""
    count = 1_600
    processes = [workers.hire("sender") for _ in range(2)]
    with gateway_in_thread(Gateway(latency=0.2)) as gateway:
        provider = make_provider(runtime, gateway.url)
        make_group(runtime, "Summer 10%", count)
        distribution = make_distribution(runtime, provider, make_customers(runtime, count))
        until(lambda: all("started" in workers.said(process) for process in processes), "they do not start")
        start(runtime, distribution)
        until(lambda: finished(runtime, distribution), "it is not over")
        with runtime.db.read() as session:
            senders = set(session.scalars(select(Batch.owner).where(Batch.distribution_id == distribution)))
        assert len(senders) == 2
        assert len(gateway.accepted) == count and set(gateway.texts_to().values()) == {1}
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(STOPS_WITHIN) for process in processes] == [0, 0]
    assert check(runtime.db) == []


def finished(runtime: Runtime, distribution: int) -> bool:
    with runtime.db.read() as session:
        return session.get_one(Distribution, distribution).finished_at is not None
