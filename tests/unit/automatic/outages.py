"""Clocks of a machine that was away, and a shop with what falls due meanwhile."""

from datetime import datetime, timedelta

import pytest

from distribution import launch, seal
from distribution.automatic import outage
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.batches import lock
from tests.conftest import run_jobs
from tests.sending import make_customers, make_distribution, make_group, make_provider
from tests.unit.automatic.lively import CART, happens, look, make_live, states
from tests.unit.sending.door import NOWHERE

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DELAYED = CART | {"delay": 120}


@pytest.fixture
def machine(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The machine's own clock, which tests of outages move."""
    moved = ManualClock(clock.now())
    monkeypatch.setattr(outage, "SystemClock", lambda: moved)
    return moved


class Both:
    """Both clocks, as time passes on a machine."""

    def __init__(self, business: ManualClock, machine: ManualClock) -> None:
        self.business, self.machine = business, machine

    def now(self) -> datetime:
        """The business time."""
        return self.business.now()

    def off(self, by: timedelta) -> None:
        """Nothing runs for so long."""
        self.business.advance(by)
        self.machine.advance(by)

    def runs(self, runtime: Runtime, by: timedelta) -> None:
        """Promobot runs for so long, and looks every five minutes."""
        for _ in range(int(by / (5 * MINUTE))):
            self.off(5 * MINUTE)
            tick(runtime)


@pytest.fixture
def time(clock: ManualClock, machine: ManualClock) -> Both:
    """Both clocks."""
    return Both(clock, machine)


def tick(runtime: Runtime) -> None:
    """All that the clock does, in no kind order."""
    launch.due(runtime)
    look(runtime)
    run_jobs(runtime)


def live(runtime: Runtime, **more: object) -> tuple[int, list[int]]:
    """A live distribution that texts two hours after an abandoned cart; and three customers."""
    return make_live(runtime, make_provider(runtime, NOWHERE), DELAYED, body="Hi", **more), make_customers(runtime, 3)


def scheduled(runtime: Runtime, at: datetime, *, first: int = 0) -> int:
    """A manual distribution that is to be sent at a time. `first`: beside so many customers."""
    make_group(runtime, "Summer 10%", 5)
    provider = make_provider(runtime, NOWHERE, name=f"Phone {first}")
    row_id = make_distribution(runtime, provider, make_customers(runtime, 2, first=first))
    with runtime.db.write() as session:
        row = lock(session, row_id)
        row.status, row.send_at = "scheduled", at
        seal.put(session, row)
    return row_id


def late(runtime: Runtime, time: Both) -> int:
    """A live distribution of which one text is long late."""
    distribution, customers = live(runtime)
    happens(runtime, customers[:1])
    tick(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE"]
    return distribution
