"""Promotions: cart-level discounts that need no code."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.names import fold
from storage.tables import Promotion


def get(session: Session, promotion_id: int) -> Promotion | None:
    """A promotion that is not deleted."""
    promotion = session.get(Promotion, promotion_id)
    return promotion if promotion and promotion.deleted_at is None else None


def by_name(session: Session, name: str) -> Promotion | None:
    """The promotion that a person would call `name`; none that is deleted."""
    return session.scalars(select(Promotion).where(Promotion.name_key == fold(name))).first()


def listing(session: Session) -> list[Promotion]:
    """Every promotion that is not deleted, the newest first."""
    return list(session.scalars(select(Promotion).where(Promotion.deleted_at.is_(None)).order_by(Promotion.id.desc())))
