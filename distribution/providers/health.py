"""When a provider last took a text, and when and why it last did not: what `/promo providers` shows of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Update, bindparam, or_, update
from sqlalchemy.orm import Session

from distribution.providers.port import Kind, Outcome
from storage.plain import table_of
from storage.tables import Provider

# Written at most this often while texts go out: people read minutes, and every worker writes to one row.
EVERY = timedelta(seconds=5)

# A text refused for its own sake was looked at: the provider works.
WORKED = {Kind.ACCEPTED, Kind.REJECTED}
# What says nothing about the provider: it was not asked, or asked us to wait.
NO_FAULT = frozenset({"not_sent", "too_late", "rate_limited"})


def _unless_just_now(table: Any, at: Column[Any]) -> Update:
    """An update of a provider `its_id` whose `at` is not within `EVERY` of now (a clock may have been set back)."""
    old = or_(at.is_(None), at < bindparam("before"), at > bindparam("after"))
    return update(table).where(table.c.id == bindparam("its_id"), old)


# Built once: building one costs more than running it, and it runs with each batch of results.
_TABLE = table_of(Provider)
_SUCCESS = _unless_just_now(_TABLE, _TABLE.c.last_success_at).values(last_success_at=bindparam("now"))
_FAILURE = _unless_just_now(_TABLE, _TABLE.c.last_failure_at).values(
    last_failure_at=bindparam("now"), last_failure=bindparam("why")
)


def note(session: Session, provider_id: int, outcomes: Sequence[Outcome], at: datetime) -> None:
    """Write down what outcomes say about a provider. `at`: now."""
    given = {"its_id": provider_id, "now": at, "before": at - EVERY, "after": at + EVERY}
    kinds = {outcome.kind for outcome in outcomes}
    if kinds & WORKED:
        session.connection().execute(_SUCCESS, given)
    if kinds - WORKED:
        why = [outcome.reason for outcome in outcomes if outcome.kind not in WORKED and outcome.reason not in NO_FAULT]
        if why:
            session.connection().execute(_FAILURE, given | {"why": why[-1] or "refused"})
