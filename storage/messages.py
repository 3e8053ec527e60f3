"""Message rows: settled in bulk, only forward, with their distribution's tally."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, Text, Update, bindparam, case, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from storage import tally
from storage.bulk import among, fetch, ids_as, ids_given, rows_as, rows_given, values
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import Message, MessageState, UnknownAttempt
from storage.tables.base import BigId, UtcDateTime

MESSAGE = table_of(Message)

# What may follow what. Evidence may come twice and in any order; a message never moves back by it.
FORWARD: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.QUEUED: frozenset(MessageState) - {MessageState.QUEUED},
    MessageState.UNKNOWN: frozenset(
        {MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.REJECTED}
    ),
    MessageState.ACCEPTED: frozenset({MessageState.DELIVERED, MessageState.UNDELIVERED}),
    # A receipt that says "failed" may be followed by one that says "delivered": it did arrive, late.
    MessageState.UNDELIVERED: frozenset({MessageState.DELIVERED}),
}
FINAL: frozenset[MessageState] = frozenset()

SETTLED: dict[str, TypeEngine[Any] | type[TypeEngine[Any]]] = {
    "id": BigId,
    "state": Integer,
    "reason": Text,
    "ref": Text,
    "segments": Integer,
}


class Settled(NamedTuple):
    """What became of one message."""

    message_id: int
    state: MessageState
    reason: str | None = None
    provider_ref: str | None = None
    segments: int | None = None


def settle(session: Session, distribution_id: int, rows: Sequence[Settled], at: datetime) -> set[int]:
    """Give queued messages their outcome; returns the ids that moved, the others had one already."""
    if not rows:
        return set()
    sqlite_ = is_sqlite(session)
    cells = [(row.message_id, int(row.state), row.reason, row.provider_ref, row.segments) for row in rows]
    moved = {row.message_id for row in rows}
    if sqlite_:  # its lock is ours, so what is found stays so; and rows that an update returns come one by one
        moved.difference_update(cell[0] for cell in fetch(session, _settled(), ids_as(True, moved)))
        session.execute(_settling(True), {**rows_as(True, cells), "at": at})
    else:
        moved = set(session.scalars(_settling(False).returning(MESSAGE.c.id), {**rows_as(False, cells), "at": at}))
    deltas = Counter(row.state for row in rows if row.message_id in moved)
    deltas[MessageState.QUEUED] -= len(moved)
    tally.move(session, distribution_id, deltas)
    return moved


@lru_cache(2)
def _settling(sqlite_: bool) -> Update:
    """Give queued messages the outcomes in `rows` at `at`."""
    new = rows_given(sqlite_, SETTLED)
    return (
        update(MESSAGE)
        .where(MESSAGE.c.id == new.c.id, MESSAGE.c.state == int(MessageState.QUEUED))
        .values(
            state=new.c.state,
            reason=new.c.reason,
            provider_ref=new.c.ref,
            segments=new.c.segments,
            settled_at=bindparam("at", type_=UtcDateTime),
        )
    )


@lru_cache(1)
def _settled() -> Select[int]:
    """Those of `ids` that have their outcome."""
    return select(MESSAGE.c.id).where(ids_given(True, MESSAGE.c.id), MESSAGE.c.state != int(MessageState.QUEUED))


def states(session: Session, ids: Iterable[int]) -> dict[int, MessageState]:
    """Where messages stand; their rows are locked until the commit."""
    query = select(Message.id, Message.state).where(among(session, Message.id, ids)).order_by(Message.id)
    return dict(session.execute(query if is_sqlite(session) else query.with_for_update()).all())


def advance(session: Session, distribution_id: int, rows: Sequence[Settled], at: datetime) -> list[Settled]:
    """Move messages forward by evidence, whatever state they are in; returns the rows that moved one.

    The later of two pieces of evidence about one message counts where both may follow its state. What was known of
    it (the provider's id, segments) is kept where the evidence does not say.
    """
    before = states(session, {row.message_id for row in rows})
    now_in = dict(before)
    moved: dict[int, Settled] = {}
    for row in rows:
        state = now_in.get(row.message_id)
        if state is not None and row.state in FORWARD.get(state, FINAL):
            now_in[row.message_id], moved[row.message_id] = row.state, row
    _complete(session, [row for row in rows if row.state is MessageState.ACCEPTED and row.message_id not in moved])
    if not moved:
        return []
    new = values(
        session,
        SETTLED,
        [(row.message_id, int(row.state), row.reason, row.provider_ref, row.segments) for row in moved.values()],
    )
    receipt = new.c.state.in_((int(MessageState.DELIVERED), int(MessageState.UNDELIVERED)))
    session.execute(
        update(MESSAGE)
        .where(MESSAGE.c.id == new.c.id)
        .values(
            state=new.c.state,
            reason=new.c.reason,
            provider_ref=func.coalesce(new.c.ref, MESSAGE.c.provider_ref),
            segments=func.coalesce(new.c.segments, MESSAGE.c.segments),
            settled_at=func.coalesce(MESSAGE.c.settled_at, at),
            delivered_at=case((receipt, literal(at, UtcDateTime)), else_=MESSAGE.c.delivered_at),
        )
    )
    deltas: Counter[MessageState] = Counter()
    for row in moved.values():
        deltas[before[row.message_id]] -= 1
        deltas[row.state] += 1
    tally.move(session, distribution_id, deltas)
    return list(moved.values())


def _complete(session: Session, rows: Sequence[Settled]) -> None:
    """What a provider's answer says of texts whose receipt was here before it: their id there, and their segments."""
    if not rows:
        return
    new = values(
        session, SETTLED, [(row.message_id, int(row.state), None, row.provider_ref, row.segments) for row in rows]
    )
    session.execute(
        update(MESSAGE)
        .where(
            MESSAGE.c.id == new.c.id,
            MESSAGE.c.state.in_((int(MessageState.DELIVERED), int(MessageState.UNDELIVERED))),
        )
        .values(
            provider_ref=func.coalesce(MESSAGE.c.provider_ref, new.c.ref),
            segments=func.coalesce(MESSAGE.c.segments, new.c.segments),
        )
    )


def requeue(
    session: Session,
    distribution_id: int,
    ids: Sequence[int],
    *,
    only: Sequence[MessageState],
    after: int | None = None,
) -> list[int]:
    """Messages in one of the states `only` wait to be sent again; returns those that do.

    `after`: the latest batch, where what its attempts came to is known and done with (a retry).
    """
    before = {message_id: state for message_id, state in states(session, ids).items() if state in only}
    session.execute(
        update(MESSAGE)
        .where(among(session, MESSAGE.c.id, before))
        .values(
            state=int(MessageState.QUEUED),
            reason=None,
            settled_at=None,
            delivered_at=None,
            provider_ref=None,
            **({} if after is None else {"retried_after": after}),
        )
    )
    deltas = Counter({state: -n for state, n in Counter(before.values()).items()})
    deltas[MessageState.QUEUED] += len(before)
    tally.move(session, distribution_id, deltas)
    return sorted(before)


def retried_after(session: Session, ids: Iterable[int]) -> dict[int, int]:
    """Of messages that a person had sent again: the latest batch before that."""
    query = select(Message.id, Message.retried_after).where(
        among(session, Message.id, ids), Message.retried_after.is_not(None)
    )
    return {message_id: batch_id for message_id, batch_id in session.execute(query) if batch_id is not None}


def note_unknown(
    session: Session,
    distribution_id: int,
    attempts: Sequence[tuple[int, int]],
    *,
    since: datetime,
    look_at: datetime | None,
) -> None:
    """Remember attempts (message id, batch id) whose outcome is not known, and when to ask first.

    Whose customer was erased since has no number that a provider could be asked about: a person decides.
    """
    if attempts:
        erased = select(Message.id).where(
            among(session, Message.id, [message_id for message_id, _ in attempts]), Message.phone.is_(None)
        )
        nobody_to_ask = set(session.scalars(erased)) if look_at is not None else set()
        into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(UnknownAttempt)
        session.execute(
            into.on_conflict_do_nothing(),
            [
                {
                    "message_id": message_id,
                    "batch_id": batch_id,
                    "distribution_id": distribution_id,
                    "since": since,
                    "look_at": None if message_id in nobody_to_ask else look_at,
                }
                for message_id, batch_id in attempts
            ],
        )


def close_unknown(session: Session, message_ids: Sequence[int], *, outcome: str, at: datetime) -> list[tuple[int, int]]:
    """Close what is open about these messages' attempts (message id, batch id), and return them: it is known now, by
    `outcome`."""
    if not message_ids:
        return []
    closed = session.execute(
        update(UnknownAttempt)
        .where(among(session, UnknownAttempt.message_id, message_ids), UnknownAttempt.outcome.is_(None))
        .values(outcome=outcome, settled_at=at)
        .returning(UnknownAttempt.message_id, UnknownAttempt.batch_id)
        .execution_options(synchronize_session=False)
    )
    return [(message_id, batch_id) for message_id, batch_id in closed]


def doubtful(session: Session, message_ids: Collection[int]) -> list[int]:
    """Those of the messages that may have left once: a person said that an attempt did not arrive, not its provider."""
    query = select(UnknownAttempt.message_id).where(
        among(session, UnknownAttempt.message_id, message_ids), UnknownAttempt.outcome == "person"
    )
    return sorted(set(session.scalars(query)))


def unknown_of(session: Session, batch_id: int, message_ids: Sequence[int]) -> set[int]:
    """Those of the messages whose attempt by this batch is still an open question."""
    if not message_ids:
        return set()
    return set(
        session.scalars(
            select(UnknownAttempt.message_id).where(
                among(session, UnknownAttempt.message_id, message_ids),
                UnknownAttempt.batch_id == batch_id,
                UnknownAttempt.outcome.is_(None),
            )
        )
    )


def open_unknown(session: Session, distribution_id: int) -> bool:
    """Whether a provider is still to be asked about an attempt of this distribution."""
    return (
        session.scalar(
            select(UnknownAttempt.message_id)
            .where(
                UnknownAttempt.distribution_id == distribution_id,
                UnknownAttempt.outcome.is_(None),
                UnknownAttempt.look_at.is_not(None),
            )
            .limit(1)
        )
        is not None
    )


def add(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert message rows as they are given (launch)."""
    if rows:
        session.execute(insert(MESSAGE), list(rows))
