"""Events set live distributions off: by their own time, once each, and whatever is wrong with one holds up no other."""

from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import delete, select, text, update

from distribution import events, settings
from distribution.automatic import firing
from distribution.runtime import Runtime
from storage.tables import Distribution, Event, Planned, PlannedState, Touched
from tests.conftest import NOON
from tests.unit.automatic.living import ABANDONED, happen, live, noted, planned, resumed
from tests.unit.customers.people import customer

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def shop(runtime: Runtime, clock: Any) -> Runtime:
    """Three customers, C1 to C3, an hour after noon."""
    with runtime.db.write() as session:
        for number in (1, 2, 3):
            customer(session, NOON, source_id=f"C{number}")
    clock.advance(HOUR)
    return runtime


def set_live(runtime: Runtime, trigger: dict[str, Any] = ABANDONED, **given: Any) -> int:
    """Set one live at noon, or as `given`; its id."""
    with runtime.db.write() as session:
        return live(session, trigger, **given).id


def change(runtime: Runtime, distribution_id: int, **values: Any) -> None:
    """Change a distribution's row."""
    with runtime.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == distribution_id).values(**values))


def test_an_event_fires_with_its_delay_from_its_own_time(shop: Runtime) -> None:
    """Told ten minutes late, a text two hours after the event is due in an hour and fifty minutes; and once."""
    set_live(shop, ABANDONED | {"delay": 120})
    happen(shop, "C1", ago=10, source_id="e1")
    assert (firing.look(shop), firing.look(shop)) == (1, 0)
    at = NOON + HOUR - 10 * MINUTE
    assert planned(shop) == [(1, 0, at, at + 2 * HOUR)]
    assert noted(shop) == []
    assert happen(shop, "C1", ago=10, source_id="e1") == "again"
    assert firing.look(shop) == 0


def test_what_is_told_too_late_for_its_delay_is_due_now(shop: Runtime) -> None:
    """Nothing is due before it is known."""
    set_live(shop, ABANDONED | {"delay": 5})
    happen(shop, "C1", ago=30)
    firing.look(shop)
    assert planned(shop) == [(1, 0, NOON + HOUR / 2, NOON + HOUR)]


def test_an_event_that_is_still_to_come_waits_for_its_time(shop: Runtime) -> None:
    """The clock of the shop is ahead: the text is not."""
    set_live(shop)
    happen(shop, "C1", ago=-30)
    firing.look(shop)
    assert planned(shop) == [(1, 0, NOON + 1.5 * HOUR, NOON + 1.5 * HOUR)]


@pytest.mark.parametrize(
    ("ago", "fires"),
    [(60, True), (61, False)],
    ids=["when it was set live", "before"],
)
def test_only_what_happened_since_it_was_set_live_fires(shop: Runtime, ago: int, fires: bool) -> None:
    """It was set live an hour ago."""
    set_live(shop)
    happen(shop, "C1", ago=ago)
    assert firing.look(shop) == fires


def test_an_event_older_than_the_setting_does_not_fire(shop: Runtime) -> None:
    """A file of last week's events sets nothing off."""
    set_live(shop, started_at=NOON - 30 * DAY)
    happen(shop, "C1", ago=24 * 60)
    happen(shop, "C2", ago=24 * 60 + 1)
    assert (firing.look(shop), noted(shop)) == (1, [])
    with shop.db.write() as session:
        settings.put(session, "trigger.oldest", "1")
    happen(shop, "C3", ago=61)
    assert firing.look(shop) == 0


def test_nothing_is_noted_where_nothing_live_waits_for_it(shop: Runtime) -> None:
    """Neither for a draft, nor for another event, nor for one that is over."""
    for status in ("draft", "scheduled", "done", "stopped"):
        set_live(shop, status=status)
    set_live(shop, ABANDONED | {"event": "order_paid"})
    happen(shop, "C1")
    assert noted(shop) == []


@pytest.mark.parametrize(
    ("conditions", "fires"),
    [
        ([{"property": "cart_total", "type": "number", "op": "ge", "value": 100}], [1, 3]),
        ([{"property": "cart_total", "type": "number", "op": "lt", "value": 100}], [2]),
        ([{"property": "city", "type": "text", "op": "is", "value": "warsaw"}], [1]),
        ([{"property": "city", "type": "text", "op": "is_not", "value": "Warsaw"}], [2, 3]),
        ([{"property": "until", "type": "date", "op": "next_days", "value": 3}], [2]),
        (
            [
                {"property": "cart_total", "type": "number", "op": "ge", "value": 100},
                {"property": "city", "type": "text", "op": "set"},
            ],
            [1],
        ),
    ],
)
def test_properties_are_compared_as_segments_do(
    shop: Runtime, conditions: list[dict[str, Any]], fires: list[int]
) -> None:
    """By the type that is asked about; what an event does not have is not as asked."""
    set_live(shop, ABANDONED | {"where": conditions})
    happen(shop, "C1", properties={"cart_total": 100, "city": "Warsaw", "until": "2026-06-30"})
    happen(shop, "C2", properties={"cart_total": 99.5, "until": "2026-06-17"})
    happen(shop, "C3", properties={"cart_total": 250})
    firing.look(shop)
    assert [each[0] for each in planned(shop)] == fires


def test_a_paused_one_fires_too_and_one_that_ended_does_not(shop: Runtime) -> None:
    """What piles up is decided about when it is resumed; after its end date nothing fires."""
    set_live(shop, status="paused")
    set_live(shop, ends_at=NOON + HOUR)
    set_live(shop, ends_at=NOON + HOUR + MINUTE)
    happen(shop, "C1")
    happen(shop, "C2", ago=-1)
    assert firing.look(shop) == 3
    assert [each[0] for each in planned(shop)] == [1, 2, 1]


@pytest.mark.parametrize(
    ("reentry", "fired"),
    [
        ({"reentry": "once"}, [0]),
        ({"reentry": "always"}, [0, 20, 10, 50]),
        ({"reentry": "days", "days": 1}, [0]),
    ],
)
def test_how_often_a_customer_enters(shop: Runtime, reentry: dict[str, Any], fired: list[int]) -> None:
    """Out of order: each counts by its own time."""
    set_live(shop, ABANDONED | reentry)
    for ago in (0, 20, 10, 50):
        happen(shop, "C1", ago=ago)
        firing.look(shop)
    assert [(NOON + HOUR - each[2]) / MINUTE for each in planned(shop)] == fired


def test_an_edited_one_goes_on_where_the_first_was(shop: Runtime) -> None:
    """Who got it once does not get it again; what happened before the edit and is told after it fires the new one."""
    old = set_live(shop, ABANDONED | {"reentry": "once"}, started_at=NOON - DAY)
    happen(shop, "C1", ago=30)
    firing.look(shop)
    change(shop, old, ends_at=NOON + HOUR)
    set_live(shop, ABANDONED | {"reentry": "once"}, started_at=NOON + HOUR, replaces_id=old, family_id=old)
    happen(shop, "C1")
    happen(shop, "C2", ago=20)
    assert firing.look(shop) == 1
    assert [each[0] for each in planned(shop)] == [1, 2]


def test_what_was_called_off_may_enter_again(shop: Runtime) -> None:
    """The customer paid, and got nothing: their next cart counts."""
    set_live(shop, ABANDONED | {"reentry": "once"})
    happen(shop, "C1", ago=20)
    firing.look(shop)
    with shop.db.write() as session:
        session.execute(update(Planned).values(state=PlannedState.DROPPED, reason="called_off"))
    happen(shop, "C1")
    assert firing.look(shop) == 1


CALLED_OFF = ABANDONED | {"reentry": "once", "delay": 60, "unless": {"event": "order_paid"}}


@pytest.mark.parametrize("together", [True, False], ids=["told together", "told as it happened"])
def test_who_paid_for_a_cart_and_left_another_is_told_of_that_one(shop: Runtime, together: bool) -> None:
    """The first text is called off before it is due: it does not keep the second from being planned."""
    set_live(shop, CALLED_OFF)
    for name, ago in (("cart_abandoned", 50), ("order_paid", 40), ("cart_abandoned", 20), ("cart_abandoned", 10)):
        happen(shop, "C1", name, ago=ago)
        if not together:
            firing.look(shop)
    happen(shop, "C2", "order_paid", ago=40)
    happen(shop, "C2", ago=50, properties={"cart_total": 1})
    firing.look(shop)
    with shop.db.read() as session:
        rows = session.execute(select(Planned.customer_id, Planned.state, Planned.reason).order_by(Planned.id)).all()
    called_off, waits = (PlannedState.DROPPED, "called_off"), (PlannedState.WAITING, None)
    assert sorted(tuple(row) for row in rows if row[0] == 1) == [(1, *waits), (1, *called_off)]
    assert [(each[0], (NOON + HOUR - each[2]) / MINUTE) for each in planned(shop)] == [(1, 50), (1, 20), (2, 50)]


def test_many_events_fire_in_small_transactions(shop: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is left out between two of them."""
    monkeypatch.setattr(firing, "CHUNK", 7)
    set_live(shop)
    told = [{"customer": f"C{1 + number % 3}", "name": "cart_abandoned"} for number in range(50)]
    with shop.db.write() as session:
        events.record(session, told, now=shop.clock.now())
    assert (firing.look(shop), len(planned(shop)), noted(shop)) == (50, 50, [])


def test_one_that_cannot_fire_is_paused_and_holds_up_no_other(shop: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it waits for stays noted, and fires once it is resumed; everybody else's fires at once."""
    broken, sound = set_live(shop), set_live(shop, ABANDONED | {"event": "order_paid"})
    happen(shop, "C1")
    happen(shop, "C2", name="order_paid")
    real = firing._of_one

    def poisoned(session: Any, watch: Any, *rest: Any) -> int:
        if watch.row.id == broken:
            session.execute(text("SELECT 1 / 0"))  # PostgreSQL refuses whatever comes after it in the transaction
            raise ValueError("a bug")
        return real(session, watch, *rest)

    monkeypatch.setattr(firing, "_of_one", poisoned)
    assert firing.look(shop) == 1
    with shop.db.read() as session:
        assert session.scalars(select(Planned.distribution_id)).all() == [sound]
    assert [each[0] for each in noted(shop)] == [1]
    happen(shop, "C3", name="order_paid")
    assert firing.look(shop) == 1
    monkeypatch.undo()
    assert firing.look(shop) == 0
    resumed(shop, broken)
    assert firing.look(shop) == 1
    assert noted(shop) == []


def test_a_trigger_that_cannot_be_read_holds_up_no_other(shop: Runtime) -> None:
    """Written by a later version, or by hand; what it waits for stays noted until it is mended."""
    broken = set_live(shop, {"kind": "event", "event": "cart_abandoned", "reentry": "now and then"})
    set_live(shop)
    happen(shop, "C1")
    assert (firing.look(shop), [each[0] for each in noted(shop)]) == (1, [1])
    with shop.db.write() as session:
        session.get_one(Distribution, broken).trigger = ABANDONED
    resumed(shop, broken)
    assert (firing.look(shop), noted(shop)) == (1, [])


@pytest.mark.parametrize("replaced", [True, False])
def test_one_that_is_held_up_and_fires_no_more_keeps_no_event(shop: Runtime, replaced: bool) -> None:
    """It has ended, or an edit took over: nobody who resumes it has anything tried again."""
    old = set_live(shop, status="paused", held_up=True, ends_at=NOON + HOUR)
    new = {"replaces_id": old, "family_id": old} if replaced else {}
    set_live(shop, **new)
    happen(shop, "C1")
    assert (firing.look(shop), noted(shop)) == (1, [])


def test_an_event_that_is_gone_is_forgotten(shop: Runtime) -> None:
    """Nothing waits for it for ever."""
    set_live(shop)
    happen(shop, "C1")
    with shop.db.write() as session:
        session.execute(delete(Event))
    assert (firing.look(shop), noted(shop)) == (0, [])


def test_any_number_of_processes_may_look(shop: Runtime) -> None:
    """Four at once while events come in: each event fires each of three distributions once."""
    for _ in range(3):
        set_live(shop)
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for _ in range(5):
                told = [{"customer": f"C{1 + each % 3}", "name": "cart_abandoned"} for each in range(20)]
                with shop.db.write() as session:
                    events.record(session, told, now=shop.clock.now())
                firing.look(shop)
        except BaseException as error:
            failed.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    firing.look(shop)
    assert not failed
    with shop.db.read() as session:
        rows = session.execute(select(Planned.distribution_id, Planned.event_id)).all()
        assert session.scalars(select(Touched.id)).all() == []
    assert len(rows) == len(set(rows)) == 3 * 4 * 5 * 20


def test_times_are_kept_to_the_microsecond(shop: Runtime) -> None:
    """On both databases, so that "since it was set live" means the same."""
    set_live(shop)
    at = NOON + timedelta(microseconds=1)
    happen(shop, "C1", at=at.isoformat())
    firing.look(shop)
    fired: datetime = planned(shop)[0][2]
    assert fired == at
