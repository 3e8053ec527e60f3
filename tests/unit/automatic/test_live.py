"""Set live, edited while texts are under way, paused, stopped, ended: nobody is texted twice, nobody is forgotten."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from commands.people import Person
from distribution import approvals, seal
from distribution.automatic import due, entering, firing, live
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.sending import control
from distribution.sending.status import finish_if_over
from storage.tables import Approval, Distribution, MessageState, Segment, TriggerMember
from tests.conftest import NOON, run_jobs
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_group, make_provider, sending, until
from tests.unit.automatic.lively import (
    CART,
    codes,
    happens,
    look,
    make_live,
    messages,
    planned,
    row_of,
    sealed,
    set_live,
    states,
)

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


def provider(runtime: Runtime) -> int:
    """A provider that nobody sends through."""
    return make_provider(runtime, "http://127.0.0.1:9")


def edited(runtime: Runtime, distribution_id: int, *, by: str = "U0MAYA", **changed: Any) -> int:
    """An edit of a live one, sealed and ready to take over; its id."""
    with runtime.db.write() as session:
        draft = live.edit(session, distribution_id, by=by, now=runtime.clock.now())
        for name, value in changed.items():
            setattr(draft, name, value)
        seal.put(session, draft)
        return draft.id


def reachable(runtime: Runtime) -> int:
    """A segment of those who agreed to be texted; its id."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        rules = {"match": "all", "rules": [{"field": "consent", "op": "is", "value": "given"}]}
        row = Segment(name="Reachable", kind="dynamic", rules=rules, created_at=now, created_by="U0MAYA")
        session.add(row)
        session.flush()
        return row.id


def test_an_edit_takes_over_while_texts_are_under_way(runtime: Runtime) -> None:
    """Those planned, made, and posted by then keep the old text; what happens afterwards gets the new one."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            make_group(runtime, "Summer 10%", 20)
            customers = make_customers(runtime, 9)
            through = make_provider(runtime, gateway.url)
            body = "{}: {{{{ client.promocode('Summer 10%') }}}} {{{{ event.n }}}}"
            old = make_live(runtime, through, CART, body=body.format("old"))
            for n, some in enumerate((customers[:3], customers[3:6])):
                happens(runtime, some, n=n)
                firing.look(runtime)
                if n == 0:
                    due.look(runtime)
            new = edited(runtime, old, body=body.format("new"))
            assert (row_of(runtime, new).replaces_id, row_of(runtime, new).family_id) == (old, old)
            gateway.latency = 0.2
            async with sending(runtime):
                await until(lambda: gateway.requests > 0)
                set_live(runtime, new)
                happens(runtime, customers, n=2)
                look(runtime)
                await until(lambda: len(gateway.accepted) == 15)
                await until(
                    lambda: all(
                        each.state is MessageState.ACCEPTED for of in (old, new) for each in messages(runtime, of)
                    )
                )
            assert gateway.twice() == []
            texts = sorted(text["body"].split(":")[0] + text["body"].split()[-1] for text in gateway.accepted)
            assert texts == ["new2"] * 9 + ["old0"] * 3 + ["old1"] * 3

    asyncio.run(scenario())
    due.look(runtime)
    with runtime.db.read() as session:
        assert list(session.scalars(select(Distribution.status).order_by(Distribution.id))) == ["done", "sending"]
    assert check(runtime.db) == []


def test_once_is_once_over_an_edit_and_ceilings_count_on(runtime: Runtime) -> None:
    customers = make_customers(runtime, 4)
    trigger = CART | {"reentry": "once", "most": 3}
    old = make_live(runtime, provider(runtime), trigger, body="old")
    happens(runtime, customers[:2])
    look(runtime)
    new = set_live(runtime, edited(runtime, old, body="new"))
    happens(runtime, customers)
    look(runtime)
    assert states(runtime, old) == ["MADE", "MADE"]
    assert sorted(states(runtime, new)) == ["DROPPED ceiling", "MADE"]


def test_who_is_in_the_segment_has_not_entered_it_again_by_an_edit(runtime: Runtime) -> None:
    make_customers(runtime, 3)
    trigger = {"kind": "segment", "segment_id": reachable(runtime), "members": "new"}
    old = make_live(runtime, provider(runtime), trigger, body="old")
    entering.sweep(runtime)
    entered = make_customers(runtime, 1, first=6)  # and nobody has looked yet
    new = set_live(runtime, edited(runtime, old, body="new"))
    entered += make_customers(runtime, 1, first=7)
    entering.sweep(runtime)
    look(runtime)
    assert messages(runtime, old) == []
    assert [each.customer_id for each in messages(runtime, new)] == entered
    with runtime.db.read() as session:
        mine = select(TriggerMember).where(TriggerMember.distribution_id == new)
        assert len(session.scalars(mine).all()) == 5


def test_an_edited_one_stays_over_where_the_clock_goes_back_to_before_the_edit(
    runtime: Runtime, clock: ManualClock
) -> None:
    """Or both would text who enters now, and the old one whoever abandons a cart."""
    make_customers(runtime, 1)
    trigger = {"kind": "segment", "segment_id": reachable(runtime), "members": "new", "reentry": "always"}
    olds = [make_live(runtime, provider(runtime), asked, body="old") for asked in (trigger,)]
    olds.append(make_live(runtime, make_provider(runtime, "http://127.0.0.1:9", name="Other"), CART, body="old"))
    clock.advance(2 * HOUR)
    news = [set_live(runtime, edited(runtime, old, body="new")) for old in olds]
    clock.advance(-HOUR)
    entered = make_customers(runtime, 1, first=6)
    happens(runtime, entered)
    entering.sweep(runtime)
    look(runtime)
    assert [messages(runtime, old) for old in olds] == [[], []]
    assert [[each.customer_id for each in messages(runtime, new)] for new in news] == [entered, entered]


def test_an_edit_that_came_second_does_not_take_over(runtime: Runtime) -> None:
    old = make_live(runtime, provider(runtime), body="old")
    first, second = edited(runtime, old, body="a"), edited(runtime, old, by="U0LEE", body="b")
    assert first != second
    set_live(runtime, first)
    with pytest.raises(Refused, match="was edited meanwhile, and that edit is live"):
        set_live(runtime, second)
    assert row_of(runtime, second).status == "draft"
    with runtime.db.write() as session, pytest.raises(Refused, match="has ended"):
        live.edit(session, old, by="U0MAYA", now=runtime.clock.now())


def test_a_live_one_is_not_called_back(runtime: Runtime) -> None:
    distribution = make_live(runtime, provider(runtime), body="Hi")
    with runtime.db.write() as session, pytest.raises(Refused, match="is live, and cannot be called back"):
        control.call_back(session, runtime, distribution, by="Maya", now=runtime.clock.now())


def test_an_approval_of_an_edit_that_came_second_is_void(runtime: Runtime) -> None:
    old = make_live(runtime, provider(runtime), body="old")
    first, second = edited(runtime, old, body="a"), edited(runtime, old, by="U0LEE", body="b")
    set_live(runtime, first)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, second)
        row.status = "pending"
        approval = Approval(
            distribution_id=second, seal=row.seal, requested_by="U0LEE", requested_at=NOON, state="pending"
        )
        session.add(approval)
        session.flush()
        decision = approvals.approve(session, runtime, approval.id, Person("U0ADA", "Ada", "admin", "UTC"))
    assert (decision.outcome, decision.changes) == ("void", ("another edit of it is live by now",))
    assert row_of(runtime, second).status == "draft"


def test_edit_asked_twice_is_one_draft_and_waits_for_an_approval_that_is_asked_for(runtime: Runtime) -> None:
    old = make_live(runtime, provider(runtime), body="old", reminders=[{"after": 60, "body": "Still"}])
    now = runtime.clock.now()
    with runtime.db.write() as session:
        draft = live.edit(session, old, by="U0MAYA", now=now)
        assert live.edit(session, old, by="U0MAYA", now=now).id == draft.id
        assert (draft.mode, draft.trigger, draft.reminders) == (
            "automatic",
            row_of(runtime, old).trigger,
            [{"after": 60, "body": "Still"}],
        )
        draft.status = "pending"
        session.flush()
        with pytest.raises(Refused, match="waits for its approval"):
            live.edit(session, old, by="U0LEE", now=now)


def test_a_rejected_edit_that_is_mended_takes_over_and_is_not_live_beside_what_it_edits(runtime: Runtime) -> None:
    """What was rejected stays written, and is an edit still: of the one that is live, once, and of no other."""
    old = make_live(runtime, provider(runtime), body="old")
    rejected = edited(runtime, old, body="new")
    now = runtime.clock.now()

    def again() -> Distribution:
        with runtime.db.write() as session:
            return live.again(session, rejected, by="U0LEE", channel=None, now=now)

    with runtime.db.write() as session:
        session.get_one(Distribution, rejected).status = "refused"
    mended, twice = again(), again()
    assert [(each.body, each.replaces_id, each.family_id) for each in (mended, twice)] == [("new", old, old)] * 2
    with runtime.db.write() as session:
        session.get_one(Distribution, twice.id).status = "pending"
    with pytest.raises(Refused, match="waits for its approval"):
        again()
    with runtime.db.write() as session:
        session.get_one(Distribution, twice.id).status = "discarded"
        seal.put(session, session.get_one(Distribution, mended.id))
    set_live(runtime, mended.id)
    assert not live.fires(row_of(runtime, old), runtime.clock.now())
    with pytest.raises(Refused, match="was edited meanwhile, and that edit is live"):
        again()
    with runtime.db.write() as session:
        control.stop(session, runtime, mended.id, by="Lee", now=now)
    assert again().replaces_id is None  # nothing is live that it could take over from


@pytest.mark.parametrize(("mode", "status"), [("manual", "sending"), ("automatic", "stopped")])
def test_only_what_is_live_is_edited(runtime: Runtime, mode: str, status: str) -> None:
    old = make_live(runtime, provider(runtime), body="old")
    with runtime.db.write() as session:
        row = session.get_one(Distribution, old)
        row.mode, row.status = mode, status
        session.flush()
        with pytest.raises(Refused, match="is not live"):
            live.edit(session, old, by="U0MAYA", now=runtime.clock.now())


def test_what_changed_since_the_seal_is_not_set_live(runtime: Runtime) -> None:
    distribution = sealed(runtime, provider(runtime), body="Hi")
    with runtime.db.write() as session:
        session.get_one(Distribution, distribution).body = "Other words"
    set_live(runtime, distribution)
    row = row_of(runtime, distribution)
    assert (row.status, row.seal) == ("draft", None)
    assert row.status_reason == "Back to a draft: the text was changed."


def test_an_end_that_has_passed_is_refused(runtime: Runtime, clock: ManualClock) -> None:
    distribution = sealed(runtime, provider(runtime), body="Hi", ends_at=NOON + HOUR)
    clock.advance(HOUR)
    with pytest.raises(Refused, match="end before it begins"):
        set_live(runtime, distribution)


def test_pressed_twice_it_is_live_once(runtime: Runtime) -> None:
    make_customers(runtime, 2)
    trigger = {"kind": "segment", "segment_id": reachable(runtime), "members": "new"}
    distribution = make_live(runtime, provider(runtime), trigger, body="Hi")
    set_live(runtime, distribution)
    assert row_of(runtime, distribution).status == "sending"


def test_it_fires_while_paused_and_sends_what_piled_up_or_only_what_comes(runtime: Runtime) -> None:
    customers = make_customers(runtime, 4)
    distribution = make_live(runtime, provider(runtime), body="Hi")
    for piled, some in (("send", customers[:1]), ("drop", customers[1:2])):
        with runtime.db.write() as session:
            control.pause(session, distribution, by="Maya", now=runtime.clock.now())
        happens(runtime, some)
        look(runtime)
        with runtime.db.write() as session:
            control.resume(session, runtime, distribution, by="Maya", now=runtime.clock.now(), piled=piled)
        look(runtime)
    happens(runtime, customers[2:3])
    look(runtime)
    assert states(runtime, distribution) == ["MADE", "DROPPED paused", "MADE"]
    assert check(runtime.db) == []


@pytest.mark.parametrize("meanwhile", ["nothing", "stopped", "sent after all"])
def test_a_large_pile_is_dropped_by_a_job_and_it_goes_on_then(
    runtime: Runtime, clock: ManualClock, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "CHUNK", 2)
    monkeypatch.setattr(control, "BATCH", 1)
    customers = make_customers(runtime, 7)
    live = make_live(runtime, provider(runtime), body="Hi")
    with runtime.db.write() as session:
        control.pause(session, live, by="Maya", now=clock.now())
    happens(runtime, customers[:6])
    look(runtime)
    with runtime.db.write() as session:
        control.resume(session, runtime, live, by="Maya", now=clock.now(), piled="drop")
    row = row_of(runtime, live)
    assert (row.status, row.status_reason) == (
        "paused",
        "Paused by Maya until what piled up is dropped. Then it goes on by itself.",
    )
    clock.advance(HOUR)
    happens(runtime, customers[6:])
    with runtime.db.write() as session:
        if meanwhile == "stopped":
            control.stop(session, runtime, live, by="Lee", now=clock.now())
        elif meanwhile == "sent after all":
            control.resume(session, runtime, live, by="Lee", now=clock.now())
    while runtime.jobs.run_next(runtime):
        pass
    look(runtime)
    dropped = {"nothing": 6, "stopped": 2, "sent after all": 2}[meanwhile]
    made = {"nothing": 1, "stopped": 0, "sent after all": 5}[meanwhile]
    found = states(runtime, live)
    assert (found.count("DROPPED paused"), found.count("MADE")) == (dropped, made)
    assert row_of(runtime, live).status == ("stopped" if meanwhile == "stopped" else "sending")
    assert check(runtime.db) == []


def test_stopped_it_makes_nothing_more_and_gives_its_codes_back(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 5)
    customers = make_customers(runtime, 3)
    distribution = make_live(
        runtime, provider(runtime), CART | {"delay": 60}, body="{{ client.promocode('Summer 10%') }}"
    )
    happens(runtime, customers[:2])
    clock.advance(HOUR)
    look(runtime)
    happens(runtime, customers[2:])
    firing.look(runtime)
    with runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Maya", now=clock.now())
    run_jobs(runtime)
    clock.advance(2 * HOUR)
    happens(runtime, customers)
    look(runtime)
    assert sorted(states(runtime, distribution)) == ["DROPPED stopped", "MADE", "MADE"]
    assert {each.state for each in messages(runtime, distribution)} == {MessageState.CANCELLED}
    assert codes(runtime, [each.id for each in messages(runtime, distribution)]) == {}
    row = row_of(runtime, distribution)
    assert (row.status, row.finished_at is not None) == ("stopped", True)
    assert check(runtime.db) == []


def test_it_ends_at_its_end_and_is_done_when_what_it_planned_is_sent(runtime: Runtime, clock: ManualClock) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            before, after = make_customers(runtime, 2)
            through = make_provider(runtime, gateway.url)
            distribution = make_live(runtime, through, CART | {"delay": 120}, body="Hi", ends_at=NOON + HOUR)
            happens(runtime, [before])
            look(runtime)
            clock.advance(HOUR)
            happens(runtime, [after])
            look(runtime)
            with runtime.db.write() as session:  # as a turn of the sender would
                assert not finish_if_over(session, session.get_one(Distribution, distribution), clock.now())
            clock.advance(HOUR)
            look(runtime)
            assert states(runtime, distribution) == ["MADE"]
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) == 1)
                await until(lambda: due.look(runtime) == 0 and row_of(runtime, distribution).status == "done")
            assert row_of(runtime, distribution).finished_at == NOON + 2 * HOUR

    asyncio.run(scenario())
    assert check(runtime.db) == []


def test_what_came_in_before_its_end_sets_it_off_however_late_anybody_looks(
    runtime: Runtime, clock: ManualClock
) -> None:
    """It was lost where the next look came after the end: a second later, or after an outage."""
    in_time, too_late, told_late = make_customers(runtime, 3)
    through = provider(runtime)
    distribution = make_live(runtime, through, body="Hi", ends_at=NOON + HOUR)
    unheard = make_live(runtime, through, CART | {"event": "order_paid"}, body="Hi", ends_at=NOON + HOUR)
    clock.advance(HOUR - SECOND)
    happens(runtime, [in_time])
    clock.advance(2 * SECOND)
    due.look(runtime)  # before anybody looks what happened
    assert row_of(runtime, distribution).status == "sending"
    assert row_of(runtime, unheard).status == "done"
    happens(runtime, [too_late])
    happens(runtime, [told_late], at=NOON + HOUR - SECOND)
    look(runtime)
    assert [each.customer_id for each in planned(runtime, distribution)] == [in_time]
    assert states(runtime, distribution) == ["MADE"]
    assert firing.look(runtime) == 0
    assert check(runtime.db) == []
