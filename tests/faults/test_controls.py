"""Controls: with a safeguard taken out, customers must be texted twice. Else the suite proves nothing.

The same with real processes: `test_processes.py`.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from distribution.check import check
from distribution.clock import SystemClock
from distribution.runtime import Runtime
from tests.faults import removed
from tests.faults.day import Day, poisoned
from tests.faults.workers import PATIENCE, Crew, Fault, Sender, crew, failing, machine, move_on
from tests.gateway import Gateway, Receipts, gateway_in_thread
from tests.sending import make_customers, make_distribution, make_group, make_provider, start

__all__ = ["crew", "machine"]

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("attacks")]


def test_without_looking_texts_are_doubled(
    runtime: Runtime, machine: SystemClock, crew: Crew, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Reconciliation replaced by a blind re-send: what is unknown is taken for not sent."""
    poisoned(monkeypatch)
    removed.looking(monkeypatch.setattr)
    with gateway_in_thread() as gateway, gateway_in_thread() as slow:
        day = Day(runtime, gateway, slow, machine, crew, receipts=Receipts(silent=True))
        day.live(Fault("lane.Lane._send", "after"))
        log = [line for each in (gateway, slow) for line in each.write(tmp_path / "texts").read_text().splitlines()]
        found = check(runtime.db, runtime.links, log)
    assert [line for line in found if line.startswith("a message was texted twice")]


def test_without_the_fence_texts_are_doubled(
    runtime: Runtime, machine: SystemClock, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker is held with a batch in hand, and goes on with it when another has sent it."""
    removed.fence(monkeypatch.setattr)
    with (
        gateway_in_thread(Gateway(latency=0.1)) as gateway,
        failing(Fault("lane.Lane._transact", "after", hold=True)) as fault,
    ):
        make_group(runtime, "Summer 10%", 60)
        start(runtime, make_distribution(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 60)))
        first = crew.add(Sender(runtime, machine))

        def wait(condition: Callable[[], bool]) -> None:
            end = time.monotonic() + PATIENCE
            while not condition():
                with runtime.db.read() as session:
                    move_on(session, machine)
                assert time.monotonic() < end
                time.sleep(0.01)

        wait(fault.struck.is_set)
        machine.offset += timedelta(minutes=5)
        crew.add(Sender(runtime, machine))
        wait(lambda: len(gateway.texts_to()) >= 7)  # the second has sent at least the batch of the first
        fault.release()
        wait(lambda: bool(gateway.twice()))
        first.dismiss()
