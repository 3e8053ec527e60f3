"""A code goes back only when the *provider* said that its text failed (invariant 5). A person's word is not that.

The text may be on the customer's phone all the same: so its code stays the customer's, and works, though nothing counts
as sent.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions
from distribution.customers import erasing
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import control, evidence, lifetime, settle
from distribution.sending.record import Moment
from storage import batches, issuing, messages
from storage.batches import lock
from storage.tables import (
    Batch,
    BatchState,
    CodeState,
    Customer,
    Message,
    MessageState,
    PromoCode,
    UnknownAttempt,
)
from tests.conftest import run_jobs
from tests.sending import make_customers, make_group, make_provider, messages_of
from tests.unit.sending.door import MACHINE, NOWHERE, SAME, intended, launched, leave, recorded, stock, written


class Case:
    """A distribution to two customers whose texts left without an answer, and whom only a person can be asked about."""

    def __init__(self, runtime: Runtime, clock: ManualClock, **more: str) -> None:
        self.runtime, self.clock = runtime, clock
        self.group = make_group(runtime, "Summer 10%", 5)
        self.provider = make_provider(runtime, NOWHERE)
        self.customers = make_customers(runtime, 2)
        self.distribution = launched(runtime, self.provider, self.customers, **more)
        self.lose(self.distribution)

    def lose(self, distribution: int) -> None:
        """Its texts leave, and nobody hears of them."""
        leave(self.runtime, distribution)
        with self.runtime.db.read() as session:
            query = select(Batch).where(Batch.distribution_id == distribution, Batch.state == BatchState.DISPATCHING)
            batch = session.scalars(query).one()
        recorded(self.runtime, distribution, MessageState.UNKNOWN)
        lost = [(message_id, batch.id) for message_id in batch.message_ids]
        with self.runtime.db.write() as session:
            messages.note_unknown(session, distribution, lost, since=MACHINE, look_at=None)

    def not_arrived(self, distribution: int | None = None) -> int:
        """A person says so of all of them."""
        with self.runtime.db.write() as session:
            found = distribution or self.distribution
            now = self.clock.now()
            return control.settle_unknown(session, found, arrived=False, by="Maya", now=now, machine=MACHINE)

    def stop(self) -> None:
        """Somebody stops it."""
        with self.runtime.db.write() as session:
            control.stop(session, self.runtime, self.distribution, by="Maya", now=self.clock.now())
        run_jobs(self.runtime)

    def opt_out(self) -> None:
        """Both opt out; then their texts come to the door again."""
        with self.runtime.db.write() as session:
            session.execute(update(Customer).values(consent="opted_out"))
        assert leave(self.runtime, self.distribution) == []

    def give_up(self) -> None:
        """Their time is over."""
        self.clock.advance(timedelta(hours=25))
        assert lifetime.sweep(self.runtime) == 2

    def refuse(self) -> None:
        """They are sent again, and this time the provider refuses them."""
        assert len(leave(self.runtime, self.distribution)) == 2
        recorded(self.runtime, self.distribution, MessageState.REJECTED)

    def break_them(self) -> None:
        """They cannot be written any more."""
        batch = written(self.runtime, self.distribution)
        assert batch is not None
        poison = [messages.Settled(ready.message_id, MessageState.REJECTED, "render_failed") for ready in batch.ready]
        batch.poison, batch.ready = poison, []
        intended(self.runtime, batch)

    def codes(self) -> list[tuple[int | None, CodeState]]:
        """Whose the codes of its messages are, and how they stand."""
        with self.runtime.db.read() as session:
            ids = messages_of(self.runtime, self.distribution)
            query = select(PromoCode).where(PromoCode.message_id.in_(ids)).order_by(PromoCode.customer_id)
            return [(code.customer_id, code.state) for code in session.scalars(query)]


@pytest.mark.parametrize("ends", [Case.opt_out, Case.stop, Case.give_up, Case.refuse, Case.break_them])
def test_a_code_whose_text_only_a_person_says_did_not_arrive_stays_with_its_customer(
    runtime: Runtime, clock: ManualClock, ends: Callable[[Case], None]
) -> None:
    case = Case(runtime, clock)
    assert case.not_arrived() == 2
    assert stock(runtime, case.group) == (3, 2, 0)
    ends(case)
    assert case.codes() == [(customer, CodeState.ISSUED) for customer in case.customers]
    assert stock(runtime, case.group) == (3, 0, 2)
    with runtime.db.read() as session:
        told = report(session, case.distribution)
    assert told.balance_error is None and told.numbers.sent == 0
    assert [(each.issued, each.returned, each.held, each.kept) for each in told.codes] == [(2, 0, 0, 2)]
    assert check(runtime.db) == []
    with runtime.db.write() as session:  # whoever has the text after all can use the code
        code = session.scalars(select(PromoCode.code).where(PromoCode.customer_id == case.customers[0])).one()
        assert redemptions.redeem(session, code, by="shop", now=clock.now()).code == code
    assert check(runtime.db) == []


def test_so_it_does_where_the_distribution_was_stopped_before_the_person_spoke(
    runtime: Runtime, clock: ManualClock
) -> None:
    case = Case(runtime, clock)
    case.stop()
    assert case.not_arrived() == 2
    assert case.codes() == [(customer, CodeState.ISSUED) for customer in case.customers]
    assert check(runtime.db) == []


def test_of_a_customer_erased_while_their_text_was_on_its_way_only_a_person_can_speak(
    runtime: Runtime, clock: ManualClock
) -> None:
    """Their number is gone: the provider was waited for, and could not be asked, for ever."""
    make_group(runtime, "Summer 10%", 5)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 2)
    distribution = launched(runtime, provider, customers)
    leave(runtime, distribution)
    with runtime.db.write() as session:
        erasing.erase(session, customers[0], "U0ADA", clock.now())
    later = Moment(MACHINE + timedelta(hours=1), clock.now())
    assert settle.sweep(runtime.db, later, {provider: 2.0}) == 2
    asked = settle.claim(runtime, later.machine + timedelta(minutes=1), {provider})
    with runtime.db.read() as session:
        theirs = session.scalars(evidence.open_to_people(distribution)).all()
        people = [session.get_one(Message, each).customer_id for each in (*theirs, *(one.message_id for one in asked))]
    assert people == customers
    assert check(runtime.db) == []


def test_what_the_provider_itself_does_not_have_goes_back(runtime: Runtime, clock: ManualClock) -> None:
    """Absent from its own list, twice: that is its word."""
    case = Case(runtime, clock)
    with runtime.db.write() as session:
        session.execute(update(UnknownAttempt).values(outcome="absent"))
        lock(session, case.distribution)
        ids = messages_of(runtime, case.distribution)
        messages.requeue(session, case.distribution, ids, only=(MessageState.UNKNOWN,))
        batches.send_back(session, case.distribution, ids, not_before=MACHINE, tries=1)
    case.opt_out()
    assert case.codes() == [] and stock(runtime, case.group) == (5, 0, 0)
    assert check(runtime.db) == []


def test_a_code_that_another_text_may_have_carried_stays_too(runtime: Runtime, clock: ManualClock) -> None:
    """The same code until it is redeemed: the first text waits with it, the second may have carried it already."""
    case = Case(runtime, clock)
    outcome_of(runtime, case.distribution, MessageState.REJECTED)
    first = launched(runtime, case.provider, case.customers, code_policy=SAME, subject="First")
    second = launched(runtime, case.provider, case.customers, code_policy=SAME, subject="Second")
    case.lose(second)
    assert case.not_arrived(second) == 2
    case.distribution = second
    case.opt_out()
    with runtime.db.write() as session:
        control.stop(session, runtime, first, by="Maya", now=clock.now())
    run_jobs(runtime)
    assert stock(runtime, case.group) == (3, 0, 2)
    assert check(runtime.db) == []


def outcome_of(runtime: Runtime, distribution: int, state: MessageState) -> None:
    """The unknown texts of a distribution had this outcome: late evidence of its provider."""
    with runtime.db.write() as session:
        ids = messages_of(runtime, distribution)
        lock(session, distribution)
        now = runtime.clock.now()
        messages.advance(session, distribution, [messages.Settled(each, state) for each in ids], now)
        messages.close_unknown(session, ids, outcome="response", at=now)
        issuing.move(session, issuing.Codes(returned=ids), now)


def test_the_checker_sees_a_code_that_went_back_on_a_persons_word(runtime: Runtime, clock: ManualClock) -> None:
    case = Case(runtime, clock)
    case.not_arrived()
    case.opt_out()
    with runtime.db.write() as session:
        session.execute(
            update(PromoCode).values(state=CodeState.ACTIVE, customer_id=None, message_id=None, issued_at=None)
        )
    found = [line for line in check(runtime.db) if "only a person did" in line]
    assert len(found) == 1
