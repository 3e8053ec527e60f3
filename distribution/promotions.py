"""Promotions: make them, change them, find them by name."""

from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.templates.values import clean
from storage import distributions
from storage import promotions as rows
from storage.names import fold
from storage.tables import Promotion

NAME_MAX = 100
TERMS_MAX = 300

Standing = Literal["upcoming", "running", "ended"]


def create(
    session: Session,
    name: str,
    terms: str = "",
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    by: str,
    now: datetime,
) -> Promotion:
    """Make a promotion. Raises `Refused` at the field "name", "terms", "starts_at" or "ends_at"."""
    promotion = Promotion(created_by=by, created_at=now)
    _fill(session, promotion, name, terms, starts_at, ends_at, now)
    session.add(promotion)
    session.flush()
    return promotion


def edit(
    session: Session,
    promotion_id: int,
    *,
    name: str,
    terms: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    now: datetime,
) -> Promotion:
    """Change a promotion. Raises `Refused` as `create` does, and for one that is gone.

    A distribution that waits for its approval or its time and tells about it has to be approved again: the seal sees.
    """
    promotion = get(session, promotion_id)
    _fill(session, promotion, name, terms, starts_at, ends_at, now)
    session.flush()
    return promotion


def delete(session: Session, promotion_id: int, *, now: datetime) -> None:
    """Delete a promotion; its name is free again. Raises `Refused` while a distribution that is on its way has it."""
    promotion = get(session, promotion_id)
    using = distributions.open_with_promotion(session, promotion_id)
    if using:
        named = ", ".join(f"'{distribution.subject}'" for distribution in using[:3])
        more = f" and {len(using) - 3} more" if len(using) > 3 else ""
        raise Refused(
            f"'{promotion.name}' cannot be deleted while {named}{more} tells about it. Stop or finish that first."
        )
    promotion.name_key, promotion.deleted_at = None, now
    session.flush()


def get(session: Session, promotion_id: int) -> Promotion:
    """One promotion. Raises `Refused`, field "promotion", when it is gone."""
    promotion = rows.get(session, promotion_id)
    if promotion is None:
        raise Refused("That promotion was deleted. Choose another.", field="promotion")
    return promotion


def by_name(session: Session, name: str) -> Promotion:
    """The promotion of that name. Raises `Refused`, field "promotion", with the nearest name there is."""
    promotion = rows.by_name(session, name)
    if promotion is None:
        hint = did_you_mean(name, [known.name for known in rows.listing(session)])
        raise Refused(f"Promotion '{name.strip()}' does not exist.{hint}", field="promotion")
    return promotion


def listing(session: Session) -> list[Promotion]:
    """Every promotion, the newest first."""
    return rows.listing(session)


def standing(promotion: Promotion, now: datetime) -> Standing:
    """Whether a promotion has begun, and whether it is over."""
    if promotion.ends_at and promotion.ends_at <= now:
        return "ended"
    return "upcoming" if promotion.starts_at and promotion.starts_at > now else "running"


def _fill(
    session: Session,
    promotion: Promotion,
    name: str,
    terms: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    now: datetime,
) -> None:
    """Check what was typed, and put it into the row."""
    name, terms = clean(" ".join(name.split())), clean(terms)
    if not name:
        raise Refused("Give the promotion a name.", field="name")
    if len(name) > NAME_MAX:
        raise Refused(f"The name has {len(name)} characters. It may have {NAME_MAX}.", field="name")
    with session.no_autoflush:
        other = rows.by_name(session, name)
    if other is not None and other.id != promotion.id:
        raise Refused(f"There is a promotion '{other.name}' already. Give this one another name.", field="name")
    if len(terms) > TERMS_MAX:
        raise Refused(f"The terms have {len(terms)} characters. They may have {TERMS_MAX}.", field="terms")
    if starts_at and ends_at and ends_at <= starts_at:
        raise Refused("It ends before it starts. Pick a later end.", field="ends_at")
    if ends_at and ends_at <= now and ends_at != promotion.ends_at:
        raise Refused("That end is past already. Pick a later one, or none.", field="ends_at")
    promotion.name, promotion.name_key, promotion.terms = name, fold(name), terms
    promotion.starts_at, promotion.ends_at = starts_at, ends_at
