"""Rows of providers."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage.names import fold
from storage.reminded import to_come
from storage.tables import Distribution, Provider

LIVE = ("scheduled", "blocking", "sending", "paused", "pending")


def all_of(session: Session) -> list[Provider]:
    """Every provider that was not deleted, the default one first, then by name."""
    rows = session.scalars(select(Provider).where(Provider.name_key.is_not(None)))
    return sorted(rows, key=lambda row: (not row.is_default, row.name_key or ""))


def named(session: Session, name: str) -> Provider | None:
    """The provider of that name, however it is capitalised."""
    return session.scalar(select(Provider).where(Provider.name_key == fold(name)))


def default(session: Session) -> Provider | None:
    """The one that new distributions get: the default, else the only one that is enabled."""
    enabled = [row for row in all_of(session) if row.enabled]
    return next((row for row in enabled if row.is_default), enabled[0] if len(enabled) == 1 else None)


def in_use(session: Session, provider_id: int) -> str | None:
    """The subject of a distribution that waits for this provider or is sent through it, if there is one; be it only
    for reminders to come."""
    needs = or_(Distribution.status.in_(LIVE), to_come())
    return session.scalar(select(Distribution.subject).where(Distribution.provider_id == provider_id, needs).limit(1))
