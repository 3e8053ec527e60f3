"""Staff that can be killed or held anywhere, and a machine clock that can be moved past their leases.

Nothing here depends on how fast the machine is: the clock is moved only to a moment that something waits for, patience
ends only where nothing changes any more, and nobody outlives their test.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Protocol

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution.clock import SystemClock
from distribution.providers import connections
from distribution.runtime import Runtime
from distribution.sending import worker
from distribution.sending.options import Options
from storage.database import Database
from storage.tables import Batch, BatchState, Distribution, UnknownAttempt
from tests import failpoints
from tests.conftest import unsynced

OPTIONS = Options(concurrency=6, batch=7, most=7, flush=0.005, idle=0.02, chores=0.02, shutdown=0.2)
STILL = 5.0  # seconds without any change, after which whatever is under way has ended
PATIENCE = 45.0  # seconds without any change until a test fails
SOON = timedelta(seconds=10)  # what is due later waits for somebody who is at work, or gone
HOLD = timedelta(seconds=60)


class Killed(BaseException):
    """A kill -9: nothing of who meets it runs after it."""


class Fault:
    """At the `nth` time that somebody is before or after `place`: kill them, or hold them until `release`."""

    def __init__(self, place: str, moment: str, nth: int = 1, *, hold: bool = False) -> None:
        self.place, self.moment, self.nth, self.hold = place, moment, nth, hold
        self.struck = threading.Event()
        self._victim = 0  # the thread that met it
        self._back = 0  # places that it came by since
        self._released = threading.Event()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, place: str, moment: str) -> None:
        """The hook of `tests.failpoints`."""
        with self._lock:
            self._seen[place, moment] += 1
            self._back += threading.get_ident() == self._victim
            here = (place, moment) == (self.place, self.moment)
            if not here or self._seen[place, moment] < self.nth or self.struck.is_set():
                return
            self._victim = threading.get_ident()
            self.struck.set()
        if not self.hold:
            raise Killed
        assert self._released.wait(PATIENCE)

    def release(self) -> None:
        """Let who is held go on."""
        self._released.set()

    def is_back(self) -> bool:
        """Whether who was held is at work again, as far as it can be: it came by some places."""
        return self._back >= 6


class Staff(Protocol):
    """Somebody at work in a thread of their own, as in a process of their own."""

    error: BaseException | None

    @property
    def alive(self) -> bool:
        """Whether they still work."""
        ...

    def stop(self) -> None:
        """End in good order. Fails for an error other than a kill."""
        ...

    def dismiss(self) -> None:
        """End, however it is."""
        ...


class Sender:
    """A sender with a loop of its own."""

    def __init__(self, runtime: Runtime, machine: SystemClock) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self.error: BaseException | None = None
        sender = worker.Sender(runtime, options=OPTIONS, machine=machine)
        self._sending = self._loop.create_task(sender.run(self._stop))
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
        return self._thread.is_alive()

    def leave(self) -> None:
        """Begin to end in good order."""
        self._tell(self._stop.set)

    def stop(self) -> None:
        self.leave()
        _joined(self._thread, self.error)

    def dismiss(self) -> None:
        self._tell(self._sending.cancel)
        self._thread.join(PATIENCE)

    def _tell(self, what: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # its loop is closed: it ended by itself
            self._loop.call_soon_threadsafe(what)


class Looker:
    """Does something again and again: takes jobs, carries callbacks."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
        self._over = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._over.wait(0.02):
                with suppress(DBAPIError):  # SQLite, and somebody is held in a transaction: it tries again
                    self._look()
        except BaseException as error:
            self.error = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._over.set()
        _joined(self._thread, self.error)

    def dismiss(self) -> None:
        self._over.set()
        self._thread.join(PATIENCE)


def _joined(thread: threading.Thread, error: BaseException | None) -> None:
    thread.join(PATIENCE)
    assert not thread.is_alive()
    if error is not None and not isinstance(error, Killed):
        raise error


class Crew:
    """Everybody at work in one test."""

    def __init__(self) -> None:
        self._staff: list[Staff] = []

    def add(self, staff: Staff) -> Staff:
        """Somebody who begins at once."""
        self._staff.append(staff)
        return staff

    def stop(self) -> None:
        """Everybody ends in good order. Fails for an error other than a kill."""
        for each in self._staff:
            each.stop()

    def dismiss(self) -> None:
        """Let none of them outlive the test: they would go on in a database that is gone, and slow all the others."""
        for each in self._staff:
            each.dismiss()


@pytest.fixture
def crew(db: Database) -> Iterator[Crew]:
    """Staff, all of whom end with the test."""
    unsynced(db)
    crew = Crew()
    yield crew
    crew.dismiss()


@contextmanager
def failing(fault: Fault) -> Iterator[Fault]:
    """Within the block, the staff meet the fault."""
    with failpoints.watched(fault):
        try:
            yield fault
        finally:
            fault.release()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> SystemClock:
    """The machines' clock, which a test can move; deadlines follow it."""
    clock = SystemClock()
    real = connections.uptime
    monkeypatch.setattr(connections, "uptime", lambda: real() + clock.offset.total_seconds())
    return clock


class Patience:
    """Waits for as long as something changes."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since = self._told = 0.0

    def wait(self, state: object) -> bool:
        """A moment; whether `state` has been the same for `STILL` (said once each time). Fails after `PATIENCE`."""
        now = time.monotonic()
        if state != self._seen:
            self._seen, self._since, self._told = state, now, 0.0
        assert now < self._since + PATIENCE, state
        time.sleep(0.03)  # each look asks the database, and the others are to get on
        if now < max(self._since, self._told) + STILL:
            return False
        self._told = now
        return True


def move_on(session: Session, machine: SystemClock) -> int:
    """Move the clock to what is due soon: a look-up, the next try of what was sent back, the end of the time in which
    a distribution can be called back. Returns how many attempts are open."""
    due = [
        (SOON, session.scalar(select(func.min(UnknownAttempt.look_at)).where(UnknownAttempt.outcome.is_(None)))),
        (SOON, session.scalar(select(func.min(Batch.not_before)).where(Batch.state == BatchState.WAITING))),
        (HOLD, session.scalar(select(func.min(Distribution.held_until)).where(Distribution.status == "sending"))),
    ]
    waits = [at - machine.now() for most, at in due if at is not None and at - machine.now() < most]
    if waits and (wait := max(waits)) > timedelta():
        machine.offset += wait
    return session.scalar(select(func.count()).where(UnknownAttempt.outcome.is_(None))) or 0
