"""The same code until it is redeemed: never two live codes for one customer from one group, whoever is quicker."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution import launch as launching
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions, replacing
from distribution.recipients import for_messages
from distribution.report import report
from distribution.runtime import Runtime
from storage.tables import CodeState, Distribution, PromoCode, PromoCodeGroup, PromoCodeRepeat
from tests.sending import make_customers, messages_of, outcome, status, wait_until_somebody_waits_for_a_lock
from tests.unit.sending.same_code import S, Shop, small_chunks

__all__ = ["small_chunks"]


def test_who_can_still_use_a_code_gets_that_one_again_and_the_others_a_new_one(
    runtime: Runtime, clock: ManualClock, small_chunks: None
) -> None:
    shop = Shop(runtime, codes=20, customers=8)
    first = shop.launched("new")
    outcome(runtime, messages_of(runtime, first), S.ACCEPTED)
    before = shop.texts(first)
    with runtime.db.write() as session:
        redemptions.redeem(session, before[0], by="api:shop", now=clock.now())
        replacing.revoke(session, before[1], why="leaked", by="U0ADA", now=clock.now())
        code = session.scalars(select(PromoCode).where(PromoCode.code == before[2])).one()
        code.expires_at = clock.now()
        replaced = replacing.replace(session, before[3], why="lost", by="U0ADA", now=clock.now()).new.code
    second = shop.launched("same")
    now = shop.texts(second)
    assert now[4:] == before[4:]
    assert now[3] == replaced
    assert set(now[:3]).isdisjoint(before)
    outcome(runtime, messages_of(runtime, second), S.ACCEPTED)
    with runtime.db.read() as session:
        found = report(session, second)
        assert (found.repeated, [line.issued for line in found.codes]) == (5, [3])
        assert {row.issued_at for row in session.scalars(select(PromoCodeRepeat))} == {clock.now()}
    assert check(runtime.db) == []


def test_a_new_code_each_time_is_the_policy_unless_said_otherwise(runtime: Runtime) -> None:
    shop = Shop(runtime, codes=6, customers=3)
    outcome(runtime, messages_of(runtime, shop.launched("new")), S.ACCEPTED)
    outcome(runtime, messages_of(runtime, shop.launched("new")), S.ACCEPTED)
    assert (shop.stock(), shop.live()) == ((0, 0, 6), 2)


def test_codes_are_needed_only_for_those_who_have_none(runtime: Runtime, small_chunks: None) -> None:
    shop = Shop(runtime, codes=5, customers=5)
    first = shop.launched()
    outcome(runtime, messages_of(runtime, first), S.ACCEPTED)
    again = shop.launched()
    assert status(runtime, again) == "sending"
    shop.customers += make_customers(runtime, 2, first=5)
    lacking = shop.launched()
    with runtime.db.read() as session:
        row = session.get_one(Distribution, lacking)
        assert (row.status, row.status_reason) == ("refused", "2 codes are missing in 'Summer 10%'.")
    assert shop.stock() == (0, 0, 5)
    assert check(runtime.db) == []


def test_two_distributions_launched_at_once_carry_one_code_to_each_customer(
    runtime: Runtime, small_chunks: None
) -> None:
    """Two processes run the two launches, chunk against chunk."""
    shop = Shop(runtime, codes=20, customers=10)
    both = [shop.sealed(subject="One"), shop.sealed(subject="Two")]
    with runtime.db.write() as session:
        for distribution in both:
            launching.launch(session, runtime, distribution)
    threads = [threading.Thread(target=lambda: runtime.jobs.run_next(runtime)) for _ in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status(runtime, distribution) for distribution in both] == ["sending", "sending"]
    assert shop.stock() == (10, 10, 0)
    assert shop.live() == 1
    assert shop.texts(both[0]) == shop.texts(both[1])
    assert check(runtime.db) == []
    for distribution in both:
        outcome(runtime, messages_of(runtime, distribution), S.ACCEPTED)
    assert shop.stock() == (10, 0, 10)
    assert check(runtime.db) == []


@pytest.mark.parametrize("way", ["replace", "give"])
def test_a_code_that_a_person_gives_while_a_distribution_is_launched_is_the_one_that_it_sends(
    runtime: Runtime, clock: ManualClock, way: str
) -> None:
    """The launch looks while the person's transaction has not committed: it waits, and sees what came of that."""
    shop = Shop(runtime, codes=4, customers=1)
    if way == "replace":
        outcome(runtime, messages_of(runtime, shop.launched()), S.ACCEPTED)
    again = shop.sealed()
    with runtime.db.write() as session:
        launching.launch(session, runtime, again)
    job = threading.Thread(target=lambda: runtime.jobs.run_next(runtime))
    with runtime.db.write() as session:
        if way == "replace":
            (old,) = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.ISSUED))
            given = replacing.replace(session, old, why="lost", by="U0ADA", now=clock.now()).new.code
        else:
            (customer,) = shop.customers
            given = replacing.give(
                session, shop.group, customer, why="sorry", by="U0ADA", now=clock.now(), request="form 1"
            ).code.code
        job.start()
        if not runtime.db.is_sqlite:  # there the job waits for its turn to write
            wait_until_somebody_waits_for_a_lock(runtime)
    job.join()
    assert shop.texts(again) == [given]
    assert shop.live() == 1
    assert check(runtime.db) == []


@pytest.mark.parametrize("turned", [False, True])
def test_a_code_that_two_messages_carry_goes_back_only_when_neither_left(runtime: Runtime, turned: bool) -> None:
    """Each customer is a case: what became of the message that the code is bound to, and of the one that repeats it."""
    firsts, seconds = (S.REJECTED, S.ACCEPTED, S.UNKNOWN, S.CANCELLED), (S.REJECTED, S.ACCEPTED)
    cases = [(first, second) for first in firsts for second in seconds]
    shop = Shop(runtime, codes=len(cases), customers=len(cases))
    both = [shop.launched(subject="One"), shop.launched(subject="Two")]
    for place in (1, 0) if turned else (0, 1):
        ids = messages_of(runtime, both[place])
        for state in firsts:
            outcome(runtime, [each for each, case in zip(ids, cases, strict=True) if case[place] is state], state)
    with runtime.db.read() as session:
        owners = {code.customer_id: code.state for code in session.scalars(select(PromoCode)) if code.customer_id}
        planned = {plan.customer_id for plan in session.scalars(select(PromoCodeRepeat))}
    for customer, case in zip(shop.customers, cases, strict=True):
        state = CodeState.ISSUED if S.ACCEPTED in case else CodeState.BLOCKED if S.UNKNOWN in case else None
        assert owners.get(customer) == state, case
        assert (customer in planned) == (state is not None), case
    assert [line for line in check(runtime.db) if "no open question" not in line] == []


def test_a_code_whose_days_count_from_its_issue_has_them_whichever_message_leaves_first(
    runtime: Runtime, clock: ManualClock
) -> None:
    shop = Shop(runtime, codes=4, customers=2)
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, shop.group).validity_days = 7
    bound, repeats = shop.launched(), shop.launched()
    outcome(runtime, messages_of(runtime, repeats)[:1], S.ACCEPTED)
    clock.advance(timedelta(days=1))
    outcome(runtime, messages_of(runtime, bound), S.ACCEPTED)
    with runtime.db.read() as session:
        codes = session.scalars(select(PromoCode).where(PromoCode.state == CodeState.ISSUED).order_by(PromoCode.id))
        assert [code.expires_at for code in codes] == [clock.now() + timedelta(days=6), clock.now() + timedelta(days=7)]
    clock.advance(timedelta(days=6))  # the first is over, the second is not
    again = shop.launched()
    texts = shop.texts(again)
    assert texts[1] == shop.texts(bound)[1]
    assert texts[0] != shop.texts(bound)[0]


def test_the_last_code_is_left_out_where_it_is_worth_nothing(runtime: Runtime, clock: ManualClock) -> None:
    shop = Shop(runtime, codes=4, customers=3)
    outcome(runtime, messages_of(runtime, shop.launched()), S.ACCEPTED)
    codes = shop.texts(messages_of_first(runtime))
    with runtime.db.write() as session:
        replacing.revoke(session, codes[0], why="leaked", by="U0ADA", now=clock.now())
        session.scalars(select(PromoCode).where(PromoCode.code == codes[1])).one().expires_at = clock.now()
        redemptions.redeem(session, codes[2], by="api:shop", now=clock.now())
    body = "Your code: {{ client.last_promocode('Summer 10%') }}."
    again = shop.launched("new", body=body)
    with runtime.db.read() as session:
        written = for_messages(
            session, session.get_one(Distribution, again), messages_of(runtime, again), runtime.links
        )
        assert [each.recipient.last_codes.get("summer 10%") for each in written[:2]] == [None, None]
        assert written[2].recipient.last_codes["summer 10%"].code == codes[2]


def messages_of_first(runtime: Runtime) -> int:
    """The first distribution."""
    with runtime.db.read() as session:
        return session.scalars(select(Distribution.id).order_by(Distribution.id)).first() or 0
