"""Long work: a row in `job`, done in chunks by whoever claims it, shown while it runs, resumed after a restart.

A kind of job is a function that takes the `Runtime` and a `JobRun` and returns its result (a JSON object). It may be
stopped at any instruction and run again, so each chunk commits its work and how far it got in one transaction:

    def import_codes(runtime: Runtime, run: JobRun) -> dict[str, Any]:
        for chunk in chunks_from(run.progress.get("line", 0)):
            with run.chunk(runtime) as session:
                ...                                 # the chunk's work
                run.done += len(chunk)
                run.progress = {"line": chunk.last_line}
        return {"inserted": …}
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from distribution.clock import Clock, SystemClock
from distribution.errors import Refused
from storage import jobs as rows
from storage.database import is_away, is_sqlite
from storage.tables import Job

if TYPE_CHECKING:
    from distribution.runtime import Runtime

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Whoever runs a job is replaced when it has not been heard of for this long. It is heard of with each chunk and, on
# PostgreSQL, every two seconds (`Jobs.hold`), so a chunk may take longer.
LEASE = timedelta(seconds=20)
# How often in a row a chunk is tried that the database undoes (one of two transactions that wait for each other), each
# time from the last chunk that was kept.
TRIES = 5
# Seconds that a job waits for a database that is away (it restarts), and between two looks whether it is back. Later
# than that, whoever finds the job's lease expired goes on with it.
AWAY, LOOK_EVERY = 60.0, 0.25

JobFunction = Callable[["Runtime", "JobRun"], dict[str, Any]]


class JobStopped(Exception):
    """The run ends quietly: the job was cancelled or is another's now (both undo the chunk), or the process stops."""


class _Away(Exception):
    """The database stayed away, or the process stops meanwhile: nothing can be recorded about the job."""


@dataclass
class JobRun:
    """One run of a job: what it was asked, how far it is, and the transaction of its next chunk."""

    id: int
    owner: str
    args: dict[str, Any]
    created_by: str
    clock: Clock
    machine: Clock  # of leases, which nobody moves
    done: int = 0
    total: int | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def chunk(self, runtime: "Runtime", *, lasting: bool = True) -> Iterator[Session]:
        """A write transaction that also records how far the job is. Raises `JobStopped` when it is no longer ours.

        Not `lasting` (`Database.write`): it need not outlive a power cut, after which the job goes on from where the
        database says that it is. How the job ended is always recorded lastingly.
        """
        with runtime.db.write(lasting=lasting) as session:
            yield session
            kept = rows.keep(
                session,
                self.id,
                owner=self.owner,
                until=self.machine.now() + LEASE,
                done=self.done,
                total=self.total,
                progress=self.progress,
            )
            if not kept:
                raise JobStopped
        if self.stopping.is_set():
            raise JobStopped


class Jobs:
    """The kinds of job there are, a place to enqueue one, and what runs it: the port that has two sides.

    A row of `job` is the truth: what is to be done, how far it is, who holds it. The sides only bring somebody to it:

    - embedded (SQLite, one process): APScheduler's threads call `run_next`, every two seconds and when woken;
    - distributed (PostgreSQL, any number of processes): `distribution.workers`, where procrastinate calls `run`.

    Either may come twice, late, or to a job that is over: only who claims the row works on it.
    """

    def __init__(self, clock: Clock, kinds: dict[str, JobFunction], *, machine: Clock | None = None) -> None:
        """`kinds`: what runs under which name; `wake` is replaced by the one process that runs jobs on SQLite."""
        self._clock = clock
        self._machine = machine or SystemClock()
        self._kinds = kinds
        self._stopping = threading.Event()
        self._held: dict[int, str] = {}  # jobs that run in this process, and under which owner
        self.wake: Callable[[], None] = lambda: None

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds that this version can run. Of others it leaves the jobs alone: a newer version's."""
        return sorted(self._kinds)

    def enqueue(
        self,
        session: Session,
        kind: str,
        args: dict[str, Any],
        *,
        by: str,
        channel: str | None = None,
        total: int | None = None,
    ) -> int:
        """Add a job in the transaction of the rows it works on, and return its id. `channel`: where Slack shows it."""
        if kind not in self._kinds:
            raise KeyError(kind)
        job = Job(kind=kind, args=args, created_by=by, channel=channel, total=total, created_at=self._clock.now())
        session.add(job)
        session.flush()
        self._call(session, job.id, kind)
        return job.id

    def _call(self, session: Session, job_id: int, kind: str) -> None:
        """Have somebody come to a queued job as soon as the transaction is committed, if it is."""
        if is_sqlite(session):
            event.listen(session, "after_commit", lambda _session: self.wake(), once=True)
        else:
            from distribution.workers import (
                put_ticket,
            )  # late: SQLite needs no procrastinate, which takes 0.1 s to load

            put_ticket(session, job_id, kind)

    def stop(self) -> None:
        """Let running jobs end after the chunk they are in, to be resumed by whoever runs jobs next."""
        self._stopping.set()

    def hold(self, runtime: "Runtime") -> None:
        """Say that this process lives, and goes on with the jobs that it runs."""
        if owners := list(self._held.values()):
            with runtime.db.write() as session:
                rows.hold(session, owners, until=self._machine.now() + LEASE)

    def hand_over(self, runtime: "Runtime") -> None:
        """Give back what still runs here, in the middle of a chunk: the process ends. What the chunk did is undone."""
        for job_id, owner in list(self._held.items()):
            self._give_back(runtime, job_id, owner)

    def run_next(self, runtime: "Runtime") -> bool:
        """Claim the oldest job and run it to its end. False when there was none, or `stop` was called."""
        return self.run(runtime, None)

    def run(self, runtime: "Runtime", job_id: int | None) -> bool:
        """Claim one job and run it to its end. False when it is over, another's, or of a kind that is unknown here."""
        if self._stopping.is_set():
            return False
        owner, now = uuid.uuid4().hex, self._machine.now()
        with runtime.db.write() as session:
            job = rows.claim(
                session, job_id, owner=owner, now=now, until=now + LEASE, kinds=self.kinds, but=list(self._held)
            )
            if job is None:
                return False
        self._held[job.id] = owner
        try:
            self._run_to_end(runtime, job, owner)
        except _Away:
            log.warning("the database is away: the job is resumed when it is back", job=job.id, kind=job.kind)
        finally:
            del self._held[job.id]
        return True

    def _run_to_end(self, runtime: "Runtime", job: Job, owner: str) -> None:
        """Run a claimed job and record how it ended. Raises `_Away`."""
        state, result, error = "done", None, None
        try:
            result = self._run(runtime, job, owner)
        except JobStopped:
            self._patiently(partial(self._give_back, runtime, job.id, owner))
            return
        except Refused as refusal:
            state, error = "failed", str(refusal)
        except _Away:
            raise
        except Exception:
            log.exception("job failed", job=job.id, kind=job.kind)
            state, error = "failed", f"Something went wrong on our side (job {job.id}). What was done so far is kept."

        def finish() -> None:
            with runtime.db.write() as session:
                rows.finish(session, job.id, owner=owner, state=state, at=self._clock.now(), result=result, error=error)

        self._patiently(finish)

    def _run(self, runtime: "Runtime", job: Job, owner: str) -> dict[str, Any]:
        """The job's function, again from the last chunk that was kept where the database undid one. Its result.

        Raises what the function raises, and `_Away`.
        """
        left = TRIES
        while True:
            run = JobRun(
                job.id,
                owner,
                job.args,
                job.created_by,
                self._clock,
                self._machine,
                done=job.done,
                total=job.total,
                progress=dict(job.progress),
                stopping=self._stopping,
            )
            try:
                return self._kinds[job.kind](runtime, run)
            except OperationalError as error:
                left -= 1
                if not left:
                    raise
                log.warning("the database undid a chunk; trying again", job=job.id, kind=job.kind, why=str(error.orig))
            before, job = job, self._patiently(partial(_look, runtime, job.id))
            if (job.done, job.progress) != (before.done, before.progress):
                left = TRIES

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do what may be done twice, again while the database is away. Raises `_Away` when it stays away."""
        end = time.monotonic() + AWAY
        while True:
            try:
                return work()
            except OperationalError as error:
                if not is_away(error):
                    raise
                if time.monotonic() > end or self._stopping.wait(LOOK_EVERY):
                    raise _Away from error

    def _give_back(self, runtime: "Runtime", job_id: int, owner: str) -> None:
        """Let anyone claim a job that is still `owner`'s, and have somebody come for it."""
        with runtime.db.write() as session:
            kind = rows.give_back(session, job_id, owner=owner)
            if kind is not None:
                self._call(session, job_id, kind)


def _look(runtime: "Runtime", job_id: int) -> Job:
    """A job as it is now."""
    with runtime.db.read() as session:
        return session.scalars(select(Job).where(Job.id == job_id)).one()
