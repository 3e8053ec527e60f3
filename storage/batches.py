"""Batches: lease, intend, take over, send back (DESIGN §6). Every write is fenced by owner and fence."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, text, tuple_, update
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.database import is_sqlite
from storage.tables import Batch, BatchState, Distribution, Message, MessageState

MESSAGE = Message.__table__.c

TOGETHER = 200  # batches that are taken as one at most

# Exactly as the index `ix_batch_open` says it: SQLite uses a partial index for no other words.
OPEN = text("batch.state <> 2")


@dataclass(frozen=True)
class Lease:
    """A batch as its holder knows it."""

    batch_id: int
    distribution_id: int
    fence: int
    tries: int
    message_ids: list[int]


class Intended(NamedTuple):
    """The messages of a batch that may leave. `again`: they are those of an earlier commit of the same intent."""

    message_ids: frozenset[int]
    again: bool


def lease_next(
    session: Session,
    distribution: Distribution,
    *,
    size: int,
    owner: str,
    now: datetime,
    until: datetime,
    business: datetime | None = None,
) -> Lease | None:
    """Claim up to `size` messages for `owner`: those sent back and due first, then the next of the range.

    The distribution's row must be locked by this transaction. None when nothing can be claimed now. `business`: the
    time by the clock that quiet hours end by, where it is another.
    """
    due = _claimable(now, business or now)
    return _lease_open(session, distribution.id, due, size=size, owner=owner, now=now, until=until) or _lease_range(
        session, distribution, size=size, owner=owner, until=until
    )


def _lease_open(
    session: Session,
    distribution_id: int,
    claimable: ColumnElement[bool],
    *,
    size: int,
    owner: str,
    now: datetime,
    until: datetime,
) -> Lease | None:
    """Take a batch that waits and is due, or whose lease ran out; what is over `size` stays behind, waiting.

    Small ones go together, as texts that are due one after another are made: each turn of a distribution is one batch.
    """
    due = select(Batch).where(Batch.distribution_id == distribution_id, claimable).order_by(Batch.id).limit(1)
    batch = session.scalars(due if is_sqlite(session) else due.with_for_update(skip_locked=True)).first()
    if batch is None:
        return None
    batch = _together(session, batch, claimable, size=size)
    kept, rest = batch.message_ids[:size], batch.message_ids[size:]
    if rest:
        send_back(session, distribution_id, rest, not_before=now, tries=batch.tries)
    batch.state, batch.owner, batch.fence = BatchState.LEASED, owner, batch.fence + 1
    batch.lease_until, batch.message_ids, batch.quiet_until = until, kept, None
    session.flush()
    return Lease(batch.id, distribution_id, batch.fence, batch.tries, list(kept))


def _together(session: Session, batch: Batch, claimable: ColumnElement[bool], *, size: int) -> Batch:
    """A batch with the messages of those after it that wait and are due too, up to `size` in all.

    It is the last of these, whose id is above that of any batch before a retry (`Message.retried_after`). Nothing has
    left with any of them: an attempt is named after its batch.
    """
    if batch.state is not BatchState.WAITING or len(batch.message_ids) >= size:
        return batch
    mine = (Batch.distribution_id == batch.distribution_id, Batch.tries == batch.tries, Batch.id > batch.id)
    after = select(Batch).where(*mine, claimable, Batch.state == BatchState.WAITING).order_by(Batch.id).limit(TOGETHER)
    for other in session.scalars(after if is_sqlite(session) else after.with_for_update(skip_locked=True)):
        if len(batch.message_ids) + len(other.message_ids) > size:
            break
        other.message_ids = [*batch.message_ids, *other.message_ids]
        batch.state, batch.message_ids, batch.fence = BatchState.DONE, [], batch.fence + 1
        batch = other
    return batch


def _claimable(now: datetime, business: datetime) -> ColumnElement[bool]:
    """Whether nothing of a batch has left and nobody holds it now, and its customers' quiet hours are over."""
    return or_(
        and_(
            Batch.state == BatchState.WAITING,
            or_(Batch.not_before.is_(None), Batch.not_before <= now),
            or_(Batch.quiet_until.is_(None), Batch.quiet_until <= business),
        ),
        and_(Batch.state == BatchState.LEASED, Batch.lease_until < now),
    )


def _lease_range(
    session: Session, distribution: Distribution, *, size: int, owner: str, until: datetime
) -> Lease | None:
    """Claim the next messages of the range, moving `claimed_to` in the same transaction."""
    claimed_to, last = distribution.claimed_to, distribution.last_message_id
    if claimed_to is None or last is None or claimed_to >= last:
        return None
    ids = list(
        session.scalars(
            select(MESSAGE.id)
            .where(MESSAGE.id > claimed_to, MESSAGE.id <= last, MESSAGE.state == int(MessageState.QUEUED))
            .order_by(MESSAGE.id)
            .limit(size)
        )
    )
    distribution.claimed_to = ids[-1] if len(ids) == size else last
    if not ids:
        session.flush()
        return None
    batch = Batch(
        distribution_id=distribution.id,
        state=BatchState.LEASED,
        message_ids=ids,
        owner=owner,
        fence=1,
        lease_until=until,
        tries=0,
    )
    session.add(batch)
    session.flush()
    return Lease(batch.id, distribution.id, 1, 0, ids)


def intend(
    session: Session, lease: Lease, ids: Sequence[int], *, owner: str, now: datetime, until: datetime
) -> Intended | None:
    """Commit that `ids` of a leased batch may leave from now on, and will have ended by `until`.

    None when the batch is no longer `owner`'s. Asked again after a commit whose answer was lost, it says which may
    leave by the first time: what was left out of `ids` then may be in another batch by now.
    """
    mine = (Batch.id == lease.batch_id, Batch.owner == owner, Batch.fence == lease.fence)
    times = {"dispatched_at": now, "lease_until": until}
    first = session.execute(
        update(Batch)
        .where(*mine, Batch.state == BatchState.LEASED)
        .values(state=BatchState.DISPATCHING, message_ids=list(ids), size=len(ids), **times)
        .returning(Batch.id)
        .execution_options(synchronize_session=False)
    ).first()
    if first is not None:
        return Intended(frozenset(ids), again=False)
    before = session.scalar(
        update(Batch)
        .where(*mine, Batch.state == BatchState.DISPATCHING)
        .values(**times)
        .returning(Batch.message_ids)
        .execution_options(synchronize_session=False)
    )
    return None if before is None else Intended(frozenset(before), again=True)


def owned(session: Session, leases: Sequence[Lease], *, owner: str) -> set[int]:
    """Which of these dispatching batches are still `owner`'s; their rows are locked until the commit."""
    if not leases:
        return set()
    mine = (
        select(Batch.id)
        .where(
            tuple_(Batch.id, Batch.fence).in_([(lease.batch_id, lease.fence) for lease in leases]),
            Batch.owner == owner,
            Batch.state == BatchState.DISPATCHING,
        )
        .order_by(Batch.id)
    )
    return set(session.scalars(mine if is_sqlite(session) else mine.with_for_update()))


def finish(session: Session, batch_ids: Sequence[int]) -> None:
    """Close batches in which every message is recorded."""
    if batch_ids:
        session.execute(
            update(Batch)
            .where(among(session, Batch.id, batch_ids))
            .values(state=BatchState.DONE, lease_until=None)
            .execution_options(synchronize_session=False)
        )


def take_out(session: Session, batch_id: int, ids: Collection[int]) -> set[int]:
    """Take messages out of a batch whose row is locked, to belong to another; returns those that were still in it.

    Who records twice, because the commit's answer was lost, finds nothing to take out the second time.
    """
    held = session.scalar(select(Batch.message_ids).where(Batch.id == batch_id)) or []
    taken = {message_id for message_id in held if message_id in ids}
    if taken:
        session.execute(
            update(Batch)
            .where(Batch.id == batch_id)
            .values(message_ids=[message_id for message_id in held if message_id not in taken])
            .execution_options(synchronize_session=False)
        )
    return taken


def latest(session: Session, distribution_id: int) -> int:
    """The id of a distribution's latest batch; 0 when it had none."""
    return session.scalar(select(func.max(Batch.id)).where(Batch.distribution_id == distribution_id)) or 0


def send_back(
    session: Session,
    distribution_id: int,
    ids: Sequence[int],
    *,
    not_before: datetime | None,
    tries: int,
    quiet_until: datetime | None = None,
) -> None:
    """Put messages that certainly did not leave into a batch of their own, for anyone to take after `not_before`.

    `quiet_until`: and after the end of their customers' quiet hours, by the business clock.
    """
    if ids:
        session.execute(
            insert(Batch).values(
                distribution_id=distribution_id,
                state=BatchState.WAITING,
                message_ids=list(ids),
                not_before=not_before,
                quiet_until=quiet_until,
                tries=tries,
                fence=0,
                size=0,
            )
        )


def open_quiet(session: Session) -> None:
    """Let go of what waits for the end of quiet hours: they are looked at again before it leaves."""
    session.execute(
        update(Batch)
        .where(Batch.state == BatchState.WAITING, Batch.quiet_until.is_not(None))
        .values(quiet_until=None)
        .execution_options(synchronize_session=False)
    )


def asleep(session: Session, distribution_id: int) -> tuple[int, datetime | None]:
    """How many messages wait for the end of quiet hours, and when the first of these end, by the business clock."""
    waiting = (Batch.distribution_id == distribution_id, Batch.state == BatchState.WAITING)
    length = func.json_array_length if is_sqlite(session) else func.jsonb_array_length
    messages, until = session.execute(
        select(func.coalesce(func.sum(length(Batch.message_ids)), 0), func.min(Batch.quiet_until)).where(
            *waiting, Batch.quiet_until.is_not(None)
        )
    ).one()
    return int(messages), until


def release(session: Session, lease: Lease, *, owner: str, now: datetime) -> None:
    """Give a leased batch back at once, when its holder stops before anything of it has left."""
    session.execute(
        update(Batch)
        .where(
            Batch.id == lease.batch_id,
            Batch.owner == owner,
            Batch.fence == lease.fence,
            Batch.state == BatchState.LEASED,
        )
        .values(state=BatchState.WAITING, owner=None, not_before=now, lease_until=None)
        .execution_options(synchronize_session=False)
    )


def overdue(session: Session, now: datetime, provider_ids: Collection[int], limit: int) -> list[tuple[int, int]]:
    """Distribution and batch ids of dispatched batches whose holder is gone: every request must have ended.

    Only those that go through one of `provider_ids`.
    """
    rows = session.execute(
        select(Batch.distribution_id, Batch.id)
        .join(Distribution, Distribution.id == Batch.distribution_id)
        .where(
            Batch.state == BatchState.DISPATCHING,
            Batch.lease_until < now,
            Distribution.provider_id.in_(sorted(provider_ids)),
        )
        .order_by(Batch.distribution_id, Batch.id)
        .limit(limit)
    )
    return [(distribution_id, batch_id) for distribution_id, batch_id in rows]


def close_overdue(session: Session, batch_id: int, now: datetime) -> list[int]:
    """Close such a batch against its holder and return its messages; empty when it is not overdue any more."""
    ids = session.scalar(
        update(Batch)
        .where(Batch.id == batch_id, Batch.state == BatchState.DISPATCHING, Batch.lease_until < now)
        .values(state=BatchState.DONE, fence=Batch.fence + 1, lease_until=None)
        .returning(Batch.message_ids)
        .execution_options(synchronize_session=False)
    )
    return list(ids or [])


def close_unsent(
    session: Session, distribution_id: int, limit: int, *, only: Collection[int] | None = None
) -> list[int]:
    """Close up to `limit` batches of which nothing has left (stop), or those of `only`; their messages."""
    mine = Batch.distribution_id == distribution_id
    if only is not None:
        mine &= Batch.id.in_(sorted(only))
    rows = session.execute(
        update(Batch)
        .where(
            Batch.id.in_(
                select(Batch.id)
                .where(mine, Batch.state.in_((BatchState.LEASED, BatchState.WAITING)))
                .order_by(Batch.id)
                .limit(limit)
            ),
            Batch.state.in_((BatchState.LEASED, BatchState.WAITING)),
        )
        .values(state=BatchState.DONE, fence=Batch.fence + 1, lease_until=None)
        .returning(Batch.message_ids)
        .execution_options(synchronize_session=False)
    ).scalars()
    return [message_id for ids in rows for message_id in ids]


def rest_of_range(session: Session, row: Distribution, limit: int) -> list[int]:
    """The next messages that no batch ever had; they count as claimed from now on. The distribution is locked."""
    if row.claimed_to is None or row.last_message_id is None:
        return []
    ids = list(
        session.scalars(
            select(MESSAGE.id)
            .where(
                MESSAGE.id > row.claimed_to,
                MESSAGE.id <= row.last_message_id,
                MESSAGE.state == int(MessageState.QUEUED),
            )
            .order_by(MESSAGE.id)
            .limit(limit)
        )
    )
    row.claimed_to = ids[-1] if len(ids) == limit else row.last_message_id
    session.flush()
    return ids


def may_leave(now: datetime) -> ColumnElement[bool]:
    """Whether a distribution is being sent, and not held back any more (`now` by the machine's clock); one that is live
    for months only where a batch of it is open, or every turn would look into it."""
    any_open = exists().where(Batch.distribution_id == Distribution.id, OPEN)
    return and_(
        Distribution.status == "sending",
        or_(Distribution.held_until.is_(None), Distribution.held_until <= now),
        or_(Distribution.mode == "manual", any_open),
    )


def anything_to_send(session: Session, provider_id: int, now: datetime) -> bool:
    """Whether texts of a distribution of this provider may leave (`now` by the machine's clock)."""
    query = select(Distribution.id).where(may_leave(now), Distribution.provider_id == provider_id)
    return session.scalar(query.limit(1)) is not None


def lock(session: Session, distribution_id: int) -> Distribution:
    """A distribution's row, locked until the commit. Whoever moves its messages takes this lock first."""
    query = select(Distribution).where(Distribution.id == distribution_id)
    if not is_sqlite(session):
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return session.scalars(query).one()
