"""What a customer was given, did and was sent, as rows with a customer: what rules count, or ask whether there are any.

Moments reach back from `now` by whole days of 24 hours. The rows of a history are found by an index, whoever they are
of (`Event` by name and time, codes by customer and group), and those of one customer by another.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from storage.json_values import compare, opposite
from storage.rules import COUNTS, NEGATIVE, Condition
from storage.tables import Event, Message, MessageState, PromoCode, SegmentMember

# The provider took the text; "unknown": it may have, and the customer may have read it.
RECEIVED = (MessageState.ACCEPTED, MessageState.DELIVERED)
TEXTED = (*RECEIVED, MessageState.UNDELIVERED, MessageState.UNKNOWN)
FAILED = (MessageState.UNDELIVERED, MessageState.REJECTED)
WENT_WELL = (*RECEIVED, MessageState.UNKNOWN)


class History(NamedTuple):
    """Rows of one kind: a query that gives the customer of each, never NULL, and that column."""

    rows: Select[Any]
    customer: InstrumentedAttribute[Any]


def of(session: Session, condition: Condition, now: datetime, today: date) -> History:
    """The rows that a condition is about, of every customer. `today`: where the workspace is.

    Raises `KeyError` for a field that has no history.
    """
    if condition.field in COUNTS:
        return codes(condition, now)
    if condition.field == "event":
        return events(session, condition, now, today)
    if condition.field == "last_text":
        return last_failed()
    days = condition.value if condition.field == "texted" else condition.days
    return messages(condition.field, condition.distribution_id, since(now, days))


def since(now: datetime, days: int | None) -> datetime | None:
    """The moment so many days before now; None for no limit."""
    return None if days is None else now - timedelta(days=days)


def codes(condition: Condition, now: datetime) -> History:
    """Codes issued to customers (sent to them once or more, or given by hand), redeemed, or issued and not redeemed."""
    rows = select(PromoCode.customer_id).where(PromoCode.customer_id.is_not(None), PromoCode.issued_at.is_not(None))
    moment = PromoCode.issued_at
    if condition.group_id is not None:
        rows = rows.where(PromoCode.group_id == condition.group_id)
    if condition.field == "codes_redeemed":
        rows, moment = rows.where(PromoCode.redeemed_at.is_not(None)), PromoCode.redeemed_at
    if condition.field == "codes_unredeemed":
        rows = rows.where(PromoCode.redeemed_at.is_(None))
    begins = since(now, condition.days)
    return History(rows if begins is None else rows.where(moment >= begins), PromoCode.customer_id)


def events(session: Session, condition: Condition, now: datetime, today: date) -> History:
    """Events of one name, late enough, whose properties are all as asked."""
    rows = select(Event.customer_id).where(Event.name == condition.event)
    begins = since(now, condition.days)
    if begins is not None:
        rows = rows.where(Event.at >= begins)
    for each in condition.where:
        rows = rows.where(_property(session, each, today))
    return History(rows, Event.customer_id)


def messages(field: str, distribution_id: int | None, begins: datetime | None) -> History:
    """Messages that customers "received", or that they were "texted", of one distribution or any, late enough."""
    states = RECEIVED if field == "received" else TEXTED
    rows = select(Message.customer_id).where(Message.state.in_(states))
    if distribution_id is not None:
        rows = rows.where(Message.distribution_id == distribution_id)
    return History(rows if begins is None else rows.where(Message.settled_at >= begins), Message.customer_id)


def last_failed() -> History:
    """Messages that failed, after which the same customer was sent none that did not."""
    later = aliased(Message)
    went_well = exists().where(
        later.customer_id == Message.customer_id,
        later.state.in_(WENT_WELL),
        later.settled_at > Message.settled_at,
    )
    failed = Message.state.in_(FAILED)
    return History(select(Message.customer_id).where(failed, ~went_well), Message.customer_id)


def members(segment_id: int) -> History:
    """The customers on a static segment."""
    rows = select(SegmentMember.customer_id).where(SegmentMember.segment_id == segment_id)
    return History(rows, SegmentMember.customer_id)


def _property(session: Session, condition: Condition, today: date) -> ColumnElement[bool]:
    """One condition on a property; a negation holds where the event has no such property, too."""
    positive = NEGATIVE.get(condition.op)
    if positive is None:
        return compare(session, Event.properties, condition, condition.op, today)
    return opposite(compare(session, Event.properties, condition, positive, today))
