"""Held up and resumed with only what comes from then on: what it missed is passed over, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from distribution.automatic import entering, firing, held_up, missed
from distribution.automatic.trigger import ALL, NEW
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Customer, Segment
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import CART, happens, look, make_live, messages, planned, row_of, states
from tests.unit.automatic.living import noted, resumed, segment
from tests.unit.sending.door import NOWHERE

HOUR = timedelta(hours=1)


@pytest.fixture
def customers(runtime: Runtime) -> list[int]:
    """Five of them, and codes."""
    make_group(runtime, "Summer 10%", 20)
    return make_customers(runtime, 5)


def held(runtime: Runtime, distribution_id: int) -> None:
    """It cannot go on."""
    assert held_up.hold(runtime, distribution_id, Refused("Its segment is gone."))


def resume(runtime: Runtime, distribution_id: int, piled: str) -> None:
    """Somebody resumes it, and the job that this may take has run."""
    resumed(runtime, distribution_id, piled)
    run_jobs(runtime)


def run_jobs(runtime: Runtime) -> None:
    """Run what was enqueued."""
    while runtime.jobs.run_next(runtime):
        pass


def texted(runtime: Runtime, distribution_id: int) -> list[int]:
    """Whose messages were made."""
    return [each.customer_id for each in messages(runtime, distribution_id)]


@pytest.mark.parametrize("piled", [control.SEND, control.DROP])
def test_events_that_were_noted_meanwhile(
    runtime: Runtime, clock: ManualClock, customers: list[int], piled: str
) -> None:
    """They were fired whatever was chosen: "only what comes from now on" texted those of the days before."""
    provider = make_provider(runtime, NOWHERE)
    one, other = make_live(runtime, provider), make_live(runtime, provider, subject="Other")
    held(runtime, one)
    happens(runtime, customers[:2])
    look(runtime)
    clock.advance(HOUR)
    happens(runtime, customers[2:3])
    resumed(runtime, one, piled)
    happens(runtime, customers[3:4])
    look(runtime)
    assert texted(runtime, one) == (customers[:4] if piled == control.SEND else customers[3:4])
    assert states(runtime, one).count("DROPPED paused") == (0 if piled == control.SEND else 3)
    assert texted(runtime, other) == customers[:4]
    assert noted(runtime) == []
    assert check(runtime.db) == []


def test_an_event_whose_text_is_still_to_come_is_sent_in_its_time(
    runtime: Runtime, clock: ManualClock, customers: list[int]
) -> None:
    """As in a pause by a person: what has not fallen due is not what piled up."""
    one = make_live(runtime, make_provider(runtime, NOWHERE), CART | {"delay": 60})
    held(runtime, one)
    happens(runtime, customers[:1])
    clock.advance(HOUR / 2)
    happens(runtime, customers[1:2])
    clock.advance(HOUR / 2)
    resumed(runtime, one, control.DROP)
    look(runtime)
    clock.advance(HOUR / 2)
    look(runtime)
    assert texted(runtime, one) == customers[1:2]


def test_what_would_not_have_fired_is_not_counted_as_dropped(
    runtime: Runtime, clock: ManualClock, customers: list[int]
) -> None:
    where = [{"property": "total", "type": "number", "op": "ge", "value": 100}]
    one = make_live(runtime, make_provider(runtime, NOWHERE), CART | {"where": where})
    held(runtime, one)
    happens(runtime, customers[:1], total=99)
    happens(runtime, customers[1:2], total=100)
    happens(runtime, customers[2:3], "paid", total=100)
    resumed(runtime, one, control.DROP)
    look(runtime)
    assert [(each.customer_id, each.reason) for each in planned(runtime, one)] == [(customers[1], "paused")]


def test_who_was_passed_over_may_enter_once(runtime: Runtime, clock: ManualClock, customers: list[int]) -> None:
    one = make_live(runtime, make_provider(runtime, NOWHERE), CART | {"reentry": "once"})
    held(runtime, one)
    happens(runtime, customers[:1])
    resumed(runtime, one, control.DROP)
    clock.advance(HOUR)
    happens(runtime, customers[:1])
    look(runtime)
    assert states(runtime, one) == ["DROPPED paused", "MADE"]


@pytest.mark.parametrize(
    ("trigger", "entries"),
    [({"reentry": "once"}, 0), ({"reentry": "days", "days": 7}, 0), ({"reentry": "always"}, 2)],
)
def test_nobody_is_texted_for_the_second_of_two_missed_events(
    runtime: Runtime, clock: ManualClock, customers: list[int], trigger: dict[str, Any], entries: int
) -> None:
    """What is dropped counts for nobody's next entry. Who was texted before is not texted either, and is no number."""
    one = make_live(runtime, make_provider(runtime, NOWHERE), CART | trigger)
    happens(runtime, customers[1:2])
    look(runtime)
    held(runtime, one)
    for _ in range(2):
        happens(runtime, customers[:2])
        clock.advance(HOUR)
    resumed(runtime, one, control.DROP)
    look(runtime)
    assert texted(runtime, one) == customers[1:2]
    assert states(runtime, one).count("DROPPED paused") == 2 + entries


def test_an_event_that_is_not_looked_at_yet_is_passed_over_in_any_pause(
    runtime: Runtime, clock: ManualClock, customers: list[int]
) -> None:
    """Told in the second in which somebody resumes it: it came before, and texted somebody after."""
    one = make_live(runtime, make_provider(runtime, NOWHERE))
    with runtime.db.write() as session:
        control.pause(session, one, by="Maya", now=clock.now())
    happens(runtime, customers[:1])
    resumed(runtime, one, control.DROP)
    look(runtime)
    assert states(runtime, one) == ["DROPPED paused"]


@pytest.mark.parametrize("members", [NEW, ALL])
@pytest.mark.parametrize("piled", [control.SEND, control.DROP])
@pytest.mark.parametrize("many", [False, True])
def test_who_entered_a_segment_meanwhile(
    runtime: Runtime,
    clock: ManualClock,
    customers: list[int],
    monkeypatch: pytest.MonkeyPatch,
    piled: str,
    members: str,
    many: bool,
) -> None:
    if many:
        monkeypatch.setattr(entering, "MEMBERS", 1)
    one = watching(runtime, members)
    enters(runtime, customers[:1])
    entering.sweep(runtime)
    look(runtime)
    held(runtime, one)
    enters(runtime, customers[1:3])
    clock.advance(HOUR)
    resume(runtime, one, piled)
    assert row_of(runtime, one).status == "sending"
    enters(runtime, customers[3:4])
    for _ in range(3):
        entering.sweep(runtime)
        look(runtime)
    expected = customers[:4] if piled == control.SEND else [customers[0], customers[3]]
    assert sorted(texted(runtime, one)) == expected


def test_one_whose_segment_is_still_gone_is_held_up_again(
    runtime: Runtime, clock: ManualClock, customers: list[int]
) -> None:
    one = watching(runtime, NEW)
    with runtime.db.write() as session:
        session.execute(update(Segment).values(deleted_at=clock.now()))
    entering.sweep(runtime)
    assert row_of(runtime, one).held_up
    resumed(runtime, one, control.DROP)
    assert row_of(runtime, one).status == "sending"
    entering.sweep(runtime)
    assert row_of(runtime, one).held_up


def test_many_events_are_passed_over_by_a_job(
    runtime: Runtime, clock: ManualClock, customers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missed, "CHUNK", 2)
    one = make_live(runtime, make_provider(runtime, NOWHERE))
    held(runtime, one)
    happens(runtime, customers)
    resumed(runtime, one, control.DROP)
    assert row_of(runtime, one).status == "paused"
    clock.advance(HOUR)
    firing.look(runtime)
    run_jobs(runtime)
    assert row_of(runtime, one).status == "sending"
    happens(runtime, customers[:1])
    look(runtime)
    assert states(runtime, one) == ["DROPPED paused"] * 5 + ["MADE"]


def watching(runtime: Runtime, members: str) -> int:
    """One that watches whose locale is de-AT; nobody's is yet."""
    with runtime.db.write() as session:
        watched = segment(session, {"field": "locale", "op": "is", "value": "de-AT"}).id
    trigger: dict[str, Any] = {"kind": "segment", "segment_id": watched, "members": members}
    one = make_live(runtime, make_provider(runtime, NOWHERE), trigger, body="Hi", purpose="custom")
    entering.begin(runtime)
    return one


def enters(runtime: Runtime, customer_ids: list[int]) -> None:
    """Customers turn Austrian, and nobody notes it."""
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.id.in_(customer_ids)).values(locale="de-AT"))
