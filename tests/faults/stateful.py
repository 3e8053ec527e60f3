"""What Hypothesis's state machines share: a shop in a database of its own, and how many days are tried."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
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
from tests.faults.choices import LONG

TEMPLATE: list[Path] = []  # a migrated database
SOME = 6  # days that are always the same
# How many days are tried, of how many steps.
DAYS = pytest.mark.parametrize(
    ("days", "steps"),
    [
        pytest.param(SOME, 25, id="some"),
        pytest.param(2_000 if LONG else 20, 50, marks=pytest.mark.faults, id="many"),
    ],
)


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

    def began(self) -> bool:
        """Whether anything was sent off."""
        raise NotImplementedError

    def finish(self) -> None:
        """All is well from now on: what waits must come to an end, and nobody may be forgotten."""
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            if self.began():
                self.finish()
        finally:
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


def try_out(machine: type[InAShop], template: Path, days: int, steps: int) -> None:
    """Run a state machine on copies of a migrated database."""
    TEMPLATE[:] = [template]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=days,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=days == SOME,
            database=None,
        ),
    )
