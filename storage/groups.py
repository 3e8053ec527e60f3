"""Promo code groups, their lots, and where a lot's lines that were not taken are kept."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, delete, insert, not_, or_, select, update
from sqlalchemy.orm import Session

from storage.names import fold
from storage.tables import PromoCodeGroup, PromoCodeGroupAlias, PromoCodeLeftover, PromoCodeLot, PromoCodeStock


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
    """The group that a person would call `name`, or was called so before; none that is deleted."""
    return by_keys(session, [fold(name)]).get(fold(name))


def by_keys(session: Session, keys: Collection[str]) -> dict[str, PromoCodeGroup]:
    """Groups by folded name, as asked: a name that one has now, else one that it had before; none that is deleted."""
    if not keys:
        return {}
    asked = sorted(set(keys))
    named = session.scalars(select(PromoCodeGroup).where(PromoCodeGroup.name_key.in_(asked)))
    found = {str(group.name_key): group for group in named}
    if missing := [key for key in asked if key not in found]:
        rows = session.execute(
            select(PromoCodeGroupAlias.name_key, PromoCodeGroup)
            .join(PromoCodeGroup, PromoCodeGroup.id == PromoCodeGroupAlias.group_id)
            .where(PromoCodeGroupAlias.name_key.in_(missing), PromoCodeGroup.deleted_at.is_(None))
        )
        for key, group in rows:
            found[key] = group
    return found


def alias(session: Session, key: str) -> PromoCodeGroupAlias | None:
    """The folded name that a group had before it was renamed."""
    return session.get(PromoCodeGroupAlias, key)


def aliases(session: Session, group_id: int) -> list[str]:
    """The folded names that a group had before."""
    return list(session.scalars(select(PromoCodeGroupAlias.name_key).where(PromoCodeGroupAlias.group_id == group_id)))


def remember_name(session: Session, group_id: int, key: str, until: datetime) -> None:
    """A group was called so until now, and goes on being found by it."""
    session.merge(PromoCodeGroupAlias(name_key=key, group_id=group_id, until=until))


def forget_names(session: Session, *, group_id: int | None = None, key: str | None = None) -> None:
    """Nobody is found any more by the former names of a group, or by one former name."""
    which = PromoCodeGroupAlias.group_id == group_id if key is None else PromoCodeGroupAlias.name_key == key
    session.execute(delete(PromoCodeGroupAlias).where(which))


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


def _ids_with_stock() -> Select[int]:
    return (
        select(PromoCodeGroup.id)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.deleted_at.is_(None))
    )


def low_changed(session: Session, now: datetime) -> list[int]:
    """Ids of groups that seem low and are not noted so, or the other way round."""
    expired = and_(PromoCodeGroup.expires_at.is_not(None), PromoCodeGroup.expires_at <= now)
    low = and_(
        PromoCodeGroup.low_stock_level > 0,
        PromoCodeStock.active <= PromoCodeGroup.low_stock_level,
        PromoCodeStock.total > 0,
        not_(expired),
    )
    noted = PromoCodeGroup.low_since.is_not(None)
    return list(session.scalars(_ids_with_stock().where(or_(and_(low, not_(noted)), and_(not_(low), noted)))))


def low_or_shown(session: Session) -> list[tuple[PromoCodeGroup, PromoCodeStock]]:
    """Groups that are low, or were said to be (deleted ones too), with their stock."""
    rows = session.execute(
        select(PromoCodeGroup, PromoCodeStock)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(
            or_(
                and_(PromoCodeGroup.low_since.is_not(None), PromoCodeGroup.deleted_at.is_(None)),
                PromoCodeGroup.low_shown.is_not(None),
            )
        )
        .order_by(PromoCodeGroup.id)
    )
    return [(group, stock) for group, stock in rows]


def note_low_shown(session: Session, group_id: int, shown: str | None) -> None:
    """Write down what a group's card shows and where; None when there is no card to keep any more."""
    session.execute(update(PromoCodeGroup).where(PromoCodeGroup.id == group_id).values(low_shown=shown))


def latest_lot(session: Session, group_id: int, *, by: str, since: datetime) -> PromoCodeLot | None:
    """The latest addition to a group by somebody, not before `since`."""
    return session.scalars(
        select(PromoCodeLot)
        .where(PromoCodeLot.group_id == group_id, PromoCodeLot.created_by == by, PromoCodeLot.created_at >= since)
        .order_by(PromoCodeLot.id.desc())
        .limit(1)
    ).first()


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


def count_lines(session: Session, lot_id: int, *, duplicated: int, repeated: int, discarded: int) -> None:
    """Add to what a lot says of the lines that it did not take (`storage.code_writes` counts the inserted).

    `repeated`: those of the duplicated that repeat an earlier line.
    """
    session.execute(
        update(PromoCodeLot)
        .where(PromoCodeLot.id == lot_id)
        .values(
            duplicated=PromoCodeLot.duplicated + duplicated,
            repeated=PromoCodeLot.repeated + repeated,
            discarded=PromoCodeLot.discarded + discarded,
        )
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
