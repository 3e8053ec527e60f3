"""What Hypothesis's state machines share: a shop in a database of its own, and how many days are tried."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sqlalchemy.orm import Session

from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.jobs import Jobs
from distribution.kinds import KINDS
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from storage.database import Database
from tests.conftest import NOON, unsynced

TEMPLATE: list[Path] = []  # a migrated database


class InAShop(RuleBasedStateMachine):
    """An empty shop, on SQLite."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "shop.db"
        path.write_bytes(TEMPLATE[0].read_bytes())
        self.db = unsynced(Database(f"sqlite:///{path}"))
        self.clock, vault = ManualClock(NOON), Vault("a secret key for tests")
        jobs = Jobs(self.clock, KINDS, machine=self.clock)
        self.runtime = Runtime(
            self.db, self.clock, jobs, Links("https://promo.example", vault.derive("qr links")), vault
        )

    def teardown(self) -> None:
        self.db.close()
        self._folder.cleanup()

    def attempt(self, do: Callable[[Session], object]) -> bool:
        """Do something that may be refused; whether it was done."""
        with suppress(Refused), self.db.write() as session:
            do(session)
            return True
        return False

    def work(self) -> None:
        """Run the jobs that wait."""
        while self.runtime.jobs.run_next(self.runtime):
            pass


def try_out(machine: type[InAShop], template: Path, examples: int, steps: int, *, always_the_same: bool) -> None:
    """Run a state machine on copies of a migrated database."""
    TEMPLATE[:] = [template]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=always_the_same,
            database=None,
        ),
    )
