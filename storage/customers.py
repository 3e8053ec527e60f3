"""Customers: who can be texted, how one is found among a million, and how many are written at once."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Text, case, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from storage.bulk import among, values
from storage.database import is_sqlite
from storage.tables import ConsentChange, Customer, CustomerAttribute, Distribution, Message, MessageState, Reply

# Letters that Unicode does not take apart, but people leave their marks out all the same.
LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})

NOT_A_LETTER = re.compile("[^a-z0-9]+")

# Sorts after every text, byte by byte: the end of the range of texts that begin with a prefix.
LAST = "\U0010ffff"

# More words than this narrow a search no further.
WORDS = 4


def fold(text: str) -> str:
    """A name as it is searched: "Łukasz  ŻAK-Nowak" → "lukasz zak nowak"."""
    if text.isascii():
        return " ".join(NOT_A_LETTER.sub(" ", text.lower()).split())
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(LETTERS)
    kept = (char for char in plain if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in kept).split())


def search_keys(name: str) -> tuple[str, str]:
    """What `Customer.search` and `Customer.search_last` hold for a name: as written, and with the last word first."""
    words = fold(name).split()
    return " ".join(words), " ".join(words[-1:] + words[:-1])


def exclusion() -> ColumnElement[str | None]:
    """Why a customer cannot be texted: "no_number", "opted_out", "no_consent"; NULL when they can."""
    return case(
        (Customer.phone.is_(None), literal("no_number", Text())),
        (Customer.consent == "opted_out", literal("opted_out", Text())),
        (Customer.consent != "given", literal("no_consent", Text())),
        else_=None,
    )


def here(session: Session) -> ColumnElement[bool]:
    """Whether a customer was not erased. Told by id from the few who were: an index that has the rest is enough.

    PostgreSQL would compare each customer with each who was erased once those are too many for its memory (about
    200,000), and counts as fast, at 10,000 of a million faster, by an anti-join. SQLite has none: a look-up for each
    customer takes it twice as long as a list.
    """
    gone = aliased(Customer)
    erased = select(gone.id).where(gone.erased_at.is_not(None))
    return Customer.id.not_in(erased) if is_sqlite(session) else ~erased.where(gone.id == Customer.id).exists()


def find(session: Session, query: str, limit: int, *, phones: Sequence[str] = ()) -> list[Customer]:
    """Up to `limit` customers whose number, source id or name begins with `query`, best first.

    `phones`: what E.164 numbers that match may begin with. Each look-up is a range of one index, so that a million
    customers are no slower than a thousand: the first or last word of a name must begin with a word of the query
    (capitals and accents do not count), and every other word of the query must begin a word of the name.
    """
    found: dict[int, Customer] = {}
    for column, prefix in [(Customer.phone, phone) for phone in phones] + [(Customer.source_id, query.strip())]:
        if prefix:
            _collect(session, found, column, prefix, [], limit)
    words = sorted(set(fold(query).split()), key=len, reverse=True)[:WORDS]
    for word in words:
        others = [other for other in words if other != word]
        for column in (Customer.search, Customer.search_last):
            _collect(session, found, column, word, others, limit)
    return list(found.values())


def _collect(
    session: Session,
    found: dict[int, Customer],
    column: InstrumentedAttribute[Any],
    prefix: str,
    others: Iterable[str],
    limit: int,
) -> None:
    """Add to `found`, up to `limit`, those whose `column` begins with `prefix` and has words that begin as `others`."""
    if len(found) >= limit:
        return
    matching = select(Customer).where(column >= prefix, column < prefix + LAST)
    for other in others:
        matching = matching.where(_within(session, literal(" ") + column, f" {other}"))
    for customer in session.scalars(matching.order_by(column).limit(limit)):
        if len(found) < limit:
            found.setdefault(customer.id, customer)


def _within(session: Session, text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    """Whether `text` contains `part`, with no character special."""
    position = func.instr if is_sqlite(session) else func.strpos
    return position(text, part) > 0


def by_source_id(session: Session, source_id: str) -> Customer | None:
    """The customer with this id in the system that they come from."""
    return session.scalars(select(Customer).where(Customer.source_id == source_id)).one_or_none()


def by_phone(session: Session, phone: str) -> Customer | None:
    """The customer with this number in E.164."""
    return session.scalars(select(Customer).where(Customer.phone == phone)).one_or_none()


def ids_by(session: Session, column: InstrumentedAttribute[str | None], wanted: Sequence[str]) -> dict[str, int]:
    """Ids of the customers whose `column` (phone or source id) is one of `wanted`, by that value; one statement."""
    if not wanted:
        return {}
    given = texts(session, wanted)
    rows = session.execute(select(column, Customer.id).join(given, column == given.c.value))
    return {str(value): customer_id for value, customer_id in rows}


def erased(session: Session, customer_ids: Collection[int]) -> set[int]:
    """Those of some customers who were erased by now. On SQLite none, where they were found in the same transaction."""
    if not customer_ids or is_sqlite(session):
        return set()
    gone = select(Customer.id).where(among(session, Customer.id, customer_ids), Customer.erased_at.is_not(None))
    return set(session.scalars(gone))


def held_by(session: Session, phones: Sequence[str], source_ids: Sequence[str]) -> list[Customer]:
    """The customers who have one of these numbers or source ids, locked for the rest of the transaction.

    Each is looked up through its own index first: for "this or that" PostgreSQL would walk over every customer.
    """
    found = {
        *ids_by(session, Customer.phone, phones).values(),
        *ids_by(session, Customer.source_id, source_ids).values(),
    }
    if not found:
        return []
    # Two transactions that lock in one order cannot wait for each other.
    wanted = select(Customer).where(among(session, Customer.id, sorted(found))).order_by(Customer.id)
    return list(session.scalars(wanted if is_sqlite(session) else wanted.with_for_update()))


def texts(session: Session, given: Sequence[str]) -> FromClause:
    """`given` as a table of one column, `.c.value`."""
    return values(session, {"value": Text()}, [(text,) for text in given])


def history(session: Session, customer_id: int, limit: int | None = 50, offset: int = 0) -> list[ConsentChange]:
    """The changes of a customer's consent, newest first; `limit` None: all."""
    changes = select(ConsentChange).where(ConsentChange.customer_id == customer_id)
    ordered = changes.order_by(ConsentChange.at.desc(), ConsentChange.id.desc())
    return list(session.scalars(ordered.limit(limit).offset(offset)))


class MessageLine(NamedTuple):
    """One message to a customer, for their profile."""

    id: int
    distribution_id: int
    subject: str
    state: MessageState
    reason: str | None
    settled_at: datetime | None
    delivered_at: datetime | None
    phone: str | None
    segments: int | None


def messages(session: Session, customer_id: int, limit: int | None, offset: int = 0) -> list[MessageLine]:
    """The messages to a customer, newest first; `limit` None: all."""
    rows = (
        select(
            Message.id,
            Message.distribution_id,
            Distribution.subject,
            Message.state,
            Message.reason,
            Message.settled_at,
            Message.delivered_at,
            Message.phone,
            Message.segments,
        )
        .join(Distribution, Distribution.id == Message.distribution_id)
        .where(Message.customer_id == customer_id)
        .order_by(Message.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [MessageLine(*row) for row in session.execute(rows)]


def replies(session: Session, customer_id: int, limit: int | None, offset: int = 0) -> list[Reply]:
    """The texts that a customer sent, newest first; `limit` None: all."""
    theirs = select(Reply).where(Reply.customer_id == customer_id).order_by(Reply.id.desc())
    return list(session.scalars(theirs.limit(limit).offset(offset)))


def set_consent(session: Session, customer_id: int, consent: str, *, source: str, at: datetime) -> bool:
    """Change a customer's consent and write the change down. False, and nothing written, where it is so already."""
    changed = session.execute(
        update(Customer)
        .where(Customer.id == customer_id, Customer.consent != consent, Customer.erased_at.is_(None))
        .values(consent=consent, consent_at=at, updated_at=at)
        .returning(Customer.id)
        .execution_options(synchronize_session="fetch")
    ).first()
    if changed:
        note_consent(session, customer_id, consent, source=source, at=at)
    return changed is not None


def note_consent(session: Session, customer_id: int, consent: str, *, source: str, at: datetime) -> None:
    """Write down what a customer's consent became, and on whose word."""
    session.add(ConsentChange(customer_id=customer_id, consent=consent, source=source, at=at))
    session.flush()


def attributes(session: Session) -> dict[str, str]:
    """The attributes that customers may have: name → type (text, number, boolean, date), by name."""
    rows = session.execute(select(CustomerAttribute.name, CustomerAttribute.type).order_by(CustomerAttribute.name))
    return {name: str(kind) for name, kind in rows}


def add_attribute(session: Session, name: str, kind: str, *, at: datetime) -> str:
    """Make an attribute known unless it is; returns the type that it has."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.execute(insert(CustomerAttribute).values(name=name, type=kind, created_at=at).on_conflict_do_nothing())
    return session.scalars(select(CustomerAttribute.type).where(CustomerAttribute.name == name)).one()
