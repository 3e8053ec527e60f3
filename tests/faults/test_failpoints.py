"""A worker is killed, or held for minutes, before and after each commit and each socket call; another takes over.

After each: no customer was texted twice, each was texted, and every invariant holds.
"""

from datetime import timedelta

import pytest

from distribution.check import check
from distribution.clock import SystemClock
from distribution.report import report
from distribution.runtime import Runtime
from tests.faults.workers import Crew, Fault, called_back, crew, drive, failing, machine
from tests.sending import (
    Gateway,
    gateway_in_thread,
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    start,
)

__all__ = ["crew", "machine"]

pytestmark = pytest.mark.timeout(300)  # they wait for a busy machine, and fail where nothing changes

CUSTOMERS = 30
PLACES = (
    "post.before",
    "post.after",
    "turn.before_commit",
    "turn.after_commit",
    "callbacks.before_commit",
    "callbacks.after_commit",
    "look_up.before",
    "settle.before_commit",
    "settle.after_commit",
)
# Ways in which a gateway leaves us without an answer, some with the text taken and some without.
TROUBLE = ["ok", "500-after-accept", "drop", "ok", "drop-after-accept", "500", "429", "ok"]


def prepared(runtime: Runtime, gateway: Gateway) -> int:
    """A launched distribution, and a gateway that is trouble at first."""
    gateway.script = list(TROUBLE)
    make_group(runtime, "Summer 10%", CUSTOMERS + 5)
    distribution = make_distribution(runtime, make_provider(runtime, gateway.url), make_customers(runtime, CUSTOMERS))
    start(runtime, distribution)
    return distribution


def right(runtime: Runtime, gateway: Gateway, distribution: int) -> None:
    """Everybody has one text, with a code that is theirs alone, and everything adds up."""
    assert gateway.twice() == []
    assert set(gateway.texts_to().values()) == {1}
    assert len(gateway.texts_to()) == CUSTOMERS
    assert len({text["body"].rsplit(" ", 1)[1] for text in gateway.accepted}) == CUSTOMERS
    assert check(runtime.db) == []
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert (told.numbers.sent, told.numbers.unknown, told.numbers.pending) == (CUSTOMERS, 0, 0)
    assert [(codes.issued, codes.held) for codes in told.codes] == [(CUSTOMERS, 0)]


@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize("place", PLACES)
def test_a_killed_worker_is_replaced(runtime: Runtime, machine: SystemClock, crew: Crew, place: str, nth: int) -> None:
    with gateway_in_thread() as gateway:
        distribution = prepared(runtime, gateway)
        with called_back(runtime, gateway, distribution):
            with failing(Fault(place, nth, hold=False)) as fault:
                first = crew.hire()
                drive(runtime, gateway, distribution, machine, or_until=fault.struck)
                first.stop()
            machine.offset += timedelta(minutes=5)
            second = crew.hire()
            drive(runtime, gateway, distribution, machine)
            second.stop()
        right(runtime, gateway, distribution)


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("place", PLACES)
def test_a_worker_that_was_held_for_minutes_does_no_harm_when_it_goes_on(
    runtime: Runtime, machine: SystemClock, crew: Crew, place: str, nth: int
) -> None:
    """The other one has taken everything over by then: leases, unknown attempts, callbacks."""
    with gateway_in_thread() as gateway:
        distribution = prepared(runtime, gateway)
        with called_back(runtime, gateway, distribution), failing(Fault(place, nth, hold=True)) as fault:
            first = crew.hire()
            drive(runtime, gateway, distribution, machine, or_until=fault.struck)
            machine.offset += timedelta(minutes=5)
            second = crew.hire()
            # Held in a transaction it holds rows, or all of SQLite: the other must wait.
            if not place.endswith("before_commit"):
                drive(runtime, gateway, distribution, machine)
            fault.release()
            drive(runtime, gateway, distribution, machine)
            first.stop()
            second.stop()
        right(runtime, gateway, distribution)


def test_two_workers_share_a_distribution(runtime: Runtime, machine: SystemClock, crew: Crew) -> None:
    with gateway_in_thread() as gateway:
        distribution = prepared(runtime, gateway)
        with called_back(runtime, gateway, distribution):
            workers = [crew.hire(), crew.hire()]
            drive(runtime, gateway, distribution, machine)
            for worker in workers:
                worker.stop()
        right(runtime, gateway, distribution)
