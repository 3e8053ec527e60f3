"""The counts of each promo code group, moved by whoever moves its codes, in the same transaction."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import PromoCodeStock


def hold(session: Session, group_id: int) -> None:
    """Lock a group's counts until the commit: who takes active codes (to block, expire or delete) does so one by one.

    Before the codes: whoever locked codes first could wait for one who does it this way round.
    """
    if not is_sqlite(session):
        session.execute(select(PromoCodeStock.total).where(PromoCodeStock.group_id == group_id).with_for_update())


def move(session: Session, group_id: int, **deltas: int) -> None:
    """Add `deltas` (by column: `active=-3, blocked=3`) to a group's counts.

    The database refuses counts below zero, or that no longer add up (`IntegrityError`): a bug, nobody's mistake.
    """
    changed = {name: getattr(PromoCodeStock, name) + delta for name, delta in deltas.items() if delta}
    if changed:
        session.execute(update(PromoCodeStock).where(PromoCodeStock.group_id == group_id).values(changed))
