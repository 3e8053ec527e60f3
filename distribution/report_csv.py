"""A report's lines as CSV: what became of each message, in words."""

import csv
import io
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.reasons import words
from distribution.report import found
from storage.belonging import messages_of
from storage.tables import Customer, Message
from storage.tables import MessageState as S

CHUNK = 2_000

STATE_WORDS = {
    S.QUEUED: "still to send",
    S.EXCLUDED: "left out",
    S.ACCEPTED: "sent",
    S.DELIVERED: "delivered",
    S.UNDELIVERED: "not delivered",
    S.REJECTED: "refused",
    S.UNKNOWN: "unknown",
    S.CANCELLED: "stopped",
}


def lines(session: Session, distribution_id: int, *, whole: bool = False) -> Iterator[str]:
    """The report's lines as CSV, in pieces: one line a message. Raises `Refused` when it does not exist.

    Numbers are masked unless `whole`, and codes are not in it: a file in a channel is read by everybody there.
    """
    distribution = found(session, distribution_id)
    several = bool(distribution.reminders)
    heading = ["customer", "name", "phone", "state", "reason", "segments", "sent at", "delivered at"]
    yield written([[*heading, *(["text"] if several else [])]])
    after = 0
    while True:
        rows = session.execute(
            select(Message, Customer.name)
            .outerjoin(Customer, Customer.id == Message.customer_id)
            .where(messages_of(distribution), Message.id > after)
            .order_by(Message.id)
            .limit(CHUNK)
        ).all()
        if not rows:
            return
        yield written([_line(message, name or "", whole, several) for message, name in rows])
        after = rows[-1][0].id
        session.expunge_all()


def _line(message: Message, name: str, whole: bool, several: bool) -> list[str]:
    return [
        str(message.customer_id),
        harmless(name),
        (message.phone or "") if whole else masked(message.phone),
        STATE_WORDS[message.state],
        words(message.reason) if message.reason else "",
        str(message.segments or ""),
        message.settled_at.isoformat() if message.settled_at and message.state is not S.EXCLUDED else "",
        message.delivered_at.isoformat() if message.delivered_at else "",
        *([f"reminder {message.step}" if message.step else "first"] if several else []),
    ]


def masked(phone: str | None) -> str:
    """A number that a channel may read: its country and last three digits."""
    return f"{phone[:3]}…{phone[-3:]}" if phone else ""


def harmless(text: str) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def written(rows: list[list[str]]) -> str:
    """Rows as the lines of a CSV file."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
