"""A customer's personal data, taken out of every table that names them by id; and rows to be searched for traces.

What stays is a row without a name: codes, messages and redemptions go on adding up (DESIGN §5.2, §5.6).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.database import is_sqlite
from storage.reminded import to_come
from storage.tables import (
    ConsentChange,
    Customer,
    Distribution,
    Event,
    ImportRefusal,
    Job,
    Message,
    PromoCode,
    PromoCodeChange,
    Redemption,
    Reply,
    Segment,
    SegmentMember,
    UnknownAttempt,
    Upload,
)

# What stands in the place of words that named somebody.
ERASED = "[erased]"


def locked(session: Session, customer_id: int) -> Customer | None:
    """A customer's row, held for the rest of the transaction."""
    return session.get(Customer, customer_id, with_for_update=not is_sqlite(session) or None, populate_existing=True)


def empty(session: Session, customer: Customer, now: datetime) -> None:
    """Take away everything that is known of a customer; their id and the day they were added stay."""
    customer.phone = customer.source_id = customer.region = customer.locale = customer.time_zone = None
    customer.name = customer.search = customer.search_last = ""
    customer.attributes, customer.consent, customer.consent_at = {}, "unknown", None
    customer.erased_at = customer.updated_at = now
    session.flush()


def by_id(session: Session, customer_id: int, phone: str | None) -> None:
    """Everything that names a customer by id, or their number in a column of its own: a few statements, all indexed."""
    plain = {"synchronize_session": False}
    session.execute(
        update(Message).where(Message.customer_id == customer_id).values(phone=None).execution_options(**plain)
    )
    # No provider can be asked about a number that is gone: a person decides what became of a text.
    mine = select(Message.id).where(Message.customer_id == customer_id)
    session.execute(
        update(UnknownAttempt)
        .where(UnknownAttempt.message_id.in_(mine), UnknownAttempt.outcome.is_(None))
        .values(look_at=None)
        .execution_options(**plain)
    )
    session.execute(delete(Event).where(Event.customer_id == customer_id).execution_options(**plain))
    theirs = Reply.customer_id == customer_id
    if phone:
        theirs = or_(theirs, Reply.phone == phone)
    # An answer that has not left must not: the number that it would go to is gone.
    session.execute(
        update(Reply)
        .where(theirs, Reply.answer_state == "queued")
        .values(answer=None, answer_state=None)
        .execution_options(**plain)
    )
    session.execute(update(Reply).where(theirs).values(phone="", body="").execution_options(**plain))
    words = update(ConsentChange).where(ConsentChange.customer_id == customer_id)
    session.execute(words.values(source=ERASED).execution_options(**plain))
    named = select(Segment.id).where(Segment.kind == "static")
    on = (SegmentMember.customer_id == customer_id) & SegmentMember.segment_id.in_(named)
    counted = select(SegmentMember.segment_id).where(on)
    session.execute(update(Segment).where(Segment.id.in_(counted)).values(counted=None).execution_options(**plain))
    session.execute(delete(SegmentMember).where(on).execution_options(**plain))


def where_being_made(session: Session, customer_id: int) -> None:
    """Take the number away from messages that were being made when it was erased, by who had read it and had not
    committed.

    Waits for those: each chunk of a launch, and whoever makes what is due, holds its distribution.
    """
    making = Distribution.status.in_(("blocking", "sending")) | to_come()
    held = select(Distribution.id).where(making).order_by(Distribution.id)
    session.execute(held if is_sqlite(session) else held.with_for_update(key_share=True)).all()
    mine = update(Message).where(Message.customer_id == customer_id, Message.phone.is_not(None))
    session.execute(mine.values(phone=None).execution_options(synchronize_session=False))


def under_way(session: Session, kinds: Sequence[str]) -> Job | None:
    """A job of one of these kinds that waits or runs."""
    waiting = select(Job).where(Job.kind.in_(kinds), Job.state.in_(("queued", "running")))
    return session.scalars(waiting.order_by(Job.id).limit(1)).first()


def some(
    session: Session, columns: Sequence[InstrumentedAttribute[Any]], keys: int, after: Sequence[Any], limit: int
) -> Sequence[Sequence[Any]]:
    """The next rows of a table for writing: `columns`, of which the first `keys` are its key, after the key `after`."""
    query: Select[Any] = select(*columns).order_by(*columns[:keys]).limit(limit)
    if after:
        query = query.where(tuple_(*columns[:keys]) > tuple_(*after))
    return session.execute(query if is_sqlite(session) else query.with_for_update()).all()


def rewrite(session: Session, columns: Sequence[InstrumentedAttribute[Any]], keys: int, row: Sequence[Any]) -> None:
    """Write the columns of one row anew, found by its first `keys` columns."""
    same = [column == value for column, value in zip(columns[:keys], row[:keys], strict=True)]
    new = dict(zip(columns[keys:], row[keys:], strict=True))
    table = columns[0].class_
    session.execute(update(table).where(*same).values(new).execution_options(synchronize_session=False))


def drop_refusal(session: Session, job_id: int, line: int) -> None:
    """Forget a row of a file that was not taken."""
    session.execute(delete(ImportRefusal).where(ImportRefusal.job_id == job_id, ImportRefusal.line == line))


def remarks(session: Session, customer_id: int) -> list[tuple[InstrumentedAttribute[str], int, str]]:
    """What people and systems wrote beside this customer's codes: column, the row's id, the words."""
    codes = select(PromoCode.id).where(PromoCode.customer_id == customer_id)
    found: list[tuple[InstrumentedAttribute[str], int, str]] = []
    for column, where in (
        (PromoCodeChange.reason, PromoCodeChange.code_id.in_(codes)),
        (Redemption.place, or_(Redemption.customer_id == customer_id, Redemption.code_id.in_(codes))),
        (Redemption.rolled_back_why, or_(Redemption.customer_id == customer_id, Redemption.code_id.in_(codes))),
    ):
        table = column.class_
        rows = session.execute(select(table.id, column).where(where, column != ""))
        found += [(column, row_id, text) for row_id, text in rows]
    return found


def upload_ids(session: Session) -> Sequence[int]:
    """The files that people handed over and that no job needs any more, or not yet."""
    return session.scalars(select(Upload.id).order_by(Upload.id)).all()


def uploads_in_use(session: Session) -> set[int]:
    """The files that a job waits for or reads."""
    args = session.scalars(select(Job.args).where(Job.state.in_(("queued", "running"))))
    return {int(each["upload_id"]) for each in args if each.get("upload_id")}


def forget_args(session: Session, job_id: int) -> None:
    """Empty a job's own arguments, where they named somebody."""
    session.execute(update(Job).where(Job.id == job_id).values(args={}).execution_options(synchronize_session=False))
