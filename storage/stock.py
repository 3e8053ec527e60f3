"""The counts of each promo code group, moved by whoever moves its codes, in the same transaction."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from storage.tables import PromoCodeStock


def move(session: Session, group_id: int, **deltas: int) -> None:
    """Add `deltas` (by column: `active=-3, blocked=3`) to a group's counts.

    The database refuses counts below zero, or that no longer add up (`IntegrityError`): a bug, nobody's mistake.
    """
    changed = {name: getattr(PromoCodeStock, name) + delta for name, delta in deltas.items() if delta}
    if changed:
        session.execute(update(PromoCodeStock).where(PromoCodeStock.group_id == group_id).values(changed))
