"""What is scheduled and cannot go out keeps no other back, and says why where people see it."""

import pytest
from sqlalchemy import update

from distribution import launch as launching
from distribution import seal
from distribution.automatic import outage
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Distribution
from tests.sending import make_customers, make_group
from tests.unit.schedule.repeated import FIRST, MONDAYS, copies, make_repeating, row_of, strike

LATER = {**MONDAYS, "every": "fortnight"}  # as a later version may write it


@pytest.fixture
def two(runtime: Runtime, clock: ManualClock) -> tuple[int, int]:
    """Two that are due, of which the first cannot be read."""
    make_group(runtime, "Summer 10%", 10)
    customers = make_customers(runtime, 2)
    broken, fine = make_repeating(runtime, customers[:1]), make_repeating(runtime, customers[1:])
    rewrite(runtime, broken, LATER)
    return broken, fine


def rewrite(runtime: Runtime, distribution: int, rule: dict[str, object]) -> None:
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.repeat = rule
        session.flush()
        seal.put(session, row)


def test_one_whose_repetition_cannot_be_read_pauses_and_the_others_go(
    runtime: Runtime, clock: ManualClock, two: tuple[int, int]
) -> None:
    broken, fine = two
    strike(runtime)
    assert row_of(runtime, broken).status == "scheduled"
    clock.advance(FIRST - clock.now())
    strike(runtime)
    assert len(copies(runtime, fine)) == 1
    row = row_of(runtime, broken)
    assert (row.status, row.held_up) == ("paused", True)
    assert row.status_reason == "It could not go on: Choose how often it is sent: every day, week or month."
    with pytest.raises(Refused, match="how often"), runtime.db.write() as session:
        control.resume(session, runtime, broken, by="Maya", now=clock.now())
    rewrite(runtime, broken, MONDAYS)
    with runtime.db.write() as session:
        control.resume(session, runtime, broken, by="Maya", now=clock.now())
    assert (row_of(runtime, broken).status, row_of(runtime, broken).held_up) == ("scheduled", False)


def test_nor_does_one_that_is_late(runtime: Runtime, clock: ManualClock, two: tuple[int, int]) -> None:
    broken, fine = two
    with runtime.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == broken).values(late_since=FIRST))
    clock.advance(FIRST - clock.now())
    strike(runtime)
    assert len(copies(runtime, fine)) == 1
    with runtime.db.write() as session:
        late = outage.send_now(session, runtime, broken, by="Maya", now=clock.now())
    assert late is not None and (late.missed, late.following) == (1, None)
    strike(runtime)
    assert row_of(runtime, broken).status == "paused"


def test_one_that_fails_by_our_fault_is_tried_again(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_group(runtime, "Summer 10%", 10)
    customers = make_customers(runtime, 2)
    broken, fine = make_repeating(runtime, customers[:1], {}), make_repeating(runtime, customers[1:], {})
    clock.advance(FIRST - clock.now())
    real = launching.launch

    def fails(session, runtime_, distribution_id, **more):  # type: ignore[no-untyped-def]
        if distribution_id == broken:
            raise RuntimeError("ours")
        return real(session, runtime_, distribution_id, **more)

    monkeypatch.setattr(launching, "launch", fails)
    strike(runtime)
    assert (row_of(runtime, broken).status, row_of(runtime, fine).status) == ("scheduled", "sending")
    monkeypatch.undo()
    strike(runtime)
    assert row_of(runtime, broken).status == "sending"
