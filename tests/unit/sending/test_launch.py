"""Launch: the audience is fixed and codes are blocked before anything is sent, or nothing is changed."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from distribution import launch as launching
from distribution import undoing
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage import tally
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Job,
    Message,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    PromoCodeRepeat,
    PromoCodeStock,
)
from tests.sending import make_customers, make_distribution, make_group, make_provider, start, status

NOWHERE = "http://127.0.0.1:9"


def stock(runtime: Runtime, group_id: int) -> tuple[int, int, int]:
    """Active, blocked, issued."""
    with runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, group_id)
        return row.active, row.blocked, row.issued


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that every launch of a test has several."""
    monkeypatch.setattr(launching, "MESSAGES", 4)
    monkeypatch.setattr(launching, "CODES", 3)
    monkeypatch.setattr(undoing, "CHUNK", 3)


def test_each_recipient_is_bound_to_a_code_and_the_others_have_a_reason(runtime: Runtime, small_chunks: None) -> None:
    group = make_group(runtime, "Summer 10%", 20)
    customers = make_customers(runtime, 12)
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.id == customers[2]).values(consent="opted_out"))
        session.execute(update(Customer).where(Customer.id == customers[5]).values(consent="unknown"))
        session.execute(update(Customer).where(Customer.id == customers[11]).values(phone=None))
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), customers)
    start(runtime, distribution)
    assert status(runtime, distribution) == "sending"
    assert stock(runtime, group) == (11, 9, 0)
    with runtime.db.read() as session:
        reasons = Counter(session.scalars(select(Message.reason).where(Message.state == MessageState.EXCLUDED)))
        assert reasons == {"opted_out": 1, "no_consent": 1, "no_number": 1}
        bound = session.execute(
            select(PromoCode.customer_id, Message.customer_id).join(Message, Message.id == PromoCode.message_id)
        ).all()
        assert len(bound) == 9
        assert all(of_code == of_message for of_code, of_message in bound)
        assert tally.read(session, distribution) == {MessageState.QUEUED: 9, MessageState.EXCLUDED: 3}
    assert check(runtime.db) == []


def test_too_few_codes_leave_no_trace_and_the_missing_number_is_named(runtime: Runtime, small_chunks: None) -> None:
    group = make_group(runtime, "Summer 10%", 7)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 10))
    start(runtime, distribution)
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution)
        assert (row.status, row.status_reason) == ("refused", "3 codes are missing in 'Summer 10%'.")
        assert session.scalar(select(func.count()).select_from(Message)) == 0
    assert stock(runtime, group) == (7, 0, 0)
    assert check(runtime.db) == []


def test_codes_that_run_out_while_they_are_blocked_are_all_given_back(
    runtime: Runtime, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes codes between the look at the stock and the blocking."""
    group = make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 10))
    look = launching._audience_fixed

    def look_and_lose_two(session, runtime, run, row):  # type: ignore[no-untyped-def]
        look(session, runtime, run, row)
        taken = session.scalars(select(PromoCode.id).where(PromoCode.group_id == group).limit(2)).all()
        session.execute(update(PromoCode).where(PromoCode.id.in_(taken)).values(state=CodeState.EXPIRED))
        session.execute(update(PromoCodeStock).values(active=8, expired=2))

    monkeypatch.setattr(launching, "_audience_fixed", look_and_lose_two)
    start(runtime, distribution)
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution)
        assert (row.status, row.status_reason) == ("refused", "2 codes are missing in 'Summer 10%'.")
    assert stock(runtime, group) == (8, 0, 0)
    assert check(runtime.db) == []


def test_an_expired_group_is_refused(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() - timedelta(days=1)
    start(runtime, distribution)
    with runtime.db.read() as session:
        assert session.get_one(Distribution, distribution).status_reason == "The codes of 'Summer 10%' have expired."


def test_what_changed_since_it_was_sealed_is_not_sent(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    with runtime.db.write() as session:
        session.get_one(Distribution, distribution).body += " Now."
    start(runtime, distribution)
    assert status(runtime, distribution) == "draft"


class Killed(BaseException):
    """A kill -9: nothing after it runs."""


@pytest.mark.parametrize("chunk", range(10))
def test_a_launch_killed_between_chunks_goes_on_without_doubling(
    runtime: Runtime, clock: ManualClock, small_chunks: None, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    group = make_group(runtime, "Summer 10%", 20)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 10))
    locks = iter(range(1000))
    lock = launching.lock

    def lock_or_die(session, distribution_id):  # type: ignore[no-untyped-def]
        if next(locks) == chunk:
            raise Killed
        return lock(session, distribution_id)

    monkeypatch.setattr(launching, "lock", lock_or_die)
    try:
        start(runtime, distribution)
    except Killed:
        monkeypatch.setattr(launching, "lock", lock)
        if chunk == 0:  # the very click was lost
            start(runtime, distribution)
    clock.advance(timedelta(minutes=5))
    while runtime.jobs.run_next(runtime):
        pass
    assert status(runtime, distribution) == "sending"
    assert stock(runtime, group) == (10, 10, 0)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 10
    assert check(runtime.db) == []


def test_the_last_code_of_a_group_is_planned_to_be_repeated(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 10)
    customers = make_customers(runtime, 3)
    with runtime.db.write() as session:
        first = session.scalars(select(PromoCode).order_by(PromoCode.id).limit(2)).all()
        for code, issued in zip(first, (timedelta(days=2), timedelta(days=1)), strict=True):
            code.state, code.customer_id = CodeState.ISSUED, customers[0]
            code.issued_at = clock.now() - issued
        session.execute(update(PromoCodeStock).values(active=8, issued=2))
        latest = first[1].id
    body = "Still yours: {{ client.last_promocode('Summer 10%') | default('soon') }}"
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), customers, body=body)
    start(runtime, distribution)
    with runtime.db.read() as session:
        planned = session.execute(select(PromoCodeRepeat.code_id, PromoCodeRepeat.customer_id)).all()
    assert planned == [(latest, customers[0])]
    assert stock(runtime, group) == (8, 0, 2)


def test_two_clicks_launch_once(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    with runtime.db.write() as session:
        assert launching.launch(session, runtime, distribution)
    with runtime.db.write() as session:
        assert not launching.launch(session, runtime, distribution)
        assert session.scalar(select(func.count()).select_from(Job)) == 1


def test_what_is_scheduled_is_launched_when_its_time_has_come(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 2))
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.status, row.send_at = "scheduled", clock.now() + timedelta(hours=1)
    launching.due(runtime)
    assert status(runtime, distribution) == "scheduled"
    clock.advance(timedelta(hours=1))
    launching.due(runtime)
    assert status(runtime, distribution) == "blocking"


def test_stopping_while_codes_are_blocked_gives_all_of_them_back(runtime: Runtime) -> None:
    group = make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 5))
    with runtime.db.write() as session:
        launching.launch(session, runtime, distribution)
    with runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Maya", now=runtime.clock.now())
    while runtime.jobs.run_next(runtime):
        pass
    assert status(runtime, distribution) == "stopped"
    assert stock(runtime, group) == (10, 0, 0)
    assert check(runtime.db) == []


def test_stopping_what_is_over_is_refused_in_words(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 10)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 1))
    with runtime.db.write() as session:
        session.get_one(Distribution, distribution).status = "done"
    with (
        runtime.db.write() as session,
        pytest.raises(Refused, match="'Summer thank-you' cannot be stopped: it is done"),
    ):
        control.stop(session, runtime, distribution, by="Maya", now=clock.now())


def test_codes_go_by_their_order_past_gaps_among_codes_and_recipients(runtime: Runtime, small_chunks: None) -> None:
    """Active codes and messages to be sent are each an ordered list with holes; the nth has the nth."""
    group = make_group(runtime, "Summer 10%", 20)
    people = make_customers(runtime, 12)
    with runtime.db.write() as session:
        codes = list(session.scalars(select(PromoCode.id).order_by(PromoCode.id)))
        revoked = [codes[0], codes[5], codes[6]]
        session.execute(update(PromoCode).where(PromoCode.id.in_(revoked)).values(state=CodeState.REVOKED))
        soon = runtime.clock.now() - timedelta(seconds=1)
        session.execute(update(PromoCode).where(PromoCode.id == codes[9]).values(expires_at=soon))
        session.execute(update(PromoCodeStock).values(active=17, revoked=3))
        session.execute(update(Customer).where(Customer.id.in_([people[1], people[7]])).values(consent="opted_out"))
    start(runtime, make_distribution(runtime, make_provider(runtime, NOWHERE), people))
    wanted = [each for each in codes if each not in (*revoked, codes[9])][:10]
    with runtime.db.read() as session:
        pairs = session.execute(
            select(PromoCode.id, Message.customer_id, PromoCode.customer_id)
            .join(Message, Message.id == PromoCode.message_id)
            .where(Message.state == MessageState.QUEUED, PromoCode.state == CodeState.BLOCKED)
            .order_by(Message.id)
        ).all()
    assert [code for code, _, _ in pairs] == wanted
    assert [of for _, of, _ in pairs] == [of for _, _, of in pairs] == [*people[:1], *people[2:7], *people[8:]]
    assert stock(runtime, group) == (7, 10, 0)
