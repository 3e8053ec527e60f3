"""When a provider last took a text, and when and why it last did not: what `/promo providers` shows of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from distribution.providers.port import Kind, Outcome
from storage.tables import Provider

# Written at most this often while texts go out: people read minutes, and every worker writes to one row.
EVERY = timedelta(seconds=5)

# What says nothing about the provider: it was not asked, or asked us to wait.
NO_FAULT = frozenset({"not_sent", "too_late", "rate_limited"})


def note(session: Session, provider_id: int, outcomes: Sequence[Outcome], at: datetime) -> None:
    """Write down what outcomes say about the provider; a text refused for its own sake is a success. `at`: now."""
    failures = [o for o in outcomes if o.kind not in (Kind.ACCEPTED, Kind.REJECTED) and o.reason not in NO_FAULT]
    if any(outcome.kind in (Kind.ACCEPTED, Kind.REJECTED) for outcome in outcomes):
        _put(session, provider_id, Provider.last_success_at, {"last_success_at": at}, at)
    if failures:
        worst = {"last_failure_at": at, "last_failure": failures[-1].reason or "refused"}
        _put(session, provider_id, Provider.last_failure_at, worst, at)


def _put(
    session: Session,
    provider_id: int,
    column: InstrumentedAttribute[datetime | None],
    values: dict[str, object],
    at: datetime,
) -> None:
    """Update unless that was done a moment ago (the clock may have been set back since)."""
    before, after = at - EVERY, at + EVERY
    session.execute(
        update(Provider)
        .where(Provider.id == provider_id, or_(column.is_(None), column < before, column > after))
        .values(values)
        .execution_options(synchronize_session=False)
    )
