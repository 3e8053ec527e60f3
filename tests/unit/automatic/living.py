"""Live distributions for tests of what sets them off."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import events
from distribution.runtime import Runtime
from distribution.segments import editing
from distribution.segments.rules import parse
from distribution.sending import control
from storage.tables import Distribution, Planned, Segment, Touched
from tests.conftest import NOON

ABANDONED: dict[str, Any] = {"kind": "event", "event": "cart_abandoned", "reentry": "always"}


def live(session: Session, trigger: dict[str, Any], **given: Any) -> Distribution:
    """A live distribution, set live at noon, with what is `given` changed."""
    given = {"mode": "automatic", "status": "sending", "started_at": NOON, "subject": "Carts"} | given
    row = Distribution(trigger=trigger, created_by="U0MAYA", created_at=NOON, updated_at=NOON, **given)
    session.add(row)
    session.flush()
    return row


def segment(session: Session, *rules: dict[str, Any], name: str = "Watched") -> Segment:
    """A segment whose rules must all hold."""
    return editing.create(session, name, parse({"rules": list(rules)}), by="U0MAYA", now=NOON)


def happen(runtime: Runtime, customer: str, name: str = "cart_abandoned", **given: Any) -> str:
    """Record an event of the customer with a source id; returns what became of it. `ago`: minutes before now."""
    now = runtime.clock.now()
    at = now - timedelta(minutes=given.pop("ago", 0))
    with runtime.db.write() as session:
        told = {"customer": customer, "name": name, "at": at.isoformat()} | given
        return events.record(session, [told], now=now)[0].status


def planned(runtime: Runtime) -> list[tuple[int, int, datetime, datetime]]:
    """Every planned text: whose, which occurrence, when it fired, when it is due."""
    with runtime.db.read() as session:
        rows = session.scalars(
            select(Planned).order_by(Planned.distribution_id, Planned.customer_id, Planned.occurrence)
        )
        return [(each.customer_id, each.occurrence, each.fired_at, each.due_at) for each in rows]


def noted(runtime: Runtime) -> list[tuple[int, int | None]]:
    """Who is noted, with which event."""
    with runtime.db.read() as session:
        return [(each.customer_id, each.event_id) for each in session.scalars(select(Touched).order_by(Touched.id))]


def resumed(runtime: Runtime, distribution_id: int, piled: str = control.SEND) -> None:
    """Somebody presses Resume, and says what becomes of what piled up."""
    with runtime.db.write() as session:
        control.resume(session, runtime, distribution_id, by="Maya", now=runtime.clock.now(), piled=piled)
