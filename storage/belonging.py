"""Which messages are a distribution's: the range of ids that its launch made, and those that were planned."""

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from storage.tables import Distribution, Message, Planned, PlannedState


def has_planned(row: Distribution) -> bool:
    """Whether messages of a distribution may lie outside its range: planned ones do."""
    return row.mode == "automatic" or bool(row.reminders)


def messages_of(row: Distribution) -> ColumnElement[bool]:
    """Whether a message is one of the distribution's: by its range where that says all, which reads them in order."""
    mine = Message.distribution_id == row.id
    return mine if has_planned(row) else and_(_within(row, Message.id), mine)


def carried_by(row: Distribution, message_id: InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
    """Whether `message_id` of another table is a message of the distribution's."""
    if has_planned(row):
        return message_id.in_(select(Message.id).where(Message.distribution_id == row.id))
    return _within(row, message_id)


def audience(session: Session, row: Distribution) -> int:
    """How many messages there are by the range of ids and the planned texts that were made: no tally is asked."""
    launched = 0 if row.first_message_id is None else (row.last_message_id or 0) - row.first_message_id + 1
    if not has_planned(row):
        return launched
    made = select(func.count()).where(Planned.distribution_id == row.id, Planned.state == PlannedState.MADE)
    return launched + (session.scalar(made) or 0)


def _within(
    row: Distribution, message_id: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    last = row.last_message_id if row.last_message_id is not None else -1
    return and_(message_id >= (row.first_message_id or 0), message_id <= last)
