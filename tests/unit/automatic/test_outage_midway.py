"""Outages that begin or end in the midst of a look, and several processes that come back at once."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from distribution.automatic import due, firing, outage
from distribution.check import check
from distribution.runtime import Runtime
from storage import notices
from storage.tables import ClockMark, Distribution, Planned, PlannedState
from tests import failpoints
from tests.conftest import run_jobs
from tests.sending import make_customers, make_provider, status, wait_until_somebody_waits_for_a_lock
from tests.unit.automatic.lively import happens, make_live, states
from tests.unit.automatic.outages import DELAYED, HOUR, MINUTE, Both, live, machine, scheduled, tick, time
from tests.unit.sending.door import NOWHERE

__all__ = ["machine", "time"]


def overdue(runtime: Runtime, time: Both) -> int:
    """A live distribution of which three texts fell due in an outage of nine hours."""
    distribution, customers = live(runtime)
    happens(runtime, customers)
    tick(runtime)
    time.off(9 * HOUR)
    return distribution


def test_whoever_dies_while_setting_aside_leaves_it_to_the_next(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution = overdue(runtime, time)
    monkeypatch.setattr(outage, "CHUNK", 2)
    hold, calls = outage.late.hold_overdue, []

    def dies(session: object, ids: list[int], *when: object) -> None:
        calls.append(ids)
        hold(session, ids, *when)  # type: ignore[arg-type]
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(outage.late, "hold_overdue", dies)
    with pytest.raises(KeyboardInterrupt):
        due.look(runtime)
    assert states(runtime, distribution) == ["LATE", "LATE", "WAITING"]
    due.look(runtime)
    assert states(runtime, distribution) == ["LATE"] * 3


def test_many_are_set_aside_in_chunks_and_listed_once(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for the next ones is to read all that are due: for each chunk that took minutes of half a million."""
    customers = make_customers(runtime, 7)
    distribution = make_live(runtime, make_provider(runtime, NOWHERE), DELAYED, body="Hi")
    happens(runtime, customers)
    tick(runtime)
    time.off(9 * HOUR)
    monkeypatch.setattr(outage, "CHUNK", 1)
    asked: list[str] = []
    event.listen(runtime.db.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    due.look(runtime)
    assert states(runtime, distribution) == ["LATE"] * 7
    listed = [each for each in asked if "planned.state =" in each and "planned.due_at <=" in each and "ORDER" in each]
    assert len([each for each in listed if "planned.step" in each]) == 2  # first texts, and reminders


def test_what_changes_after_it_was_listed_is_left_as_it_is(
    runtime: Runtime, time: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is held while it is listed: one is dropped meanwhile, another put off."""
    distribution = overdue(runtime, time)
    list_due = outage.late.due

    def listed(session: Session, *given: Any, **more: Any) -> Sequence[int]:
        found = list_due(session, *given, **more)
        if more["reminders"]:
            return found
        with runtime.db.write() as other:
            first, second, _ = other.query(Planned).order_by(Planned.id)
            first.state, first.reason, first.settled_at = PlannedState.DROPPED, "called_off", time.now()
            second.due_at = time.now() + HOUR
        return found

    monkeypatch.setattr(outage.late, "due", listed)
    due.look(runtime)
    assert states(runtime, distribution) == ["DROPPED called_off", "WAITING", "LATE"]


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
