"""What is sent again and again, ready for its first time; and a clock that strikes for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from distribution import launch as launching
from distribution import seal
from distribution.runtime import Runtime
from storage.tables import Distribution, Provider, Segment
from tests.sending import make_distribution, make_provider

NOWHERE = "http://127.0.0.1:9"
MONDAYS = {"every": "week", "weekdays": [0], "at": "09:00"}
FIRST = datetime(2026, 6, 22, 9, tzinfo=UTC)  # the clock stands at noon on Monday the 15th
WEEK = timedelta(days=7)


def make_repeating(runtime: Runtime, audience: int | list[int], rule: dict[str, Any] = MONDAYS, **more: Any) -> int:
    """One that is approved and waits for its first time: to a segment, or to a list of customers; its id."""
    members = audience if isinstance(audience, list) else []
    distribution = make_distribution(runtime, provider_of(runtime), members)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.repeat, row.send_at, row.status = rule, FIRST, "scheduled"
        if isinstance(audience, int):
            row.audience = {"kind": "segment", "segment_id": audience}
        for name, value in more.items():
            setattr(row, name, value)
        seal.put(session, row)
    return distribution


def provider_of(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        known = session.scalar(select(Provider.id))
    return known or make_provider(runtime, NOWHERE)


def make_segment(runtime: Runtime, rules: dict[str, Any]) -> int:
    now = runtime.clock.now()
    with runtime.db.write() as session:
        segment = Segment(name="Weekly", kind="dynamic", rules=rules, created_at=now, created_by="U0MAYA")
        session.add(segment)
        session.flush()
        return segment.id


def strike(runtime: Runtime) -> None:
    """The clock looks, and the jobs that this takes run."""
    launching.due(runtime)
    while runtime.jobs.run_next(runtime):
        pass


def copies(runtime: Runtime, distribution: int) -> list[Distribution]:
    with runtime.db.read() as session:
        mine = select(Distribution).where(Distribution.repeats_id == distribution)
        return list(session.scalars(mine.order_by(Distribution.repeats_on)))


def row_of(runtime: Runtime, distribution: int) -> Distribution:
    with runtime.db.read() as session:
        return session.get_one(Distribution, distribution)
