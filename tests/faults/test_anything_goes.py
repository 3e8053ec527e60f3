"""Whatever people, customers, gateways and clocks do, in whatever order: the invariants hold after each step.

A Hypothesis state machine over the real engine on SQLite: two workers take turns, post and die; a gateway takes texts
and says so or not; callbacks come twice, in any order, or never; people pause, stop, retry, redeem, replace and erase.
After each step `promobot check` looks, with the gateway's own log; in the end all that waits must come to an end.
"""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.check import check
from distribution.codes import redemptions, replacing
from distribution.customers import erasing
from distribution.providers.port import Arrival, Found, Kind, LookUpFailed, Outcome
from distribution.providers.sandbox import SandboxProvider
from distribution.sending import callbacks, control, lifetime, replies, settle
from distribution.sending.options import Options
from distribution.sending.prepare import Prepared, Ready, prepare
from distribution.sending.record import NOT_SENT, Held, Moment, Result
from distribution.sending.status import finish_if_over
from distribution.sending.turn import Asked, take_turn
from storage.batches import lock
from storage.tables import Distribution, PromoCode
from tests.conftest import NOON
from tests.faults.stateful import DAYS, InAShop, try_out
from tests.gateway import callback_of, line_of
from tests.sending import make_customers, make_distribution, make_group, make_provider, start

OPTIONS = Options(batch=3, most=3)
LISTED = 2.0  # seconds within which the gateway lists what it took
CUSTOMERS = 6
BODIES = (
    "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}",
    "Hi {{ client.first_name }}, again: {{ client.last_promocode('Summer 10%') }}",
)
ANSWERS = {
    "ok": Outcome(Kind.ACCEPTED, None, "ref"),
    "refused": Outcome(Kind.REJECTED, "invalid_number"),
    "later": Outcome(Kind.LATER, "rate_limited", retry_after=1.0),
    "taken, not said": Outcome(Kind.UNKNOWN, "timeout"),
    "lost": Outcome(Kind.UNKNOWN, "connection_lost"),
}
TAKEN = ("ok", "taken, not said", "taken, dead")


class Worker:
    """A lane without sockets: what it has in hand, between its turns."""

    def __init__(self) -> None:
        self.owner = uuid.uuid4().hex
        self.prepared: Prepared | None = None
        self.ready: list[tuple[Held, Ready]] = []
        self.results: list[Result] = []
        self.held: list[Held] = []


class AnythingGoes(InAShop):
    """One shop."""

    def __init__(self) -> None:
        super().__init__()
        self.provider = SandboxProvider("http://gateway", "PROMO")
        self.workers = [Worker(), Worker()]
        self.taken: list[dict[str, Any]] = []  # the gateway's log
        self.news: list[dict[str, Any]] = []  # callbacks that have not come yet
        self.distributions: list[int] = []

    @initialize()
    def open_the_shop(self) -> None:
        make_group(self.runtime, "Summer 10%", 3 * CUSTOMERS)
        self.customers = make_customers(self.runtime, CUSTOMERS)
        self.provider_id = make_provider(self.runtime, "http://gateway")

    # What people do.

    @precondition(lambda self: len(self.distributions) < 3)
    @rule(body=st.sampled_from(BODIES), policy=st.sampled_from(["new", "same"]), size=st.integers(1, CUSTOMERS))
    def block(self, body: str, policy: str, size: int) -> None:
        chosen = self.customers[:size]
        made = make_distribution(self.runtime, self.provider_id, chosen, body=body, code_policy=policy)
        start(self.runtime, made)
        self.distributions.append(made)

    @rule(which=st.integers(0, 2), verb=st.sampled_from(["pause", "resume", "stop", "retry"]))
    def click(self, which: int, verb: str) -> None:
        verbs: dict[str, Callable[[Session, int], object]] = {
            "pause": lambda session, id_: control.pause(session, id_, by="Lee", now=self.clock.now()),
            "resume": lambda session, id_: control.resume(session, self.runtime, id_, by="Lee", now=self.clock.now()),
            "stop": lambda session, id_: control.stop(session, self.runtime, id_, by="Lee", now=self.clock.now()),
            "retry": lambda session, id_: control.retry_failed(session, id_, by="Lee", now=self.clock.now()),
        }
        if which < len(self.distributions):
            self.attempt(lambda session: verbs[verb](session, self.distributions[which]))

    @rule()
    def run_jobs(self) -> None:
        self.work()

    @rule(nth=st.integers(0, 20), verb=st.sampled_from(["redeem", "roll back", "replace", "revoke"]))
    def treat_a_code(self, nth: int, verb: str) -> None:
        now = self.clock.now()
        with self.db.read() as session:
            issued = session.scalars(
                select(PromoCode.code).where(PromoCode.customer_id.is_not(None)).order_by(PromoCode.id)
            ).all()
        if nth >= len(issued):
            return
        verbs: dict[str, Callable[[Session, str], object]] = {
            "redeem": lambda session, code: redemptions.redeem(session, code, by="U0ADA", now=now),
            "roll back": lambda session, code: redemptions.roll_back(session, code, why="back", by="U0ADA", now=now),
            "replace": lambda session, code: replacing.replace(session, code, why="lost", by="U0ADA", now=now),
            "revoke": lambda session, code: replacing.revoke(session, code, why="leaked", by="U0ADA", now=now),
        }
        self.attempt(lambda session: verbs[verb](session, issued[nth]))

    @rule(nth=st.integers(0, CUSTOMERS - 1))
    def erase(self, nth: int) -> None:
        self.attempt(lambda session: erasing.erase(session, self.customers[nth], "U0ADA", self.clock.now()))

    # What the workers do.

    @rule(nth=st.integers(0, 1))
    def take_a_turn(self, nth: int) -> None:
        worker, at = self.workers[nth], self._at()
        results, worker.results = worker.results, []
        watched = {held.lease.distribution_id for held in worker.held}
        watched |= {worker.prepared.lease.distribution_id} if worker.prepared else set()
        asked = Asked(results, worker.prepared, OPTIONS.batch, [], frozenset(watched), {})
        with self.db.write() as session:
            done = take_turn(
                session,
                asked,
                provider_id=self.provider_id,
                owner=worker.owner,
                at=at,
                options=OPTIONS,
                listed_within=LISTED,
            )
        for held, message_id, _ in results:
            held.left.discard(message_id)
        worker.held = [held for held in worker.held if held.left]
        for held in worker.held:
            held.called_off |= done.statuses.get(held.lease.distribution_id) != "sending"
        if worker.prepared is not None and done.wait is None:
            lease, repeats = worker.prepared.lease, worker.prepared.repeats
            worker.prepared = None
            if done.going and not done.lost:
                deadline = at.machine.timestamp() + OPTIONS.window
                held = Held(lease, deadline, repeats, {ready.message_id for ready, _ in done.going})
                worker.held.append(held)
                worker.ready += [(held, ready) for ready, _ in done.going]
        if done.leased is not None:
            with self.db.read() as session:
                callback = self.runtime.links.callback(self.provider_id)
                worker.prepared = prepare(session, self.runtime.links, self.provider, callback, done.leased, at)

    @rule(nth=st.integers(0, 1), answer=st.sampled_from([*ANSWERS, "taken, dead", "ok", "ok", "ok"]))
    def post(self, nth: int, answer: str) -> None:
        worker = self.workers[nth]
        if not worker.ready:
            return
        held, ready = worker.ready.pop(0)
        if held.called_off or self.clock.now().timestamp() > held.deadline:
            worker.results.append(Result(held, ready.message_id, NOT_SENT))
            return
        if answer in TAKEN:
            text = json.loads(ready.body)
            text |= {"id": f"SM{len(self.taken)}", "time": self.clock.now().isoformat(), "status": "accepted"}
            self.taken.append(text)
            self.news += [callback_of(text, state, NOON) for state in ("accepted", "delivered")]
        if answer == "taken, dead":
            self.workers[nth] = Worker()
        else:
            worker.results.append(Result(held, ready.message_id, ANSWERS[answer]))

    @rule(nth=st.integers(0, 1))
    def kill(self, nth: int) -> None:
        self.workers[nth] = Worker()

    @rule(readable=st.sampled_from([True, True, True, False]))
    def ask(self, readable: bool) -> None:
        """Look for what was left behind, and ask the gateway about what is unknown."""
        within = {self.provider_id: LISTED}
        settle.sweep(self.db, self._at(), within)
        claimed = settle.claim(self.runtime, self.clock.now(), {self.provider_id})
        there = {text["reference"]: text["id"] for text in self.taken}
        answers: list[tuple[settle.Open, Found | LookUpFailed | None]] = []
        for item in claimed:
            ref = there.get(item.sought.attempt_id)
            found = Found(ref, Arrival.ACCEPTED) if ref else None
            answers.append((item, found if readable else LookUpFailed("the gateway answered 503")))
        settle.conclude(self.db, answers, self._at(), within)

    @rule()
    def give_up_what_is_over(self) -> None:
        lifetime.sweep(self.runtime)

    # What the gateway, the customers and the clock do.

    @precondition(lambda self: self.news)
    @rule(nth=st.integers(0, 100), what=st.sampled_from(["once", "twice", "failed", "lost"]))
    def call_back(self, nth: int, what: str) -> None:
        news = self.news.pop(nth % len(self.news))
        if what == "lost":
            return
        if what == "failed":
            news = news | {"status": "undelivered", "error": "unreachable"}
        self._receive(*([news] * (2 if what == "twice" else 1)))

    @rule(nth=st.integers(0, CUSTOMERS - 1), body=st.sampled_from(["STOP", "START", "thanks"]))
    def reply(self, nth: int, body: str) -> None:
        phone = f"+486001{nth:05d}"
        self._receive({"event": "inbound", "id": uuid.uuid4().hex, "from": phone, "body": body})
        replies.intend_answers(self.db, {self.provider_id})

    @rule(seconds=st.sampled_from([1, 5, 25, 90, 600]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))

    # What must hold.

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        assert check(self.db, self.runtime.links, [line_of(text) for text in self.taken]) == []

    def _receive(self, *news: dict[str, Any]) -> None:
        with self.db.write() as session:
            callbacks.receive(session, self.provider_id, news, self.clock.now())
        while callbacks.apply(self.runtime):
            pass

    def _at(self) -> Moment:
        return Moment(self.clock.now(), self.clock.now())

    def began(self) -> bool:
        return bool(self.distributions)

    def finish(self) -> None:
        """All is well from now on: everything that waits must come to an end."""
        for distribution in self.distributions:
            self.attempt(
                lambda session, id_=distribution: control.resume(
                    session, self.runtime, id_, by="Lee", now=self.clock.now()
                )
            )
        for _ in range(200):
            self.run_jobs()
            for nth in (0, 1):
                self.take_a_turn(nth)
                while self.workers[nth].ready:
                    self.post(nth, "ok")
            self.ask(True)
            self.give_up_what_is_over()
            with self.db.write() as session:
                for distribution in self.distributions:  # as the sender does with those that were stopped
                    finish_if_over(session, lock(session, distribution), self.clock.now())
            with self.db.read() as session:
                rows = session.scalars(select(Distribution)).all()
            if all(row.finished_at is not None for row in rows):
                break
            self.clock.advance(timedelta(seconds=5))
        self.all_is_as_it_should_be()
        assert [(row.status, row.status_reason) for row in rows if row.finished_at is None] == []


@DAYS
def test_whatever_is_done_in_whatever_order_the_invariants_hold(sqlite_template: Path, days: int, steps: int) -> None:
    try_out(AnythingGoes, sqlite_template, days, steps)
