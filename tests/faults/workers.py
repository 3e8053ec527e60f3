"""Workers that can be killed or held anywhere, and a machine clock that can be moved past their leases.

Nothing here depends on how fast the machine is: the clock is moved only to a moment that something waits for, patience
ends only where nothing changes any more, and no worker outlives its test.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution.clock import SystemClock
from distribution.providers import http
from distribution.runtime import Runtime
from distribution.sending import callbacks, failpoints
from distribution.sending.options import Options
from distribution.sending.worker import Sender
from storage.tables import Batch, BatchState, Distribution, UnknownAttempt
from tests.sending import Gateway, callback_of

OPTIONS = Options(concurrency=6, batch=7, most=7, flush=0.005, idle=0.02, chores=0.02, shutdown=1.0)
PATIENCE = 45.0  # seconds without any change until a test fails
SOON = timedelta(seconds=10)  # what is due later waits for somebody who is at work, or gone


class Killed(BaseException):
    """A kill -9: nothing of the worker runs after it."""


class Fault:
    """At the `nth` time that a worker it is meant for reaches `place`: kill the worker, or hold it until `release`."""

    def __init__(self, place: str, nth: int, *, hold: bool) -> None:
        self.place, self.nth, self.hold = place, nth, hold
        self.struck = threading.Event()
        self._released = threading.Event()
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __call__(self, place: str) -> None:
        """The failpoint hook."""
        with self._lock:
            self._seen[place] += 1
            if place != self.place or self._seen[place] != self.nth or self.struck.is_set():
                return
            self.struck.set()
        if not self.hold:
            raise Killed
        assert self._released.wait(PATIENCE)

    def release(self) -> None:
        """Let a held worker go on."""
        self._released.set()


class Worker:
    """A sender in a thread with a loop of its own, as in a process of its own."""

    def __init__(self, runtime: Runtime, machine: SystemClock) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        self._sending = self._loop.create_task(Sender(runtime, options=OPTIONS, machine=machine).run(self._stop))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._sending)
        except BaseException as error:
            self.error = error
        finally:
            self._loop.close()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop it in good order, and fail for an error other than a kill."""
        self._tell(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self.alive
        if self.error is not None and not isinstance(self.error, Killed):
            raise self.error

    def dismiss(self) -> None:
        """End it, however it is."""
        self._tell(self._sending.cancel)
        self._thread.join(PATIENCE)

    def _tell(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # its loop is closed: it ended by itself
            self._loop.call_soon_threadsafe(what)


class Crew:
    """The workers of one test."""

    def __init__(self, runtime: Runtime, machine: SystemClock) -> None:
        self._runtime, self._machine = runtime, machine
        self._workers: list[Worker] = []

    def hire(self) -> Worker:
        """A worker that begins at once."""
        self._workers.append(Worker(self._runtime, self._machine))
        return self._workers[-1]

    def dismiss(self) -> None:
        """Let none of them outlive the test: they would go on in a database that is gone, and slow all the others."""
        for worker in self._workers:
            worker.dismiss()


@pytest.fixture
def crew(runtime: Runtime, machine: SystemClock) -> Iterator[Crew]:
    """Workers, all of which end with the test."""
    crew = Crew(runtime, machine)
    yield crew
    crew.dismiss()


@contextmanager
def called_back(runtime: Runtime, gateway: Gateway, distribution: int) -> Iterator[None]:
    """Within the block, the gateway's callbacks arrive, as through the web part of the process: in a thread apart."""
    over = threading.Event()
    with runtime.db.read() as session:
        provider = session.get_one(Distribution, distribution).provider_id or 0

    def carry() -> None:
        posted = 0
        while not over.wait(0.02):
            news = [callback_of(text, "delivered", runtime.clock.now()) for text in gateway.accepted[posted:]]
            with suppress(DBAPIError):  # SQLite, and a worker is held in its transaction: the gateway tries again
                if news:
                    with runtime.db.write() as session:
                        callbacks.receive(session, provider, news, runtime.clock.now())
                    posted += len(news)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)


@contextmanager
def failing(fault: Fault) -> Iterator[Fault]:
    """Within the block, workers meet the fault."""
    failpoints.hook = fault
    try:
        yield fault
    finally:
        failpoints.hook = None
        fault.release()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SystemClock:
    """The machines' clock, which a test can move; deadlines follow it."""
    clock = SystemClock()
    real = http.uptime
    monkeypatch.setattr(http, "uptime", lambda: real() + clock.offset.total_seconds())
    return clock


def drive(
    runtime: Runtime,
    gateway: Gateway,
    distribution: int,
    machine: SystemClock,
    *,
    or_until: threading.Event | None = None,
) -> None:
    """Wait until a distribution is over, moving the clock to whatever is due soon. Fails when nothing changes."""
    seen, end = None, 0.0
    while True:
        if or_until is not None and or_until.is_set():
            return
        with runtime.db.read() as session:
            row = session.get_one(Distribution, distribution)
            if row.finished_at is not None:
                return
            due = _due(session)
            open_ = session.scalar(select(func.count()).where(UnknownAttempt.outcome.is_(None)))
        state = (row.status, row.status_reason, open_, len(gateway.accepted), gateway.requests, gateway.lookups)
        if state != seen:
            seen, end = state, time.monotonic() + PATIENCE
        assert time.monotonic() < end, state
        wait = due - machine.now() if due is not None else timedelta()
        if timedelta() < wait < SOON:
            machine.offset += wait
        time.sleep(0.02)


def _due(session: Session) -> datetime | None:
    """When the next look-up or the next try of what was sent back is due."""
    moments = [
        session.scalar(select(func.min(UnknownAttempt.look_at)).where(UnknownAttempt.outcome.is_(None))),
        session.scalar(select(func.min(Batch.not_before)).where(Batch.state == BatchState.WAITING)),
    ]
    return min((moment for moment in moments if moment is not None), default=None)
