"""A distribution of thousands, sent by real processes that are killed and stopped at random moments.

The gateway is a process too, and keeps a log of its own. Everything random comes from one seed, which is printed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from distribution import settings
from distribution.check import check
from distribution.report import Numbers, numbers
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Batch, CallbackInbox, Distribution, Message, UnknownAttempt
from tests.faults.tightened import TAKEN_OVER
from tests.ports import free_ports
from tests.sending import make_customers, make_distribution, make_group, make_provider, start

ROOT = Path(__file__).parents[2]
RATE = 400.0  # texts a second: slow enough for people to be killed meanwhile
PATIENCE = 240.0  # seconds without any change until an attack fails
TROUBLE = ("500-after-accept=0.02", "drop-after-accept=0.03", "hang-after-accept=0.005", "500=0.01", "drop=0.01")
MORE_TROUBLE = ("hang=0.003", "429=0.002", "refuse=0.01", "slow=0.01")
RECEIPTS = ("lost=0.3", "twice=0.2", "swapped=0.2", "early=0.1")
KEY = "a secret key for tests"


@dataclass
class Process:
    """A process of ours that may be killed."""

    arguments: list[str]
    environment: dict[str, str]
    log: Path
    running: "subprocess.Popen[bytes]" = field(init=False)
    goes_on_at: float | None = None  # it is stopped until then

    def start(self) -> None:
        """Begin, or begin again."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.arguments, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.goes_on_at = None

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.running.kill()
        self.running.wait()

    def hold(self, seconds: float) -> None:
        """SIGSTOP; `look` lets it go on."""
        self.running.send_signal(signal.SIGSTOP)
        self.goes_on_at = time.monotonic() + seconds

    def look(self) -> None:
        """Let it go on when its time has come. Fails when it ended by itself."""
        if self.goes_on_at is not None and time.monotonic() > self.goes_on_at:
            self.go_on()
        assert self.running.poll() is None, self.log.read_text()[-4000:]

    def go_on(self) -> None:
        """SIGCONT."""
        self.running.send_signal(signal.SIGCONT)
        self.goes_on_at = None


class Attack:
    """One distribution to `customers`, sent by `senders` processes; within the block they run."""

    def __init__(
        self,
        runtime: Runtime,
        folder: Path,
        *,
        customers: int,
        senders: int,
        seed: int,
        remove: str | None = None,
        receipts: tuple[str, ...] = RECEIPTS,
        rate: float = RATE,
    ) -> None:
        self.runtime, self.seed, self.chance = runtime, seed, random.Random(seed)
        self._customers, self._folder, self._receipts, self._rate = customers, folder, receipts, rate
        self._port = free_ports()
        self._log = folder / "texts.jsonl"
        self._removed = ["--remove", remove] if remove else []
        self._stack = ExitStack()
        self._count = senders
        self.distribution = 0
        self.senders: list[Process] = []
        self._others: list[Process] = []
        sys.stdout.write(f"seed {seed}\n")

    def __enter__(self) -> "Attack":
        url = self._gateway()
        with self.runtime.db.write() as session:
            settings.put(session, "sending.hold", "0")
        make_group(self.runtime, "Summer 10%", self._customers + 10)
        provider = make_provider(self.runtime, url, rate=self._rate)
        self.distribution = make_distribution(self.runtime, provider, make_customers(self.runtime, self._customers))
        start(self.runtime, self.distribution)
        try:
            if self.runtime.db.is_sqlite:  # one process does everything
                self.senders = [self._promobot("all", "run", "--roles", "web,clock,sender")]
            else:
                self._others = [self._promobot("web", "run", "--roles", "web,clock")]
                self.senders = [self._promobot(f"sender{n}", "worker", "--roles", "sender") for n in range(self._count)]
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _gateway(self) -> str:
        """The gateway's address; it outlives everybody."""
        # So slow that each sender has some forty texts in flight when it is stopped, as with a real provider.
        words = ["--log", str(self._log), "--seed", str(self.seed), "--latency", f"{0.1 * self._count}"]
        words += ["--trouble", *TROUBLE, *MORE_TROUBLE, "--receipts", *self._receipts]
        gateway = subprocess.Popen(
            [sys.executable, "-m", "tests.gateway", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self._stack.callback(gateway.wait)
        self._stack.callback(gateway.kill)
        assert gateway.stdout is not None
        self._stack.callback(gateway.stdout.close)
        return gateway.stdout.readline().strip()

    def _promobot(self, name: str, *words: str) -> Process:
        environment = dict(os.environ) | {
            "DATABASE_URL": self.runtime.db.url.render_as_string(hide_password=False),
            "SECRET_KEY": KEY,
            "PORT": str(self._port),
            "PUBLIC_URL": f"http://127.0.0.1:{self._port}",
            "LOG_LEVEL": "WARNING",
        }
        arguments = [sys.executable, "-m", "tests.faults.tightened", *self._removed, *words]
        process = Process(arguments, environment, self._folder / f"{name}.log")
        process.start()
        self._stack.callback(lambda: process.kill())
        return process

    def strike(self, times: int, *, hold_only: bool = False) -> None:
        """Kill or stop a sender at random moments, `times` over; the killed begin again at once."""
        self.wait_for(lambda: self._texts() > 0)
        for _ in range(times):
            self._pass(self.chance.uniform(0.2, 1.5))
            victim = self.chance.choice(self.senders)
            if victim.goes_on_at is not None:
                victim.go_on()
            if hold_only or self.chance.random() < 0.5:
                victim.hold(self.chance.choice([0.3, 1.0, TAKEN_OVER + 2, TAKEN_OVER + 4]))
            else:
                victim.kill()
                victim.start()

    def finish(self) -> None:
        """Wait until nothing is left to send, to ask or to apply; then stop everybody in good order."""
        self.wait_for(self._is_over)
        for process in [*self.senders, *self._others]:
            if process.goes_on_at is not None:
                process.go_on()
            process.running.terminate()
            process.running.wait(30)

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait, with an eye on who is stopped. Fails where nothing changes any more."""
        seen, end = None, time.monotonic() + PATIENCE
        while not condition():
            self._pass(0.1)
            if (state := self._state()) != seen:
                seen, end = state, time.monotonic() + PATIENCE
            assert time.monotonic() < end, state

    def _pass(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for process in [*self.senders, *self._others]:
                process.look()
            time.sleep(0.05)

    def _texts(self) -> int:
        return self._log.read_bytes().count(b"\n")

    def _state(self) -> object:
        with suppress(DBAPIError), self.runtime.db.read() as session:  # the database restarts
            row = session.get_one(Distribution, self.distribution)
            asked = session.execute(
                select(func.count(), func.sum(UnknownAttempt.absences), func.sum(UnknownAttempt.looks_failed))
            ).one()
            return self._texts(), row.status, row.status_reason, tuple(asked)
        return None

    def _is_over(self) -> bool:
        with suppress(DBAPIError), self.runtime.db.read() as session:
            row = session.get_one(Distribution, self.distribution)
            waiting = session.scalar(select(func.count()).where(CallbackInbox.applied_at.is_(None)))
            if row.status == "done":
                return not waiting
            if row.status == "paused":
                self._resume(str(row.status_reason))
        return False

    def _resume(self, reason: str) -> None:
        """As a person does where so busy a machine let the gateway answer nobody in time."""
        assert "no answer in time" in reason, reason
        with self.runtime.db.write() as session:
            control.resume(session, self.runtime, self.distribution, by="Maya", now=self.runtime.clock.now())

    def problems(self) -> list[str]:
        """What `promobot check` finds, with the gateway's log."""
        with self._log.open(encoding="utf-8") as log:
            return check(self.runtime.db, self.runtime.links, log)

    def doubled(self) -> int:
        """How many texts the gateway took of messages that it had taken before."""
        with self._log.open(encoding="utf-8") as log:
            bodies = [line.rpartition('"time"')[0].partition('"reference"')[0] for line in log]
        return len(bodies) - len(set(bodies))

    def numbers(self) -> Numbers:
        """The report."""
        with self.runtime.db.read() as session:
            return numbers(session, session.get_one(Distribution, self.distribution))

    def told(self) -> str:
        """What happened, in a line."""
        with self.runtime.db.read() as session:
            batches = session.scalar(select(func.count()).select_from(Batch))
            asked = session.execute(select(UnknownAttempt.outcome, func.count()).group_by(UnknownAttempt.outcome)).all()
            messages = session.scalar(select(func.count()).select_from(Message))
        how = ", ".join(f"{n} {outcome}" for outcome, n in asked)
        return (
            f"{messages} messages in {batches} batches, {self._texts()} texts, {self.doubled()} doubled; unknown: {how}"
        )
