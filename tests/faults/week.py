"""A week at a shop whose clocks are processes: they are killed and suspended where the seed says, and their time jumps.

A dozen live distributions, a planned one and one of every day go on meanwhile: customers abandon carts, look around and
buy, want what has run out, come into a segment and leave it, by a change and by time alone; live ones are set live,
edited and end; the workspace's zone is changed; the machine is suspended for hours. What each customer is owed follows
from what they did, and not from when anybody looked: `right` compares.

Everything random comes from the seed. What happened is told in lines (`told`), with the shop's time.
"""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.automatic import outage
from distribution.check import check
from distribution.runtime import Runtime
from storage.tables import Distribution
from tests.conftest import NOON
from tests.faults import left, people
from tests.faults.armed import KILL, STOP
from tests.faults.left import GOING, Waits
from tests.faults.machines import PATIENCE, Machines
from tests.faults.shop import CODE, MINUTE, Shop
from tests.gateway import Gateway

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE_AFTER = HOUR  # the setting `clock.late_after`
AWAY = 3 * HOUR
STILL = 1.0  # seconds without any change until the machines' clocks go on
GONE = timedelta(seconds=30)  # until whoever died is taken for dead


class Week:
    """The days of a shop, on machines that are at work."""

    def __init__(
        self, runtime: Runtime, folder: Path, gateway: Gateway, *, url: str, seed: int, clocks: int, days: int
    ) -> None:
        self._chance = random.Random(f"{seed} {runtime.db.is_sqlite} {days}")
        self._runtime, self._folder, self._gateway, self._days = runtime, folder, gateway, days
        self.shop = Shop(runtime, gateway.url, NOON, until=NOON.date() + (days + 1) * DAY)
        roles: dict[str, tuple[str, ...]] = {"all": ("clock", "sender")}  # on SQLite one process does everything
        if not runtime.db.is_sqlite:
            roles = {f"clock{n}": ("clock",) for n in range(clocks)} | {"sender": ("sender",)}
        self.machines = Machines(folder, url, gateway, NOON, roles)
        self.machines.say(f"seed {seed}, {'SQLite' if runtime.db.is_sqlite else f'PostgreSQL, {clocks} clocks'}")
        self._waits = Waits()
        self._latest = self._settled_at = NOON
        self._spans: list[tuple[datetime, datetime]] = []  # the shop's times at which all was done, and the next ones

    def live(self, strikes: list[str]) -> None:
        """All its days. `strikes`: what is armed, a share of it every day."""
        self._noted()
        self._chance.shuffle(strikes)
        share = -(-len(strikes) // self._days)
        for day in range(self._days):
            for strike in {*strikes[day * share : (day + 1) * share], f"launch.run_launch before {KILL}"}:
                self.machines.arm(strike)
            self._day()
        self.machines.click("codes", people.add_codes, self.shop.few, 50)
        self.settle()
        for _ in range(4):  # quiet days, until nothing is owed any more
            self.move(DAY)
            self.settle()
            back = self._chance.choice([0, 0, 0, 2, 11, 23])
            if back:
                self.move(-back * HOUR)
                self.settle()
                self.move(back * HOUR)
                self.settle()
        self.move(40 * DAY)
        self.settle()
        self.machines.end()

    def _day(self) -> None:
        """A day with everything in it, in an order of its own."""
        acts = [self._carts, self._carts, self._looks, self._wants, self._visits, self._comes_and_goes, self._edits]
        acts += [self._set_live, self._too_few, self._zone, self.suspend, self.fall, self._jump, self._jump]
        self._chance.shuffle(acts)
        ends = self._latest + DAY
        for act in acts:
            act()
            if self._chance.random() < 0.4:
                self.settle()
        self.settle()
        self._carts()  # three texts at least fall due while all are suspended
        self.settle()
        self.suspend()
        self.settle()
        while self.machines.now < ends:
            self.move(min(ends - self.machines.now, 8 * HOUR))
            self.settle()

    def _carts(self) -> None:
        who = self._chance.sample(self.shop.customers, 3)
        self.machines.click("events", people.tell, self.shop.carts(who, self.machines.now))

    def _looks(self) -> None:
        for buys in (True, False):
            # Apart: what one bought would call off another look around of theirs.
            who = self._chance.choice(self.shop.customers[:3] if buys else self.shop.customers[3:])
            self.machines.click("events", people.tell, self.shop.looks(who, self.machines.now, buys=buys))

    def _wants(self) -> None:
        who = self._chance.sample(self.shop.customers, 2)
        self.machines.click("events", people.tell, self.shop.wants(who, self.machines.now))
        self.machines.click("codes", people.add_codes, self.shop.few, 2)

    def _visits(self) -> None:
        event = self.shop.visits(self.machines.now)
        if event is not None:
            self.machines.click("events", people.tell, [event])

    def _comes_and_goes(self) -> None:
        """Whoever is out comes in, and whoever is in leaves; that much was seen before."""
        self.settle()
        who = self._chance.choice(self.shop.customers)
        self.machines.click("customer", people.change, *self.shop.turns(who))

    def _edits(self) -> None:
        """Live ones get another text; then the clocks may go back to before they did."""
        for family, body in ((self.shop.family, f"Again {CODE.format('Summer 10%')}"), (self.shop.vips, "VIP again")):
            self.machines.click("edit", people.edit, family[-1], body)
            took_over = (Distribution.replaces_id == family[-1]) & Distribution.started_at.is_not(None)
            with self._runtime.db.read() as session:
                family.append(session.scalars(select(Distribution.id).where(took_over)).one())
        if self.machines.now - MINUTE > NOON and self._chance.random() < 0.7:
            self.move(-MINUTE)
            self._comes_and_goes()

    def _set_live(self) -> None:
        """Two that watch everybody for some hours: one texts them all, one nobody."""
        for members in ("all", "new"):
            ends = self.machines.now + 10 * HOUR
            self.machines.click("set live", people.set_live, self.shop.watches_all(members, self.machines.now, ends))
            self.settle()  # before it ends

    def _too_few(self) -> None:
        self.machines.click("set live", people.set_live, self.shop.too_few(self.machines.now))

    def _zone(self) -> None:
        self.machines.click("zone", people.put, "time_zone", self.shop.other_zone())

    def _jump(self) -> None:
        jump = self._chance.choice([-3 * HOUR, -HOUR, -MINUTE, MINUTE, HOUR, 5 * HOUR, 11 * HOUR])
        self.move(jump if self.machines.now + jump > NOON + MINUTE else HOUR)

    def move(self, by: timedelta) -> None:
        """The shop's clock jumps: one process sees it after another."""
        self._go_on(by)
        self.machines.say(f"the clock jumps by {by.total_seconds() / 60:+.0f} minutes")
        for each in self._chance.sample(self.machines.workers, len(self.machines.workers)):
            self.machines.put(each)
            self.machines.look_after()
            time.sleep(self._chance.choice([0, 0, 0.05, 0.15]))

    def suspend(self) -> None:
        """All machines stand still for hours, wherever they are; what falls due meanwhile is to wait for a word."""
        with self.machines.all_stopped():
            self._away("suspended")
        self._noted()

    def fall(self) -> None:
        """All processes are killed at once, and begin again hours later; events are told of meanwhile."""
        self.machines.kill()
        told = self.shop.carts(self._chance.sample(self.shop.customers, 2), self.machines.now)
        self.machines.click("events", people.tell, told, alone=True)
        with self._runtime.db.read() as session:
            self._waits.told_of(session, [each["source_id"] for each in told])
        self._away("down")
        self.machines.start()
        self._noted()

    def _away(self, how: str) -> None:
        """Hours pass in which nobody is at work."""
        with self._runtime.db.read() as session:
            self._waits.note(session, self.machines.now, self.machines.now + AWAY - LATE_AFTER)
        self._go_on(AWAY)
        self.machines.say(f"{how} for {AWAY}")
        self.machines.sleep(AWAY)
        for each in self.machines.workers:
            self.machines.put(each)

    def _go_on(self, by: timedelta) -> None:
        self.machines.now += by
        self._latest = max(self._latest, self.machines.now)

    def _noted(self) -> None:
        """Wait until it is noted that the clock runs."""
        ahead = self.machines.ahead
        self._until(lambda session: left.noted(session, ahead))

    def settle(self) -> None:
        """Wait until all is done that can be by now; a person gives their word on what is late, until nothing is."""
        edited = [*self.shop.vips[:-1], *self.shop.family[:-1]]
        while True:
            self._until(lambda session: left.left(session, self.machines.now, edited))
            with self._runtime.db.read() as session:
                self._waits.have_waited(session, self.shop.family)
                rows = session.scalars(select(Distribution).where(Distribution.status.in_((*GOING, "scheduled"))))
                late = [row.id for row in rows if outage.waits(session, row) is not None]
            if not late:
                break
            for distribution_id in late:
                self.machines.click("send now", people.send_now, distribution_id)
        self._spans.append((self._settled_at, self._latest))
        self._settled_at = self._latest

    def _until(self, wanting: Callable[[Session], str | None]) -> None:
        """Wait until nothing is left, with an eye on the staff; where nothing changes, the machines' clocks go on."""
        seen, since, moved = None, time.monotonic(), time.monotonic()
        while True:
            self.machines.look_after()
            with self._runtime.db.read() as session:
                what = wanting(session)
                if what is None:
                    return
                state = (left.state(session), len(self.machines.struck), self._gateway.requests)
            at = time.monotonic()
            if state != seen:
                seen, since, moved = state, at, at
            assert at < since + PATIENCE, f"{what}: {state}"
            if at > moved + STILL:
                moved = at
                with self.machines.all_stopped():
                    self.machines.sleep(GONE)
            time.sleep(0.1)

    def right(self) -> None:
        """Everybody has what they are owed, once, from the gateway itself; every invariant holds."""
        log = self._gateway.write(self._folder / "texts.jsonl").read_text().splitlines()
        wrong = check(self._runtime.db, self._runtime.links, log)
        assert not wrong, wrong
        references = Counter(text["reference"] for text in self._gateway.accepted)
        codes = [word for text in self._gateway.accepted for word in people.new_codes(text["body"])]
        assert not [each for each, n in Counter(codes).items() if n > 1], "a code was texted twice"
        assert references.total() == len(references)
        with self._runtime.db.read() as session:
            self.shop.right(session)
            self._each_day(session)

    def _each_day(self, session: Session) -> None:
        """Of what is repeated, each day once; one was left out only where a later one's time came with it."""
        found: Counter[date] = Counter()
        for copy in session.scalars(select(Distribution).where(Distribution.repeats_id == self.shop.daily)):
            assert copy.repeats_on is not None
            found[copy.repeats_on.date()] += 1
        assert max(found.values()) == 1, found
        for day in self.shop.days():
            if day not in found:
                span = next(((a, b) for a, b in self._spans if a.date() <= day <= b.date()), None)
                later = [other for other in found if other > day and span and other <= span[1].date()]
                assert later, f"{day} was skipped; there are {sorted(found)}"


def strikes(places: list[str], verbs: list[str]) -> list[str]:
    """Everything that may be armed."""
    at = [*places, *(f"person.{verb}" for verb in verbs)]
    return [f"{place} {moment} {how}" for place in at for moment in ("before", "after") for how in (KILL, STOP)]
