"""A day at a shop, on which somebody is killed or held at one place; whoever is missing is replaced.

Six distributions are launched by the clock. *Everybody* goes through a gateway that is trouble: it takes texts and
does not say so, takes none and does not say so, refuses one number; its receipts come twice, swapped and early, and
its customers reply. What it refused is sent again by a person. *Some* goes through a slow one; the sender is replaced
meanwhile, as for an upgrade, and a person stops it. *Late* is paused, resumed, and paused again until it is given up.
*None* has too few codes. *Undone* is called back before anything left. *Unheard* goes through a gateway that cannot be
asked: a person looks into its log and says which texts arrived; of those that did not, one is sent again, and one
customer has opted out. Then: nobody was texted twice, all that should have left did, and the gateways' logs, ledger and
invariants agree.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.web.callbacks import Inbox
from distribution import launch, providers, seal
from distribution.check import check
from distribution.clock import ManualClock, SystemClock
from distribution.errors import Refused
from distribution.jobs import Jobs
from distribution.kinds import KINDS
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import callbacks, control, evidence, lifetime
from storage.tables import Batch, BatchState, CallbackInbox, Customer, Distribution, Job, Message, MessageState, Reply
from tests.faults.workers import PATIENCE, Crew, Fault, Killed, Looker, Patience, Sender, Staff, failing, move_on
from tests.gateway import Gateway, Receipts
from tests.sending import make_customers, make_distribution, make_group, make_provider, set_up

EVERYBODY, SOME, LATE, UNDONE, UNHEARD = 24, 150, 3, 3, 3
SLOW = 4.0  # texts a second
REFUSED = "+48600100003"
# Ways in which a gateway leaves us without an answer, some with the text taken and some without.
TROUBLE = ["ok", "500-after-accept", "drop", "ok", "drop-after-accept", "500", "429", "slow"]
RECEIPTS = Receipts(early=0.3, twice=0.3, swapped=0.3, lost=0.2)
AWAY = timedelta(minutes=5)  # how long somebody is away until they are missed, or go on
POISON = "a text that nobody foresaw"

Act = Callable[[Session], object]


class Day:
    """The shop, its staff, and what people do."""

    def __init__(
        self,
        runtime: Runtime,
        gateway: Gateway,
        slow: Gateway,
        machine: SystemClock,
        crew: Crew,
        *,
        receipts: Receipts = RECEIPTS,
    ) -> None:
        self.runtime, self.gateway, self.slow, self.machine, self._crew = runtime, gateway, slow, machine, crew
        gateway.script, gateway.by_number = list(TROUBLE), {REFUSED: "refuse"}
        gateway.receipts, gateway.slow = receipts, 0.05
        # Half a second under way each, four a second: until it is stopped, some are in flight and a batch is in hand.
        slow.script, slow.slow = ["slow"] * SOME, 0.5
        make_group(runtime, "Summer 10%", EVERYBODY + SOME + LATE + UNDONE + UNHEARD + 5)
        make_group(runtime, "Few", 3)
        customers = make_customers(runtime, EVERYBODY + SOME + LATE)
        provider = make_provider(runtime, gateway.url)
        self._provider, self._second = provider, make_provider(runtime, slow.url, rate=SLOW, name="Slow phone")
        self.everybody = make_distribution(runtime, provider, customers[:EVERYBODY])
        self.some = make_distribution(runtime, self._second, customers[EVERYBODY:-LATE])
        self.late = make_distribution(runtime, self._second, customers[-LATE:])
        slow.by_number = {f"+486001{EVERYBODY + SOME + n:05d}": "429" for n in range(LATE)}
        self.undone = make_distribution(runtime, _disabled(runtime), customers[:UNDONE])
        self._unheard_of = make_customers(runtime, UNHEARD, first=EVERYBODY + SOME + LATE)
        self.unheard = make_distribution(runtime, _deaf(runtime, f"{slow.url}/hook"), self._unheard_of)
        what = ("drop-after-accept", "drop", "drop")
        slow.by_number |= dict(zip(map(_number, range(EVERYBODY + SOME + LATE, 10_000)), what, strict=False))
        body = "Hi {{ client.first_name }}, your code: {{ client.promocode('Few') }}"
        self.none = make_distribution(runtime, provider, customers, body=body)
        with runtime.db.write() as session:  # they wait for their time, which has come
            for row in session.scalars(select(Distribution)):
                row.status, row.send_at = "scheduled", runtime.clock.now()
                row.lifetime_minutes = 1 if row.id == self.late else None
                seal.put(session, row)
        self._staff: dict[str, Staff] = {}
        self._hiring = {"sender": self._sender, "clerk": self._clerk, "web": self._web}
        self._patience = Patience()
        self._fault = Fault("", "")
        self._missed = False

    def live(self, fault: Fault) -> None:
        """The whole day, from the launch until nothing is left to do."""
        self._fault = fault
        with failing(fault):
            for role, hire in self._hiring.items():
                self._staff[role] = self._crew.add(hire())
            self._until(self._some_waits)
            resume = partial(control.resume, runtime=self._own())
            for verb, do in (("pause", control.pause), ("resume", resume), ("pause", control.pause)):
                self.act(verb, partial(do, distribution_id=self.late, by="Lee", now=self._now()))
            self.act(
                "call_back",
                lambda session: control.call_back(session, self._own(), self.undone, by="Lee", now=self._now()),
            )
            self._upgrade()
            self._until(self._first_has_theirs)  # who has none yet, and says STOP, gets none
            for customer, body in enumerate(("STOP", "help", POISON, "nice")):
                self._reply(body, customer)
            self._until(lambda session: len(self.slow.accepted) >= 2)
            self._let_go()
            self._until(self._nobody_knows)
            self._settle()
            self.act("stop", lambda session: control.stop(session, self._own(), self.some, by="Lee", now=self._now()))
            self._until(lambda session: _finished(session, self.everybody))
            self.gateway.by_number.clear()
            self.act("retry", lambda session: control.retry_failed(session, self.everybody, by="Lee", now=self._now()))
            self._until(self._over)
            self._let_go()
            while self._asked():  # minutes passed while it was sent again, and again nobody heard of it
                self._settle()
                self._until(self._over)
            self._crew.stop()

    def _call_back(self, session: Session) -> None:
        control.call_back(session, self._own(), self.undone, by="Lee", now=self._now())

    def _settle(self) -> None:
        """A person looks into the gateway's log, and says which texts arrived. One customer opts out meanwhile."""
        there = {text["to"] for text in self.slow.accepted}
        with self.runtime.db.write() as session:
            heard = {row.id: row.phone in there for row in _messages_of(session, self.unheard)}
            session.get_one(Customer, self._unheard_of[-1]).consent = "opted_out"
        self.slow.by_number |= {_number(EVERYBODY + SOME + LATE + n): "ok" for n in range(UNHEARD)}
        for verb, arrived in (("arrived", True), ("lost", False)):
            only = [message_id for message_id, found in heard.items() if found is arrived]
            self.act(verb, partial(self._say, arrived=arrived, only=only))

    def _say(self, session: Session, *, arrived: bool, only: list[int]) -> None:
        now, machine = self._now(), self.machine.now()
        control.settle_unknown(session, self.unheard, arrived=arrived, by="Lee", now=now, machine=machine, only=only)

    def _nobody_knows(self, session: Session) -> bool:
        """Whether what became of all of *unheard* is for a person to say."""
        return evidence.count(session, self.unheard) == UNHEARD

    def _asked(self) -> bool:
        """Whether a person is asked about any."""
        with self.runtime.db.read() as session:
            return evidence.count(session, self.unheard) > 0

    def _let_go(self) -> None:
        """Who is held goes on: now that others have taken over, or when all is over."""
        self._look_after()
        if self._fault.hold and self._fault.struck.is_set():
            self._fault.release()
            end = time.monotonic() + 1  # a click, or a batch that another has: nothing comes of it
            while not self._fault.is_back() and time.monotonic() < end:
                time.sleep(0.01)

    def act(self, verb: str, do: Act) -> None:
        """What a person does with a click; who gets no answer clicks again."""

        def click() -> None:
            with suppress(Killed, Refused), self.runtime.db.write() as session:
                do(session)
                self._fault(f"person.{verb}", "before")
            with suppress(Killed):
                self._fault(f"person.{verb}", "after")

        struck_here = self._fault.place == f"person.{verb}"
        first = threading.Thread(target=click, daemon=True)
        first.start()
        while first.is_alive() and not (struck_here and self._fault.struck.is_set()):
            if not struck_here:  # whoever is held meanwhile may hold what the click waits for
                self._look_after()
            first.join(0.01)
        second = threading.Thread(target=click, daemon=True)
        if struck_here:
            second.start()
            if self._fault.moment == "after":  # nothing is locked any more
                second.join(PATIENCE)
            self._fault.release()
        for thread in (first, second):
            if thread.ident is not None:
                thread.join(PATIENCE)
                assert not thread.is_alive()

    def right(self, folder: Path) -> None:
        """Everybody has one text, with a code that is theirs alone, and everything adds up."""
        log = self.gateway.write(folder / "texts.jsonl").read_text().splitlines()
        slow = self.slow.write(folder / "slow.jsonl").read_text().splitlines()
        wrong = check(self.runtime.db, self.runtime.links, [*log, *slow])
        assert not wrong, wrong
        assert self.gateway.twice() == self.slow.twice() == []
        texts = [text for text in self.gateway.accepted if not text["reference"].startswith("reply-")]
        assert sorted(text["to"] for text in texts) == [_number(n) for n in range(EVERYBODY)]
        with self.runtime.db.read() as session:
            everybody, some = report(session, self.everybody), report(session, self.some)
            assert (everybody.numbers.sent, everybody.numbers.failed) == (EVERYBODY, 0)
            assert [(codes.issued, codes.held) for codes in everybody.codes] == [(EVERYBODY, 0)]
            slow_ones = [text for text in self.slow.accepted if text["to"] < _number(EVERYBODY + SOME + LATE)]
            assert some.numbers.sent == len(slow_ones) < SOME
            assert [(codes.issued, codes.held) for codes in some.codes] == [(len(slow_ones), 0)]
            self._unheard_is_right(session)
            assert session.get_one(Distribution, self.undone).status == "draft"
            assert list(_messages_of(session, self.undone)) == []
            assert report(session, self.late).numbers.excluded == LATE
            assert session.get_one(Distribution, self.none).status == "refused"
            states = session.scalars(select(Reply.answer_state).where(Reply.answer.is_not(None))).all()
            answers = [text for text in self.gateway.accepted if text["reference"].startswith("reply-")]
            # At most once: an answer whose sender was struck in between stays as it is.
            assert len(answers) <= len(states) <= 2

    def _unheard_is_right(self, session: Session) -> None:
        """Two have one text each, and who opted out has none. All three codes stay: no provider said no to any."""
        told = report(session, self.unheard)
        texts = [text["to"] for text in self.slow.accepted if text["to"] >= _number(EVERYBODY + SOME + LATE)]
        assert sorted(texts) == [_number(EVERYBODY + SOME + LATE + n) for n in range(UNHEARD - 1)]
        assert (told.numbers.sent, told.numbers.excluded) == (UNHEARD - 1, 1)
        assert [(codes.issued, codes.returned, codes.held) for codes in told.codes] == [(UNHEARD, 0, 0)]

    def _some_waits(self, session: Session) -> bool:
        """The slow one has texts under way, and a batch in hand beside."""
        open_ = session.scalars(
            select(Batch.state).where(Batch.distribution_id == self.some, Batch.state != BatchState.DONE)
        ).all()
        late = session.get_one(Distribution, self.late).started_at  # before minutes pass, in which it is given up
        undone = session.get_one(Distribution, self.undone).status == "sending"  # its provider is not there
        return BatchState.LEASED in open_ and BatchState.DISPATCHING in open_ and late is not None and undone

    def _first_has_theirs(self, session: Session) -> bool:
        """The first customer's text is known to have left."""
        first = session.get_one(Distribution, self.everybody).first_message_id
        left = (MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED)
        return session.scalar(select(Message.state).where(Message.id == first)) in left

    def _upgrade(self) -> None:
        """The sender leaves in good order, and another begins: as when a new version is rolled out."""
        self._look_after()
        leaving = self._staff["sender"]
        assert isinstance(leaving, Sender)
        leaving.leave()  # it may be struck on its way out
        self._staff["sender"] = self._crew.add(self._sender())
        self._pass()

    def _held(self) -> bool:
        return self._fault.hold and self._fault.struck.is_set() and not self._missed

    def _reply(self, body: str, customer: int) -> None:
        news = {"event": "inbound", "id": f"IN-{body}", "from": f"+486001{customer:05d}", "body": body}
        self.gateway.outbox.append(("", news))

    def _over(self, session: Session) -> bool:
        rows = session.scalars(select(Distribution)).all()
        inbox = session.scalar(select(func.count()).where(CallbackInbox.applied_at.is_(None)))
        replies = session.scalar(select(func.count()).select_from(Reply))
        waiting = session.scalar(select(func.count()).where(Reply.answer_state == "queued"))
        jobs = session.scalar(select(func.count()).where(Job.state.in_(("queued", "running"))))
        finished = all(row.finished_at is not None or row.status == "draft" for row in rows)
        return finished and not (self.gateway.outbox or inbox or waiting or jobs) and (replies or 0) >= 3

    def _until(self, condition: Callable[[Session], bool]) -> None:
        """Wait, with an eye on the staff and the clock."""
        while True:
            self._look_after()
            with self.runtime.db.read() as session:
                if condition(session):
                    return
                open_ = move_on(session, self.machine)
                rows = [(row.status, row.claimed_to) for row in session.scalars(select(Distribution))]
                jobs = session.execute(select(Job.kind, Job.state, Job.lease_until).where(Job.finished_at.is_(None)))
                replies = session.execute(select(Reply.body, Reply.answer_state)).all()
                inbox = session.scalars(select(CallbackInbox.id).where(CallbackInbox.applied_at.is_(None))).all()
                left = (jobs.all(), replies, inbox, len(self.gateway.outbox))
            asked = self.gateway.requests, self.gateway.lookups, self.slow.requests
            if self._patience.wait((rows, open_, left, asked)):
                self._pass()  # somebody left with texts in flight: they are missed in time

    def _look_after(self) -> None:
        """Replace who is dead, and who is held: those go on only after minutes, when others have taken over."""
        for role, each in self._staff.items():
            if not each.alive:
                assert isinstance(each.error, Killed), each.error
                self._pass()
                self._staff[role] = self._crew.add(self._hiring[role]())
        if self._held():
            self._missed = True
            self._pass()
            self._staff = {role: self._crew.add(hire()) for role, hire in self._hiring.items()}
            if self._fault.moment == "before":  # they hold rows, or all of SQLite: the others must wait
                self._fault.release()

    def _pass(self) -> None:
        """Minutes pass: no request of before is under way any more."""
        clock = self.runtime.clock
        assert isinstance(clock, ManualClock)
        with self.gateway.at_rest(), self.slow.at_rest():
            self.machine.offset += AWAY
            clock.advance(AWAY)

    def _own(self) -> Runtime:
        """A runtime with jobs of its own, as a process has it."""
        return replace(self.runtime, jobs=Jobs(self.runtime.clock, KINDS, machine=self.machine))

    def _now(self) -> datetime:
        return self.runtime.clock.now()

    def _sender(self) -> Staff:
        return Sender(self.runtime, self.machine)

    def _clerk(self) -> Staff:
        runtime = self._own()

        def look() -> None:
            launch.due(runtime)
            lifetime.sweep(runtime)
            runtime.jobs.run_next(runtime)

        return Looker(look)

    def _web(self) -> Staff:
        inbox = Inbox(self.runtime)

        def look() -> None:
            for gateway, provider in ((self.gateway, self._provider), (self.slow, self._second)):
                taken: list[tuple[str, dict[str, Any]]] = []
                try:
                    with suppress(IndexError):
                        while len(taken) < 50:
                            taken.append(gateway.outbox.popleft())
                    if taken:
                        inbox._store({provider: [news for _, news in taken]})
                except BaseException:  # not answered: the gateway calls again
                    gateway.outbox.extendleft(reversed(taken))
                    raise

        return Looker(look)


def _number(customer: int) -> str:
    """The number of a customer of `make_customers`."""
    return f"+486001{customer:05d}"


def _messages_of(session: Session, distribution: int) -> Sequence[Message]:
    return session.scalars(select(Message).where(Message.distribution_id == distribution).order_by(Message.id)).all()


def _disabled(runtime: Runtime) -> int:
    """A provider that nothing leaves through."""
    found = make_provider(runtime, "http://127.0.0.1:9", name="Nobody")
    with runtime.db.write() as session:
        providers.enable(session, found, False)
    return found


def _deaf(runtime: Runtime, url: str) -> int:
    """A provider that cannot be asked about texts, and whose receipts do not come."""
    return set_up(runtime, "http", {"api_base_url": url}, name="Webhook", key="a key of sixteen or more")


def _finished(session: Session, distribution: int) -> bool:
    return session.get_one(Distribution, distribution).finished_at is not None


def poisoned(patch: pytest.MonkeyPatch) -> None:
    """One reply breaks us, whoever reads it."""
    take = callbacks.take

    def reading(session: Session, provider_id: int, news: Any, now: datetime) -> None:
        if news.body == POISON:
            raise ValueError(POISON)
        take(session, provider_id, news, now)

    patch.setattr(callbacks, "take", reading)
