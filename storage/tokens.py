"""Bearer tokens of the API: rows found by the hash of what a client sent."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storage.names import fold
from storage.tables import ApiToken


def by_hash(session: Session, digest: str) -> ApiToken | None:
    """The token with this SHA-256 (hex) that is not revoked."""
    return session.scalars(select(ApiToken).where(ApiToken.hash == digest, ApiToken.revoked_at.is_(None))).first()


def by_name(session: Session, name: str) -> ApiToken | None:
    """The token that a person would call `name`; none that is revoked."""
    return session.scalars(select(ApiToken).where(ApiToken.name_key == fold(name))).first()


def live(session: Session) -> Sequence[ApiToken]:
    """The tokens that are not revoked, by name."""
    return session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None)).order_by(ApiToken.name_key)).all()


def note_use(session: Session, token_id: int, *, at: datetime, unless_since: datetime) -> None:
    """Record that a token was used at `at`, unless it was recorded since `unless_since`."""
    session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id, or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < unless_since))
        .values(last_used_at=at)
    )
