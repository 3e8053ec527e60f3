"""What is looked at right before a text leaves, and what becomes of the texts that may not go."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from distribution import providers, seal, settings
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions, replacing
from distribution.providers.sandbox import SandboxProvider
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control, lifetime
from distribution.sending.options import Options
from distribution.sending.prepare import Prepared, prepare
from distribution.sending.record import Moment
from distribution.sending.turn import Asked, Done, take_turn
from storage import batches, leaving, lives
from storage.batches import lock
from storage.tables import (
    Batch,
    BatchState,
    Customer,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    PromoCodeStock,
)
from tests.gateway import Gateway, serving
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    outcome,
    sending,
    start,
    status,
    until,
    wait_until_somebody_waits_for_a_lock,
)

MACHINE = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"
SAME, LAST = "same", "Hi, still yours: {{ client.last_promocode('Summer 10%') }}"
ACCEPTED, QUEUED, UNKNOWN = MessageState.ACCEPTED, MessageState.QUEUED, MessageState.UNKNOWN


def choose(runtime: Runtime, key: str, value: str) -> None:
    """A setting, as an admin types it."""
    with runtime.db.write() as session:
        settings.put(session, key, value)


def launched(runtime: Runtime, provider: int, customers: list[int], **more: str) -> int:
    """A distribution that is being sent; its id."""
    distribution = make_distribution(runtime, provider, customers, **more)
    start(runtime, distribution)
    assert status(runtime, distribution) == "sending"
    return distribution


def written(runtime: Runtime, distribution: int, *, owner: str = "w1") -> Prepared | None:
    """The next batch of a distribution, leased and written by a worker; None where none can be claimed."""
    at = Moment(MACHINE, runtime.clock.now())
    with runtime.db.write() as session:
        row = lock(session, distribution)
        until_ = MACHINE + timedelta(seconds=20)
        lease = batches.lease_next(session, row, size=500, owner=owner, now=MACHINE, until=until_, business=at.business)
    if lease is None:
        return None
    with runtime.db.read() as session:
        return prepare(session, runtime.links, SandboxProvider(NOWHERE, "PROMO"), "", lease, at)


def intended(runtime: Runtime, batch: Prepared, *, owner: str = "w1", machine: datetime = MACHINE) -> Done:
    """What the turn that intends a batch does."""
    with runtime.db.write() as session:
        distribution = session.get_one(Distribution, batch.lease.distribution_id)
        return take_turn(
            session,
            Asked([], batch, 0, (), frozenset({distribution.id}), {}),
            provider_id=distribution.provider_id or 0,
            owner=owner,
            at=Moment(machine, runtime.clock.now()),
            options=Options(),
            listed_within=2.0,
        )


def leave(runtime: Runtime, distribution: int, *, owner: str = "w1") -> list[int]:
    """The customers whose texts may leave with the next batch of a distribution; it is dispatched, not recorded."""
    batch = written(runtime, distribution, owner=owner)
    if batch is None:
        return []
    going = [ready.message_id for ready, _ in intended(runtime, batch, owner=owner).going]
    with runtime.db.read() as session:
        return sorted(session.scalars(select(Message.customer_id).where(Message.id.in_(going))))


def recorded(runtime: Runtime, distribution: int, state: MessageState = ACCEPTED) -> None:
    """Every text of a distribution that is in flight has this outcome."""
    with runtime.db.write() as session:
        held = session.scalars(
            select(Batch).where(Batch.distribution_id == distribution, Batch.state == BatchState.DISPATCHING)
        ).all()
        ids = [message_id for batch in held for message_id in batch.message_ids]
        batches.finish(session, [batch.id for batch in held])
    outcome(runtime, ids, state)


def left_out(runtime: Runtime, distribution: int) -> dict[str, int]:
    """How many the report says were left out, by reason; it balances."""
    with runtime.db.read() as session:
        told = report(session, distribution)
    assert told.balance_error is None
    return dict(told.excluded)


def stock(runtime: Runtime, group: int) -> tuple[int, int, int]:
    """How many codes of a group are active, blocked and issued."""
    with runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, group)
        return row.active, row.blocked, row.issued


def live_in(runtime: Runtime, customers: list[int], zone: str | None) -> None:
    """These customers' time zone."""
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.id.in_(customers)).values(time_zone=zone))


# The time that a text is worth sending.


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
    said: list[int | None] = []

    class Listening(SandboxProvider):
        def encode(self, text):  # type: ignore[no-untyped-def]
            said.append(text.validity)
            return super().encode(text)

    batch = written(runtime, distribution)
    assert batch is not None
    with runtime.db.read() as session:
        prepare(session, runtime.links, Listening(NOWHERE, "PROMO"), "", batch.lease, Moment(MACHINE, clock.now()))
    assert said == [3600]


# Codes.


def test_a_new_code_that_expired_since_the_launch_is_not_sent(runtime: Runtime, clock: ManualClock) -> None:
    """One by its own date, after it was written even; the others go."""
    group = make_group(runtime, "Summer 10%", 3)
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode).order_by(PromoCode.id)).first()
        assert code is not None
        code.expires_at = clock.now() + timedelta(hours=1)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 3))
    batch = written(runtime, distribution)
    assert batch is not None
    clock.advance(timedelta(hours=1))
    assert len(intended(runtime, batch).going) == 2
    assert left_out(runtime, distribution) == {"code_expired": 1}
    assert stock(runtime, group) == (1, 2, 0)
    assert check(runtime.db) == []


def test_no_code_of_a_group_that_expired_since_the_launch_is_sent(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 3)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 3))
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() + timedelta(hours=1)
    clock.advance(timedelta(hours=1))
    assert leave(runtime, distribution) == []
    assert left_out(runtime, distribution) == {"code_expired": 3}
    assert stock(runtime, group) == (3, 0, 0)
    assert check(runtime.db) == []


@pytest.mark.parametrize("policy", [SAME, "last"])
@pytest.mark.parametrize("what", ["redeemed", "revoked", "replaced", "expired"])
def test_a_code_that_is_worth_nothing_any_more_is_not_sent_again(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, policy: str, what: str
) -> None:
    """Three customers have a code; to one of them it is worth nothing when the reminder leaves.

    People are refused to revoke or replace one that is about to be sent again; the door does not lean on that.
    """
    monkeypatch.setattr(lives, "planned_for", lambda *_: None)
    make_group(runtime, "Summer 10%", 4)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 3)
    first = launched(runtime, provider, customers)
    leave(runtime, first)
    recorded(runtime, first)
    clock.advance(timedelta(hours=1))
    again = launched(
        runtime, provider, customers, **({"code_policy": SAME} if policy == SAME else {"body": LAST}), subject="Again"
    )
    clock.advance(timedelta(minutes=1))
    worthless(runtime, customers[1], what)
    assert leave(runtime, again) == [customers[0], customers[2]]
    assert left_out(runtime, again) == {f"code_{what}": 1}
    recorded(runtime, again)
    assert check(runtime.db) == []


def worthless(runtime: Runtime, customer: int, what: str) -> None:
    """The customer's code is redeemed, revoked, replaced or past its end."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode).where(PromoCode.customer_id == customer)).one()
        if what == "redeemed":
            redemptions.redeem(session, code.code, by="api:shop", now=now)
        elif what == "expired":
            code.expires_at = now
        elif what == "revoked":
            replacing.revoke(session, code.code, why="a mistake", by="U0ADA", now=now)
        else:
            replacing.replace(session, code.code, why="a mistake", by="U0ADA", now=now)


def test_the_last_code_may_have_been_used_before_the_launch(runtime: Runtime, clock: ManualClock) -> None:
    """ "Thank you for using …" is a text like any other."""
    make_group(runtime, "Summer 10%", 1)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 1)
    first = launched(runtime, provider, customers)
    leave(runtime, first)
    recorded(runtime, first)
    clock.advance(timedelta(hours=1))
    worthless(runtime, customers[0], "redeemed")
    clock.advance(timedelta(minutes=1))
    again = launched(runtime, provider, customers, body=LAST, subject="Thank you")
    assert leave(runtime, again) == customers


# Quiet hours.


def test_who_sleeps_is_texted_when_their_quiet_hours_are_over(runtime: Runtime, clock: ManualClock) -> None:
    """At 20:30 in Warsaw it is 03:30 in Tokyo and 19:30 in London: one batch, three answers."""
    choose(runtime, "quiet_hours", "20:00-09:00")
    choose(runtime, "time_zone", "Europe/London")
    group = make_group(runtime, "Summer 10%", 6)
    customers = make_customers(runtime, 6)
    live_in(runtime, customers[:2], "Europe/Warsaw")
    live_in(runtime, customers[2:4], "Asia/Tokyo")
    clock.advance(timedelta(hours=6, minutes=30))  # 18:30 UTC
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == customers[4:]
    assert leave(runtime, distribution) == []
    with runtime.db.read() as session:
        assert batches.asleep(session, distribution) == (4, datetime(2026, 6, 16, 0, 0, tzinfo=UTC))
    assert stock(runtime, group) == (0, 6, 0)
    assert check(runtime.db) == []
    clock.advance(timedelta(hours=5, minutes=30))  # 09:00 in Tokyo
    assert leave(runtime, distribution) == customers[2:4]
    clock.advance(timedelta(hours=7))  # 09:00 in Warsaw
    assert leave(runtime, distribution) == customers[:2]
    recorded(runtime, distribution)
    assert check(runtime.db) == []


def test_no_text_is_on_its_way_when_quiet_hours_begin(runtime: Runtime, clock: ManualClock) -> None:
    """What is intended may start to leave for twenty seconds more."""
    choose(runtime, "quiet_hours", "21:00-09:00")
    make_group(runtime, "Summer 10%", 1)
    customers = make_customers(runtime, 1)
    clock.advance(timedelta(hours=9, seconds=-10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    with runtime.db.read() as session:
        assert batches.asleep(session, distribution) == (1, datetime(2026, 6, 16, 9, 0, tzinfo=UTC))


def test_who_sleeps_longer_than_a_text_is_worth_sending_gets_none(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours", "21:00-09:00")
    choose(runtime, "sending.lifetime", "6")
    group = make_group(runtime, "Summer 10%", 2)
    clock.advance(timedelta(hours=10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    assert leave(runtime, distribution) == []
    clock.advance(timedelta(hours=6))
    assert lifetime.sweep(runtime) == 2
    assert left_out(runtime, distribution) == {"lifetime": 2}
    assert stock(runtime, group) == (2, 0, 0)
    assert status(runtime, distribution) == "done"
    assert check(runtime.db) == []


def test_who_waits_goes_at_once_where_quiet_hours_are_switched_off(runtime: Runtime, clock: ManualClock) -> None:
    choose(runtime, "quiet_hours", "21:00-09:00")
    make_group(runtime, "Summer 10%", 2)
    customers = make_customers(runtime, 2)
    clock.advance(timedelta(hours=10))
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    assert leave(runtime, distribution) == []
    choose(runtime, "quiet_hours", "off")
    assert leave(runtime, distribution) == customers


@pytest.mark.parametrize("then", ["20:00-09:00", "off"])
def test_an_intent_whose_commit_was_not_answered_sends_nothing_twice(
    runtime: Runtime, clock: ManualClock, then: str
) -> None:
    """Asked again, the customers who sleep are in a batch of their own: posted with this one, they would get two."""
    choose(runtime, "quiet_hours", "20:00-09:00")
    choose(runtime, "time_zone", "Europe/London")
    make_group(runtime, "Summer 10%", 4)
    customers = make_customers(runtime, 4)
    live_in(runtime, customers[:2], "Asia/Tokyo")
    distribution = launched(runtime, make_provider(runtime, NOWHERE), customers)
    clock.advance(timedelta(hours=6))
    batch = written(runtime, distribution)
    assert batch is not None
    first = intended(runtime, batch)
    choose(runtime, "quiet_hours", then)
    second = intended(runtime, batch, machine=MACHINE + timedelta(seconds=1))
    assert [ready for ready, _ in first.going] == [ready for ready, _ in second.going]
    assert len(first.going) == 2
    assert check(runtime.db) == []


def test_a_moved_clock_wakes_whom_it_put_to_sleep(runtime: Runtime, clock: ManualClock) -> None:
    """From end to end: nothing leaves at night, everything in the morning, and the report adds up."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            choose(runtime, "quiet_hours", "21:00-09:00")
            group = make_group(runtime, "Summer 10%", 30)
            clock.advance(timedelta(hours=11))
            distribution = launched(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 30))
            async with sending(runtime):
                await until(lambda: asleep(runtime, distribution) == 30)
                assert gateway.requests == 0
                clock.advance(timedelta(hours=10))
                await until(lambda: status(runtime, distribution) == "done")
            assert set(gateway.texts_to().values()) == {1}
            assert len(gateway.accepted) == 30
            assert stock(runtime, group) == (0, 0, 30)
            assert check(runtime.db) == []

    asyncio.run(scenario())


def asleep(runtime: Runtime, distribution: int) -> int:
    """How many wait for the end of quiet hours."""
    with runtime.db.read() as session:
        return batches.asleep(session, distribution)[0]


# The cap.


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
