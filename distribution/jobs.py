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
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from distribution.clock import Clock
from distribution.errors import Refused
from storage import jobs as rows
from storage.tables import Job

if TYPE_CHECKING:
    from distribution.runtime import Runtime

log = structlog.get_logger(__name__)

# A runner that died is replaced after this long; a chunk must take less.
LEASE = timedelta(seconds=60)
# How often a job is run whose chunk the database undid (one of two transactions that waited for each other, a lost
# connection): each time from the last chunk that it kept.
TRIES = 5

JobFunction = Callable[["Runtime", "JobRun"], dict[str, Any]]


class JobStopped(Exception):
    """The run ends quietly: the job was cancelled or is another's now (both undo the chunk), or the process stops."""


@dataclass
class JobRun:
    """One run of a job: what it was asked, how far it is, and the transaction of its next chunk."""

    id: int
    owner: str
    args: dict[str, Any]
    created_by: str
    clock: Clock
    done: int = 0
    total: int | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def chunk(self, runtime: "Runtime") -> Iterator[Session]:
        """A write transaction that also records how far the job is. Raises `JobStopped` when it is no longer ours."""
        with runtime.db.write() as session:
            yield session
            kept = rows.keep(
                session,
                self.id,
                owner=self.owner,
                until=self.clock.now() + LEASE,
                done=self.done,
                total=self.total,
                progress=self.progress,
            )
            if not kept:
                raise JobStopped
        if self.stopping.is_set():
            raise JobStopped


class Jobs:
    """The kinds of job there are, and the embedded runner that `bot` lets APScheduler's threads call."""

    def __init__(self, clock: Clock, kinds: dict[str, JobFunction]) -> None:
        """`kinds`: what runs under which name; `wake` is replaced by the process that runs jobs."""
        self._clock = clock
        self._kinds = kinds
        self._stopping = threading.Event()
        self.wake: Callable[[], None] = lambda: None

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
        event.listen(session, "after_commit", lambda _session: self.wake(), once=True)
        return job.id

    def stop(self) -> None:
        """Let running jobs end after the chunk they are in, to be resumed by whoever runs jobs next."""
        self._stopping.set()

    def run_next(self, runtime: "Runtime") -> bool:
        """Claim one job and run it to its end. False when there was none, or `stop` was called."""
        if self._stopping.is_set():
            return False
        owner = uuid.uuid4().hex
        with runtime.db.write() as session:
            now = self._clock.now()
            job = rows.claim(session, owner=owner, now=now, until=now + LEASE)
            if job is None:
                return False
        state, result, error = "done", None, None
        try:
            result = self._run(runtime, job, owner)
        except JobStopped:
            with runtime.db.write() as session:
                rows.give_back(session, job.id, owner=owner)
            return True
        except Refused as refusal:
            state, error = "failed", str(refusal)
        except Exception:
            log.exception("job failed", job=job.id, kind=job.kind)
            state, error = "failed", f"Something went wrong on our side (job {job.id}). What was done so far is kept."
        with runtime.db.write() as session:
            rows.finish(session, job.id, owner=owner, state=state, at=self._clock.now(), result=result, error=error)
        return True

    def _run(self, runtime: "Runtime", job: Job, owner: str) -> dict[str, Any]:
        """Run a claimed job to its end, again from where it was when the database undid a chunk. Returns its result."""
        for left in reversed(range(TRIES)):
            run = JobRun(job.id, owner, job.args, job.created_by, self._clock, job.done, job.total, dict(job.progress))
            run.stopping = self._stopping
            try:
                return self._kinds[job.kind](runtime, run)
            except OperationalError as error:
                if not left:
                    raise
                log.warning("the database undid a chunk; trying again", job=job.id, kind=job.kind, why=str(error.orig))
            with runtime.db.read() as session:
                job = session.get_one(Job, job.id)
        raise AssertionError  # pragma: no cover - the last try returned or raised
