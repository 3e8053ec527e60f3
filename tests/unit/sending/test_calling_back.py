"""Calling back: a while after Send in which nothing leaves, and after which nothing is half-done."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from distribution import launch as launching
from distribution import seal, settings, undoing
from distribution.check import check
from distribution.clock import ManualClock, SystemClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage import tally
from storage.tables import (
    Approval,
    Batch,
    BatchState,
    Distribution,
    DistributionTally,
    Message,
    MessageState,
    PromoCodeRepeat,
    PromoCodeStock,
)
from tests.conftest import run_jobs
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, status, until

HOLD = timedelta(minutes=10)
# What a distribution has only once it was sent off.
LIFE = ("seal", "held_until", "gives_up_at", "started_at", "finished_at")


def sealed(runtime: Runtime, url: str = "http://127.0.0.1:9", customers: int = 5) -> int:
    """A sealed distribution to so many customers, with a code for each; its id."""
    make_group(runtime, "Summer 10%", customers)
    return make_distribution(runtime, make_provider(runtime, url), make_customers(runtime, customers))


def launch(runtime: Runtime, distribution: int, hold: timedelta | None = HOLD, *, jobs: bool = True) -> None:
    with runtime.db.write() as session:
        launching.launch(session, runtime, distribution, hold=hold)
    if jobs:
        run_jobs(runtime)


def call_back(runtime: Runtime, distribution: int, by: str = "Maya") -> None:
    with runtime.db.write() as session:
        control.call_back(session, runtime, distribution, by=by, now=runtime.clock.now())


def stock(runtime: Runtime) -> tuple[int, int, int]:
    """Active, blocked, issued."""
    with runtime.db.read() as session:
        row = session.scalars(select(PromoCodeStock)).one()
        return row.active, row.blocked, row.issued


def assert_a_clean_draft(runtime: Runtime, distribution: int, codes: int = 5) -> None:
    """It is a draft as if it had never been sent off, and says who called it back."""
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution)
        assert row.status == "draft"
        assert row.status_reason == "Maya called it back before anything left."
        assert not [name for name in LIFE if getattr(row, name) is not None]
        assert (row.first_message_id, row.last_message_id, row.claimed_to) == (None, None, None)
        assert row.codes_taken == {}
        for table in (Message, PromoCodeRepeat, DistributionTally):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert session.scalar(select(func.count()).where(Batch.state != BatchState.DONE)) == 0
    assert stock(runtime) == (codes, 0, 0)
    assert check(runtime.db) == []


def test_no_text_leaves_before_the_hold_is_over_whatever_the_business_clock_says(
    runtime: Runtime, clock: ManualClock
) -> None:
    """The sandbox's clock jumps a day ahead; the sender's own clock decides. Pausing and resuming ends no hold.

    Another one that is not held is sent meanwhile: the senders are at work, and leave this one alone.
    """
    machine = ManualClock(SystemClock().now())

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            group = make_group(runtime, "Summer 10%", 10)
            provider = make_provider(runtime, gateway.url)
            customers = make_customers(runtime, 10)
            held, other = (make_distribution(runtime, provider, some) for some in (customers[:5], customers[5:]))
            with runtime.db.write() as session:
                settings.put(session, "sending.lifetime", "72")
            launch(runtime, held)
            clock.advance(timedelta(days=1))
            with runtime.db.write() as session:
                control.pause(session, held, by="Maya", now=clock.now())
            with runtime.db.write() as session:
                control.resume(session, runtime, held, by="Maya", now=clock.now())
            async with sending(runtime, machine=machine), sending(runtime, machine=machine):
                launch(runtime, other, None)
                await until(lambda: status(runtime, other) == "done")
                assert status(runtime, held) == "sending"
                assert set(gateway.texts_to()) == {f"+48600100{n:03d}" for n in range(5, 10)}
                with runtime.db.read() as session:
                    assert session.get_one(PromoCodeStock, group).blocked == 5
                machine.advance(HOLD + timedelta(seconds=1))
                await until(lambda: status(runtime, held) == "done")
            assert set(gateway.texts_to().values()) == {1}
            assert len(gateway.accepted) == 10

    asyncio.run(scenario())


def test_what_a_hold_takes_is_not_counted_as_sending(runtime: Runtime, clock: ManualClock) -> None:
    distribution = sealed(runtime)
    launch(runtime, distribution)
    with runtime.db.read() as session:
        started = session.get_one(Distribution, distribution).started_at
    assert started is not None
    assert HOLD - timedelta(seconds=30) < started - clock.now() <= HOLD


def _paused(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.pause(session, distribution, by="Lee", now=runtime.clock.now())


def _leased(runtime: Runtime, distribution: int) -> None:
    """A worker has claimed its texts and stands still before the intent: nothing has left."""
    from storage import batches

    now = SystemClock().now()
    with runtime.db.write() as session:
        row = batches.lock(session, distribution)
        assert batches.lease_next(session, row, size=3, owner="w", now=now, until=now + timedelta(seconds=20))


@pytest.mark.parametrize("meanwhile", [lambda *_: None, _paused, _leased], ids=["held", "paused", "leased"])
def test_calling_back_leaves_a_draft_as_if_it_had_never_been_sent_off(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[Runtime, int], None]
) -> None:
    """In chunks smaller than the audience; pressed by two people, and once more when it is over."""
    monkeypatch.setattr(undoing, "CHUNK", 2)
    distribution = sealed(runtime)
    launch(runtime, distribution)
    meanwhile(runtime, distribution)
    call_back(runtime, distribution)
    assert check(runtime.db) == []
    call_back(runtime, distribution, by="Lee")
    run_jobs(runtime)
    call_back(runtime, distribution, by="Lee")
    run_jobs(runtime)
    assert_a_clean_draft(runtime, distribution)


def test_calling_back_while_codes_are_being_set_aside(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the launch's job has begun, and in the middle of it."""
    monkeypatch.setattr(launching, "MESSAGES", 2)
    distribution = sealed(runtime)
    launch(runtime, distribution, jobs=False)
    call_back(runtime, distribution)
    run_jobs(runtime)
    assert_a_clean_draft(runtime, distribution)
    with runtime.db.write() as session:
        seal.put(session, session.get_one(Distribution, distribution))
    launch(runtime, distribution, jobs=False)
    audience, chunks = launching._audience, []

    def interrupted(session, runtime_, run, row) -> None:  # type: ignore[no-untyped-def]
        audience(session, runtime_, run, row)
        chunks.append(row.last_message_id)
        if len(chunks) == 2:
            control.call_back(session, runtime, row.id, by="Maya", now=runtime.clock.now())

    monkeypatch.setattr(launching, "_audience", interrupted)
    run_jobs(runtime)
    assert len(chunks) == 2
    assert_a_clean_draft(runtime, distribution)


def test_what_was_called_back_is_sent_again_once_and_whole(runtime: Runtime) -> None:
    """With a worker that still holds a lease of its first life: its texts leave only by the second."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = sealed(runtime, gateway.url)
            launch(runtime, distribution)
            _leased(runtime, distribution)
            call_back(runtime, distribution)
            run_jobs(runtime)
            with runtime.db.write() as session:
                seal.put(session, session.get_one(Distribution, distribution))
            launch(runtime, distribution, None)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 5
            assert set(gateway.texts_to().values()) == {1}
            assert stock(runtime) == (0, 0, 5)
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_moment_too_late_it_says_how_many_have_left_and_changes_nothing(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(always="hang-after-accept")) as gateway:
            distribution = sealed(runtime, gateway.url, customers=60)
            launch(runtime, distribution, None)
            async with sending(runtime):
                await until(lambda: gateway.requests >= 8)
                with pytest.raises(Refused, match=r"Too late: 40 of 60 texts have left .* Stop keeps") as no:
                    await asyncio.to_thread(call_back, runtime, distribution)
                assert no.value.reason == "left"
                gateway.hanging.set()
                await until(lambda: status(runtime, distribution) == "done")
            with pytest.raises(Refused, match="cannot be called back: it is done"):
                call_back(runtime, distribution)
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_at_the_moment_the_hold_ends_a_call_back_gets_all_or_nothing(runtime: Runtime) -> None:
    """Ten holds end while somebody presses Call back: each is either a clean draft or sent to everybody."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = sealed(runtime, gateway.url, customers=4)
            async with sending(runtime), sending(runtime):
                for turn in range(10):
                    sent = len(gateway.accepted)
                    launch(runtime, distribution, timedelta(milliseconds=20 + 4 * turn))
                    try:
                        await asyncio.to_thread(call_back, runtime, distribution)
                    except Refused:
                        await until(lambda: status(runtime, distribution) == "done")
                        assert len(gateway.accepted) == sent + 4
                        break
                    await asyncio.to_thread(run_jobs, runtime)
                    assert_a_clean_draft(runtime, distribution, codes=4)
                    assert len(gateway.accepted) == sent
                    with runtime.db.write() as session:
                        seal.put(session, session.get_one(Distribution, distribution))
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_two_people_at_once_call_it_back_once(runtime: Runtime) -> None:
    distribution = sealed(runtime)
    launch(runtime, distribution)
    threads = [threading.Thread(target=call_back, args=(runtime, distribution)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run_jobs(runtime)
    assert_a_clean_draft(runtime, distribution)


def test_an_approval_is_void_from_the_click_and_says_why(runtime: Runtime, clock: ManualClock) -> None:
    distribution = sealed(runtime)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        session.add(
            Approval(
                distribution_id=distribution,
                seal=row.seal,
                state="approved",
                requested_by="U0MAYA",
                requested_at=clock.now(),
                decided_by="U0LEE",
                decided_at=clock.now(),
            )
        )
    launch(runtime, distribution)
    call_back(runtime, distribution)
    with runtime.db.read() as session:
        approval = session.scalars(select(Approval)).one()
        assert (approval.state, approval.reason, approval.decided_by) == ("void", "Maya called it back", "U0LEE")
    run_jobs(runtime)
    assert_a_clean_draft(runtime, distribution)


def test_a_scheduled_one_is_a_draft_again_at_once(runtime: Runtime, clock: ManualClock) -> None:
    distribution = sealed(runtime)
    _schedule(runtime, distribution, clock.now() + timedelta(hours=1), said=clock.now())
    call_back(runtime, distribution)
    assert_a_clean_draft(runtime, distribution)


@pytest.mark.parametrize(("ahead", "held"), [(5, True), (3600, False)])
def test_a_scheduled_one_is_held_only_for_what_its_maker_has_not_had_to_think(
    runtime: Runtime, clock: ManualClock, ahead: int, held: bool
) -> None:
    """Scheduled an hour ahead it goes on time; scheduled five seconds ahead it can be called back for the rest."""
    distribution = sealed(runtime)
    _schedule(runtime, distribution, clock.now() + timedelta(seconds=ahead), said=clock.now())
    clock.advance(timedelta(seconds=ahead))
    launching.due(runtime)
    with runtime.db.read() as session:
        until_ = session.get_one(Distribution, distribution).held_until
    if not held:
        assert until_ is None
    else:
        assert until_ is not None
        assert timedelta(seconds=20) < until_ - SystemClock().now() <= timedelta(seconds=25)


def _schedule(runtime: Runtime, distribution: int, at: datetime, *, said: datetime) -> None:
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.status, row.send_at, row.updated_at = "scheduled", at, said
        seal.put(session, row)


@pytest.mark.parametrize("state", ["pending", "stopped", "refused", "discarded"])
def test_what_was_never_sent_off_or_is_over_cannot_be_called_back(runtime: Runtime, state: str) -> None:
    distribution = sealed(runtime)
    with runtime.db.write() as session:
        session.get_one(Distribution, distribution).status = state
    with pytest.raises(Refused, match="cannot be called back"):
        call_back(runtime, distribution)


def test_stopping_what_is_being_called_back_is_refused_and_resuming_it_too(runtime: Runtime) -> None:
    distribution = sealed(runtime)
    launch(runtime, distribution)
    call_back(runtime, distribution)
    now = runtime.clock.now()
    with runtime.db.write() as session:
        with pytest.raises(Refused, match="is being called back"):
            control.stop(session, runtime, distribution, by="Lee", now=now)
        with pytest.raises(Refused, match="cannot be resumed"):
            control.resume(session, runtime, distribution, by="Lee", now=now)
    run_jobs(runtime)
    assert_a_clean_draft(runtime, distribution)


def test_stopping_inside_the_hold_sends_nothing_and_returns_every_code(runtime: Runtime) -> None:
    distribution = sealed(runtime)
    launch(runtime, distribution)
    with runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Maya", now=runtime.clock.now())
    run_jobs(runtime)
    assert stock(runtime) == (5, 0, 0)
    with runtime.db.read() as session:
        assert tally.read(session, distribution)[MessageState.CANCELLED] == 5


@pytest.mark.parametrize("text", ["-1", "soon", "3601", "1.5", ""])
def test_a_hold_is_seconds_up_to_an_hour(runtime: Runtime, text: str) -> None:
    with runtime.db.write() as session:
        assert settings.get(session, "sending.hold") == 30
        with pytest.raises(Refused, match="seconds from 0"):
            settings.put(session, "sending.hold", text)
        assert settings.put(session, "sending.hold", "0") == 0
        assert launching.hold_left(session, Distribution(created_by="U0MAYA")) is None


def test_a_person_can_call_back_and_a_system_need_not_wait(runtime: Runtime) -> None:
    with runtime.db.read() as session:
        assert launching.hold_left(session, Distribution(created_by="U0MAYA")) == timedelta(seconds=30)
        assert launching.hold_left(session, Distribution(created_by="api:shop")) is None
