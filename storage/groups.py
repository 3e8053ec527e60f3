"""Promo code groups, their lots, and where a lot's lines that were not taken are kept."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.orm import Session

from storage.names import fold
from storage.tables import PromoCodeGroup, PromoCodeLeftover, PromoCodeLot, PromoCodeStock


def get(session: Session, group_id: int, *, lock: bool = False) -> tuple[PromoCodeGroup, PromoCodeStock] | None:
    """A group that is not deleted, and its stock. `lock` holds the stock against others until the transaction ends."""
    query = (
        select(PromoCodeGroup, PromoCodeStock)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.id == group_id, PromoCodeGroup.deleted_at.is_(None))
    )
    if lock:  # not against rows that refer to the group: a distribution being saved need not wait
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def by_name(session: Session, name: str) -> PromoCodeGroup | None:
    """The group that a person would call `name`; none that is deleted."""
    return session.scalars(select(PromoCodeGroup).where(PromoCodeGroup.name_key == fold(name))).first()


def names(session: Session) -> list[str]:
    """The names of all groups that are not deleted."""
    return list(session.scalars(select(PromoCodeGroup.name).where(PromoCodeGroup.deleted_at.is_(None))))


def all_with_stock(session: Session) -> list[tuple[PromoCodeGroup, PromoCodeStock]]:
    """Every group that is not deleted, with its stock, by name."""
    rows = session.execute(
        select(PromoCodeGroup, PromoCodeStock)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.deleted_at.is_(None))
        .order_by(PromoCodeGroup.name_key)
    )
    return [(group, stock) for group, stock in rows]


def to_expire(session: Session, now: datetime) -> list[int]:
    """Ids of groups that are past their expiry and still have active codes."""
    past = PromoCodeGroup.expires_at <= now
    return list(session.scalars(_ids_with_stock().where(past, PromoCodeStock.active > 0)))


def to_revive(session: Session, now: datetime) -> list[int]:
    """Ids of groups that have expired codes although their expiry was moved or taken away."""
    not_past = or_(PromoCodeGroup.expires_at.is_(None), PromoCodeGroup.expires_at > now)
    return list(session.scalars(_ids_with_stock().where(not_past, PromoCodeStock.expired > 0)))


def _ids_with_stock() -> Select[int]:
    return (
        select(PromoCodeGroup.id)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.deleted_at.is_(None))
    )


def add(session: Session, group: PromoCodeGroup) -> PromoCodeGroup:
    """Store a new group with an empty stock; its id is set on return."""
    session.add(group)
    session.flush()
    session.add(PromoCodeStock(group_id=group.id))
    session.flush()
    return group


def add_lot(
    session: Session, group_id: int, method: str, detail: dict[str, Any], *, by: str, now: datetime
) -> PromoCodeLot:
    """Begin an addition of codes: nothing inserted yet. `method`: paste, file, generate, api."""
    lot = PromoCodeLot(group_id=group_id, method=method, detail=detail, created_at=now, created_by=by)
    session.add(lot)
    session.flush()
    return lot


def lots(session: Session, group_id: int, limit: int) -> Sequence[PromoCodeLot]:
    """The latest additions to a group, newest first."""
    return session.scalars(
        select(PromoCodeLot).where(PromoCodeLot.group_id == group_id).order_by(PromoCodeLot.id.desc()).limit(limit)
    ).all()


def count_lines(session: Session, lot_id: int, *, duplicated: int, discarded: int) -> None:
    """Add to what a lot says of the lines that it did not take (`storage.codes.insert` counts the inserted)."""
    session.execute(
        update(PromoCodeLot)
        .where(PromoCodeLot.id == lot_id)
        .values(duplicated=PromoCodeLot.duplicated + duplicated, discarded=PromoCodeLot.discarded + discarded)
    )


def add_leftovers(session: Session, lot_id: int, lines: Iterable[tuple[int, str, str]]) -> None:
    """Keep lines (number, text, why) that a lot did not take."""
    rows = [{"lot_id": lot_id, "line": line, "code": code, "reason": reason} for line, code, reason in lines]
    if rows:
        session.execute(insert(PromoCodeLeftover), rows)


def leftovers(session: Session, lot_id: int, limit: int | None = None) -> Iterator[tuple[int, str, str]]:
    """Lines (number, text, why) that a lot did not take, in order."""
    rows = session.execute(
        select(PromoCodeLeftover.line, PromoCodeLeftover.code, PromoCodeLeftover.reason)
        .where(PromoCodeLeftover.lot_id == lot_id)
        .order_by(PromoCodeLeftover.line)
        .limit(limit)
        .execution_options(yield_per=10_000)
    )
    return ((line, code, reason) for line, code, reason in rows)
