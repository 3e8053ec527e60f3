"""All codes of a group, read for a file."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.tables import CodeState, PromoCode


class Exported(NamedTuple):
    """A code as a group's file shows it."""

    id: int
    code: str
    state: CodeState
    issued_at: datetime | None
    redeemed_at: datetime | None
    expires_at: datetime | None


def of_group(session: Session, group_id: int, *, after: int, limit: int | None) -> Iterator[Exported]:
    """A group's codes in id order, from the id `after` on and at most `limit`, read a part at a time."""
    rows = session.execute(
        select(
            PromoCode.id,
            PromoCode.code,
            PromoCode.state,
            PromoCode.issued_at,
            PromoCode.redeemed_at,
            PromoCode.expires_at,
        )
        .where(PromoCode.group_id == group_id, PromoCode.id > after)
        .order_by(PromoCode.id)
        .limit(limit)
        .execution_options(yield_per=10_000)
    )
    return (Exported(*row) for row in rows)
