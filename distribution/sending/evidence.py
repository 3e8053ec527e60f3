"""Texts whose outcome only a person can tell: which they are, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from distribution.sending.attempts import attempt_id
from storage.bulk import among
from storage.tables import Batch, Customer, Message, PromoCode, PromoCodeRepeat, UnknownAttempt


@dataclass(frozen=True)
class Unsettled:
    """One text that may or may not have left, and what a person needs to look it up in the provider's own log."""

    message_id: int
    attempt: str  # our reference in the provider's log, where it keeps one
    customer_id: int
    name: str
    phone: str | None  # None: the customer was erased
    reason: str | None  # what became of the request (`distribution.reasons`)
    posted: datetime | None  # when it was dispatched, by the machine's clock
    looks_failed: int  # times that its provider was asked, and did not answer
    codes: tuple[str, ...]  # in its text


def open_to_people(distribution_id: int, only: Sequence[int] | None = None) -> Select[int]:
    """The messages of a distribution that only a person can settle; `only`: of these."""
    query = select(UnknownAttempt.message_id).where(
        UnknownAttempt.distribution_id == distribution_id,
        UnknownAttempt.outcome.is_(None),
        UnknownAttempt.look_at.is_(None),
    )
    if only is not None:
        query = query.where(UnknownAttempt.message_id.in_(sorted(only)))
    return query.order_by(UnknownAttempt.message_id)


def count(session: Session, distribution_id: int) -> int:
    """How many there are."""
    return session.scalar(select(func.count()).select_from(open_to_people(distribution_id).subquery())) or 0


def unsettled(session: Session, distribution_id: int, *, limit: int, offset: int = 0) -> list[Unsettled]:
    """What is known of each, in the order in which they were to be sent."""
    rows = session.execute(
        select(UnknownAttempt, Message, Customer, Batch.dispatched_at)
        .join(Message, Message.id == UnknownAttempt.message_id)
        .join(Customer, Customer.id == Message.customer_id)
        .outerjoin(Batch, Batch.id == UnknownAttempt.batch_id)
        .where(UnknownAttempt.message_id.in_(open_to_people(distribution_id).limit(limit).offset(offset)))
        .where(UnknownAttempt.outcome.is_(None))
        .order_by(UnknownAttempt.message_id)
    ).all()
    codes = _codes(session, [message.id for _, message, _, _ in rows])
    return [
        Unsettled(
            message.id,
            attempt_id(attempt.batch_id, message.id),
            customer.id,
            customer.name,
            message.phone,
            message.reason,
            posted,
            attempt.looks_failed,
            codes.get(message.id, ()),
        )
        for attempt, message, customer, posted in rows
    ]


def _codes(session: Session, message_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """The codes in each text: those that it gives, and those that it repeats."""
    given = select(PromoCode.message_id, PromoCode.code).where(among(session, PromoCode.message_id, message_ids))
    again = (
        select(PromoCodeRepeat.message_id, PromoCode.code)
        .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
        .where(among(session, PromoCodeRepeat.message_id, message_ids))
    )
    found: dict[int, tuple[str, ...]] = {}
    for message_id, code in [*session.execute(given), *session.execute(again)]:
        if message_id is not None:
            found[message_id] = (*found.get(message_id, ()), code)
    return found
