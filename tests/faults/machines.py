"""The machines of a shop: processes of promobot that are killed, stand still and begin again, and the time there.

Everything that was done to them, and that they did to themselves, is told in lines with the shop's time.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.faults.armed import STOP, Place, Times, bot, forks, person
from tests.gateway import Gateway

HELD = 0.3  # seconds for which somebody stands still alone
PATIENCE = 120.0  # seconds without an answer, or without any change, until a test fails


@dataclass
class Worker:
    """A process of ours, and what it is told of the time."""

    place: Place
    roles: tuple[str, ...]
    process: Any = field(init=False)
    stands_since: float | None = None

    def start(self) -> None:
        """Begin, or begin again."""
        self.process = forks.Process(target=bot, args=(self.place, self.roles), daemon=True)
        self.process.start()
        self.stands_since = None

    def signal(self, number: signal.Signals) -> None:
        """Stop it, or let it go on."""
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def said(self) -> str:
        """The end of its log."""
        return (self.place.folder / f"{self.place.name}.log").read_text()[-4000:]


def _long_enough(since: float | None, pid: int) -> bool:
    """Whether a process that said so at `since` has stood still for long enough; it says so a moment before it does."""
    if since is None or time.monotonic() < since + HELD:
        return False
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()


class Machines:
    """Within the block, processes with these roles run, and their clocks say what they are told."""

    def __init__(
        self, folder: Path, url: str, gateway: Gateway, now: datetime, roles: dict[str, tuple[str, ...]]
    ) -> None:
        """`roles`: of each process, by its name. They are told of places to strike at in `folder`/armed."""
        self.now, self.ahead = now, timedelta()  # the shop's time, and how long the machines were suspended
        self.told: list[str] = []
        self.struck: list[str] = []
        self._folder, self._url, self._gateway = folder, url, gateway
        for name in ("armed", "struck"):
            (folder / name).mkdir()
        self.workers = [Worker(Place(name, url, folder, Times(now)), each) for name, each in roles.items()]
        self._clicked: Any = None

    def __enter__(self) -> "Machines":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        for process in [*(each.process for each in self.workers), *([self._clicked] if self._clicked else [])]:
            process.kill()
            process.join()

    def start(self) -> None:
        """Everybody begins."""
        for each in self.workers:
            each.start()

    def kill(self) -> None:
        """Everybody is killed at once."""
        for each in self.workers:
            each.process.kill()
            each.process.join()

    def end(self) -> None:
        """Everybody ends in good order."""
        for each in self.workers:
            each.process.terminate()
        for each in self.workers:
            each.process.join(30)
            assert each.process.exitcode == 0, each.said()

    def arm(self, strike: str) -> None:
        """Let whoever comes by this place next strike itself."""
        (self._folder / "armed" / strike).touch()

    def left_armed(self) -> list[str]:
        """Where nobody came by."""
        return sorted(path.name for path in (self._folder / "armed").iterdir())

    def say(self, line: str) -> None:
        """Tell what happened."""
        self.told.append(f"{self.now:%d %H:%M} {line}")

    def put(self, worker: Worker) -> None:
        """Let a process know the shop's time."""
        worker.place.times.put(self.now)

    def sleep(self, by: timedelta) -> None:
        """Nobody ran for so long, and the machines' clocks went on; within `all_stopped`, or when all are killed."""
        self.ahead += by
        for each in self.workers:
            each.place.times.sleep(by)

    @contextmanager
    def all_stopped(self) -> Iterator[None]:
        """Every process stands still, wherever it is; requests that have left have been answered."""
        self.look_after()
        for each in self.workers:
            each.signal(signal.SIGSTOP)
        time.sleep(0.05)
        with self._gateway.at_rest():
            yield
        for each in self.workers:
            each.signal(signal.SIGCONT)
            each.stands_since = None

    def _look_at_struck(self) -> None:
        """Who struck themselves since the last look."""
        for path in sorted((self._folder / "struck").iterdir(), key=lambda path: int(path.name.partition(" ")[0])):
            line = path.name.partition(" ")[2]
            path.unlink()
            self.struck.append(line)
            self.say(f"  {line}")
            for each in self.workers:
                if line.startswith(f"{each.place.name} ") and line.endswith(STOP):
                    each.stands_since = time.monotonic()

    def look_after(self) -> None:
        """Replace who was killed; let go on who has stood still alone for long enough."""
        self._look_at_struck()
        for each in self.workers:
            if each.process.exitcode is not None:
                assert each.process.exitcode == -signal.SIGKILL, each.said()
                each.start()
            if _long_enough(each.stands_since, each.process.pid):
                each.signal(signal.SIGCONT)
                each.stands_since = None

    def click(self, verb: str, do: Callable[..., None], *args: Any, alone: bool = False) -> None:
        """What a person does; who gets no answer clicks again. `alone`: nobody is at work."""
        while True:
            times = Times(self.now)
            times.sleep(self.ahead)
            place = Place("person", self._url, self._folder, times)
            clicked = forks.Process(target=person, args=(place, verb, do, args), daemon=True)
            clicked.start()
            self._clicked = clicked
            end, struck = time.monotonic() + PATIENCE, len(self.struck)
            stands_since: float | None = None
            while clicked.exitcode is None:
                assert time.monotonic() < end, f"{verb} has no answer"
                self._look_at_struck() if alone else self.look_after()
                if any(line.startswith("person") and line.endswith(STOP) for line in self.struck[struck:]):
                    stands_since, struck = time.monotonic(), len(self.struck)
                if _long_enough(stands_since, clicked.pid):
                    os.kill(clicked.pid, signal.SIGCONT)
                    stands_since = None
                clicked.join(0.01)
            self.say(f"{verb} {'' if clicked.exitcode == 0 else 'struck'}")
            if clicked.exitcode == 0:
                return
            assert clicked.exitcode == -signal.SIGKILL, (self._folder / "person.log").read_text()[-3000:]
