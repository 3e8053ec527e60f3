"""The team's rows."""

from collections.abc import Sequence

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import TeamMember


def members(session: Session) -> Sequence[TeamMember]:
    """Everybody, admins and approvers first, then by name."""
    order = case({"admin": 0, "approver": 1, "marketer": 2}, value=TeamMember.role, else_=3)
    return session.scalars(select(TeamMember).order_by(order, TeamMember.name, TeamMember.user_id)).all()


def has_any(session: Session, roles: Sequence[str]) -> bool:
    """Whether somebody has one of the roles."""
    return session.scalar(select(TeamMember.user_id).where(TeamMember.role.in_(roles)).limit(1)) is not None


def admins(session: Session) -> set[str]:
    """The ids of all admins, held until the transaction ends: two of them may demote each other at the same moment."""
    found = select(TeamMember.user_id).where(TeamMember.role == "admin").order_by(TeamMember.user_id)
    return set(session.scalars(found if is_sqlite(session) else found.with_for_update()))
