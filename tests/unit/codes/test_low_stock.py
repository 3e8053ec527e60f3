"""Low stock: noticed once at each crossing, topped up once and never beyond the ceiling, whoever else looks."""

import threading
from datetime import timedelta

from sqlalchemy import func, select

from distribution.codes import low_stock
from distribution.codes.format import parse_all
from distribution.codes.generate import generate_into
from distribution.codes.groups import create, edit
from distribution.runtime import Runtime
from storage import codes, pace
from storage.tables import Job, PromoCodeGroup, PromoCodeStock
from tests.conftest import NOON, run_jobs

BY = {"by": "U0MAYA", "now": NOON}
FORMAT = parse_all("{string('A-Z0-9', 12)}")


def group(runtime: Runtime, count: int, **facts: object) -> int:
    with runtime.db.write() as session:
        found = create(session, "Summer 10%", formats=FORMAT, **{"low_stock_level": 10, **BY, **facts}).id  # type: ignore[arg-type]
        if count:
            generate_into(session, found, count, **BY)
        return found


def take(runtime: Runtime, group_id: int, count: int) -> None:
    """Let codes go."""
    with runtime.db.write() as session:
        codes.remove_active(session, group_id, count)


def more(runtime: Runtime, group_id: int, count: int) -> None:
    with runtime.db.write() as session:
        generate_into(session, group_id, count, **BY)


def facts(runtime: Runtime, group_id: int) -> low_stock.LowStock:
    with runtime.db.read() as session:
        return low_stock.facts(
            session,
            session.get_one(PromoCodeGroup, group_id),
            session.get_one(PromoCodeStock, group_id),
            runtime.clock.now(),
        )


def total(runtime: Runtime, group_id: int) -> int:
    with runtime.db.read() as session:
        return session.get_one(PromoCodeStock, group_id).total


def test_each_crossing_is_noticed_once(runtime: Runtime) -> None:
    found = group(runtime, 12)
    assert low_stock.watch(runtime) == 0
    take(runtime, found, 2)
    assert [low_stock.watch(runtime), low_stock.watch(runtime)] == [1, 0]
    assert facts(runtime, found).since == NOON
    take(runtime, found, 5)
    assert low_stock.watch(runtime) == 0, "lower still is no other crossing"
    more(runtime, found, 6)
    assert low_stock.watch(runtime) == 1 and not facts(runtime, found).low
    take(runtime, found, 1)
    assert low_stock.watch(runtime) == 1 and facts(runtime, found).low


def test_a_group_without_codes_yet_without_a_level_or_past_its_expiry_is_not_low(runtime: Runtime) -> None:
    empty = group(runtime, 0, expires_at=NOON + timedelta(days=1))
    with runtime.db.write() as session:
        create(session, "No level", **BY)
    assert low_stock.watch(runtime) == 0
    more(runtime, empty, 3)
    assert low_stock.watch(runtime) == 1
    runtime.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    assert low_stock.watch(runtime) == 1 and not facts(runtime, empty).low


def test_a_card_says_when_codes_run_out_and_how_many_to_make(runtime: Runtime) -> None:
    found = group(runtime, 10)
    with runtime.db.write() as session:
        pace.add(session, {found: 240}, NOON - timedelta(hours=48))
    low_stock.watch(runtime)
    said = facts(runtime, found)
    assert said.runs_out == NOON + timedelta(hours=2), "five an hour"
    assert (said.active, said.suggested, said.has_format, said.top_up) == (10, 240, True, None)


def test_a_top_up_is_made_once_at_each_crossing_and_stops_at_its_ceiling(runtime: Runtime) -> None:
    found = group(runtime, 12, top_up=20, top_up_ceiling=50)
    totals = []
    for _ in range(4):
        take(runtime, found, _active(runtime, found) - 5)
        before = total(runtime, found)
        low_stock.watch(runtime)
        low_stock.watch(runtime)
        run_jobs(runtime)
        said = facts(runtime, found).top_up
        totals.append((total(runtime, found) - before, said and (said.state, said.made)))
        low_stock.watch(runtime)  # it has risen
    assert totals[0] == (20, ("done", 20))
    assert all(made <= 20 for made, _ in totals) and total(runtime, found) <= 50


def test_the_ceiling_holds_though_somebody_adds_codes_before_the_top_up_runs(runtime: Runtime) -> None:
    found = group(runtime, 10, top_up=30, top_up_ceiling=45)
    low_stock.watch(runtime)
    more(runtime, found, 20)
    run_jobs(runtime)
    assert total(runtime, found) == 45
    with runtime.db.read() as session:
        job = session.scalars(select(Job)).one()
        assert job.result["inserted"] == 15 and "ceiling of 45 codes: 15 fewer" in job.result["note"]


def test_a_group_at_its_ceiling_says_so_and_makes_nothing(runtime: Runtime) -> None:
    found = group(runtime, 10, top_up=30, top_up_ceiling=10)
    low_stock.watch(runtime)
    said = facts(runtime, found).top_up
    assert said is not None and said.state == "none"
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_a_top_up_that_finds_no_room_tells_the_arithmetic(runtime: Runtime) -> None:
    found = group(runtime, 3)
    with runtime.db.write() as session:
        edit(runtime.jobs, session, found, formats=parse_all("A{string('0-9', 1)}"), low_stock_level=5, top_up=11, **BY)
    low_stock.watch(runtime)
    run_jobs(runtime)
    said = facts(runtime, found).top_up
    assert said is not None and said.state == "failed" and "has room for 10 codes; 11 were asked" in said.error


def test_a_top_up_that_is_over_before_anybody_was_told_is_still_to_be_told(runtime: Runtime) -> None:
    found = group(runtime, 10, top_up=30)
    low_stock.watch(runtime)
    run_jobs(runtime)
    low_stock.watch(runtime)
    with runtime.db.read() as session:
        ((shown, _),) = low_stock.to_show(session)
        assert low_stock.Shown.load(shown.low_shown) == low_stock.Shown(NOON.isoformat())
    said = facts(runtime, found)
    assert (said.low, said.active, said.top_up) == (False, 40, low_stock.TopUp("done", 30, 30))


def test_two_processes_that_notice_at_once_top_up_once(runtime: Runtime) -> None:
    found = group(runtime, 10, top_up=30, top_up_ceiling=60)
    ready, noticed = threading.Barrier(2), []

    def look() -> None:
        ready.wait()
        noticed.append(low_stock.watch(runtime))

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(noticed) == [0, 1]
    runners = [threading.Thread(target=run_jobs, args=(runtime,)) for _ in range(2)]
    for thread in runners:
        thread.start()
    for thread in runners:
        thread.join(30)
    assert total(runtime, found) == 40


def _active(runtime: Runtime, group_id: int) -> int:
    with runtime.db.read() as session:
        return session.get_one(PromoCodeStock, group_id).active
