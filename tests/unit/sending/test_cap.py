"""The cap: how many texts a customer may get in so many days, whatever distributions they are in."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution import providers
from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.record import Moment
from distribution.sending.turn import Asked, take_turn
from storage import leaving
from storage.tables import (
    Distribution,
    Message,
    MessageState,
)
from tests.sending import (
    make_customers,
    make_group,
    make_provider,
    outcome,
    wait_until_somebody_waits_for_a_lock,
)
from tests.unit.sending.door import (
    ACCEPTED,
    MACHINE,
    NOWHERE,
    QUEUED,
    UNKNOWN,
    choose,
    intended,
    launched,
    leave,
    left_out,
    recorded,
    stock,
    written,
)


@pytest.mark.parametrize("came_of_it", [ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED, UNKNOWN, QUEUED])
def test_a_text_that_left_or_may_have_left_counts_against_the_cap(
    runtime: Runtime, clock: ManualClock, came_of_it: MessageState
) -> None:
    """Also one that is in flight (`QUEUED` in a batch that is dispatched)."""
    choose(runtime, "cap", "1 in 7 days")
    group = make_group(runtime, "Summer 10%", 10)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 3)
    first = launched(runtime, provider, customers[:2])
    assert leave(runtime, first) == customers[:2]
    if came_of_it is not QUEUED:
        with runtime.db.write() as session:
            ids = list(session.scalars(select(Message.id).where(Message.distribution_id == first)))
        outcome(runtime, ids, came_of_it)
    clock.advance(timedelta(days=6))
    second = launched(runtime, provider, customers, subject="Second")
    assert leave(runtime, second) == customers[2:]
    assert left_out(runtime, second) == {"cap": 2}
    assert stock(runtime, group)[0] == 7


@pytest.mark.parametrize("came_of_it", [MessageState.REJECTED, MessageState.CANCELLED])
def test_a_text_that_never_left_does_not_count(runtime: Runtime, clock: ManualClock, came_of_it: MessageState) -> None:
    choose(runtime, "cap", "1 in 7 days")
    make_group(runtime, "Summer 10%", 10)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 2)
    launched(runtime, provider, customers, subject="Waits still")
    first = launched(runtime, provider, customers)
    leave(runtime, first)
    recorded(runtime, first, came_of_it)
    second = launched(runtime, provider, customers, subject="Second")
    assert leave(runtime, second) == customers


def test_a_text_counts_for_as_many_days_as_the_cap_says(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "cap", "2 in 3 days")
    make_group(runtime, "Summer 10%", 10)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 1)
    for day, goes in enumerate([True, True, False, True, True, False]):
        distribution = launched(runtime, provider, customers, subject=f"Day {day}")
        assert leave(runtime, distribution) == (customers if goes else []), day
        recorded(runtime, distribution)
        clock.advance(timedelta(days=1))


def test_two_distributions_at_one_moment_do_not_both_text_one_customer(runtime: Runtime) -> None:
    """Two workers intend at once: the second waits for the first, and then sees its texts in flight."""
    choose(runtime, "cap", "1 in 7 days")
    make_group(runtime, "Summer 10%", 20)
    customers = make_customers(runtime, 8)
    # Through two providers: the turns of one take the same distributions' locks anyway.
    one = launched(runtime, make_provider(runtime, NOWHERE), customers)
    with runtime.db.write() as session:
        other_provider = providers.add(
            session,
            runtime.vault,
            name="Other",
            kind="sandbox",
            config={"base_url": NOWHERE},
            rate=100.0,
            by="U0ADA",
            now=runtime.clock.now(),
        ).id
    two = launched(runtime, other_provider, customers, subject="Second")
    first, second = written(runtime, one), written(runtime, two, owner="w2")
    assert first is not None and second is not None
    going: dict[str, int] = {}
    committing, other_waits = threading.Event(), threading.Event()

    def slow() -> None:
        with runtime.db.write() as session:
            distribution = session.get_one(Distribution, one)
            done = take_turn(
                session,
                Asked([], first, 0, (), frozenset({one}), {}),
                provider_id=distribution.provider_id or 0,
                owner="w1",
                at=Moment(MACHINE, runtime.clock.now()),
                options=Options(),
                listed_within=2.0,
            )
            going["w1"] = len(done.going)
            committing.set()
            assert other_waits.wait(20)

    def quick() -> None:
        going["w2"] = len(intended(runtime, second, owner="w2").going)

    workers = [threading.Thread(target=slow), threading.Thread(target=quick)]
    workers[0].start()
    assert committing.wait(20)
    workers[1].start()
    if not runtime.db.is_sqlite:  # there the second waits for its turn to write at all
        wait_until_somebody_waits_for_a_lock(runtime)
    other_waits.set()
    for worker in workers:
        worker.join(20)
    assert going == {"w1": 8, "w2": 0}
    assert left_out(runtime, two) == {"cap": 8}
    assert check(runtime.db) == []


def test_nothing_is_asked_of_customers_texts_where_the_cap_is_off(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot path: what is off costs a look at the settings, for a batch."""

    def asked(*_args: object, **_more: object) -> None:
        raise AssertionError("asked")

    for name in ("zones", "recent_texts", "hold_cap_turn", "stale_codes"):
        monkeypatch.setattr(leaving, name, asked)
    make_group(runtime, "Summer 10%", 3)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 3))
    assert len(leave(runtime, distribution)) == 3
