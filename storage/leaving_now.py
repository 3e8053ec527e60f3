"""What of a distribution has left or is leaving, as its batches tell."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.tables import Batch, BatchState, Message, MessageState

MESSAGE = Message.__table__.c


def latest_dispatched(session: Session, distribution_id: int, limit: int) -> list[tuple[datetime, int]]:
    """When the latest batches were dispatched and with how many messages, newest first."""
    rows = session.execute(
        select(Batch.dispatched_at, Batch.size)
        .where(Batch.distribution_id == distribution_id, Batch.dispatched_at.is_not(None))
        .order_by(Batch.id.desc())
        .limit(limit)
    )
    return [(at, size) for at, size in rows if at is not None]


def dispatched(session: Session, distribution_id: int) -> bool:
    """Whether any text of a distribution may ever have left."""
    ever = select(Batch.id).where(Batch.distribution_id == distribution_id, Batch.dispatched_at.is_not(None))
    ever = ever.where(Batch.size > 0)  # not where all of its customers were asleep
    return session.scalar(ever.limit(1)) is not None


def in_flight(session: Session, distribution_id: int) -> int:
    """How many of its texts are leaving now: dispatched, their outcome not known."""
    held = session.scalars(
        select(Batch.message_ids).where(Batch.distribution_id == distribution_id, Batch.state == BatchState.DISPATCHING)
    )
    ids = [message_id for batch in held for message_id in batch]
    waiting = select(func.count()).where(among(session, MESSAGE.id, ids), MESSAGE.state == int(MessageState.QUEUED))
    return session.scalar(waiting) or 0 if ids else 0
