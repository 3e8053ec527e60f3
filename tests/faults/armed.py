"""A process of promobot that dies (`kill -9`) or stands still (SIGSTOP) where it is told to, by clocks that it is told.

It is the program itself, as `bot.runner` runs it. Its failpoints are those of `tests.failpoints`, each commit, and
`INSIDE`: what is done in the transactions of the clock, in the midst of which nothing may be half done. Whoever comes
by a place that is armed strikes itself, and says so in `struck`; of several who do, one.

Processes are forked from one that has loaded everything (`multiprocessing`'s fork server): a kill costs a tenth of a
second, and not two.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from bot import runner, wiring
from bot.settings import Settings
from distribution.automatic import ceilings, dry, entering, firing, live, making, outage, reminding
from distribution.clock import SystemClock
from distribution.kinds import jobs_for
from distribution.providers import connections
from distribution.runtime import Runtime
from distribution.schedule import repeating
from distribution.sending import worker
from tests import failpoints
from tests.conftest import unsynced
from tests.failpoints import AFTER, BEFORE
from tests.faults.tightened import tighten

KILL, STOP = "kill", "stop"
KEY = "a secret key for tests"
LOOK_EVERY, SWEEP_EVERY, IDLE = 0.4, 1.0, 0.3  # seconds; more often costs processor time, and shows no more

# Functions in a transaction of the clock, or of the person who sets an edit live.
INSIDE: dict[str, tuple[ModuleType, str]] = {
    "in firing._fire": (firing, "_fire"),
    "in entering.settle": (entering, "settle"),
    "in entering.remember": (entering, "remember"),
    "in entering.hand_over": (entering, "hand_over"),
    "in making.make": (making, "make"),
    "in ceilings.count": (ceilings, "count"),
    "in dry.follow": (dry, "follow"),
    "in reminding.plan": (reminding, "plan"),
    "in reminding.plan_launched": (reminding, "plan_launched"),
    "in outage._chunk": (outage, "_chunk"),
    "in repeating.fire": (repeating, "fire"),
    "in live.go_live": (live, "go_live"),
}

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.faults.armed"])


class Times:
    """What a process takes for the time: the shop's, which stands still until it is moved, and the machine's, which
    goes on. One of its own for each process, so that clocks can differ."""

    def __init__(self, at: datetime) -> None:
        self._cells = forks.RawArray("d", [at.timestamp(), 0.0])

    def now(self) -> datetime:
        """The shop's."""
        return datetime.fromtimestamp(self._cells[0], UTC)

    def put(self, at: datetime) -> None:
        """Put the shop's forward or back."""
        self._cells[0] = at.timestamp()

    @property
    def ahead(self) -> float:
        """By how many seconds the machine's clocks are ahead of the true time."""
        return float(self._cells[1])

    def sleep(self, by: timedelta) -> None:
        """The machine was suspended for so long: all its clocks are ahead by that."""
        self._cells[1] += by.total_seconds()


@dataclass(frozen=True)
class Place:
    """What a process works on: where it is, and what time it is there."""

    name: str
    url: str
    folder: Path
    times: Times

    def reach(self, place: str, moment: str) -> None:
        """The hook of `tests.failpoints`: strike, where that is armed."""
        for how in (KILL, STOP):
            armed = self.folder / "armed" / f"{place} {moment} {how}"
            try:
                armed.rename(self.folder / "struck" / f"{time.monotonic_ns()} {self.name} {place} {moment} {how}")
            except FileNotFoundError:
                continue
            os.kill(os.getpid(), signal.SIGKILL if how == KILL else signal.SIGSTOP)


@contextmanager
def failing(place: Place) -> Iterator[None]:
    """Within the block, whoever comes by an armed place strikes itself."""
    for name, (module, function) in INSIDE.items():
        setattr(module, function, _within(getattr(module, function), name, place))
    with failpoints.watched(place.reach):
        yield


def _within(call: Callable[..., Any], name: str, place: Place) -> Callable[..., Any]:
    @wraps(call)
    def reached(*args: Any, **more: Any) -> Any:
        place.reach(name, BEFORE)
        answer = call(*args, **more)
        place.reach(name, AFTER)
        return answer

    return reached


def _begin(place: Place) -> Runtime:
    """What each process does first; its runtime, by the times that it is told."""
    with suppress(AttributeError, OSError):  # Linux: it does not outlive the tests, however they end
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    log = os.open(place.folder / f"{place.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    tighten()
    worker.Options = partial(worker.Options, idle=IDLE, chores=IDLE)  # type: ignore[misc, assignment]
    times, uptime = place.times, connections.uptime
    SystemClock.now = lambda self: datetime.now(UTC) + timedelta(seconds=times.ahead)  # type: ignore[method-assign]
    connections.uptime = lambda: uptime() + times.ahead
    outage.CHUNK, outage.AT_ONCE, entering.MEMBERS = 2, 1, 2
    runner.LOOK_EVERY, runner.SWEEP_EVERY = 0.5, SWEEP_EVERY
    built = wiring.build(Settings(database_url=place.url, secret_key=KEY, _env_file=None))  # type: ignore[call-arg, arg-type]
    unsynced(built.db)
    return replace(built, clock=times, jobs=jobs_for(times))


def bot(place: Place, roles: Sequence[str]) -> None:
    """The program with these roles, until it is killed or told to end."""
    runtime = _begin(place)
    settings = Settings(database_url=place.url, secret_key=KEY, log_level="WARNING", _env_file=None)  # type: ignore[call-arg, arg-type]
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with failing(place):
        program = runner.Bot(settings, set(roles), runtime=runtime, look_every=LOOK_EVERY)
        program.start()
        while not over.wait(0.2):
            assert program.failure is None, program.failure
        program.stop()


def person(place: Place, verb: str, do: Callable[..., None], args: Sequence[Any]) -> None:
    """What somebody does with a click: one transaction, in a process that may be struck. `do(runtime, session, …)`."""
    runtime = _begin(place)
    with failing(place):
        with runtime.db.write() as session:
            do(runtime, session, *args)
            session.flush()
            place.reach(f"person.{verb}", BEFORE)
        place.reach(f"person.{verb}", AFTER)
    sys.stdout.flush()
    os._exit(0)  # nothing is closed that a kill would not close
