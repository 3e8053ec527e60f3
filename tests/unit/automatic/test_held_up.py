"""What cannot fire or be made pauses and says why in its channel; resumed, it goes on, and nobody was forgotten."""

import sqlite3
from collections import Counter
from datetime import timedelta
from typing import Any

import psycopg.errors
import pytest
import structlog
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError, OperationalError
from structlog.testing import capture_logs

from distribution.automatic import due, entering, firing, held_up, making, outage
from distribution.check import check
from distribution.clock import ManualClock
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending.status import paused_by_itself
from storage.database import is_passing
from storage.tables import Distribution, Planned, PlannedState, Segment
from tests.conftest import NOON
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import CART, happens, look, make_live, messages, row_of, states
from tests.unit.automatic.living import noted, resumed
from tests.unit.automatic.reminded import DAY, begun, reminders_of, sent
from tests.unit.automatic.test_live import reachable
from tests.unit.sending.door import NOWHERE

HOUR = timedelta(hours=1)


@pytest.fixture
def customers(runtime: Runtime) -> list[int]:
    """Three of them, and codes."""
    make_group(runtime, "Summer 10%", 10)
    return make_customers(runtime, 3)


def live(runtime: Runtime, **chosen: Any) -> int:
    """One that abandoned carts set off."""
    return make_live(runtime, make_provider(runtime, NOWHERE, name=f"Phone {len(chosen)}"), **({"body": "Hi"} | chosen))


@pytest.fixture(autouse=True)
def new_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no test before has used: `capture_logs` does not see what those keep."""
    monkeypatch.setattr(held_up, "log", structlog.get_logger())


def change(runtime: Runtime, distribution_id: int, **values: Any) -> None:
    """Change a distribution's row, by nobody's word."""
    with runtime.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == distribution_id).values(**values))


def why(runtime: Runtime, distribution_id: int) -> str:
    """Why it is paused, by itself; nothing more is tried, and nothing more is said in the log."""
    row = row_of(runtime, distribution_id)
    assert (row.status, paused_by_itself(row)) == ("paused", True)
    with capture_logs() as told:
        look(runtime)
        entering.sweep(runtime)
    assert told == []
    return row.status_reason or ""


def undone(runtime: Runtime) -> DBAPIError:
    """What the database says where it undid what was tried."""
    if not runtime.db.is_sqlite:
        return OperationalError("UPDATE", {}, psycopg.errors.DeadlockDetected("deadlock detected"))
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("UPDATE", {}, busy)


def failing(error: Exception) -> Any:
    """A function that fails."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_a_text_that_cannot_be_written_pauses_with_the_reason_and_resume_makes_all(
    runtime: Runtime, customers: list[int]
) -> None:
    broken, sound = live(runtime), live(runtime, subject="Other")
    happens(runtime, customers)
    firing.look(runtime)
    change(runtime, broken, body="{{ nonsense")
    due.look(runtime)
    assert (len(messages(runtime, broken)), len(messages(runtime, sound))) == (0, 3)
    assert why(runtime, broken).startswith("It could not go on: ")
    assert states(runtime, broken) == ["WAITING"] * 3
    resumed(runtime, broken)
    due.look(runtime)
    assert row_of(runtime, broken).status == "paused"  # resumed too early, it says so again
    change(runtime, broken, body="Hello")
    resumed(runtime, broken)
    due.look(runtime)
    assert len(messages(runtime, broken)) == 3
    assert check(runtime.db) == []


def test_an_error_of_ours_is_told_with_the_mark_of_the_log(
    runtime: Runtime, customers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = live(runtime)
    happens(runtime, customers)
    monkeypatch.setattr(making, "make", failing(ValueError("a bug")))
    with capture_logs() as told:
        look(runtime)
        look(runtime)
    (said,) = [each for each in told if each["log_level"] == "error"]
    assert f"give an admin this number: {said['mark']}." in why(runtime, one)
    assert "a bug" not in why(runtime, one)
    monkeypatch.undo()
    resumed(runtime, one)
    due.look(runtime)
    assert len(messages(runtime, one)) == 3
    with runtime.db.read() as session:
        assert report(session, one).balance_error is None


def test_what_the_database_undid_is_tried_again_and_pauses_nothing(
    runtime: Runtime, customers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, entered = live(runtime), live(runtime, trigger={"kind": "segment", "segment_id": reachable(runtime)})
    happens(runtime, customers)
    for module, name in ((firing, "_of_one"), (entering, "settle"), (entering, "remember"), (making, "make")):
        monkeypatch.setattr(module, name, failing(undone(runtime)))
    look(runtime)
    entering.sweep(runtime)
    assert [row_of(runtime, each).status for each in (one, entered)] == ["sending"] * 2
    assert len(noted(runtime)) == 3
    monkeypatch.undo()
    look(runtime)
    assert len(messages(runtime, one)) == 3


@pytest.mark.parametrize("known", [True, False], ids=["swept", "just set live"])
def test_a_segment_that_is_gone_pauses_and_who_entered_meanwhile_is_found_when_it_is_back(
    runtime: Runtime, customers: list[int], known: bool
) -> None:
    segment = reachable(runtime)
    one = live(runtime, trigger={"kind": "segment", "segment_id": segment, "members": "all", "reentry": "once"})
    assert row_of(runtime, one).members_at is not None
    if not known:
        change(runtime, one, members_at=None)
    with runtime.db.write() as session:
        session.execute(update(Segment).values(deleted_at=NOON))
    entering.sweep(runtime)
    assert why(runtime, one) == "It could not go on: Segment 'Reachable' was deleted. Choose another."
    with runtime.db.write() as session:
        session.execute(update(Segment).values(deleted_at=None))
    resumed(runtime, one)
    entering.sweep(runtime)
    due.look(runtime)
    assert Counter(each.customer_id for each in messages(runtime, one)) == Counter(customers)


def test_events_of_one_that_is_held_up_stay_noted_for_days_and_keep_nobody_elses_back(
    runtime: Runtime, clock: ManualClock, customers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that came in time fire once it is resumed, older than `trigger.oldest` by then."""
    monkeypatch.setattr(firing, "CHUNK", 2)
    monkeypatch.setattr(firing, "ROUNDS", 2)
    broken, sound = live(runtime), live(runtime, subject="Paid", trigger={"kind": "event", "event": "paid"})
    real = firing._of_one

    def poisoned(session: Any, watch: Any, *rest: Any) -> int:
        if watch.row.id == broken:
            raise ValueError("a bug")
        return real(session, watch, *rest)

    monkeypatch.setattr(firing, "_of_one", poisoned)
    for _ in range(3):
        happens(runtime, customers)
    happens(runtime, customers, "paid")
    looks = 0
    while not messages(runtime, sound):
        look(runtime)
        looks += 1
    assert looks <= 5
    assert why(runtime, broken).startswith("It could not go on: something went wrong on our side.")
    assert len(noted(runtime)) == 9
    clock.advance(3 * DAY)
    monkeypatch.setattr(firing, "_of_one", real)
    resumed(runtime, broken)
    for _ in range(5):
        look(runtime)
    assert (len(messages(runtime, broken)), len(messages(runtime, sound)), noted(runtime)) == (9, 3, [])


def test_one_that_somebody_paused_says_why_it_cannot_fire(
    runtime: Runtime, customers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fires while it is paused; failing at that every second was said in the log alone."""
    one = live(runtime)
    change(runtime, one, status="paused", status_reason="Paused by Maya.")
    happens(runtime, customers)
    monkeypatch.setattr(firing, "_of_one", failing(ValueError("a bug")))
    firing.look(runtime)
    assert row_of(runtime, one).held_up
    monkeypatch.undo()
    resumed(runtime, one)
    look(runtime)
    assert len(messages(runtime, one)) == 3


def test_a_text_that_waits_for_codes_and_cannot_be_read_keeps_no_other_back(
    runtime: Runtime, customers: list[int]
) -> None:
    """What is dry is looked at before any lock: an error there stopped everything that was due."""
    dry, sound = (
        live(runtime, body="{{ client.promocode('Summer 10%') }}", purpose="unique_codes"),
        live(runtime, subject="Other"),
    )
    happens(runtime, customers)
    firing.look(runtime)
    with runtime.db.write() as session:
        session.execute(update(Planned).where(Planned.distribution_id == dry).values(state=PlannedState.DRY))
    change(runtime, dry, body="{{ nonsense")
    due.look(runtime)
    assert len(messages(runtime, sound)) == 3
    assert why(runtime, dry).startswith("It could not go on: ")
    assert states(runtime, dry) == ["DRY"] * 3


def test_reminders_of_one_that_is_done_pause_it_and_go_when_it_is_resumed(runtime: Runtime, clock: ManualClock) -> None:
    distribution, customers = begun(runtime, 2)
    sent(runtime, distribution)
    assert row_of(runtime, distribution).status == "done"
    good = row_of(runtime, distribution).reminders
    clock.advance(DAY)
    change(runtime, distribution, reminders=[{"after": 1440, "body": "{{ nonsense"}])
    due.look(runtime)
    assert why(runtime, distribution).startswith("It could not go on: ")
    assert row_of(runtime, distribution).finished_at is None
    change(runtime, distribution, reminders=good)
    resumed(runtime, distribution)
    due.look(runtime)
    assert sent(runtime, distribution) == customers
    assert len(reminders_of(runtime, distribution)) == 2
    assert check(runtime.db) == []


def test_after_an_outage_what_cannot_be_looked_at_pauses_and_the_rest_is_set_aside(
    runtime: Runtime, clock: ManualClock, customers: list[int]
) -> None:
    delayed = CART | {"delay": 60}
    broken, sound = live(runtime, trigger=delayed), live(runtime, trigger=delayed, subject="Other")
    machine = ManualClock(NOON)
    outage.look(runtime, machine)
    happens(runtime, customers)
    firing.look(runtime)
    change(runtime, broken, trigger=delayed | {"delay": "soon"})
    clock.advance(5 * HOUR)
    machine.advance(5 * HOUR)
    assert outage.look(runtime, machine)
    assert row_of(runtime, broken).held_up
    assert (states(runtime, broken), states(runtime, sound)) == (["WAITING"] * 3, ["LATE"] * 3)


@pytest.mark.parametrize(
    ("state", "passes"),
    [("40P01", True), ("40001", True), ("57P01", True), ("53300", True), ("23505", False), ("22012", False)],
)
def test_what_is_the_databases_own_doing(state: str, passes: bool) -> None:
    error = psycopg.errors.lookup(state)("said")
    assert is_passing(OperationalError("SELECT", {}, error)) is passes


def test_what_is_the_disks_doing(runtime: Runtime) -> None:
    with pytest.raises(DBAPIError) as wrong, runtime.db.read() as session:
        session.connection().exec_driver_sql("SELECT no_such_column FROM planned")
    assert not is_passing(wrong.value)
    assert is_passing(undone(runtime)) and not is_passing(ValueError("a bug"))
