"""After an outage: what is little late goes, what is long late waits for a word, and none is sent twice or lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from distribution import launch, seal
from distribution.automatic import due, firing, outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import notices
from storage.batches import lock
from storage.tables import ClockMark, Distribution, Planned, PlannedState
from tests import failpoints
from tests.conftest import run_jobs
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    status,
    wait_until_somebody_waits_for_a_lock,
)
from tests.unit.automatic.lively import CART, happens, look, make_live, states
from tests.unit.automatic.reminded import DAY, begun, due_at, redeem, reminders_of, sent, why_not
from tests.unit.sending.door import NOWHERE, choose

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DELAYED = CART | {"delay": 120}


@pytest.fixture
def machine(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """The machine's own clock, which tests of outages move."""
    moved = ManualClock(clock.now())
    monkeypatch.setattr(outage, "SystemClock", lambda: moved)
    return moved


class Both:
    """Both clocks, as time passes on a machine."""

    def __init__(self, business: ManualClock, machine: ManualClock) -> None:
        self.business, self.machine = business, machine

    def now(self) -> datetime:
        """The business time."""
        return self.business.now()

    def off(self, by: timedelta) -> None:
        """Nothing runs for so long."""
        self.business.advance(by)
        self.machine.advance(by)

    def runs(self, runtime: Runtime, by: timedelta) -> None:
        """Promobot runs for so long, and looks every five minutes."""
        for _ in range(int(by / (5 * MINUTE))):
            self.off(5 * MINUTE)
            tick(runtime)


@pytest.fixture
def time(clock: ManualClock, machine: ManualClock) -> Both:
    """Both clocks."""
    return Both(clock, machine)


def tick(runtime: Runtime) -> None:
    """All that the clock does, in no kind order."""
    launch.due(runtime)
    look(runtime)
    run_jobs(runtime)


def live(runtime: Runtime, **more: object) -> tuple[int, list[int]]:
    """A live distribution that texts two hours after an abandoned cart; and three customers."""
    return make_live(runtime, make_provider(runtime, NOWHERE), DELAYED, body="Hi", **more), make_customers(runtime, 3)


def scheduled(runtime: Runtime, at: datetime, *, first: int = 0) -> int:
    """A manual distribution that is to be sent at a time. `first`: beside so many customers."""
    make_group(runtime, "Summer 10%", 5)
    provider = make_provider(runtime, NOWHERE, name=f"Phone {first}")
    row_id = make_distribution(runtime, provider, make_customers(runtime, 2, first=first))
    with runtime.db.write() as session:
        row = lock(session, row_id)
        row.status, row.send_at = "scheduled", at
        seal.put(session, row)
    return row_id


def test_what_is_little_late_goes_and_what_is_long_late_waits(runtime: Runtime, time: Both) -> None:
    distribution, (first, second, third) = live(runtime)
    tick(runtime)
    happens(runtime, [first])  # due at 14:00
    time.runs(runtime, HOUR)
    happens(runtime, [second])  # 15:00
    time.runs(runtime, 30 * MINUTE)
    happens(runtime, [third])  # 15:30
    tick(runtime)
    time.off(timedelta(hours=2, minutes=10))  # it is 15:40
    tick(runtime)
    assert states(runtime, distribution) == ["LATE", "MADE", "MADE"]
    for _ in range(3):
        time.runs(runtime, HOUR)
    assert states(runtime, distribution) == ["LATE", "MADE", "MADE"]
    with runtime.db.read() as session:
        found = outage.waits(session, session.get_one(Distribution, distribution))
    assert found is not None
    assert (found.texts, f"{found.since:%H:%M}") == (1, "14:00")
    assert check(runtime.db) == []


def test_send_now_sends_once_whoever_presses(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    for expected in (True, False):
        with runtime.db.write() as session:
            assert (outage.send_now(session, runtime, distribution, by="Maya", now=time.now()) is not None) is expected
        tick(runtime)
    assert states(runtime, distribution) == ["MADE"]
    assert check(runtime.db) == []


def late(runtime: Runtime, time: Both) -> int:
    """A live distribution of which one text is long late."""
    distribution, customers = live(runtime)
    happens(runtime, customers[:1])
    tick(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE"]
    return distribution


def test_reschedule_sends_at_that_time_and_not_before(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    with pytest.raises(Refused) as refused, runtime.db.write() as session:
        outage.reschedule(session, runtime, distribution, time.now(), by="Maya", now=time.now())
    assert refused.value.field == "at"
    with runtime.db.write() as session:
        assert outage.reschedule(session, runtime, distribution, time.now() + HOUR, by="Maya", now=time.now())
    time.runs(runtime, HOUR - 5 * MINUTE)
    assert states(runtime, distribution) == ["WAITING"]
    time.runs(runtime, 5 * MINUTE)
    assert states(runtime, distribution) == ["MADE"]


def test_cancel_drops_it_and_the_next_event_fires_again(runtime: Runtime, time: Both) -> None:
    distribution = late(runtime, time)
    with runtime.db.write() as session:
        outage.cancel(session, runtime, distribution, by="Maya", now=time.now())
        assert outage.cancel(session, runtime, distribution, by="Lee", now=time.now()) is None
    tick(runtime)
    assert states(runtime, distribution) == ["DROPPED late"]
    assert check(runtime.db) == []


def test_what_happened_while_the_clock_alone_was_away_is_as_late(runtime: Runtime, time: Both) -> None:
    """Another machine took the events in; nobody fired them."""
    distribution, (first, second, _) = live(runtime)
    tick(runtime)
    time.off(HOUR)
    happens(runtime, [first])  # due at 15:00
    time.off(4 * HOUR)
    happens(runtime, [second])  # 19:00
    time.off(MINUTE)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE", "WAITING"]


def test_the_moved_clock_of_the_sandbox_is_no_outage(runtime: Runtime, time: Both, clock: ManualClock) -> None:
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    clock.advance(3 * DAY)
    time.machine.advance(2 * MINUTE)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_one_that_was_never_seen_to_run_has_had_no_outage(runtime: Runtime, time: Both) -> None:
    distribution, customers = live(runtime)
    happens(runtime, customers)
    with runtime.db.read() as session:
        assert session.get(ClockMark, outage.MARK) is None
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_the_workspace_says_how_late_is_late(runtime: Runtime, time: Both) -> None:
    choose(runtime, "clock.late_after", "1440")
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["MADE"] * 3


def test_what_was_scheduled_waits_for_a_word_when_its_time_passed_unseen(runtime: Runtime, time: Both) -> None:
    early = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    assert status(runtime, early) == "scheduled"
    with runtime.db.write() as session:
        assert outage.send_now(session, runtime, early, by="Maya", now=time.now()) is not None
        assert outage.send_now(session, runtime, early, by="Maya", now=time.now()) is None
    tick(runtime)
    assert status(runtime, early) == "sending"
    assert check(runtime.db) == []


def test_a_scheduled_one_that_is_little_late_is_sent(runtime: Runtime, time: Both) -> None:
    distribution = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(HOUR + 50 * MINUTE)
    tick(runtime)
    assert status(runtime, distribution) == "sending"


@pytest.mark.parametrize(("at", "then"), [("2026-06-15T23:00", "sending"), ("2026-06-15T13:00", "scheduled")])
def test_one_by_each_customers_own_clock_is_late_once_the_workspaces_showed_its_time(
    runtime: Runtime, time: Both, at: str, then: str
) -> None:
    """The first clocks on earth showed it while nothing ran; the workspace's, at UTC, will tonight, or did as well."""
    distribution = scheduled(runtime, time.now() + 5 * MINUTE)
    with runtime.db.write() as session:
        row = lock(session, distribution)
        row.local_at = at
        seal.put(session, row)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    assert status(runtime, distribution) == then


def test_a_scheduled_one_that_is_late_can_be_put_off_or_cancelled_and_keeps_its_seal(
    runtime: Runtime, time: Both
) -> None:
    distribution = scheduled(runtime, time.now() + HOUR)
    tick(runtime)
    time.off(4 * HOUR)
    tick(runtime)
    with runtime.db.write() as session:
        outage.reschedule(session, runtime, distribution, time.now() + DAY, by="Maya", now=time.now())
    time.runs(runtime, HOUR)
    assert status(runtime, distribution) == "scheduled"
    time.off(2 * DAY)  # it is missed once more
    tick(runtime)
    assert status(runtime, distribution) == "scheduled"
    with runtime.db.write() as session:
        outage.cancel(session, runtime, distribution, by="Maya", now=time.now())
    tick(runtime)
    assert status(runtime, distribution) == "stopped"
    assert check(runtime.db) == []


def test_reminders_that_were_missed_wait_and_those_not_owed_are_dropped(runtime: Runtime, time: Both) -> None:
    distribution, (used, owed, young) = begun(runtime, 3)
    tick(runtime)
    sent(runtime, distribution)
    redeem(runtime, distribution, used)
    time.off(DAY + 3 * HOUR)
    tick(runtime)
    assert reminders_of(runtime, distribution) == []
    assert why_not(runtime, distribution) == {"redeemed": 1}
    with runtime.db.write() as session:
        found = outage.send_now(session, runtime, distribution, by="Maya", now=time.now())
    assert found is not None
    assert found.texts == 2
    tick(runtime)
    assert reminders_of(runtime, distribution) == [(owed, 1), (young, 1)]
    assert check(runtime.db) == []


def test_a_reminder_of_a_text_that_had_not_left_is_not_late(runtime: Runtime, time: Both) -> None:
    choose(runtime, "sending.lifetime", "168")
    distribution, _ = begun(runtime, 1)
    tick(runtime)
    time.off(DAY + 3 * HOUR)
    tick(runtime)
    assert due_at(runtime, distribution) == [time.now() + DAY]
    with runtime.db.read() as session:
        assert outage.waits(session, session.get_one(Distribution, distribution)) is None


def test_whoever_dies_while_setting_aside_leaves_it_to_the_next(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    time.off(9 * HOUR)
    monkeypatch.setattr(outage, "CHUNK", 2)
    hold, calls = outage.late.hold, []

    def dies(session: object, ids: list[int]) -> None:
        calls.append(ids)
        if len(calls) == 2:
            raise KeyboardInterrupt
        hold(session, ids)  # type: ignore[arg-type]

    monkeypatch.setattr(outage.late, "hold", dies)
    with pytest.raises(KeyboardInterrupt):
        due.look(runtime)
    assert states(runtime, distribution) == ["LATE", "LATE", "WAITING"]
    due.look(runtime)
    assert states(runtime, distribution) == ["LATE"] * 3


def test_a_note_that_comes_late_does_not_undo_a_newer_one(runtime: Runtime, time: Both) -> None:
    """A process that was suspended between reading and writing would make an outage of its own sleep."""
    tick(runtime)
    with runtime.db.read() as session:
        before = session.scalars(select(ClockMark)).one()
    asleep = time.now()
    time.off(8 * MINUTE)
    tick(runtime)
    with runtime.db.write() as session:
        outage.late.note(session, outage.MARK, before, machine_at=asleep, business_at=asleep)
    with runtime.db.read() as session:
        assert session.scalars(select(ClockMark)).one().machine_at == time.now()


def suspended_within(monkeypatch: pytest.MonkeyPatch, time: Both, module: object, name: str) -> None:
    """The machine is suspended for nine hours once somebody has called this; all goes on as if nothing had been."""
    call, slept = getattr(module, name), []

    def called(*args: object, **more: object) -> object:
        answer = call(*args, **more)
        if not slept:
            slept.append(time.off(9 * HOUR))
        return answer

    monkeypatch.setattr(module, name, called)


@pytest.mark.parametrize("name", ["look", "_set_aside"])
def test_a_machine_that_is_suspended_in_the_midst_of_a_look_blurts_nothing_out(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """When it has just noted that the clock runs; and when it has set aside what an outage before has made late."""
    distribution, customers = live(runtime)
    later = scheduled(runtime, time.now() + 3 * HOUR, first=3)
    tick(runtime)
    time.off(20 * MINUTE)
    happens(runtime, customers)
    firing.look(runtime)
    suspended_within(monkeypatch, time, outage, name)
    for _ in range(2):
        due.look(runtime)
        tick(runtime)
    assert states(runtime, distribution) == ["LATE"] * 3
    assert status(runtime, later) == "scheduled"
    with runtime.db.read() as session:
        assert session.get_one(Distribution, later).late_since is not None


def test_what_was_due_just_before_and_had_not_gone_is_as_late(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody noted that the clock runs, and was killed before they made what was due."""
    distribution, customers = live(runtime)
    later = scheduled(runtime, time.now() + 2 * HOUR, first=3)
    happens(runtime, customers)
    tick(runtime)
    time.runs(runtime, 2 * HOUR - 5 * MINUTE)
    time.off(6 * MINUTE)
    outage.look(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, distribution) == ["LATE"] * 3
    assert status(runtime, later) == "scheduled"


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("killed", [False, True])
def test_what_another_process_is_firing_when_all_go_on_is_as_late(runtime: Runtime, time: Both, killed: bool) -> None:
    """It has the events in hand, and commits when we have looked; or it is killed, and they are ours."""
    distribution, customers = live(runtime)
    tick(runtime)
    happens(runtime, customers)
    time.off(9 * HOUR)
    in_hand, go_on = threading.Event(), threading.Event()

    def fires(place: str, moment: str) -> None:
        if place == "firing.look" and not in_hand.is_set():
            in_hand.set()
            assert go_on.wait(20)
            if killed:
                raise RuntimeError

    with failpoints.watched(fires), ThreadPoolExecutor(2) as threads:
        other = threads.submit(firing.look, runtime)
        assert in_hand.wait(20)
        ours = threads.submit(due.look, runtime)
        wait_until_somebody_waits_for_a_lock(runtime)
        go_on.set()
        ours.result()
        assert isinstance(other.exception(), RuntimeError) is killed
    assert states(runtime, distribution) == ["LATE"] * 3


@pytest.mark.parametrize("word", ["send", "reschedule", "cancel"])
def test_a_word_on_many_is_carried_out_by_a_job_on_what_was_late_then(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """One transaction would hold SQLite's lock for seconds. Nobody is asked again meanwhile, and a second click finds
    it decided; what is late after that waits for a word of its own."""
    monkeypatch.setattr(outage, "AT_ONCE", 2)
    customers = make_customers(runtime, 6)
    live = make_live(runtime, make_provider(runtime, NOWHERE), DELAYED, body="Hi")
    tick(runtime)
    for customer in customers[:5]:
        happens(runtime, [customer])
        time.off(MINUTE)
    tick(runtime)
    time.off(9 * HOUR)
    tick(runtime)
    assert states(runtime, live) == ["LATE"] * 5
    with runtime.db.write() as session:
        if word == "cancel":
            found = outage.cancel(session, runtime, live, by="Maya", now=time.now())
        elif word == "send":
            found = outage.send_now(session, runtime, live, by="Maya", now=time.now())
        else:
            found = outage.reschedule(session, runtime, live, time.now() + HOUR, by="Maya", now=time.now())
    assert found is not None and found.texts == 5
    assert states(runtime, live).count("LATE") == 3
    with runtime.db.write() as session:
        assert outage.waits(session, session.get_one(Distribution, live)) is None
        assert notices.wanted(session) == []
        assert outage.send_now(session, runtime, live, by="Lee", now=time.now()) is None
        at = time.now()
        now_late = Planned(distribution_id=live, customer_id=customers[5], due_at=at, fired_at=at)
        now_late.state = PlannedState.LATE
        session.add(now_late)
    run_jobs(runtime)
    assert states(runtime, live) == (["DROPPED late"] if word == "cancel" else ["WAITING"]) * 5 + ["LATE"]
    with runtime.db.read() as session:
        asked = outage.waits(session, session.get_one(Distribution, live))
        assert asked is not None and asked.texts == 1
        in_order = (
            select(Planned.customer_id)
            .where(Planned.state == PlannedState.WAITING)
            .order_by(Planned.due_at, Planned.id)
        )
        assert list(session.scalars(in_order)) == ([] if word == "cancel" else customers[:5])
    assert check(runtime.db) == []
