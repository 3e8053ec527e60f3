"""Processes are killed (`kill -9`) in the middle of a file of events, and others go on.

Each line is taken once or told by its line, and what is live fires once for each event that is new and not too old.
`FAULTS=long`: 50,000 lines. `FAULTS_SEED=7`: what that run did.
"""

import random
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from distribution import events, events_columns, events_import
from distribution.automatic import firing
from distribution.check import check
from distribution.clock import SystemClock
from distribution.codes.intake import hand_over
from distribution.kinds import jobs_for
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage.tables import Customer, Distribution, Event, ImportRefusal, Job, Planned, Touched
from tests.conftest import unsynced
from tests.faults.armed import KEY
from tests.faults.choices import LONG, SEED
from tests.faults.importing import AGAIN, COLUMNS, FIRES, RECORDED, Lines, worker
from tests.sending import make_customers, make_provider
from tests.unit.automatic.lively import make_live
from tests.unit.sending.door import NOWHERE

pytestmark = [pytest.mark.timeout(900 if LONG else 120), pytest.mark.xdist_group("attacks")]

# On both databases, or on the one that the seed says.
DATABASES = ["sqlite", "postgresql"] if LONG else [["postgresql", "sqlite"][SEED % 2]]
COUNT, CHUNK, KILLS = (50_000, 500, 20) if LONG else (1_200, 100, 3)
PATIENCE = 60.0  # seconds without any progress until the test fails


@pytest.fixture
def real(runtime: Runtime) -> Runtime:
    """A runtime with the key and the clock that the processes have."""
    clock = SystemClock()
    unsynced(runtime.db)
    return replace(runtime, clock=clock, jobs=jobs_for(clock), vault=Vault(KEY))


def handed_over(runtime: Runtime, lines: Lines, data: bytes) -> int:
    """What the API tells, and the job that takes the file in; its id."""
    with runtime.db.write() as session:
        told = events.record(session, lines.api, now=runtime.clock.now())
        assert all(each.status == "recorded" for each in told)
        upload_id, _ = hand_over(session, data, "carts.csv", by="U0MAYA", now=runtime.clock.now())
        layout = events_columns.checked(list(COLUMNS.values()), name="", order="", time_zone="UTC")
        return events_import.import_file(runtime.jobs, session, upload_id, layout, by="U0MAYA")


def killed_until_it_is_done(runtime: Runtime, job_id: int, url: str, folder: Path, chance: random.Random) -> Job:
    """Processes import the file; at random moments one is killed and another begins. The job, when it is over."""
    log = folder / "workers.log"
    at_work = [worker(url, CHUNK, log) for _ in range(1 if runtime.db.is_sqlite else 2)]
    moments = sorted(chance.sample(range(1, COUNT * 9 // 10), KILLS))
    seen, since = -1, time.monotonic()
    try:
        while True:
            with runtime.db.read() as session:
                job = session.get_one(Job, job_id)
            if job.state not in ("queued", "running"):
                assert not moments, "it was over before all were killed"
                return job
            if job.done != seen:
                seen, since = job.done, time.monotonic()
            assert time.monotonic() < since + PATIENCE, log.read_text()[-4000:]
            if moments and job.done >= moments[0]:
                moments.pop(0)
                time.sleep(chance.uniform(0, 0.02))  # anywhere in a chunk
                victim = at_work.pop(chance.randrange(len(at_work)))
                victim.kill()
                victim.join()
                at_work.append(worker(url, CHUNK, log))
            time.sleep(0.005)
    finally:
        for process in at_work:
            process.kill()
            process.join()


@pytest.mark.parametrize("db_url", DATABASES, indirect=True)
def test_processes_that_import_are_killed_and_each_line_is_taken_once_or_told(
    real: Runtime, db_url: str, tmp_path: Path
) -> None:
    chance, now = random.Random(SEED), real.clock.now()
    make_customers(real, 40)
    live = make_live(
        real, make_provider(real, NOWHERE), body="Hi", trigger={"kind": "event", "event": "cart_abandoned"}
    )
    with real.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == live).values(started_at=now - timedelta(days=9)))
        phones = [str(each) for each in session.scalars(select(Customer.phone).order_by(Customer.id))]
    lines = Lines(chance, phones, now, COUNT)
    data, refused = lines.file()
    job = killed_until_it_is_done(real, handed_over(real, lines, data), db_url, tmp_path, chance)
    assert job.state == "done", (job.error, SEED)
    while firing.look(real):
        pass
    with real.db.read() as session:
        assert session.scalars(select(ImportRefusal.line).order_by(ImportRefusal.line)).all() == refused, SEED
        there = {event.id: (event.name, event.properties["row"]) for event in session.scalars(select(Event))}
        assert Counter(row for _, row in there.values()) == lines.of(*RECORDED), SEED
        fired = session.scalars(select(Planned.event_id).where(Planned.distribution_id == live)).all()
        assert Counter(there[each or 0][1] for each in fired) == lines.of(*FIRES), SEED
        assert session.scalar(select(func.count()).select_from(Touched)) == 0
    again = sum(kind in AGAIN for kind, _ in lines.rows)
    told = {"recorded": len(there) - len(lines.api), "again": again, "refused": len(refused)}
    assert {name: job.result[name] for name in told} == told and sum(told.values()) == job.result["rows"] == COUNT
    assert check(real.db) == []
