"""Workers that can be killed or held anywhere, and a machine clock that can be moved past their leases."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from distribution.clock import SystemClock
from distribution.providers import http
from distribution.runtime import Runtime
from distribution.sending import callbacks, failpoints
from distribution.sending.options import Options
from distribution.sending.worker import Sender
from storage.tables import Distribution, UnknownAttempt
from tests.sending import Gateway, callback_of

OPTIONS = Options(concurrency=6, batch=7, flush=0.005, idle=0.02, chores=0.02, shutdown=1.0)
PATIENCE = 45.0


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
        self._runtime, self._machine = runtime, machine
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(Sender(self._runtime, options=OPTIONS, machine=self._machine).run(self._stop))
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
        if self.alive:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self.alive
        if self.error is not None and not isinstance(self.error, Killed):
            raise self.error


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
    called_back: bool,
    or_until: threading.Event | None = None,
) -> None:
    """Wait until a distribution is over: post the gateway's callbacks, and move the clock to look-ups that are due."""
    end, posted = time.monotonic() + PATIENCE, 0
    while time.monotonic() < end:
        if or_until is not None and or_until.is_set():
            return
        if called_back and len(gateway.accepted) > posted:
            news = [callback_of(text, "delivered", machine.now()) for text in gateway.accepted[posted:]]
            posted += len(news)
            with runtime.db.write() as session:
                provider = session.get_one(Distribution, distribution).provider_id or 0
                callbacks.receive(session, provider, news, runtime.clock.now())
        with runtime.db.read() as session:
            row = session.get_one(Distribution, distribution)
            if row.finished_at is not None:
                return
            waits = session.scalar(select(func.count()).where(UnknownAttempt.outcome.is_(None)))
        if waits:
            machine.offset += timedelta(seconds=1)
        time.sleep(0.02)
    raise AssertionError(f"{row.status}, {row.status_reason}, {waits} unknown, {len(gateway.accepted)} accepted")
