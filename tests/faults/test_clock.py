"""The clock under attack: several at once, put forward and back, killed at each commit, suspended, in DST nights.

After each: whoever was owed a first text has one, and one of each reminder; nothing fired twice, nothing was skipped,
and every invariant holds.
"""

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from distribution import launch, seal, settings
from distribution.automatic import due, entering, firing, outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.jobs import Jobs
from distribution.kinds import KINDS
from distribution.runtime import Runtime
from storage.batches import lock
from storage.database import Database
from storage.sequences import take
from storage.tables import Distribution, Event, Message, MessageState
from tests import failpoints
from tests.conftest import NOON, run_jobs, unsynced
from tests.faults.choices import LONG, SEED
from tests.faults.workers import Fault, Killed, failing
from tests.sending import make_customers, make_distribution, make_group, make_provider
from tests.unit.automatic.lively import CART, happens, make_live
from tests.unit.automatic.living import segment
from tests.unit.automatic.reminded import AFTER_A_DAY, sent
from tests.unit.sending.door import NOWHERE

pytestmark = pytest.mark.timeout(300)

HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
CUSTOMERS = 6
WARSAW = ZoneInfo("Europe/Warsaw")
# Commits of what happens by itself: a new one belongs here, and the day below must come by it.
COMMITS = (
    "firing.look",
    "entering._begin",
    "entering._begin#2",
    "entering._begin#3",
    "entering._sweep",
    "due.look",
    "due._finish",
    "outage.look",
    "outage._set_aside",
    "outage._set_aside_of",
    "outage._fire_all",
    "repeating.realign",
)
# Nobody comes by here: too little is late for a job. Processes do, in `test_clock_processes.py`.
ELSEWHERE = ("outage.run_late",)
MODULES = {place.split(".")[0] for place in COMMITS}


class Shop:
    """Four that text by themselves: carts and a planned one, with a reminder each, who enters a segment, every day."""

    def __init__(self, runtime: Runtime, **more: Any) -> None:
        self.runtime = runtime
        make_group(runtime, "Summer 10%", 200)
        provider = make_provider(runtime, NOWHERE)
        self.customers = make_customers(runtime, CUSTOMERS)
        happens(runtime, make_customers(runtime, 3, first=CUSTOMERS), "paid")  # they are in the segment already
        self.carts = make_live(
            runtime,
            provider,
            CART | {"delay": 30},
            body="{{ client.promocode('Summer 10%') }}",
            reminders=AFTER_A_DAY,
            **more,
        )
        with runtime.db.write() as session:
            watched = segment(session, {"field": "event", "event": "paid", "op": "did"}).id
        watches: dict[str, Any] = {"kind": "segment", "segment_id": watched, "members": "new", "reentry": "once"}
        self.entered = make_live(runtime, provider, watches, body="Welcome, {{ client.first_name }}", **more)
        self.planned = make_distribution(runtime, provider, self.customers)
        with runtime.db.write() as session:
            row = lock(session, self.planned)
            row.status, row.send_at, row.reminders = "scheduled", runtime.clock.now() + 20 * HOUR, list(AFTER_A_DAY)
            seal.put(session, row)
        tomorrow = NOON.replace(hour=9) + DAY
        self.daily = repeating(runtime, self.customers, "09:00", tomorrow, until=f"{tomorrow + DAY:%Y-%m-%d}")

    def tick(self, runtime: Runtime) -> None:
        """All that a process with the clock looks at."""
        for look in (launch.due, firing.look, entering.sweep, due.look):
            look(runtime)
        run_jobs(runtime)

    def leave(self) -> None:
        """What waits for the sender is sent."""
        with self.runtime.db.read() as session:
            going = session.scalars(select(Distribution.id).where(Distribution.status == "sending")).all()
        for distribution in going:
            sent(self.runtime, distribution)

    def settle(self, clock: ManualClock) -> None:
        """Days pass quietly, until nothing is left to do."""
        for _ in range(6):
            for _ in range(2):
                self.tick(self.runtime)
                self.leave()
            clock.advance(DAY)

    def right(self) -> None:
        """Everybody has what they are owed, once."""
        assert texts(self.runtime, self.carts) == self.owed((0, 1))
        assert texts(self.runtime, self.entered) == self.owed((0,))
        assert texts(self.runtime, self.planned) == self.owed((0, 1))
        with self.runtime.db.read() as session:
            copies = session.scalars(select(Distribution).where(Distribution.repeats_id == self.daily)).all()
        days = [copy.repeats_on and copy.repeats_on.date() for copy in copies]
        assert len(days) == len(set(days)) > 0
        assert all(texts(self.runtime, copy.id) == self.owed((0,)) for copy in copies)
        wrong = check(self.runtime.db)
        assert not wrong, wrong

    def owed(self, steps: Sequence[int]) -> Counter[tuple[int, int]]:
        """Each customer and step once."""
        return Counter(product(self.customers, steps))


def texts(runtime: Runtime, distribution: int) -> Counter[tuple[int, int]]:
    """How many texts of a distribution went to whom, by step."""
    with runtime.db.read() as session:
        mine = (Message.distribution_id == distribution, Message.state == MessageState.ACCEPTED)
        rows = session.execute(select(Message.customer_id, Message.step).where(*mine))
        return Counter((customer, step) for customer, step in rows)


@contextmanager
def clocks(shop: Shop, db_url: str, n: int) -> Iterator[list[BaseException]]:
    """`n` processes' clocks run during the block, each with a database and jobs of its own; what they raise."""
    stop, errors = threading.Event(), list[BaseException]()
    # SQLite is for one process: its threads share the database, as the clockwork's do.
    own = [shop.runtime.db if shop.runtime.db.is_sqlite else unsynced(Database(db_url)) for _ in range(n)]
    runtimes = [replace(shop.runtime, db=db, jobs=Jobs(shop.runtime.clock, KINDS)) for db in own]

    def run(runtime: Runtime) -> None:
        try:
            while not stop.is_set():
                shop.tick(runtime)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(runtime,), daemon=True) for runtime in runtimes]
    for thread in threads:
        thread.start()
    try:
        yield errors
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
        for db in own:
            if db is not shop.runtime.db:
                db.close()


@pytest.mark.parametrize("seed", [SEED, *([SEED + n for n in range(1, 30)] if LONG else [])])
def test_several_clocks_and_a_time_that_jumps_fire_nothing_twice_and_skip_nothing(
    runtime: Runtime, clock: ManualClock, db_url: str, seed: int
) -> None:
    unsynced(runtime.db)
    chance = random.Random(seed)
    shop = Shop(runtime)
    left = list(shop.customers)
    with clocks(shop, db_url, 3) as errors:
        for _ in range(12):
            jump = chance.choice([-3 * HOUR, -MINUTE, MINUTE, HOUR, 5 * HOUR])
            clock.advance(jump if clock.now() + jump > NOON else HOUR)  # not to before it was set live
            if left:
                happens(runtime, left[:1], cart_total=5)
                happens(runtime, left[:1], "paid")
                left.pop(0)
            shop.leave()
    assert not errors, (seed, errors)
    shop.settle(clock)
    shop.right()


def test_each_commit_of_what_happens_by_itself_is_in_the_table() -> None:
    assert {place for place in failpoints.places().values() if place.split(".")[0] in MODULES} == {*COMMITS, *ELSEWHERE}


def runs() -> Iterator[Any]:
    """Each commit once, in one of its ways (killed before or after, held after; either database); the others apart."""
    others = []
    for number, place in enumerate(COMMITS):
        ways = list(product(["sqlite", "postgresql"], [("before", False), ("after", False), ("after", True)]))
        for place_in_turn, (db, (moment, hold)) in enumerate(ways):
            name = f"{db}-{'held' if hold else 'killed'}-{moment}-{place}"
            if place_in_turn == number % len(ways):
                yield pytest.param(db, place, moment, hold, id=name)
            else:
                others.append(pytest.param(db, place, moment, hold, id=name, marks=pytest.mark.faults))
    yield from others if LONG else random.Random(SEED).sample(others, 6)


@pytest.mark.parametrize(("db_url", "place", "moment", "hold"), list(runs()), indirect=["db_url"])
def test_whoever_is_killed_or_held_at_a_commit_of_the_clock_others_make_it_right(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, place: str, moment: str, hold: bool
) -> None:
    """Held: as a machine is that is suspended, and goes on hours later as if nothing had been."""
    unsynced(runtime.db)
    machine = ManualClock(clock.now())
    monkeypatch.setattr(outage, "SystemClock", lambda: machine)
    monkeypatch.setattr(entering, "MEMBERS", 2)
    monkeypatch.setattr(outage, "CHUNK", 2)
    shop = Shop(runtime, ends_at=clock.now() + 30 * DAY)
    fault = Fault(place, moment, hold=hold)
    held: list[threading.Thread] = []

    def looks() -> None:
        """A process looks, and is killed or held; then another does."""
        with suppress(Killed):
            shop.tick(runtime)

    def tick() -> None:
        thread = threading.Thread(target=looks, daemon=True)
        thread.start()
        while thread.is_alive() and not (hold and fault.struck.is_set()):
            thread.join(0.01)
        if thread.is_alive() and thread not in held:
            held.append(thread)
        shop.tick(runtime)
        shop.leave()

    with failing(fault):
        tick()
        happens(runtime, shop.customers[:3], cart_total=5)
        happens(runtime, shop.customers[:3], "paid")
        tick()
        with runtime.db.write() as session:
            settings.put(session, "time_zone", "Europe/Warsaw")
        tick()
        happens(runtime, shop.customers[:1], "paid")  # another machine takes it in, and nothing runs that would fire it
        for each in (clock, machine):
            each.advance(31 * HOUR)
        tick()
        for distribution in (shop.carts, shop.planned):
            with runtime.db.write() as session:
                assert outage.send_now(session, runtime, distribution, by="Maya", now=clock.now()) is not None
        with runtime.db.write() as session:
            outage.send_now(session, runtime, shop.daily, by="Maya", now=clock.now())
        tick()
        happens(runtime, shop.customers[3:], cart_total=5)
        with runtime.db.write() as session:  # nobody notes it: the sweep finds them, as it finds whom time brings in
            now, some = clock.now(), shop.customers[3:]
            ids = range(take(session, "event", len(some)), 10**9)
            session.add_all(
                Event(id=at, customer_id=each, name="paid", at=now, received_at=now)
                for at, each in zip(ids, some, strict=False)
            )
        tick()
        shop.settle(clock)
        clock.advance(30 * DAY)  # the live ones end
        tick()
        assert fault.struck.is_set(), "nobody came by"
        fault.release()
        for thread in held:
            thread.join(60)
            assert not thread.is_alive()
    shop.settle(clock)
    shop.right()


NIGHTS = {"back": datetime(2026, 10, 24, 10, tzinfo=UTC), "forward": datetime(2027, 3, 27, 10, tzinfo=UTC)}


@pytest.mark.parametrize("night", NIGHTS)
def test_in_a_night_in_which_clocks_change_each_day_is_sent_once(
    runtime: Runtime, clock: ManualClock, night: str
) -> None:
    """Half past two: a time that the one night has twice and the other has not. Looked at in steps of any length."""
    unsynced(runtime.db)
    chance = random.Random(SEED)
    clock.advance(NIGHTS[night] - clock.now())
    with runtime.db.write() as session:
        settings.put(session, "time_zone", "Europe/Warsaw")
    distribution = repeating(
        runtime, make_customers(runtime, 2), "02:30", clock.now() + timedelta(hours=14, minutes=30)
    )
    end = clock.now() + 3 * DAY
    while clock.now() < end:
        clock.advance(chance.choice([-30 * MINUTE, 10 * MINUTE, 70 * MINUTE, 3 * HOUR]))
        launch.due(runtime)
        run_jobs(runtime)
        with runtime.db.read() as session:
            going = session.scalars(select(Distribution.id).where(Distribution.status == "sending")).all()
        for copy in going:
            sent(runtime, copy)
    with runtime.db.read() as session:
        copies = session.scalars(select(Distribution).where(Distribution.repeats_id == distribution)).all()
        on = sorted(copy.repeats_on.astimezone(WARSAW) for copy in copies if copy.repeats_on)
    assert [f"{at:%d %H:%M}" for at in on] == {
        "back": ["25 02:30", "26 02:30", "27 02:30"],
        "forward": ["28 03:00", "29 02:30", "30 02:30"],
    }[night]
    assert all(texts(runtime, copy.id).total() == 2 for copy in copies)
    assert check(runtime.db) == []


def repeating(runtime: Runtime, customers: list[int], at: str, first: datetime, **more: Any) -> int:
    """One that is sent each day at a time of the workspace's wall clock; its id."""
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE, name=f"Daily {at}"), customers, body="Hi")
    with runtime.db.write() as session:
        row = lock(session, distribution)
        row.repeat, row.send_at, row.status = {"every": "day", "at": at, **more}, first, "scheduled"
        seal.put(session, row)
    return distribution
