"""Distributions: one, lists of them, and who still holds on to what."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Select, Text, cast, func, select, update
from sqlalchemy.orm import Session

from storage.tables import Distribution

# Sealed and not over: what they were made of must stay as it is.
OPEN = ("pending", "scheduled", "blocking", "sending", "paused")
# Taken back: nothing of it was sent.
BACK = ("draft", "pending", "discarded")


def get(session: Session, distribution_id: int) -> Distribution | None:
    """One distribution."""
    return session.get(Distribution, distribution_id)


def locked(session: Session, distribution_id: int) -> Distribution | None:
    """One distribution as it is now, held against others until the transaction ends."""
    return session.get(Distribution, distribution_id, with_for_update=True, populate_existing=True)


def list_for(
    session: Session, user_id: str | None, *, statuses: Sequence[str] | None = None, limit: int = 50, offset: int = 0
) -> list[Distribution]:
    """A person's distributions, or everybody's for None, the latest change first. `statuses`: all but discarded."""
    query = select(Distribution).order_by(Distribution.updated_at.desc(), Distribution.id.desc())
    query = (
        query.where(Distribution.status.in_(statuses)) if statuses else query.where(Distribution.status != "discarded")
    )
    if user_id is not None:
        query = query.where(Distribution.created_by == user_id)
    return list(session.scalars(query.limit(limit).offset(offset)))


def _visible(user_id: str, statuses: Sequence[str], kind: str | None = None) -> Select[Distribution]:
    """Distributions in one of the statuses; of drafts only a person's own. `kind`: see `page_for`."""
    own = (Distribution.status != "draft") | (Distribution.created_by == user_id)
    query = select(Distribution).where(Distribution.status.in_(statuses), own)
    if kind == "automatic":
        return query.where(Distribution.mode == kind)
    return query.where(cast(Distribution.repeat, Text) != "{}") if kind == "repeating" else query


def page_for(
    session: Session, user_id: str, statuses: Sequence[str], *, limit: int, offset: int, kind: str | None = None
) -> list[Distribution]:
    """Those that a person sees in the list, the latest change first. `kind`: "automatic" or "repeating" ones only."""
    newest = (Distribution.updated_at.desc(), Distribution.id.desc())
    return list(session.scalars(_visible(user_id, statuses, kind).order_by(*newest).limit(limit).offset(offset)))


def count_for(session: Session, user_id: str, statuses: Sequence[str], *, kind: str | None = None) -> int:
    """How many `page_for` turns over."""
    return session.scalar(select(func.count()).select_from(_visible(user_id, statuses, kind).subquery())) or 0


def copies(session: Session, distribution_id: int) -> tuple[int, int]:
    """How many times a repeating distribution was sent so far, and how many times it was refused when its time came."""
    mine = select(Distribution.status, func.count()).where(Distribution.repeats_id == distribution_id)
    found = {row[0]: row[1] for row in session.execute(mine.group_by(Distribution.status))}
    sent = sum(n for status, n in found.items() if status not in ("refused", *BACK))
    return sent, found.get("refused", 0)


def latest_copies(session: Session, distribution_id: int, limit: int) -> list[Distribution]:
    """What a repeating distribution sent last, the newest first: each is a distribution with its own receipt."""
    mine = select(Distribution).where(Distribution.repeats_id == distribution_id)
    return list(session.scalars(mine.order_by(Distribution.repeats_on.desc()).limit(limit)))


def replaced_by(session: Session, distribution_id: int) -> int | None:
    """The distribution that took over from an edited live one; None while none has."""
    took_over = (Distribution.replaces_id == distribution_id) & Distribution.started_at.is_not(None)
    return session.scalar(select(Distribution.id).where(took_over).order_by(Distribution.id.desc()).limit(1))


def replaced(session: Session, distribution_ids: Collection[int]) -> set[int]:
    """Those of some live distributions that another one has taken over from."""
    if not distribution_ids:
        return set()
    took_over = Distribution.replaces_id.in_(distribution_ids) & Distribution.started_at.is_not(None)
    return {each for each in session.scalars(select(Distribution.replaces_id).where(took_over)) if each is not None}


def visible(session: Session, by: str, distribution_id: int) -> Distribution | None:
    """One that `by` may see: any but a thrown away one, and a draft of somebody else's."""
    row = get(session, distribution_id)
    theirs = row is not None and row.status == "draft" and row.created_by != by
    return None if row is None or theirs or row.status == "discarded" else row


def page_before(
    session: Session, by: str, statuses: Sequence[str], *, before: int | None, limit: int
) -> list[Distribution]:
    """Those that `by` may see, the newest first; on a later page those older than the one with the id `before`."""
    query = _visible(by, statuses).order_by(Distribution.id.desc())
    if before is not None:
        query = query.where(Distribution.id < before)
    return list(session.scalars(query.limit(limit)))


def open_with_promotion(session: Session, promotion_id: int) -> list[Distribution]:
    """Distributions that are sealed and not over, and tell about a promotion."""
    return list(
        session.scalars(
            select(Distribution)
            .where(Distribution.promotion_id == promotion_id, Distribution.status.in_(OPEN))
            .order_by(Distribution.id)
        )
    )


def move(
    session: Session,
    distribution_id: int,
    *,
    was: Sequence[str],
    to: str,
    reason: str | None,
    at: datetime,
    held_up: bool = False,
) -> bool:
    """Change the status of a distribution that is in one of `was`; False when it is not (somebody was quicker).

    `held_up`: it is paused because it cannot go on; any other move ends that.
    """
    moved = session.scalar(
        update(Distribution)
        .where(Distribution.id == distribution_id, Distribution.status.in_(was))
        .values(status=to, status_reason=reason, held_up=held_up, updated_at=at)
        .returning(Distribution.id)
        .execution_options(synchronize_session="fetch")
    )
    return moved is not None


def on_show(session: Session, live: Sequence[str], over: Sequence[str], *, since: datetime) -> list[Distribution]:
    """Those whose message in Slack may have to change: in a status of `live`, or in one of `over` since `since`."""
    recent = Distribution.status.in_(over) & (Distribution.updated_at >= since)
    return list(
        session.scalars(select(Distribution).where(Distribution.status.in_(live) | recent).order_by(Distribution.id))
    )


def left_behind(session: Session, statuses: Sequence[str]) -> list[int]:
    """Ids of those in one of the statuses that have a message in Slack all the same, of when they were sent off."""
    query = select(Distribution.id).where(Distribution.status.in_(statuses), Distribution.progress_ts.is_not(None))
    return list(session.scalars(query.order_by(Distribution.id)))
