"""What happens once in a million turns: an answer lost, a receipt of an earlier try, a callback that cannot be kept."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from distribution import launch, providers
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.providers.port import Kind, Outcome
from distribution.runtime import Runtime
from distribution.sending import callbacks, control, record, settle
from distribution.sending.record import Held, Moment, Result
from storage import batches, codes, issuing
from storage.batches import lock
from storage.tables import (
    Batch,
    BatchState,
    Customer,
    Distribution,
    Job,
    Message,
    MessageState,
    PromoCodeGroup,
    UnknownAttempt,
)
from tests import failpoints
from tests.gateway import Gateway, callback_of, serving
from tests.sending import (
    PATIENCE,
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    sending,
    start,
    status,
    until,
)

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def launched(runtime: Runtime, customers: int, url: str = "http://127.0.0.1:9", *, codes: int | None = None) -> int:
    """A distribution to so many customers, ready to be sent; its id."""
    make_group(runtime, "Summer 10%", customers if codes is None else codes)
    distribution = make_distribution(runtime, make_provider(runtime, url), make_customers(runtime, customers))
    start(runtime, distribution)
    return distribution


def dispatched(runtime: Runtime, distribution: int, size: int) -> Held:
    """A batch of a worker "w1", intended at noon."""
    with runtime.db.write() as session:
        until_ = NOON + timedelta(seconds=60)
        lease = batches.lease_next(session, lock(session, distribution), size=size, owner="w1", now=NOON, until=until_)
        assert lease is not None
        assert batches.intend(session, lease, lease.message_ids, owner="w1", now=NOON, until=until_)
    return Held(lease, deadline=0.0, repeats=False, left=set(lease.message_ids))


def note(runtime: Runtime, distribution: int, results: list[Result]) -> None:
    """Record results, as a turn does."""
    with runtime.db.write() as session:
        lock(session, distribution)
        moment = Moment(NOON, NOON)
        recorded = record.record(session, results, owner="w1", at=moment, listed_within=2.0, stopped=set())
        issuing.move(session, recorded.codes, NOON)


def test_a_turn_whose_commit_was_not_answered_sends_back_once(runtime: Runtime) -> None:
    """Recorded again, it would put one message into two batches: two texts."""
    distribution = launched(runtime, 3)
    held = dispatched(runtime, distribution, 3)
    put_off = [Result(held, held.lease.message_ids[0], Outcome(Kind.LATER, "rate_limited", retry_after=1.0))]
    note(runtime, distribution, put_off)
    note(runtime, distribution, put_off)
    assert check(runtime.db) == []
    with runtime.db.read() as session:
        waiting = session.scalars(select(Batch.message_ids).where(Batch.state == BatchState.WAITING)).all()
    assert waiting == [[held.lease.message_ids[0]]]


def provider_of(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return session.scalar(select(Distribution.provider_id)) or 0


def call_back(runtime: Runtime, *payloads: Mapping[str, object]) -> None:
    """The provider's callbacks, received and applied."""
    with runtime.db.write() as session:
        callbacks.receive(session, provider_of(runtime), payloads, NOON)
    while callbacks.apply(runtime):
        pass


@pytest.mark.parametrize("late", ["accepted", "undelivered"])
def test_a_receipt_of_an_earlier_try_says_nothing_about_a_retry(runtime: Runtime, late: str) -> None:
    """Taken for the retry's, it would keep the retry from leaving, or invite a third text."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = launched(runtime, 1, gateway.url)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            first = gateway.accepted[0]
            call_back(runtime, callback_of(first, "undelivered", NOON))
            with runtime.db.write() as session:
                assert control.retry_failed(session, distribution, by="Maya", now=NOON) == 1
            call_back(runtime, callback_of(first, late, NOON + timedelta(seconds=1)))
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 2
            call_back(runtime, callback_of(first, late, NOON + timedelta(seconds=2)))
            with runtime.db.read() as session:
                assert session.scalar(select(Message.state)) is MessageState.ACCEPTED
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_text_that_arrives_late_after_all_is_not_sent_again(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = launched(runtime, 1, gateway.url)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            call_back(runtime, callback_of(gateway.accepted[0], "undelivered", NOON))
            with runtime.db.write() as session:
                assert control.retry_failed(session, distribution, by="Maya", now=NOON) == 1
            call_back(runtime, callback_of(gateway.accepted[0], "delivered", NOON))
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 1
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_callback_that_cannot_be_kept_as_it_is_does_not_hold_up_an_opt_out(runtime: Runtime) -> None:
    """Half an emoji, a NUL, a number that no column holds: each would fail the transaction of all the others."""
    launched(runtime, 2)
    strange: list[dict[str, object]] = [
        {"event": "inbound", "id": "half", "from": "+48600100001", "body": "cut in the middle \ud83d"},
        {"event": "inbound", "id": "nul\x00", "from": "+48600100001", "body": "a\x00b", "more": {"\x00": ["\ud83d"]}},
        {"event": "status", "id": "SM1", "reference": f"1-{10**30}", "status": "delivered"},
        {"event": "status", "id": "SM1", "reference": f"{10**30}-1", "status": "delivered"},
        {"event": "inbound", "id": "stop", "from": "+48600100000", "body": "STOP"},
    ]
    call_back(runtime, *strange)
    with runtime.db.read() as session:
        assert session.scalar(select(Customer.consent).where(Customer.phone == "+48600100000")) == "opted_out"


def test_one_callback_that_breaks_us_is_put_aside_and_the_others_apply(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched(runtime, 2)
    real = callbacks.take

    def take(session: Session, provider_id: int, news, now: datetime) -> None:  # type: ignore[no-untyped-def]
        if news.body == "poison":
            raise ZeroDivisionError
        real(session, provider_id, news, now)

    monkeypatch.setattr(callbacks, "take", take)
    inbound = {"event": "inbound", "from": "+48600100000"}
    call_back(runtime, inbound | {"id": "1", "body": "poison"}, inbound | {"id": "2", "body": "STOP"})
    with runtime.db.read() as session:
        assert session.scalar(select(Customer.consent).where(Customer.phone == "+48600100000")) == "opted_out"


def test_an_opt_out_does_not_wait_for_a_provider_that_cannot_be_asked(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(script=["500"], mute=True)) as gateway:
            launched(runtime, 1, gateway.url)
            async with sending(runtime):
                await until(lambda: gateway.lookups > 0)
                stop = {"event": "inbound", "id": "1", "from": "+48600100000", "body": "STOP"}
                with runtime.db.write() as session:
                    callbacks.receive(session, provider_of(runtime), [stop], NOON)
                await until(lambda: consent(runtime) == "opted_out")
                gateway.hanging.set()

    asyncio.run(scenario())


def consent(runtime: Runtime) -> str | None:
    with runtime.db.read() as session:
        return session.scalar(select(Customer.consent).order_by(Customer.id).limit(1))


def wait(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def somebody_waits(runtime: Runtime) -> bool:
    """Whether a transaction waits for another's lock; on SQLite, where there is one lock, always."""
    if runtime.db.is_sqlite:
        return True
    with runtime.db.read() as session:
        return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_stop_is_not_overtaken_by_an_earlier_start(runtime: Runtime) -> None:
    """Two senders apply callbacks at once; the first is held between what it did and its commit."""
    launched(runtime, 1)
    inbound = {"event": "inbound", "from": "+48600100000"}
    call_back(runtime, inbound | {"id": "1", "body": "stop"})
    with runtime.db.write() as session:
        callbacks.receive(session, provider_of(runtime), [inbound | {"id": "2", "body": "START"}], NOON)
        callbacks.receive(session, provider_of(runtime), [inbound | {"id": "3", "body": "STOP"}], NOON)
    held, go = threading.Event(), threading.Event()

    def hold(place: str, moment: str) -> None:
        if (place, moment) == ("callbacks._apply", failpoints.BEFORE) and not held.is_set():
            held.set()
            assert go.wait(PATIENCE)

    with failpoints.watched(hold), ThreadPoolExecutor(2) as threads:
        first = threads.submit(callbacks.apply, runtime, 1)
        wait(held.is_set)
        second = threads.submit(callbacks.apply, runtime)
        wait(lambda: second.done() or somebody_waits(runtime))
        go.set()
        first.result()
        second.result()
    while callbacks.apply(runtime):
        pass
    assert consent(runtime) == "opted_out"


def test_callbacks_of_two_distributions_and_a_turn_do_not_wait_for_each_other(runtime: Runtime) -> None:
    """All distributions are locked before the first code moves: a code's group is shared by them."""
    make_group(runtime, "Summer 10%", 2)
    provider, customers = make_provider(runtime, "http://127.0.0.1:9"), make_customers(runtime, 2)
    pair = [make_distribution(runtime, provider, [customer]) for customer in customers]
    held = []
    for distribution in pair:
        start(runtime, distribution)
        held.append(dispatched(runtime, distribution, 1))
    for one in held:
        reference = f"{one.lease.batch_id}-{one.lease.message_ids[0]}"
        news = callback_of({"id": reference, "reference": reference}, "delivered", NOON)
        with runtime.db.write() as session:
            callbacks.receive(session, provider, [news], NOON)
    with ThreadPoolExecutor(1) as threads:
        with runtime.db.write() as session:
            lock(session, pair[1])
            applied = threads.submit(callbacks.apply, runtime)
            wait(lambda: somebody_waits(runtime))
            issuing.move(session, issuing.Codes(issued=held[1].lease.message_ids), NOON)
        assert applied.result() == 2


def test_codes_that_expire_while_others_are_blocked_wait_their_turn(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 4)

    def expire() -> int:
        with runtime.db.write() as session:
            return codes.expire(session, group, 10)

    with ThreadPoolExecutor(1) as threads:
        with runtime.db.write() as session:
            bound, after = issuing.block(session, group, [(1, 1)], after=0, now=NOON)
            expired = threads.submit(expire)
            wait(lambda: somebody_waits(runtime))
            assert issuing.block(session, group, [(2, 2)], after=after, now=NOON)[0] == bound == 1
        assert expired.result() == 2


def test_what_is_sent_again_is_not_left_behind_with_the_batch_that_it_was_in(runtime: Runtime) -> None:
    """Its worker vanishes after one of its texts was found never to have left: that one has another batch by then.

    Taken for unknown a second time, there was no question open about it: nobody asked, and it was never sent.
    """
    distribution, provider = launched(runtime, 2), {provider_of(runtime): 2.0}
    held = dispatched(runtime, distribution, 2)
    absent, left_behind = held.lease.message_ids
    note(runtime, distribution, [Result(held, absent, Outcome(Kind.UNKNOWN, "timeout"))])
    for seconds in (10, 20):
        asked = Moment(NOON + timedelta(seconds=seconds), NOON)
        (question,) = settle.claim(runtime, asked.machine, set(provider))
        settle.conclude(runtime.db, [(question, None)], asked, provider)
    assert settle.sweep(runtime.db, Moment(NOON + timedelta(minutes=5), NOON), provider) == 1
    with runtime.db.read() as session:
        states = dict(session.execute(select(Message.id, Message.state)).all())
    assert states == {absent: MessageState.QUEUED, left_behind: MessageState.UNKNOWN}
    assert check(runtime.db) == []


def test_what_a_vanished_worker_sent_waits_for_a_sender_that_can_ask_its_provider(runtime: Runtime) -> None:
    """A provider that is disabled or being set up anew can be asked later: no person need decide."""
    distribution = launched(runtime, 1)
    dispatched(runtime, distribution, 1)
    later = Moment(NOON + timedelta(minutes=5), NOON)
    assert settle.sweep(runtime.db, later, {}) == 0
    assert settle.sweep(runtime.db, later, {provider_of(runtime): 2.0}) == 1
    with runtime.db.read() as session:
        assert session.scalars(select(UnknownAttempt.look_at)).one() is not None


def test_a_launch_that_broke_off_is_taken_up_once_by_two_clocks(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_group(runtime, "Summer 10%", 3)
    provider = make_provider(runtime, "http://127.0.0.1:9")
    distribution = make_distribution(runtime, provider, make_customers(runtime, 3))
    with runtime.db.write() as session:
        launch.launch(session, runtime, distribution)
        session.execute(update(Job).values(state="failed"))
    held, go = threading.Event(), threading.Event()
    enqueue = runtime.jobs.enqueue

    def slowly(*args, **kwargs):  # type: ignore[no-untyped-def]
        job_id = enqueue(*args, **kwargs)
        if not held.is_set():
            held.set()
            assert go.wait(PATIENCE)
        return job_id

    monkeypatch.setattr(runtime.jobs, "enqueue", slowly)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(launch.due, runtime)
        wait(held.is_set)
        second = threads.submit(launch.due, runtime)
        wait(lambda: second.done() or somebody_waits(runtime))
        go.set()
        first.result()
        second.result()
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).where(Job.state == "queued")) == 1


def failed_one(runtime: Runtime) -> int:
    """A distribution that is done, whose only text was refused; its id."""
    distribution = launched(runtime, 1, codes=2)
    held = dispatched(runtime, distribution, 1)
    refused = Outcome(Kind.REJECTED, "invalid_number")
    note(runtime, distribution, [Result(held, held.lease.message_ids[0], refused)])
    with runtime.db.write() as session:
        session.execute(update(Distribution).values(status="done", finished_at=NOON))
    return distribution


def test_a_retry_does_not_give_out_codes_that_have_expired(runtime: Runtime, clock: ManualClock) -> None:
    distribution = failed_one(runtime)
    with runtime.db.write() as session:
        session.execute(update(PromoCodeGroup).values(expires_at=clock.now() - timedelta(seconds=1)))
    with runtime.db.write() as session, pytest.raises(Refused, match="have expired"):
        control.retry_failed(session, distribution, by="Maya", now=clock.now())


def test_a_retry_through_a_provider_that_was_deleted_is_refused(runtime: Runtime, clock: ManualClock) -> None:
    distribution = failed_one(runtime)
    with runtime.db.write() as session:
        providers.delete(session, provider_of(runtime))
    with runtime.db.write() as session, pytest.raises(Refused, match="was deleted"):
        control.retry_failed(session, distribution, by="Maya", now=clock.now())
