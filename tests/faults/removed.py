"""Safeguards as a control takes them out. `put`: `setattr`, or a test's own that undoes it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from distribution.providers.sandbox import SandboxProvider
from storage import batches, leaving
from storage.batches import Intended
from storage.tables import Batch, BatchState

Put = Callable[[Any, str, Any], None]


def fence(put: Put) -> None:
    """A worker goes on with a batch that another took over: the fence and the look at what is settled are out."""

    def intend(session: Session, lease: Any, ids: Any, *, owner: str, now: Any, until: Any) -> Intended:
        session.execute(
            update(Batch)
            .where(Batch.id == lease.batch_id)
            .values(state=BatchState.DISPATCHING, owner=owner, lease_until=until, dispatched_at=now)
        )
        return Intended(frozenset(ids), again=False)

    put(batches, "intend", intend)
    put(leaving, "forbidden", lambda session, ids: {})


def looking(put: Put) -> None:
    """Reconciliation is a blind re-send: what is unknown is taken for not sent, and nobody is asked."""

    async def nothing(self: Any, http: Any, sought: Any) -> None:
        return None

    put(SandboxProvider, "look_up", nothing)


REMOVED = {"fence": fence, "looking": looking}
