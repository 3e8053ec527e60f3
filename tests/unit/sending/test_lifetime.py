"""The time that a text is worth sending: what waits longer does not leave, and its code is free again."""

from datetime import timedelta

from distribution import seal
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending import control, lifetime
from storage import batches
from storage.batches import lock
from storage.tables import Distribution, MessageState
from tests.sending import make_customers, make_distribution, make_group, make_provider, start, status
from tests.unit.sending.door import (
    MACHINE,
    NOWHERE,
    choose,
    intended,
    launched,
    leave,
    left_out,
    recorded,
    stock,
    worth,
    written,
)


def test_what_waits_is_given_up_when_its_time_is_over_though_it_is_paused(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 5)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 5))
    with runtime.db.write() as session:  # two in a worker's hands, three that no batch ever had
        until_ = MACHINE + timedelta(days=9)
        assert batches.lease_next(session, lock(session, distribution), size=2, owner="w1", now=MACHINE, until=until_)
        control.pause(session, distribution, by="Maya", now=clock.now())
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert lifetime.sweep(runtime) == 0
    clock.advance(timedelta(seconds=1))
    assert lifetime.sweep(runtime) == 5
    assert lifetime.sweep(runtime) == 0
    assert status(runtime, distribution) == "done"
    assert left_out(runtime, distribution) == {"lifetime": 5}
    assert stock(runtime, group) == (5, 0, 0)
    assert check(runtime.db) == []


def test_a_distribution_has_the_time_that_its_marketer_chose(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 2)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    with runtime.db.write() as session:
        lock(session, distribution).lifetime_minutes = 30
        # Part of what is approved: sealed anew, as the wizard does.
        seal.put(session, session.get_one(Distribution, distribution))
    choose(runtime, "sending.lifetime", "1")
    start(runtime, distribution)
    clock.advance(timedelta(minutes=30))
    assert lifetime.sweep(runtime) == 2
    assert check(runtime.db) == []


def test_a_batch_whose_time_is_over_does_not_leave_though_no_sweep_came(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 2)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    batch = written(runtime, distribution)
    assert batch is not None
    clock.advance(timedelta(hours=24))
    assert intended(runtime, batch).going == []
    assert left_out(runtime, distribution) == {"lifetime": 2}
    assert stock(runtime, group) == (2, 0, 0)
    assert check(runtime.db) == []


def test_what_is_in_flight_is_not_given_up(runtime: Runtime, clock: ManualClock) -> None:
    """It is gone; were its code given to somebody else, two customers would have it."""
    group = make_group(runtime, "Summer 10%", 2)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    assert len(leave(runtime, distribution)) == 2
    clock.advance(timedelta(hours=24))
    assert lifetime.sweep(runtime) == 0
    assert stock(runtime, group) == (0, 2, 0)
    recorded(runtime, distribution)
    lifetime.sweep(runtime)
    assert status(runtime, distribution) == "done"
    assert check(runtime.db) == []


def test_a_retry_has_its_time_anew(runtime: Runtime, clock: ManualClock) -> None:
    """Counted from the first start, every text would be given up in the moment in which somebody has it sent again."""
    make_group(runtime, "Summer 10%", 2)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    leave(runtime, distribution)
    recorded(runtime, distribution, MessageState.REJECTED)
    clock.advance(timedelta(days=3))
    lifetime.sweep(runtime)
    with runtime.db.write() as session:
        assert control.retry_failed(session, distribution, by="Maya", now=clock.now()) == 1
    assert lifetime.sweep(runtime) == 0
    assert len(leave(runtime, distribution)) == 1
    assert check(runtime.db) == []


def test_a_text_says_how_long_it_is_worth_delivering(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 1)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    clock.advance(timedelta(hours=23))
    assert worth(runtime, distribution) == [3600]


def test_small_batches_that_wait_leave_together(runtime: Runtime) -> None:
    """As due texts are made, a few at a time: beside a large distribution each turn took one of them."""
    make_group(runtime, "Summer 10%", 4)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 4))
    with runtime.db.write() as session:
        row = lock(session, distribution)
        for message_id in batches.rest_of_range(session, row, limit=10):
            batches.send_back(session, distribution, [message_id], not_before=None, tries=0)
        latest = batches.latest(session, distribution)
    batch = written(runtime, distribution)
    assert batch is not None
    assert (len(batch.ready), batch.lease.batch_id) == (4, latest)
    assert written(runtime, distribution) is None
    assert check(runtime.db) == []
