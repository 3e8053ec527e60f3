"""Customers' replies that nobody has been shown yet, by the distribution that texted them last."""

from collections.abc import Iterator, Sequence

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.tables import Customer, Reply

# As the index `ix_reply_to_show` has it: a look at nothing new reads nothing.
_UNSEEN = and_(Reply.shown.is_(None), Reply.meaning == "other", Reply.distribution_id.is_not(None))
CHUNK = 1_000


def unseen(session: Session) -> list[tuple[int, int]]:
    """Distributions with replies to show, and how many; those of the oldest reply first."""
    query = select(Reply.distribution_id, func.count()).where(_UNSEEN).group_by(Reply.distribution_id)
    found = session.execute(query.order_by(func.min(Reply.id)))
    return [(distribution_id, n) for distribution_id, n in found if distribution_id is not None]


def of(session: Session, distribution_id: int, *, after: int = 0, limit: int) -> list[tuple[Reply, str]]:
    """The oldest unseen replies to a distribution after one of them, in order, each with its customer's name."""
    rows = session.execute(
        select(Reply, func.coalesce(Customer.name, ""))
        .outerjoin(Customer, Customer.id == Reply.customer_id)
        .where(_UNSEEN, Reply.distribution_id == distribution_id, Reply.id > after)
        .order_by(Reply.id)
        .limit(limit)
    )
    return [(reply, name) for reply, name in rows]


def rest(session: Session, distribution_id: int, *, after: int, to: int) -> Iterator[tuple[Reply, str]]:
    """The same for all of them up to the one with the id `to`, in chunks."""
    while rows := of(session, distribution_id, after=after, limit=CHUNK):
        for reply, name in rows:
            if reply.id > to:
                return
            yield reply, name
        after = rows[-1][0].id
        session.expunge_all()


def seen(session: Session, ids: Sequence[int], where: str) -> None:
    """These are shown there."""
    session.execute(
        update(Reply)
        .where(among(session, Reply.id, ids), Reply.shown.is_(None))
        .values(shown=where)
        .execution_options(synchronize_session=False)
    )


def seen_to(session: Session, distribution_id: int, *, after: int, to: int, where: str) -> None:
    """All unseen replies to a distribution between those two are shown there."""
    session.execute(
        update(Reply)
        .where(_UNSEEN, Reply.distribution_id == distribution_id, Reply.id > after, Reply.id <= to)
        .values(shown=where)
        .execution_options(synchronize_session=False)
    )


def last(session: Session, distribution_id: int) -> int:
    """The id of the latest unseen reply to a distribution; 0 where there is none."""
    query = select(func.max(Reply.id)).where(_UNSEEN, Reply.distribution_id == distribution_id)
    return session.scalar(query) or 0
