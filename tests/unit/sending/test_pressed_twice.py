"""Every button of a distribution pressed twice, and by two people at the same moment: it is done once."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from distribution.check import check
from distribution.clock import ManualClock, SystemClock
from distribution.errors import Refused
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control
from storage import batches, messages, tally
from storage.tables import (
    Batch,
    BatchState,
    CodeState,
    Customer,
    Distribution,
    Job,
    Message,
    MessageState,
    PromoCode,
    PromoCodeStock,
    Provider,
    UnknownAttempt,
)
from tests.conftest import run_jobs
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    messages_of,
    outcome,
    start,
    status,
)

S = MessageState


@pytest.fixture
def sending(runtime: Runtime) -> int:
    """A distribution of six texts that wait, and no sender."""
    make_group(runtime, "Summer 10%", 12)
    found = make_distribution(runtime, make_provider(runtime, "http://127.0.0.1:9"), make_customers(runtime, 6))
    start(runtime, found)
    return found


def over(runtime: Runtime, distribution: int, *, failed: int, unknown: int = 0) -> list[int]:
    """All were sent: the first `failed` refused, the next `unknown` never answered for; the messages' ids."""
    ids = messages_of(runtime, distribution)
    outcome(runtime, ids[:failed], S.REJECTED)
    outcome(runtime, ids[failed : failed + unknown], S.UNKNOWN)
    outcome(runtime, ids[failed + unknown :], S.ACCEPTED)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.status, row.finished_at, row.claimed_to = "done", runtime.clock.now(), row.last_message_id
        session.add(
            Batch(
                distribution_id=distribution,
                state=BatchState.DONE,
                message_ids=ids,
                dispatched_at=SystemClock().now(),
                fence=1,
                tries=0,
                size=len(ids),
            )
        )
        session.flush()
        batch = batches.latest(session, distribution)
        lost = [(each, batch) for each in ids[failed : failed + unknown]]
        messages.note_unknown(session, distribution, lost, since=SystemClock().now(), look_at=None)
    assert check(runtime.db) == []
    return ids


def press(runtime: Runtime, what: str, distribution: int, by: str = "Maya", **more: object) -> object:
    """One click, in a transaction of its own."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        if what in ("stop", "resume"):
            do = {"stop": control.stop, "resume": control.resume}[what]
            return do(session, runtime, distribution, by=by, now=now).status
        if what == "settle":
            machine = SystemClock().now()
            return control.settle_unknown(session, distribution, by=by, now=now, machine=machine, **more)  # type: ignore[arg-type]
        click = {"pause": control.pause, "retry": control.retry_failed}[what]
        done = click(session, distribution, by=by, now=now, **more)  # type: ignore[arg-type]
        return done.status if isinstance(done, Distribution) else done


def at_once(click: Callable[[str], object], people: int = 4) -> list[object]:
    """So many people press at the same moment; what each of them got, a refusal included."""
    ready, got = threading.Barrier(people), []

    def one(name: str) -> None:
        ready.wait()
        try:
            got.append(click(name))
        except Refused as refusal:
            got.append(str(refusal))

    threads = [threading.Thread(target=one, args=(f"Person {n}",)) for n in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_pause_and_resume(runtime: Runtime, sending: int) -> None:
    assert at_once(lambda name: press(runtime, "pause", sending, name)) == ["paused"] * 4
    with runtime.db.read() as session:
        reason = session.get_one(Distribution, sending).status_reason
    assert press(runtime, "pause", sending, "Somebody late") == "paused"
    with runtime.db.read() as session:
        assert session.get_one(Distribution, sending).status_reason == reason  # whoever was first is named
    assert at_once(lambda name: press(runtime, "resume", sending, name)) == ["sending"] * 4


def test_stop_cancels_each_text_once_and_returns_each_code_once(runtime: Runtime, sending: int) -> None:
    assert at_once(lambda name: press(runtime, "stop", sending, name)) == ["stopped"] * 4
    run_jobs(runtime)
    assert press(runtime, "stop", sending) == "stopped"
    run_jobs(runtime)
    with runtime.db.read() as session:
        assert tally.read(session, sending) == {S.QUEUED: 0, S.CANCELLED: 6}
        assert session.scalar(select(func.count()).where(Job.kind == "stop")) == 1
        assert session.scalars(select(PromoCodeStock.active)).one() == 12
    assert check(runtime.db) == []


def test_pausing_and_stopping_at_once_ends_stopped(runtime: Runtime, sending: int) -> None:
    clicks = iter(["pause", "stop", "pause", "stop"])
    lock = threading.Lock()

    def click(name: str) -> object:
        with lock:
            what = next(clicks)
        return press(runtime, what, sending, name)

    at_once(click)
    assert status(runtime, sending) == "stopped"
    run_jobs(runtime)
    assert check(runtime.db) == []


def test_a_retry_sends_each_failed_text_again_once(runtime: Runtime, sending: int) -> None:
    """Four press the same button; one of them late, when it was sent again, failed again, and is done."""
    ids = over(runtime, sending, failed=3)
    with runtime.db.read() as session:
        known = batches.latest(session, sending)
    assert Counter(at_once(lambda name: press(runtime, "retry", sending, name, known=known))) == {3: 1, 0: 3}
    assert sorted(waiting(runtime)) == ids[:3]
    assert check(runtime.db) == []
    with runtime.db.write() as session:
        for batch in session.scalars(select(Batch).where(Batch.state == BatchState.WAITING)):
            batch.state = BatchState.DONE
    outcome(runtime, ids[:3], S.REJECTED)
    with runtime.db.write() as session:
        session.get_one(Distribution, sending).status = "done"
    assert press(runtime, "retry", sending, known=known) == 0
    assert press(runtime, "retry", sending) == 3  # who sees the new report, or asks over the API


def waiting(runtime: Runtime) -> list[int]:
    """Messages in batches that wait."""
    with runtime.db.read() as session:
        return [each for ids in session.scalars(select(Batch.message_ids).where(Batch.state == 3)) for each in ids]


def test_retry_counts_exactly_those_that_it_sends_again(runtime: Runtime, sending: int, clock: ManualClock) -> None:
    """Of six that failed: one opted out, one has no number any more, one's code was used, one's has expired."""
    ids = messages_of(runtime, sending)
    outcome(runtime, ids, S.ACCEPTED)
    with runtime.db.write() as session:
        for each in ids:
            batches.lock(session, sending)
            messages.advance(session, sending, [messages.Settled(each, S.UNDELIVERED, "landline")], clock.now())
        row = session.get_one(Distribution, sending)
        row.status, row.claimed_to = "done", row.last_message_id
        customers = list(session.scalars(select(Message.customer_id).order_by(Message.id)))
        session.execute(update(Customer).where(Customer.id == customers[0]).values(consent="opted_out"))
        session.execute(update(Customer).where(Customer.id == customers[1]).values(phone=None))
        used = PromoCode.message_id == ids[2]
        session.execute(update(PromoCode).where(used).values(redeemed_at=clock.now()))
        expired = PromoCode.message_id == ids[3]
        session.execute(update(PromoCode).where(expired).values(expires_at=clock.now() + timedelta(hours=1)))
    with runtime.db.read() as session:
        assert report(session, sending, now=clock.now()).retryable == 3
    clock.advance(timedelta(hours=2))
    with runtime.db.read() as session:
        assert report(session, sending, now=clock.now()).retryable == 2
    assert press(runtime, "retry", sending) == 2
    assert sorted(waiting(runtime)) == ids[4:]


def test_nothing_is_offered_for_retry_where_its_provider_was_deleted(runtime: Runtime, sending: int) -> None:
    over(runtime, sending, failed=2)
    with runtime.db.write() as session:
        session.scalars(select(Provider)).one().name_key = None
    with runtime.db.read() as session:
        assert report(session, sending).retryable == 0
    with pytest.raises(Refused, match="provider was deleted"):
        press(runtime, "retry", sending)


@pytest.mark.parametrize("arrived", [True, False])
def test_what_is_unknown_is_settled_once_whoever_says_it(runtime: Runtime, sending: int, arrived: bool) -> None:
    """One by one text first, then by four people for all that is left."""
    ids = over(runtime, sending, failed=0, unknown=3)
    assert press(runtime, "settle", sending, arrived=arrived, only=[ids[0]]) == 1
    assert press(runtime, "settle", sending, arrived=not arrived, only=[ids[0]]) == 0
    assert press(runtime, "settle", sending, arrived=arrived, only=[ids[5]]) == 0  # nothing is unknown about that one
    got = at_once(lambda name: press(runtime, "settle", sending, name, arrived=arrived))
    assert Counter(got) == {2: 1, 0: 3}
    assert sorted(waiting(runtime)) == ([] if arrived else ids[:3])
    with runtime.db.read() as session:
        counts = tally.read(session, sending)
        assert (counts[S.UNKNOWN], counts[S.QUEUED]) == (0, 0 if arrived else 3)
        issued = session.scalar(select(func.count()).where(PromoCode.state == CodeState.ISSUED))
        assert issued == (6 if arrived else 3)
        assert session.scalar(select(func.count()).where(UnknownAttempt.outcome == "person")) == 3
    assert status(runtime, sending) == ("done" if arrived else "sending")
    assert check(runtime.db) == []


def test_what_did_not_arrive_of_a_stopped_one_is_not_sent_and_its_code_stays_with_its_customer(
    runtime: Runtime, sending: int
) -> None:
    ids = over(runtime, sending, failed=0, unknown=2)
    with runtime.db.write() as session:
        session.get_one(Distribution, sending).status = "stopped"
    assert press(runtime, "settle", sending, arrived=False) == 2
    with runtime.db.read() as session:
        assert tally.read(session, sending)[S.CANCELLED] == 2
        codes = session.scalars(select(PromoCode).where(PromoCode.message_id.in_(ids[:2]))).all()
        assert [code.state for code in codes] == [CodeState.ISSUED] * 2
    assert waiting(runtime) == []
    assert check(runtime.db) == []
