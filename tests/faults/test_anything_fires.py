"""Whatever happens to a live distribution, in whatever order: each event sets it off once, and nobody is forgotten.

A Hypothesis state machine over the real engine on SQLite: customers do things that are told late, early, twice and out
of order; people pause, resume with what piled up or without, edit and set live anew, decide on what is late; it is held
up; the clock goes forward, back, and on without us. After each step nothing was done that may not be; in the end
whatever was told in time has been looked at, and what was not to be sent has not been.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select, update

from distribution import events, seal, settings
from distribution.automatic import due, firing, held_up, live, outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions
from distribution.errors import Refused
from distribution.launch import launch
from distribution.sending import control
from storage.tables import (
    Customer,
    Distribution,
    Event,
    Message,
    MessageState,
    Planned,
    PlannedState,
    PromoCode,
    Touched,
)
from tests.conftest import NOON
from tests.faults.stateful import DAYS, InAShop, try_out
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import make_live
from tests.unit.automatic.reminded import AFTER_A_DAY, sent
from tests.unit.sending.door import NOWHERE

CUSTOMERS = 3
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CART, PAID = "cart_abandoned", "order_paid"
SENT = (MessageState.ACCEPTED, MessageState.DELIVERED)
REENTRIES: dict[str, timedelta] = {"always": timedelta(), "once": timedelta.max, "days": 2 * DAY}


class Told(NamedTuple):
    """An event as it was told."""

    source_id: str
    customer_id: int
    name: str
    at: datetime
    received_at: datetime


class AnythingFires(InAShop):
    """A shop that texts who abandons a cart."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = ManualClock(NOON)
        self.told: dict[int, Told] = {}
        self.owed: set[int] = set()  # those that counted when they were told
        self.family: list[int] = []
        self.never: set[int] = set()  # events that somebody does not want to hear of any more
        self.looked: set[int] = set()  # reminders that were seen to be made

    @initialize(
        reentry=st.sampled_from(sorted(REENTRIES)),
        delay=st.sampled_from([0, 60]),
        unless=st.booleans(),
        reminders=st.booleans(),
    )
    def open_the_shop(self, reentry: str, delay: int, unless: bool, reminders: bool) -> None:
        make_group(self.runtime, "Summer 10%", 400)
        self.customers = make_customers(self.runtime, CUSTOMERS)
        delay = 60 if unless else delay  # what calls it off needs time to happen
        trigger: dict[str, Any] = {"kind": "event", "event": CART, "delay": delay, "reentry": reentry}
        trigger |= {"days": 2} if reentry == "days" else {}
        trigger |= {"unless": {"event": PAID}} if unless else {}
        more = {"reminders": list(AFTER_A_DAY)} if reminders else {}
        body = "Hi {{ client.promocode('Summer 10%') }}"
        provider = make_provider(self.runtime, NOWHERE)
        self.family = [make_live(self.runtime, provider, trigger, body=body, **more)]
        self.apart, self.delay, self.unless, self.since = REENTRIES[reentry], delay * MINUTE, unless, self.clock.now()
        outage.look(self.runtime, self.machine)

    # What customers do.

    @rule(
        who=st.integers(0, CUSTOMERS - 1),
        name=st.sampled_from([CART, CART, CART, PAID]),
        ago=st.sampled_from([0, 0, 0, 1, 50, 90, 20 * 60, 26 * 60, -30]),
    )
    def do(self, who: int, name: str, ago: int) -> None:
        now = self.clock.now()
        told = Told(f"e{len(self.told)}", self.customers[who], name, now - ago * MINUTE, now)
        assert self._tell(told) == "recorded"
        with self.db.read() as session:
            event_id = session.scalars(select(Event.id).where(Event.source_id == told.source_id)).one()
        self.told[event_id] = told
        if self._counts(told):
            self.owed.add(event_id)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def tell_again(self, data: st.DataObject) -> None:
        assert self._tell(data.draw(st.sampled_from(list(self.told.values())))) == "again"

    @rule(nth=st.integers(0, 5))
    def redeem(self, nth: int) -> None:
        with self.db.read() as session:
            codes = session.scalars(select(PromoCode.code).where(PromoCode.customer_id.is_not(None))).all()
        if nth < len(codes):
            self.attempt(lambda session: redemptions.redeem(session, codes[nth], by="till", now=self.clock.now()))

    @rule(who=st.integers(0, CUSTOMERS - 1), given=st.booleans())
    def opt_out_or_in(self, who: int, given: bool) -> None:
        with self.db.write() as session:
            said = "given" if given else "opted_out"
            session.execute(update(Customer).where(Customer.id == self.customers[who]).values(consent=said))

    # What the clock does.

    @rule()
    def look(self) -> None:
        firing.look(self.runtime)

    @rule()
    def make(self) -> None:
        due.look(self.runtime)

    @rule(state=st.sampled_from([MessageState.ACCEPTED, MessageState.ACCEPTED, MessageState.REJECTED]))
    def leave(self, state: MessageState) -> None:
        before = self._sent()
        for distribution in self.family:
            sent(self.runtime, distribution, state)
        self._right_to_send(self._sent() - before)

    @rule(minutes=st.sampled_from([1, 30, 61, 6 * 60, 25 * 60]))
    def time_passes(self, minutes: int) -> None:
        """And promobot runs: the machine's clock shows no gap."""
        self.clock.advance(minutes * MINUTE)

    @rule(minutes=st.sampled_from([1, 45, 3 * 60]))
    def the_clock_goes_back(self, minutes: int) -> None:
        self.clock.advance(-minutes * MINUTE)

    @rule(hours=st.sampled_from([1, 5, 30]))
    def nothing_runs(self, hours: int) -> None:
        self.clock.advance(hours * HOUR)
        self.machine.advance(hours * HOUR)
        outage.look(self.runtime, self.machine)

    @rule()
    def run_jobs(self) -> None:
        self.work()

    # What people do.

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]))
    def pause(self, which: int) -> None:
        if which < len(self.family):
            self.attempt(lambda session: control.pause(session, self._newest(which), by="Lee", now=self.clock.now()))

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]), drop=st.booleans())
    def resume(self, which: int, drop: bool) -> None:
        if which < len(self.family):
            unwanted = self._piled(self._newest(which)) if drop else set()
            if self._resume(self._newest(which), control.DROP if drop else control.SEND):
                self.never |= unwanted

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]))
    def cannot_go_on(self, which: int) -> None:
        if which < len(self.family):
            held_up.hold(self.runtime, self._newest(which), Refused("Its group is gone."))

    @rule(who=st.integers(0, CUSTOMERS - 1), times=st.integers(1, 3), drop=st.booleans())
    def it_stands_still_meanwhile(self, who: int, times: int, drop: bool) -> None:
        self.cannot_go_on(0)
        for _ in range(times):
            self.do(who, CART, 0)
        self.resume(0, drop)

    @precondition(lambda self: len(self.family) < 4)
    @rule()
    def edit(self) -> None:
        """Another text, set live at once."""
        now = self.clock.now()
        with self.db.write() as session:
            draft = live.edit(session, self.family[-1], by="U0MAYA", now=now)
            draft.body = "Hi again {{ client.promocode('Summer 10%') }}"
            draft.status = "pending"
            seal.put(session, draft)
            launch(session, self.runtime, draft.id)
            self.family.append(draft.id)
            self.since = min(self.since, now)  # the clock may have gone back since the first was set live

    @rule(which=st.sampled_from([0, 0, 0, 1, 2]), send=st.booleans())
    def decide_on_what_is_late(self, which: int, send: bool) -> None:
        if which < len(self.family):
            word = outage.send_now if send else outage.cancel
            at = self.clock.now()
            self.attempt(lambda session: word(session, self.runtime, self._newest(which), by="Maya", now=at))

    # What must be so.

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        wrong = check(self.db)
        assert not wrong, wrong

    @invariant()
    def nothing_fires_twice(self) -> None:
        firsts = self._firsts()
        by_event = [each.event_id for each in firsts]
        assert len(by_event) == len(set(by_event))
        standing = [each for each in firsts if each.state is not PlannedState.DROPPED]
        for one, other in combinations(standing, 2):
            if one.customer_id == other.customer_id:
                assert abs(one.fired_at - other.fired_at) >= self.apart, (one.fired_at, other.fired_at)

    @invariant()
    def what_nobody_wants_to_hear_of_is_not_sent(self) -> None:
        made = {each.event_id for each in self._firsts() if each.state is PlannedState.MADE}
        assert not made & self.never

    @invariant()
    def a_reminder_follows_its_first_text(self) -> None:
        """Known to be sent, of a code that is not used, when it is made."""
        with self.db.read() as session:
            found = (Message.distribution_id.in_(self.family), Message.step > 0, Message.id.not_in(self.looked))
            for message in session.scalars(select(Message).where(*found)):
                same = (
                    Message.distribution_id == message.distribution_id,
                    Message.customer_id == message.customer_id,
                    Message.occurrence == message.occurrence,
                    Message.step == 0,
                )
                first = session.scalars(select(Message).where(*same)).one()
                assert first.state in SENT
                used = select(PromoCode.redeemed_at).where(PromoCode.message_id == first.id)
                assert session.scalars(used).all() == [None]
                self.looked.add(message.id)

    def began(self) -> bool:
        return bool(self.family)

    def finish(self) -> None:
        """All is well from now on: what waits is sent, or is known not to be."""
        with self.db.write() as session:
            session.execute(update(Customer).values(consent="given"))
        for _ in range(40):
            for distribution in self.family:
                self._resume(distribution, control.SEND)
                self.attempt(
                    lambda session, id_=distribution: outage.send_now(
                        session, self.runtime, id_, by="Maya", now=self.clock.now()
                    )
                )
            self.work()
            self.look()
            self.make()
            self.leave(MessageState.ACCEPTED)
            self.clock.advance(7 * HOUR)
            if not self._open():
                break
        self.all_is_as_it_should_be()
        self.nothing_fires_twice()
        self.what_nobody_wants_to_hear_of_is_not_sent()
        self.a_reminder_follows_its_first_text()
        firsts = self._firsts()
        assert {each.state for each in firsts} <= {PlannedState.MADE, PlannedState.DROPPED}
        fired = {each.event_id for each in firsts}
        for event_id, told in self.told.items():
            if event_id in self.owed and event_id not in fired:
                near = [each.fired_at for each in firsts if each.customer_id == told.customer_id]
                assert any(abs(at - told.at) < self.apart for at in near), told
            assert event_id not in fired or self._counts(told), told

    def _newest(self, which: int) -> int:
        """The live distribution, or one that it took over from."""
        return self.family[-1 - which]

    def _tell(self, told: Told) -> str:
        """Tell of an event, as a system does."""
        with self.db.write() as session:
            phone = session.get_one(Customer, told.customer_id).phone
            row = {"source_id": told.source_id, "customer": phone, "name": told.name, "at": told.at.isoformat()}
            (answer,) = events.record(session, [row], now=self.clock.now())
        return answer.status

    def _counts(self, told: Told) -> bool:
        """Whether an event is one that sets the distribution off."""
        with self.db.read() as session:
            oldest = timedelta(hours=settings.get(session, "trigger.oldest"))
        return told.name == CART and told.at >= self.since and told.at >= told.received_at - oldest

    def _piled(self, distribution: int) -> set[int]:
        """The events that a person who wants only what comes from now on does not want to hear of any more."""
        now, firsts = self.clock.now(), self._firsts()
        open_ = (PlannedState.WAITING, PlannedState.DRY)
        mine = [each for each in firsts if each.distribution_id == distribution]
        piled = {each.event_id or 0 for each in mine if each.state in open_ and each.due_at <= now}
        if distribution != self.family[-1]:
            return piled
        fired = {each.event_id for each in firsts}
        new = {event_id: told for event_id, told in self.told.items() if event_id not in fired and self._counts(told)}
        return piled | {id_ for id_, told in new.items() if max(told.at + self.delay, told.received_at) <= now}

    def _resume(self, distribution: int, piled: str) -> bool:
        """Resume one that is paused; whether it was."""
        with self.db.read() as session:
            paused = session.get_one(Distribution, distribution).status == "paused"
        now = self.clock.now()
        return paused and self.attempt(
            lambda session: control.resume(session, self.runtime, distribution, by="Lee", now=now, piled=piled)
        )

    def _firsts(self) -> Sequence[Planned]:
        """The first texts that were planned."""
        with self.db.read() as session:
            mine = (Planned.distribution_id.in_(self.family), Planned.step == 0)
            return session.scalars(select(Planned).where(*mine).order_by(Planned.id)).all()

    def _open(self) -> bool:
        """Whether anything is to come: an event that is still to be, a planned text, a message that waits."""
        if any(told.at > self.clock.now() for told in self.told.values()):
            return True
        done = (PlannedState.MADE, PlannedState.DROPPED)
        with self.db.read() as session:
            planned = select(Planned.id).where(Planned.distribution_id.in_(self.family), Planned.state.not_in(done))
            waits = (Message.distribution_id.in_(self.family), Message.state == MessageState.QUEUED)
            noted = select(Touched.id).limit(1)
            return any(
                session.scalars(each).first() for each in (planned.limit(1), select(Message.id).where(*waits), noted)
            )

    def _sent(self) -> set[int]:
        """The messages that were sent."""
        with self.db.read() as session:
            mine = (Message.distribution_id.in_(self.family), Message.state.in_(SENT))
            return set(session.scalars(select(Message.id).where(*mine)))

    def _right_to_send(self, message_ids: set[int]) -> None:
        """Nobody who opted out was texted, and nobody who has paid since."""
        with self.db.read() as session:
            rows = session.execute(
                select(Message.customer_id, Message.step, Planned.fired_at, Customer.consent)
                .join(Planned, Planned.message_id == Message.id)
                .join(Customer, Customer.id == Message.customer_id)
                .where(Message.id.in_(message_ids))
            ).all()
        for customer_id, step, fired_at, consent in rows:
            assert consent == "given"
            until = max(fired_at + self.delay, self.clock.now())
            paid = [each.at for each in self.told.values() if each.name == PAID and each.customer_id == customer_id]
            assert step or not self.unless or not any(fired_at <= at <= until for at in paid), (fired_at, paid)


@DAYS
def test_whatever_happens_each_event_fires_once_and_nobody_is_forgotten(
    sqlite_template: Path, days: int, steps: int
) -> None:
    try_out(AnythingFires, sqlite_template, days, steps)
