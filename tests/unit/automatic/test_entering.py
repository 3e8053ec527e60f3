"""Customers enter the segment that a live distribution watches, by whatever makes them match, and once each."""

import random
from datetime import datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select, update

from distribution.automatic import entering, firing, watching
from distribution.clock import ManualClock
from distribution.codes import redemptions
from distribution.customers import consent, profile
from distribution.customers.upsert import upsert
from distribution.errors import Refused
from distribution.providers.port import InboundNews
from distribution.runtime import Runtime
from distribution.segments import editing, members
from distribution.sending import replies
from storage import customers, trigger_members
from storage.tables import CodeState, Customer, Distribution, EventName, Planned, Provider, Segment, TriggerMember
from tests.conftest import NOON
from tests.unit.automatic.living import happen, live, noted, planned, segment
from tests.unit.codes import stocked
from tests.unit.customers.people import customer

DAY = timedelta(days=1)
POLES = {"field": "region", "op": "is", "value": "PL"}
BOUGHT = {"field": "event", "event": "order_paid", "op": "did"}
REDEEMED = {"field": "codes_redeemed", "op": "ge", "value": 1}
OPTED_OUT = {"field": "consent", "op": "is", "value": "opted_out"}
VIP = {"field": "attribute", "attribute": "vip", "type": "boolean", "op": "yes"}
LONG_AGO = {"field": "created", "op": "older_days", "value": 30}


@pytest.fixture
def shop(runtime: Runtime) -> Runtime:
    """Three customers from GB, C1 to C3, with numbers."""
    with runtime.db.write() as session:
        customers.add_attribute(session, "vip", "boolean", at=NOON)
        session.add(EventName(name="order_paid", properties={}, first_at=NOON, created_at=NOON))
        for number in (1, 2, 3):
            customer(session, NOON, source_id=f"C{number}", region="GB", phone=f"+4475009000{number:02}")
    return runtime


def watch(runtime: Runtime, *rules: dict[str, Any], **given: Any) -> int:
    """Set live what watches a segment of these rules; the distribution's id."""
    trigger = {"kind": "segment", "members": given.pop("members", "new"), "reentry": given.pop("reentry", "once")}
    trigger |= {key: given.pop(key) for key in ("delay", "days") if key in given}
    with runtime.db.write() as session:
        number = session.scalar(select(func.count()).select_from(Distribution))
        watched = given.pop("segment_id", None) or segment(session, *rules, name=f"Watched {number}").id
        row = live(session, trigger | {"segment_id": watched}, **given)
        entering.remember(session, row, runtime.clock.now())
        return row.id


def entered(runtime: Runtime) -> list[int]:
    """Whose text is planned."""
    return [each[0] for each in planned(runtime)]


def told(runtime: Runtime, **row: Any) -> None:
    """Tell of a customer over the API."""
    with runtime.db.write() as session:
        (answer,) = upsert(session, [row], by="U0ADA", source="API", now=runtime.clock.now(), region="GB")
        assert answer.status in ("created", "updated")


def by_api_created(shop: Runtime) -> None:
    """A new customer who matches from the start."""
    told(shop, source_id="C4", phone="+48501234218")


def by_api_changed(shop: Runtime) -> None:
    """A customer who was there."""
    told(shop, source_id="C1", region="PL")


def by_a_person(shop: Runtime) -> None:
    """Somebody edits a profile in Slack."""
    with shop.db.write() as session:
        details = profile.Details(source_id="C1", phone="+447500900001", region="PL")
        profile.edit(session, 1, details, now=shop.clock.now())


def added_by_a_person(shop: Runtime) -> None:
    """Somebody adds a customer in Slack."""
    with shop.db.write() as session:
        details = profile.Details(phone="+48501234218")
        profile.add(session, details, agreed=False, by="U0MAYA", by_name="Maya", statement="", now=NOON)


def by_an_event(shop: Runtime) -> None:
    """A purchase."""
    assert happen(shop, "C1", "order_paid") == "recorded"


def by_a_redemption(shop: Runtime) -> None:
    """A code is used."""
    group_id = stocked.group(shop, count=1)
    stocked.hold(shop, group_id, stocked.distribution(shop, "done"), 1, CodeState.ISSUED)
    with shop.db.write() as session:
        redemptions.redeem(session, "Summer10%-0", by="till", now=NOON)


def by_stop(shop: Runtime) -> None:
    """They text STOP."""
    with shop.db.write() as session:
        session.add(Provider(id=1, kind="sandbox", name="Phone", created_at=NOON, created_by="U0ADA"))
        session.flush()
        replies.take(session, 1, InboundNews("r1", "+447500900001", "STOP"), NOON)


def by_consent(shop: Runtime) -> None:
    """Somebody writes down that they asked for it on the phone."""
    with shop.db.write() as session:
        assert consent.change(session, 1, "opted_out", "Maya", NOON)


def by_an_attribute(shop: Runtime) -> None:
    """The shop's system says so."""
    told(shop, source_id="C1", attributes={"vip": True})


CAUSES = [
    (by_api_created, POLES),
    (by_api_changed, POLES),
    (by_a_person, POLES),
    (added_by_a_person, POLES),
    (by_an_event, BOUGHT),
    (by_a_redemption, REDEEMED),
    (by_stop, OPTED_OUT),
    (by_consent, OPTED_OUT),
    (by_an_attribute, VIP),
]


@pytest.mark.parametrize(("cause", "rule"), CAUSES, ids=[cause.__name__ for cause, _ in CAUSES])
def test_nobody_is_noted_for_what_is_not_asked(shop: Runtime, cause: Any, rule: dict[str, Any]) -> None:
    """Another kind of change is nothing to a segment whose rules do not ask about it."""
    unconcerned = BOUGHT if rule != BOUGHT else POLES
    watch(shop, unconcerned)
    cause(shop)
    assert noted(shop) == []


@pytest.mark.parametrize(("cause", "rule"), CAUSES, ids=[cause.__name__ for cause, _ in CAUSES])
def test_each_cause_is_noted_and_fires(shop: Runtime, cause: Any, rule: dict[str, Any]) -> None:
    """The hook notes them, the look plans their text, and the sweep after it finds nobody else."""
    watch(shop, rule, delay=10)
    cause(shop)
    assert len(noted(shop)) >= 1
    assert firing.look(shop) == 1
    (text,) = planned(shop)
    assert text[2:] == (NOON, NOON + timedelta(minutes=10))
    assert (entering.sweep(shop), noted(shop)) == (0, [])


def test_time_alone_makes_customers_enter(shop: Runtime, clock: ManualClock) -> None:
    """Nobody did anything: the sweep finds them on the day, once."""
    watch(shop, LONG_AGO)
    assert entering.sweep(shop) == 0
    clock.advance(30 * DAY)
    assert entering.sweep(shop) == 0
    clock.advance(timedelta(seconds=1))
    assert (entering.sweep(shop), entering.sweep(shop)) == (3, 0)
    assert entered(shop) == [1, 2, 3]


def test_the_sweep_finds_what_no_hook_saw(shop: Runtime) -> None:
    """Whatever wrote to the tables."""
    watch(shop, POLES)
    with shop.db.write() as session:
        session.execute(update(Customer).where(Customer.id == 2).values(region="PL"))
    assert (firing.look(shop), entering.sweep(shop), entered(shop)) == (0, 1, [2])


@pytest.mark.parametrize(("members", "fires"), [("new", [2]), ("all", [1, 2])])
def test_todays_members_enter_as_chosen(shop: Runtime, members: str, fires: list[int]) -> None:
    """Who matches when it is set live has entered it, or has been in it all along."""
    told(shop, source_id="C1", region="PL")
    watch(shop, POLES, members=members)
    entering.sweep(shop)
    told(shop, source_id="C2", region="PL")
    firing.look(shop)
    entering.sweep(shop)
    assert entered(shop) == fires


@pytest.mark.parametrize(("reentry", "times"), [("once", 1), ("always", 2), ("days", 1)])
def test_who_left_may_enter_again(shop: Runtime, clock: ManualClock, reentry: str, times: int) -> None:
    """Leaving is seen as entering is; how often they get it is for the re-entry rule to say."""
    watch(shop, VIP, reentry=reentry, **({"days": 3} if reentry == "days" else {}))
    for vip in (True, True, False, True):
        told(shop, source_id="C1", phone="+447500900001", name=f"At {clock.now()}", attributes={"vip": vip})
        firing.look(shop)
        clock.advance(timedelta(hours=1))
    assert entered(shop) == [1] * times
    clock.advance(3 * DAY)
    for vip in (False, True):
        told(shop, source_id="C1", attributes={"vip": vip})
        entering.sweep(shop)
    assert len(entered(shop)) == times + (reentry != "once")


def test_nobody_enters_while_todays_members_are_being_noted(shop: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large segment that takes the next look: those who are in it have not entered it."""
    monkeypatch.setattr(entering, "MEMBERS", 2)
    with shop.db.write() as session:
        session.execute(update(Customer).values(region="PL"))
    row_id = watch(shop, POLES)
    with shop.db.write() as session:
        assert session.get_one(Distribution, row_id).members_at is None
        watching.touch(session, "profile", [1, 2])
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(entering, "begin", lambda _: None)
        assert (firing.look(shop), entering.sweep(shop), noted(shop)) == (0, 0, [])
    assert (firing.look(shop), entered(shop)) == (0, [])
    with shop.db.read() as session:
        assert session.get_one(Distribution, row_id).members_at == NOON
        assert session.scalar(select(func.count()).select_from(TriggerMember)) == 3
    told(shop, source_id="C4", phone="+48501234218")
    assert (firing.look(shop), entered(shop)) == (1, [4])


def test_two_who_note_members_at_once_note_them_once(shop: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one leaves what the quicker one knows alone: somebody may have left the segment since."""
    monkeypatch.setattr(entering, "MEMBERS", 2)
    with shop.db.write() as session:
        session.execute(update(Customer).values(region="PL"))
    row_id = watch(shop, POLES)
    chunks = entering._chunks

    def held(ids: Any, size: int) -> Any:
        monkeypatch.setattr(entering, "_chunks", chunks)
        entering.begin(shop)  # the quicker one, and then somebody leaves
        told(shop, source_id="C1", region="GB")
        firing.look(shop)
        return chunks(ids, size)

    monkeypatch.setattr(entering, "_chunks", held)
    entering.begin(shop)
    with shop.db.read() as session:
        assert trigger_members.known(session, row_id, [1, 2, 3]) == {2, 3}


def test_members_of_a_static_segment_enter_it_by_being_added(shop: Runtime) -> None:
    """By a list that somebody pastes, at once; by a file, with the sweep."""
    with shop.db.write() as session:
        chosen = editing.create_static(session, "Chosen", [1], by="U0MAYA", now=NOON).id
    watch(shop, segment_id=chosen)
    with shop.db.write() as session:
        members.change(session, chosen, "add", "C1, C2", now=NOON)
    assert (firing.look(shop), entered(shop)) == (1, [2])
    with shop.db.write() as session:
        editing.add_members(session, chosen, [3])
    assert (entering.sweep(shop), entered(shop)) == (1, [2, 3])


def test_a_segment_of_segments_is_heard_of_through_them(shop: Runtime) -> None:
    """What its rules ask about, the rules that they name ask about too."""
    with shop.db.write() as session:
        inner = segment(session, VIP, name="Inner")
    watch(shop, {"field": "segment", "segment_id": inner.id, "op": "in"})
    by_an_attribute(shop)
    assert (firing.look(shop), entered(shop)) == (1, [1])


def test_many_at_once_are_left_to_the_sweep(shop: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a million customers is not noted one by one."""
    monkeypatch.setattr(watching, "MANY", 2)
    watch(shop, POLES)
    rows = [{"source_id": f"C{number}", "region": "PL"} for number in (1, 2, 3)]
    with shop.db.write() as session:
        upsert(session, rows, by="U0ADA", source="API", now=NOON, region="GB")
    assert (noted(shop), firing.look(shop), entering.sweep(shop)) == ([], 0, 3)


def test_a_segment_that_is_gone_holds_up_no_other(shop: Runtime) -> None:
    """The others are swept, and what was noted is looked at for them."""
    gone = watch(shop, POLES)
    watch(shop, VIP)
    with shop.db.write() as session:
        asked = session.get_one(Distribution, gone).trigger["segment_id"]
        session.execute(update(Segment).where(Segment.id == asked).values(deleted_at=NOON))
    by_an_attribute(shop)
    told(shop, source_id="C2", region="PL")
    assert (firing.look(shop), entered(shop), noted(shop)) == (1, [1], [])
    with shop.db.write() as session:
        session.execute(update(Customer).where(Customer.id == 3).values(attributes={"vip": True}))
    assert (entering.sweep(shop), entered(shop)) == (1, [1, 3])


def test_a_segment_that_a_live_one_watches_cannot_be_deleted(shop: Runtime) -> None:
    """Nobody would enter any more, and nobody would know why."""
    row_id = watch(shop, POLES)
    with shop.db.write() as session:
        asked = session.get_one(Distribution, row_id).trigger["segment_id"]
        with pytest.raises(Refused, match="the trigger of 'Carts'"):
            editing.delete_segment(session, asked, now=NOON)


def test_an_edited_one_knows_who_was_in_the_segment(shop: Runtime) -> None:
    """Nobody enters again because of the edit, and who comes later enters the new one alone."""
    told(shop, source_id="C1", region="PL")
    old_id = watch(shop, POLES, reentry="always")
    told(shop, source_id="C2", region="PL")
    firing.look(shop)
    with shop.db.write() as session:
        old = session.get_one(Distribution, old_id)
        new = live(session, dict(old.trigger), replaces_id=old_id, family_id=old_id)
        entering.hand_over(session, old, new, NOON)
        old.ends_at = NOON
    told(shop, source_id="C3", region="PL")
    assert (firing.look(shop), entering.sweep(shop)) == (1, 0)
    with shop.db.read() as session:
        assert session.execute(select(Planned.distribution_id, Planned.customer_id).order_by(Planned.id)).all() == [
            (old_id, 2),
            (new.id, 3),
        ]


def test_nobody_enters_twice_because_several_sweep(shop: Runtime) -> None:
    """Six threads, sweeping and looking at the same 200 customers: each enters once, however often they may."""
    row_id = watch(shop, POLES, reentry="always")
    with shop.db.write() as session:
        for number in range(200):
            customer(session, NOON, source_id=f"P{number}", region="PL")
        ids = session.scalars(select(Customer.id).where(Customer.region == "PL")).all()
        watching.touch(session, "profile", ids)
    begin = Barrier(6)
    fired: list[int] = []
    failed: list[BaseException] = []

    def work(number: int) -> None:
        begin.wait()
        try:
            fired.append((entering.sweep if number % 2 else firing.look)(shop))
        except BaseException as error:  # said in the test's own thread
            failed.append(error)

    threads = [Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failed, sum(fired), sorted(entered(shop))) == ([], 200, sorted(ids))
    with shop.db.read() as session:
        assert trigger_members.known(session, row_id, ids) == set(ids)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_as_a_plain_model_says(shop: Runtime, clock: ManualClock, seed: int) -> None:
    """Random days of customers who come and go, looked at and swept at random: the same entries as in plain Python."""
    dice = random.Random(seed)
    reentry, apart = dice.choice([("once", timedelta.max), ("always", timedelta()), ("days", 2 * DAY)])
    watch(shop, VIP, reentry=reentry, **({"days": 2} if reentry == "days" else {}))
    vip, known, model = dict.fromkeys((1, 2, 3), False), set[int](), list[tuple[int, datetime]]()
    for _ in range(20):
        clock.advance(timedelta(hours=dice.randrange(1, 20)))
        for each in dice.sample([1, 2, 3], dice.randrange(1, 3)):
            vip[each] = dice.random() < 0.5
            told(shop, source_id=f"C{each}", name=f"{clock.now()} {each}", attributes={"vip": vip[each]})
        if dice.random() < 0.3:
            continue  # nobody looks: what happened in between is not seen
        (firing.look if dice.random() < 0.5 else entering.sweep)(shop)
        for each in (one for one, is_vip in vip.items() if is_vip and one not in known):
            if all(abs(clock.now() - at) >= apart for who, at in model if who == each):
                model.append((each, clock.now()))
        known = {one for one, is_vip in vip.items() if is_vip}
    assert [(who, at) for who, _, at, _ in planned(shop)] == sorted(model)


def test_whom_time_brings_in_again_because_the_clock_was_put_back_has_not_entered_again(
    shop: Runtime, clock: ManualClock
) -> None:
    """Nor has who was in it when it was set live; who comes back by a change of theirs has."""
    watch(shop, LONG_AGO, reentry="always")
    watch(shop, VIP, reentry="always")
    clock.advance(31 * DAY)
    told(shop, source_id="C4", phone="+48501234218", consent="given", attributes={"vip": True})
    assert (firing.look(shop), entering.sweep(shop)) == (1, 3)
    watch(shop, LONG_AGO, reentry="always")
    clock.advance(-2 * DAY)
    told(shop, source_id="C4", attributes={"vip": False})
    assert (firing.look(shop), entering.sweep(shop)) == (0, 0)
    told(shop, source_id="C4", attributes={"vip": True})
    assert (firing.look(shop), entering.sweep(shop)) == (1, 0)
    clock.advance(3 * DAY)
    assert (firing.look(shop), entering.sweep(shop)) == (0, 0)
