"""Controls: with a safeguard taken out, the suite must see customers texted twice. Else it proves nothing."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from distribution.clock import SystemClock
from distribution.providers.sandbox import SandboxProvider
from distribution.runtime import Runtime
from distribution.sending import turn
from storage import batches
from storage.tables import Batch, BatchState
from tests.faults.test_failpoints import prepared
from tests.faults.workers import PATIENCE, Crew, Fault, crew, drive, failing, machine
from tests.sending import gateway_in_thread

__all__ = ["crew", "machine"]

pytestmark = pytest.mark.timeout(300)


def wait(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_without_looking_texts_are_doubled(
    runtime: Runtime, machine: SystemClock, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciliation replaced by a blind re-send: what is unknown is taken for not sent."""

    async def nothing(self, http, sought):  # type: ignore[no-untyped-def]
        return None

    monkeypatch.setattr(SandboxProvider, "look_up", nothing)
    with gateway_in_thread() as gateway:
        distribution = prepared(runtime, gateway)
        worker = crew.hire()
        drive(runtime, gateway, distribution, machine)
        worker.stop()
        assert len(gateway.twice()) == 2  # the gateway took two texts and did not say so


def test_without_the_fence_texts_are_doubled(
    runtime: Runtime, machine: SystemClock, crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker goes on with a batch that another took over: the fence and the look at what is settled are out."""

    def intend(session, lease, ids, *, owner, now, until):  # type: ignore[no-untyped-def]
        session.execute(
            update(Batch)
            .where(Batch.id == lease.batch_id)
            .values(state=BatchState.DISPATCHING, owner=owner, lease_until=until)
        )
        return True

    monkeypatch.setattr(batches, "intend", intend)
    monkeypatch.setattr(turn, "forbidden", lambda session, ids: {})
    with gateway_in_thread() as gateway:
        distribution = prepared(runtime, gateway)
        with failing(Fault("turn.after_commit", 1, hold=True)) as fault:
            first = crew.hire()
            drive(runtime, gateway, distribution, machine, or_until=fault.struck)
            machine.offset += timedelta(minutes=5)
            second = crew.hire()
            wait(lambda: len(gateway.texts_to()) >= 7)  # the second has sent at least the batch of the first
            fault.release()
            wait(lambda: bool(gateway.twice()))
            first.stop()
            second.stop()
