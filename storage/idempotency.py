"""Answers kept by key, in the transaction of what they tell of: a request that is sent again does nothing again."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.plain import rows_changed
from storage.tables import IdempotencyKey


def claim(session: Session, token_id: int, key: str, request: str, *, now: datetime) -> IdempotencyKey | None:
    """Take a key for this transaction: None when it is ours now, else the row of the request that had it.

    Where another transaction has just taken it, this waits until that ends: PostgreSQL at the unique key, SQLite
    before that, for it writes one transaction at a time.
    """
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    row = {"token_id": token_id, "key": key, "request": request, "status": 0, "answer": "", "created_at": now}
    taken = session.execute(
        insert(IdempotencyKey).values(row).on_conflict_do_nothing().returning(IdempotencyKey.key)
    ).first()
    if taken:
        return None
    return session.scalars(select(IdempotencyKey).where(_is(token_id, key))).one()


def keep(session: Session, token_id: int, key: str, *, status: int, answer: str) -> None:
    """Store what is answered to the request that claimed `key` in this transaction."""
    session.execute(update(IdempotencyKey).where(_is(token_id, key)).values(status=status, answer=answer))


def release(session: Session, token_id: int, key: str) -> None:
    """Let a key that was claimed in this transaction be used again: nothing came of the request."""
    session.execute(delete(IdempotencyKey).where(_is(token_id, key)))


def any_before(session: Session, moment: datetime) -> bool:
    """Whether there is an answer older than `moment`."""
    return (
        session.scalars(select(IdempotencyKey.status).where(IdempotencyKey.created_at < moment).limit(1)).first()
        is not None
    )


def drop_before(session: Session, moment: datetime) -> int:
    """Forget the answers older than `moment`; returns how many."""
    return rows_changed(session, delete(IdempotencyKey).where(IdempotencyKey.created_at < moment))


def _is(token_id: int, key: str) -> Any:
    return (IdempotencyKey.token_id == token_id) & (IdempotencyKey.key == key)
