"""Codes that end: with their group, by an expiry of their own, found in an index."""

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from distribution.codes import expiry
from distribution.codes.groups import edit
from distribution.codes.intake import add_codes
from distribution.codes.listing import listing
from distribution.runtime import Runtime
from storage import codes, issuing
from storage.tables import CodeState, Message, PromoCode
from tests.conftest import NOON, run_jobs
from tests.unit.codes.stocked import BY, distribution, group, hold


def test_active_codes_expire_with_their_group_and_come_back_with_a_later_day(runtime: Runtime) -> None:
    group_id = group(runtime, count=10, expires_at=NOON + timedelta(hours=1))
    hold(runtime, group_id, distribution(runtime, "done"), 2, CodeState.ISSUED)
    assert expiry.sweep(runtime) == 0
    runtime.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    assert expiry.sweep(runtime) == 8
    assert expiry.sweep(runtime) == 0
    with runtime.db.write() as session:
        (line,) = listing(session)
        assert (line.total, line.active, line.expired, line.issued) == (10, 0, 8, 2)
        edit(runtime.jobs, session, group_id, expires_at=None, by="U0MAYA", now=runtime.clock.now())
    run_jobs(runtime)
    assert expiry.sweep(runtime) == 0
    with runtime.db.read() as session:
        assert listing(session)[0].active == 8


def dated(runtime: Runtime, group_id: int, days: dict[str, int | None]) -> None:
    """Codes that expire by themselves so many days after noon (None: never)."""
    codes_ = [(code, None if n is None else NOON + timedelta(days=n)) for code, n in days.items()]
    with runtime.db.write() as session:
        assert add_codes(session, group_id, codes_, method="api", **BY).inserted == len(codes_)


def test_codes_that_expire_by_themselves_are_swept_and_never_handed_out_before_that(runtime: Runtime) -> None:
    group_id = group(runtime)
    dated(runtime, group_id, {"A": 1, "B": 3, "C": None, "D": 1})
    sent = distribution(runtime, "sending")
    with runtime.db.write() as session:
        for number in (1, 2, 3):
            session.add(Message(id=number, distribution_id=sent, customer_id=number))
    after = NOON + timedelta(days=2)
    with runtime.db.write() as session:
        bound, _ = issuing.block(session, group_id, [(1, 1), (2, 2), (3, 3)], after=0, now=after)
        held = session.scalars(
            select(PromoCode.code).where(PromoCode.state == CodeState.BLOCKED).order_by(PromoCode.code)
        )
        assert (bound, held.all()) == (2, ["B", "C"])
    runtime.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    assert [expiry.sweep(runtime), expiry.sweep(runtime)] == [2, 0]
    with runtime.db.read() as session:
        (line,) = listing(session)
    assert (line.active, line.blocked, line.expired) == (0, 2, 2)


def test_an_earlier_end_of_the_group_holds_and_its_own_expiry_outlives_a_later_one(runtime: Runtime) -> None:
    group_id = group(runtime, expires_at=NOON + timedelta(days=5))
    dated(runtime, group_id, {"A": 1, "B": 30, "C": None})
    runtime.clock.advance(timedelta(days=6))  # type: ignore[attr-defined]
    assert expiry.sweep(runtime) == 3
    with runtime.db.write() as session:
        edit(runtime.jobs, session, group_id, expires_at=None, by="U0MAYA", now=runtime.clock.now())
    run_jobs(runtime)
    with runtime.db.read() as session:
        active = session.scalars(
            select(PromoCode.code).where(PromoCode.state == CodeState.ACTIVE).order_by(PromoCode.code)
        )
        assert active.all() == ["B", "C"], "A is past its own day"


def test_a_group_whose_expiry_moves_while_it_is_swept_keeps_its_codes(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep finds it due; before the first chunk somebody gives it another month."""
    group_id = group(runtime, count=3, expires_at=NOON + timedelta(hours=1))
    runtime.clock.advance(timedelta(hours=2))  # type: ignore[attr-defined]
    found = expiry.codes.groups_with_expired

    def meanwhile(session: object, now: object) -> list[int]:
        ids: list[int] = found(session, now)  # type: ignore[arg-type]
        with runtime.db.write() as other:
            edit(runtime.jobs, other, group_id, expires_at=NOON + timedelta(days=30), by="U", now=runtime.clock.now())
        return ids

    monkeypatch.setattr(expiry.codes, "groups_with_expired", meanwhile)
    assert expiry.sweep(runtime) == 0
    with runtime.db.read() as session:
        assert listing(session)[0].active == 3


def test_the_sweep_and_the_blocking_look_for_expired_codes_in_their_index(runtime: Runtime) -> None:
    """Without the index each of them would read every code there is, every two seconds and for every batch."""
    group_id = group(runtime, count=5)
    dated(runtime, group_id, {f"D{number}": 1 + number for number in range(300)})
    asked: list[tuple[str, object]] = []
    with runtime.db.read() as session:
        event.listen(
            session.connection().engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, given, *_: asked.append((statement, given)),
        )
        codes.groups_with_expired(session, NOON)
        issuing._some_expired(session, NOON)
        looked = asked[:2]
        if not runtime.db.is_sqlite:
            session.connection().exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN" if runtime.db.is_sqlite else "EXPLAIN"
        for statement, given in looked:
            plan = session.connection().exec_driver_sql(f"{explain} {statement}", given).all()  # type: ignore[arg-type]
            assert "ix_promo_code_expiring" in str(plan), plan
