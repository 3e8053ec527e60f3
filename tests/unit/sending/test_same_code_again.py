"""The same code until it is redeemed, where a launch is undone or a text is sent again after a failure."""

import threading
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from distribution import undoing
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions
from distribution.recipients import for_messages
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control
from storage import issuing, live_codes
from storage.batches import lock
from storage.tables import Distribution, Message, PromoCode, PromoCodeRepeat
from tests.sending import messages_of, outcome, status, wait_until_somebody_waits_for_a_lock
from tests.unit.sending.same_code import S, Shop, small_chunks

__all__ = ["small_chunks"]


def undo(runtime: Runtime, distribution: int) -> None:
    """What a launch does that cannot go on: chunk by chunk."""
    run = SimpleNamespace(progress={"phase": "undo", "reason": "too few"})
    with runtime.db.write() as session:
        session.get_one(Distribution, distribution).status = "blocking"
    while run.progress["phase"] != "over":
        with runtime.db.write() as session:
            undoing.undo(session, runtime, run, lock(session, distribution))  # type: ignore[arg-type]


def test_codes_of_a_launch_that_is_undone_stay_with_the_distribution_that_repeats_them(
    runtime: Runtime, small_chunks: None
) -> None:
    shop = Shop(runtime, codes=9, customers=7)
    first = shop.launched(subject="One")
    second = shop.launched(subject="Two")
    codes = shop.texts(second)
    outcome(runtime, messages_of(runtime, second)[:2], S.ACCEPTED)
    undo(runtime, first)
    assert status(runtime, first) == "refused"
    assert shop.texts(second) == codes
    assert shop.stock() == (2, 5, 2)
    assert check(runtime.db) == []
    outcome(runtime, messages_of(runtime, second)[2:6], S.ACCEPTED)
    outcome(runtime, messages_of(runtime, second)[6:], S.REJECTED)
    assert shop.stock() == (3, 0, 6)
    with runtime.db.read() as session:
        (line,) = report(session, second).codes
        assert (line.issued, line.returned, line.held) == (6, 1, 0)
    assert check(runtime.db) == []


def test_codes_that_are_handed_over_count_beside_those_that_their_new_distribution_takes_meanwhile(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began to repeat them after the launch that is undone had looked who does: its counts are held all the same."""
    shop = Shop(runtime, codes=9, customers=2)
    first, second = shop.launched(subject="One"), shop.launched(subject="Two")
    monkeypatch.setattr(live_codes, "carriers", lambda *_: [])
    undoing = threading.Thread(target=undo, args=(runtime, first))
    with runtime.db.write() as session:
        issuing.count_taken(lock(session, second), shop.group, 3)
        session.flush()
        undoing.start()
        if not runtime.db.is_sqlite:
            wait_until_somebody_waits_for_a_lock(runtime)
    undoing.join()
    with runtime.db.read() as session:
        assert session.get_one(Distribution, second).codes_taken == {str(shop.group): 5}


def test_a_launch_that_is_undone_leaves_the_codes_that_it_would_have_repeated(
    runtime: Runtime, small_chunks: None
) -> None:
    shop = Shop(runtime, codes=9, customers=7)
    first = shop.launched(subject="One")
    second = shop.launched(subject="Two")
    outcome(runtime, messages_of(runtime, first)[:3], S.REJECTED)  # their codes wait for the second
    assert shop.stock() == (2, 7, 0)
    undo(runtime, second)
    assert shop.stock() == (5, 4, 0)
    with runtime.db.read() as session:
        assert session.scalars(select(PromoCodeRepeat)).all() == []
    assert check(runtime.db) == []


def test_a_text_that_is_sent_again_after_a_failure_finds_a_code_that_is_live_now(
    runtime: Runtime, clock: ManualClock
) -> None:
    """The code that it was to repeat went back; meanwhile another distribution gave its customer a new one."""
    shop = Shop(runtime, codes=9, customers=2)
    first, second = shop.launched(subject="One"), shop.launched(subject="Two")
    outcome(runtime, messages_of(runtime, first), S.REJECTED)
    outcome(runtime, messages_of(runtime, second), S.REJECTED)
    assert shop.stock() == (9, 0, 0)
    shop.customers = shop.customers[:1]
    third = shop.launched("new", subject="Three")
    outcome(runtime, messages_of(runtime, third), S.ACCEPTED)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, second)
        row.status, row.claimed_to = "done", row.last_message_id
        assert control.retry_failed(session, second, by="Maya", now=clock.now()) == 2
    texts = shop.texts(second)
    assert texts[0] == shop.texts(third)[0]
    assert shop.stock() == (7, 1, 1)
    outcome(runtime, messages_of(runtime, second), S.ACCEPTED)
    assert (shop.stock(), shop.live()) == ((7, 0, 2), 1)
    assert check(runtime.db) == []


@pytest.mark.parametrize("over", ["redeemed", "expired"])
def test_a_text_whose_code_is_good_for_nothing_any_more_is_not_sent_again(
    runtime: Runtime, clock: ManualClock, over: str
) -> None:
    """It was not delivered, or another text with the same code was: its customer has used the code, or it ran out."""
    shop = Shop(runtime, codes=9, customers=2)
    first, second = shop.launched(subject="One"), shop.launched(subject="Two")
    outcome(runtime, messages_of(runtime, second), S.ACCEPTED)
    outcome(runtime, messages_of(runtime, first), S.REJECTED)
    used, other = shop.texts(first)
    with runtime.db.write() as session:
        if over == "redeemed":
            redemptions.redeem(session, used, by="api:shop", now=clock.now())
        else:
            session.scalars(select(PromoCode).where(PromoCode.code == used)).one().expires_at = clock.now()
        row = session.get_one(Distribution, first)
        row.status, row.claimed_to = "done", row.last_message_id
    with runtime.db.write() as session:
        assert control.retry_failed(session, first, by="Maya", now=clock.now()) == 1
    with runtime.db.read() as session:
        again = session.scalars(select(Message).where(Message.state == S.QUEUED)).one()
    assert again.id == messages_of(runtime, first)[1]
    assert shop.texts(first)[1] == other
    assert check(runtime.db) == []


@pytest.mark.parametrize("policy", ["new", "same"])
def test_a_text_that_is_sent_again_has_its_new_code_and_the_last_one_beside_it(
    runtime: Runtime, clock: ManualClock, policy: str
) -> None:
    """The last one was used: it is shown as the last, and never sent as the one to use."""
    shop = Shop(runtime, codes=4, customers=1)
    before = shop.launched()
    outcome(runtime, messages_of(runtime, before), S.ACCEPTED)
    (last,) = shop.texts(before)
    with runtime.db.write() as session:
        redemptions.redeem(session, last, by="api:shop", now=clock.now())
    body = "Thanks for {{ client.last_promocode('Summer 10%') }}. Next: {{ client.promocode('Summer 10%') }}"
    again = shop.launched(policy, body=body)
    outcome(runtime, messages_of(runtime, again), S.REJECTED)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, again)
        row.status, row.claimed_to = "done", row.last_message_id
        assert control.retry_failed(session, again, by="Maya", now=clock.now()) == 1
    with runtime.db.read() as session:
        row = session.get_one(Distribution, again)
        (written,) = for_messages(session, row, messages_of(runtime, again), runtime.links)
    assert written.recipient.last_codes["summer 10%"].code == last
    assert written.recipient.codes["summer 10%"].code != last
    assert check(runtime.db) == []
