"""Approvals: requests for a second person's decision, decided once."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from storage.tables import Approval, TeamMember


def get(session: Session, approval_id: int) -> Approval | None:
    """One approval as it is now."""
    return session.get(Approval, approval_id, populate_existing=True)


def pending(session: Session) -> list[Approval]:
    """Those that wait for a decision, oldest first."""
    return list(session.scalars(select(Approval).where(Approval.state == "pending").order_by(Approval.id)))


def latest_of(session: Session, distribution_id: int) -> Approval | None:
    """The last request of a distribution, decided or not."""
    query = select(Approval).where(Approval.distribution_id == distribution_id)
    return session.scalars(query.order_by(Approval.id.desc())).first()


def to_show(session: Session) -> list[Approval]:
    """Those whose card, or whose requester, does not know yet how they stand, oldest first."""
    query = select(Approval).where(or_(Approval.shown.is_(None), Approval.shown != Approval.state))
    return list(session.scalars(query.order_by(Approval.id)))


def decide(
    session: Session,
    approval_id: int,
    *,
    state: str,
    by: str | None,
    reason: str | None,
    at: datetime,
    from_states: tuple[str, ...] = ("pending",),
) -> bool:
    """Give an approval its decision if it is still in one of `from_states` and `by` did not ask for it themselves.

    Without `by` nobody decided (it became void), and who had approved before stays.

    One conditional update: of two clicks at the same moment one matches, the other finds it decided and gets False.
    """
    decision = {"state": state, "decided_at": at, "reason": reason}
    matching = [Approval.id == approval_id, Approval.state.in_(from_states)]
    if by is not None:
        matching.append(Approval.requested_by != by)
        decision["decided_by"] = by
    decided = session.execute(
        update(Approval)
        .where(*matching)
        .values(decision)
        .returning(Approval.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.get(Approval, approval_id, populate_existing=True)
    return decided is not None


def name_of(session: Session, user_id: str) -> str:
    """What somebody is called; their Slack id where nobody knows."""
    member = session.get(TeamMember, user_id)
    return member.name if member and member.name else user_id
