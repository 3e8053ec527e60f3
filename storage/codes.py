"""Promo codes by the chunk: which exist, storing new ones fast, and looking one up.

A chunk is sorted before it is inserted (random values walk at random through the unique index, twice as slow), and its
ids are shuffled first: codes are handed out in id order, which must not be the sorted one.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, cast

from psycopg.errors import UniqueViolation
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Delete,
    ScalarSelect,
    Update,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from storage import stock
from storage.database import is_sqlite
from storage.sequences import take
from storage.tables import (
    CodeState,
    Distribution,
    Message,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeRepeat,
    PromoCodeStock,
)

ID_WIDTH = 19  # digits of the largest id, so that a fixed number of characters precedes the code

# One string holds id and code: an object's keys come out of json_each escaped on older SQLite.
_SQLITE_INSERT = f"""
    INSERT INTO promo_code (id, code, group_id, lot_id, state)
    SELECT CAST(substr(value, 1, {ID_WIDTH}) AS INTEGER), substr(value, {ID_WIDTH + 1}), ?, ?, 0 FROM json_each(?)
    WHERE true ON CONFLICT DO NOTHING
"""  # noqa: S608 -- only a constant is formatted in
_POSTGRES_COPY = "COPY promo_code (id, code, group_id, lot_id, state) FROM STDIN"
_ALREADY_SQLITE = text(
    "SELECT code, group_id, lot_id FROM promo_code WHERE code IN (SELECT value FROM json_each(:codes))"
)
_ALREADY_POSTGRES = text("SELECT code, group_id, lot_id FROM promo_code WHERE code = ANY(:codes)")


def insert(session: Session, codes: Sequence[str], *, group_id: int, lot_id: int) -> int:
    """Store those of `codes` (distinct, sorted) that do not exist yet, as active; returns how many that were.

    The group's stock and the lot's count move along. On PostgreSQL somebody else may be storing one of the codes at
    this moment; then this waits for them, looks again, and leaves that code out.
    """
    if not codes:
        return 0
    inserted = (_insert_sqlite if is_sqlite(session) else _insert_postgres)(session, codes, group_id, lot_id)
    if inserted:
        session.execute(
            update(PromoCodeLot).where(PromoCodeLot.id == lot_id).values(inserted=PromoCodeLot.inserted + inserted)
        )
        stock.move(session, group_id, total=inserted, active=inserted)
    return inserted


def _insert_sqlite(session: Session, codes: Sequence[str], group_id: int, lot_id: int) -> int:
    rows = [f"{number:0{ID_WIDTH}}{code}" for number, code in zip(_ids(session, len(codes)), codes, strict=True)]
    cursor = session.connection().exec_driver_sql(
        _SQLITE_INSERT, (group_id, lot_id, json.dumps(rows, ensure_ascii=False))
    )
    return cursor.rowcount


def _insert_postgres(session: Session, codes: Sequence[str], group_id: int, lot_id: int) -> int:
    connection = session.connection()
    while codes:
        tail = f"\t{group_id}\t{lot_id}\t0\n"
        numbers = _ids(session, len(codes))
        rows = "".join([f"{number}\t{code}{tail}" for number, code in zip(numbers, map(_copied, codes), strict=True)])
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 -- a session's connection is open
        savepoint = connection.begin_nested()
        try:
            with driver.cursor() as cursor, cursor.copy(_POSTGRES_COPY) as copy:
                copy.write(rows)
        except UniqueViolation:
            savepoint.rollback()
            taken = already(session, codes)
            codes = [code for code in codes if code not in taken]
            continue
        savepoint.commit()
        return len(codes)
    return 0


def _copied(code: str) -> str:
    """A code as COPY's text format spells it: only a backslash means something there (a code has no tab or newline)."""
    return code.replace("\\", "\\\\") if "\\" in code else code


def _ids(session: Session, count: int) -> list[int]:
    """`count` new ids of promo codes in an order that nobody can foresee."""
    first = take(session, "promo_code", count)
    keys = memoryview(os.urandom(8 * count)).cast("Q")
    return [first + place for place in sorted(range(count), key=keys.__getitem__)]


def already(session: Session, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Those of `codes` (a chunk, best sorted) that exist, with the ids of their group and lot."""
    if is_sqlite(session):
        rows = session.execute(_ALREADY_SQLITE, {"codes": json.dumps(codes, ensure_ascii=False)})
    else:
        rows = session.execute(_ALREADY_POSTGRES, {"codes": list(codes)})
    return {code: (group_id, lot_id) for code, group_id, lot_id in rows}


def total(session: Session) -> int:
    """How many codes there are in all groups, deleted ones too."""
    return session.scalar(select(func.coalesce(func.sum(PromoCodeStock.total), 0))) or 0


def fitting(session: Session, columns: Sequence[str]) -> Iterator[str]:
    """Codes whose every character is one of those in the column at its place, in order."""
    query = select(PromoCode.code).where(_fits(session, columns)).order_by(PromoCode.code)
    yield from session.scalars(query.execution_options(yield_per=50_000))


def count_fitting(session: Session, columns: Sequence[str], *, enough: int) -> int:
    """How many codes `fitting` finds, or a higher number of at most `enough`.

    Comparing patterns takes half a second for a million codes; beginning and length alone, which often settle whether
    there are too many, a fifth of that.
    """
    alike = _count(session, _begins(columns) & (func.length(PromoCode.code) == len(columns)))
    return alike if alike <= enough else _count(session, _fits(session, columns))


def _count(session: Session, where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(PromoCode).where(where)) or 0


def _begins(columns: Sequence[str]) -> ColumnElement[bool]:
    """Codes that begin with the literal text that the columns begin with: a range of the index."""
    prefix = "".join(takewhile(lambda column: len(column) == 1, columns))
    # U+10FFFF is the last character there is: everything that begins with the prefix is below.
    return (PromoCode.code >= prefix) & (PromoCode.code < prefix + "\U0010ffff")


def _fits(session: Session, columns: Sequence[str]) -> ColumnElement[bool]:
    if is_sqlite(session):
        glob = "".join(f"[{column}]" if len(column) > 1 or column in "*?[" else column for column in columns)
        return _begins(columns) & PromoCode.code.op("GLOB", is_comparison=True)(glob)
    regex = "".join(f"[{column}]" if len(column) > 1 else re.escape(column) for column in columns)
    return _begins(columns) & PromoCode.code.op("~", is_comparison=True)(f"^{regex}$")


def of_group(session: Session, group_id: int) -> Iterator[tuple[str, CodeState, datetime | None, datetime | None]]:
    """Every code of a group in id order, read a part at a time: code, state, when issued, when redeemed."""
    rows = session.execute(
        select(PromoCode.code, PromoCode.state, PromoCode.issued_at, PromoCode.redeemed_at)
        .where(PromoCode.group_id == group_id)
        .order_by(PromoCode.id)
        .execution_options(yield_per=10_000)
    )
    return ((code, state, issued_at, redeemed_at) for code, state, issued_at, redeemed_at in rows)


def find(session: Session, code: str) -> PromoCode | None:
    """The code that is exactly `code`."""
    return session.scalars(select(PromoCode).where(PromoCode.code == code)).first()


def remove_active(session: Session, group_id: int, limit: int) -> int:
    """Delete up to `limit` active codes of a group, which nobody ever had; returns how many."""
    stock.hold(session, group_id)
    chosen = _some(session, group_id, CodeState.ACTIVE, limit)
    removed = _changed(session, delete(PromoCode).where(PromoCode.id.in_(chosen), PromoCode.state == CodeState.ACTIVE))
    stock.move(session, group_id, total=-removed, active=-removed)
    return removed


def expire(session: Session, group_id: int, limit: int) -> int:
    """Let up to `limit` active codes of a group expire; returns how many."""
    moved = _restate(session, group_id, CodeState.ACTIVE, CodeState.EXPIRED, limit)
    stock.move(session, group_id, active=-moved, expired=moved)
    return moved


def revive(session: Session, group_id: int, limit: int) -> int:
    """Make up to `limit` expired codes of a group that nobody ever had active again; returns how many."""
    moved = _restate(session, group_id, CodeState.EXPIRED, CodeState.ACTIVE, limit)
    stock.move(session, group_id, active=moved, expired=-moved)
    return moved


def _restate(session: Session, group_id: int, old: CodeState, new: CodeState, limit: int) -> int:
    stock.hold(session, group_id)
    chosen = _some(session, group_id, old, limit)
    where = (PromoCode.id.in_(chosen), PromoCode.state == old)
    return _changed(session, update(PromoCode).where(*where).values(state=new))


def _some(session: Session, group_id: int, state: CodeState, limit: int) -> ScalarSelect[int]:
    """The first ids of a group's codes that stand at `state` and are nobody's, held until the transaction ends."""
    chosen = (
        select(PromoCode.id)
        .where(PromoCode.group_id == group_id, PromoCode.state == state, PromoCode.customer_id.is_(None))
        .order_by(PromoCode.id)
        .limit(limit)
    )
    return (chosen if is_sqlite(session) else chosen.with_for_update(skip_locked=True)).scalar_subquery()


def _changed(session: Session, statement: Delete | Update) -> int:
    """Run a statement on many rows; returns how many it changed."""
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount


def blocked_for(session: Session, group_id: int, limit: int) -> Sequence[Distribution]:
    """Some distributions that hold codes of a group, whatever became of them otherwise."""
    held = (
        select(Message.distribution_id)
        .join(PromoCode, PromoCode.message_id == Message.id)
        .where(PromoCode.group_id == group_id, PromoCode.state == CodeState.BLOCKED)
        .limit(1000)
    )
    return session.scalars(
        select(Distribution).where(Distribution.id.in_(held.subquery().select())).order_by(Distribution.id).limit(limit)
    ).all()


@dataclass(frozen=True)
class CodeLine:
    """A code that a customer has, as their profile shows it."""

    code: str
    group: str
    issue: str  # "initial" or "repeated"
    distribution: str | None  # the subject of the distribution that sent it
    at: datetime | None  # when it was issued; None while it is blocked
    state: CodeState
    redeemed_at: datetime | None


def of_customer(session: Session, customer_id: int) -> list[CodeLine]:
    """The codes blocked for or issued to a customer, and each time one was sent again; newest first."""
    facts = (PromoCode.code, PromoCodeGroup.name, Distribution.subject)
    first = (
        select(*facts, PromoCode.issued_at, PromoCode.state, PromoCode.redeemed_at)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .outerjoin(Message, Message.id == PromoCode.message_id)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        .where(PromoCode.customer_id == customer_id)
    )
    again = (
        select(*facts, PromoCodeRepeat.issued_at, PromoCode.state, PromoCode.redeemed_at)
        .join(PromoCodeRepeat, PromoCodeRepeat.code_id == PromoCode.id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .outerjoin(Message, Message.id == PromoCodeRepeat.message_id)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        .where(PromoCodeRepeat.customer_id == customer_id, PromoCodeRepeat.issued_at.is_not(None))
    )
    lines = [
        CodeLine(code, group, issue, subject, at, state, redeemed_at)
        for issue, query in (("initial", first), ("repeated", again))
        for code, group, subject, at, state, redeemed_at in session.execute(query)
    ]
    # What is not issued yet comes first: it is what happens next.
    held = [line for line in lines if line.at is None]
    return held + sorted(
        (line for line in lines if line.at is not None), key=lambda line: (line.at, line.issue), reverse=True
    )
