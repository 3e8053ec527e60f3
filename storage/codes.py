"""Promo codes by the chunk: which exist, storing new ones fast, and looking one up.

Codes are handed out in the order of their ids, and get their ids in the order in which they are stored. So a chunk is
not stored in sorted order, or neighbours could be guessed; but its codes should lie near one another in sorted order:
values from everywhere walk at random through the unique index, two to three times as slow.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from random import SystemRandom
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
from storage.standing import standing
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

NULL = "\\N"  # as COPY spells it
# How far apart in sorted order codes are that are handed out one after the other (`mixed`).
APART = 223
# How many ids are counted at once where some of those that were to be stored existed.
GAP_BLOCK = 50

_SQLITE_INSERT = """
    INSERT INTO promo_code (id, code, group_id, lot_id, state)
    SELECT ? + key, value, ?, ?, 0 FROM json_each(?)
    WHERE true ON CONFLICT DO NOTHING
"""
_SQLITE_INSERT_EXPIRING = """
    INSERT INTO promo_code (id, code, expires_at, group_id, lot_id, state)
    SELECT ? + key, json_extract(value, '$[0]'), json_extract(value, '$[1]'), ?, ?, 0 FROM json_each(?)
    WHERE true ON CONFLICT DO NOTHING
"""
_POSTGRES_COPY = "COPY promo_code (id, code, group_id, lot_id, state) FROM STDIN"
_POSTGRES_COPY_EXPIRING = "COPY promo_code (id, code, expires_at, group_id, lot_id, state) FROM STDIN"
_CHANCE = SystemRandom()

# Of some blocks of ids, those with a gap; and the ids in some blocks. Counting costs a third of reading the ids.
_GAPPED_SQLITE = text(
    """SELECT json_group_array(value) FROM json_each(:starts)
    WHERE (SELECT count(*) FROM promo_code WHERE id BETWEEN value AND value + :more) <= :more"""
)
_IDS_SQLITE = text(
    """SELECT json_group_array(promo_code.id) FROM json_each(:starts) AS block
    CROSS JOIN promo_code ON promo_code.id BETWEEN block.value AND block.value + :more"""
)
_ALREADY_SQLITE = text(
    "SELECT code, group_id, lot_id FROM promo_code WHERE code IN (SELECT value FROM json_each(:codes))"
)
_ALREADY_POSTGRES = text("SELECT code, group_id, lot_id FROM promo_code WHERE code = ANY(:codes)")


def insert(session: Session, codes: Sequence[str], *, group_id: int, lot_id: int) -> int:
    """Store those of `codes` (distinct) that do not exist yet; returns how many that were. See `store`."""
    return len(codes) - len(store(session, codes, group_id=group_id, lot_id=lot_id))


def store(
    session: Session,
    codes: Sequence[str],
    *,
    group_id: int,
    lot_id: int,
    expiries: Mapping[str, datetime] | None = None,
) -> dict[str, tuple[int, int]]:
    """Store those of `codes` (distinct) that do not exist yet, as active; returns the others, with group and lot.

    They will be handed out in this order: see `mixed`. `expiries`: when some of them expire by themselves. The group's
    stock and the lot's count move along. On PostgreSQL somebody else may be storing one of the codes at this moment;
    then this waits for them, looks again, and leaves that code out.
    """
    if not codes:
        return {}
    store_them = _store_sqlite if is_sqlite(session) else _store_postgres
    taken = store_them(session, codes, group_id, lot_id, expiries or {})
    inserted = len(codes) - len(taken)
    if inserted:
        session.execute(
            update(PromoCodeLot).where(PromoCodeLot.id == lot_id).values(inserted=PromoCodeLot.inserted + inserted)
        )
        stock.move(session, group_id, total=inserted, active=inserted)
    return taken


def mixed(codes: Sequence[str]) -> list[str]:
    """Sorted codes in an order to hand them out in: the columns of a table of `APART` columns, in a random order.

    A twentieth of the cost of a shuffle; and the unique index is walked from end to end some times, not at random.
    """
    columns = list(range(min(APART, len(codes))))
    _CHANCE.shuffle(columns)
    out: list[str] = []
    for column in columns:
        out += codes[column::APART]
    return out


def _store_sqlite(
    session: Session, codes: Sequence[str], group_id: int, lot_id: int, expiries: Mapping[str, datetime]
) -> dict[str, tuple[int, int]]:
    first = take(session, "promo_code", len(codes))
    statement, values = _SQLITE_INSERT, _as_json(codes)
    if expiries:  # a third slower: an array for each code
        moments = {code: moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for code, moment in expiries.items()}
        statement = _SQLITE_INSERT_EXPIRING
        values = json.dumps([(code, moments.get(code)) for code in codes], ensure_ascii=False)
    stored = session.connection().exec_driver_sql(statement, (first, group_id, lot_id, values)).rowcount
    if stored == len(codes):
        return {}
    return already(session, sorted(codes[number - first] for number in _gaps(session, first, len(codes))))


def _gaps(session: Session, first: int, count: int) -> list[int]:
    """Which of `count` ids from `first` on are nobody's: those of codes that existed already."""
    more = GAP_BLOCK - 1
    gapped = session.scalar(
        _GAPPED_SQLITE, {"starts": json.dumps(list(range(first, first + count, GAP_BLOCK))), "more": more}
    )
    there = set(json.loads(session.scalar(_IDS_SQLITE, {"starts": gapped, "more": more}) or "[]"))
    blocks = (range(start, min(start + GAP_BLOCK, first + count)) for start in json.loads(gapped or "[]"))
    return [number for block in blocks for number in block if number not in there]


def _as_json(codes: Sequence[str]) -> str:
    """Codes as a JSON array, ten times as fast as `json.dumps` where none of them has to be escaped."""
    joined = '","'.join(codes)
    if joined.isascii() and joined.isprintable() and "\\" not in joined and joined.count('"') == 2 * (len(codes) - 1):
        return f'["{joined}"]'
    return json.dumps(codes, ensure_ascii=False)


def _store_postgres(
    session: Session, codes: Sequence[str], group_id: int, lot_id: int, expiries: Mapping[str, datetime]
) -> dict[str, tuple[int, int]]:
    connection = session.connection()
    copying = _POSTGRES_COPY_EXPIRING if expiries else _POSTGRES_COPY
    taken: dict[str, tuple[int, int]] = {}
    while codes:
        tail = f"\t{group_id}\t{lot_id}\t0\n"
        first = take(session, "promo_code", len(codes))
        spelled = list(map(_copied, codes)) if "\\" in "".join(codes) else codes
        if expiries:
            moments = {code: moment.isoformat() for code, moment in expiries.items()}
            spelled = [f"{copied}\t{moments.get(code, NULL)}" for code, copied in zip(codes, spelled, strict=True)]
        rows = "".join([f"{number}\t{code}{tail}" for number, code in enumerate(spelled, first)])
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 -- a session's connection is open
        savepoint = connection.begin_nested()
        try:
            with driver.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(rows)
        except UniqueViolation:
            savepoint.rollback()
            taken |= already(session, sorted(codes))
            codes = [code for code in codes if code not in taken]
            continue
        savepoint.commit()
        break
    return taken


def _copied(code: str) -> str:
    """A code as COPY's text format spells it: only a backslash means something there (a code has no tab or newline)."""
    return code.replace("\\", "\\\\")


def already(session: Session, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Those of `codes` (a chunk, best sorted) that exist, with the ids of their group and lot."""
    given: list[str] | str = json.dumps(codes, ensure_ascii=False) if is_sqlite(session) else list(codes)
    rows = session.execute(_ALREADY_SQLITE if is_sqlite(session) else _ALREADY_POSTGRES, {"codes": given})
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


def find(session: Session, code: str, *, lock: bool = False) -> PromoCode | None:
    """The code that is exactly `code`. `lock`: held until the transaction ends, and as it is now."""
    query = select(PromoCode).where(PromoCode.code == code)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).first()


def remove_active(session: Session, group_id: int, limit: int) -> int:
    """Delete up to `limit` active codes of a group, which nobody ever had; returns how many."""
    stock.hold(session, group_id)
    chosen = _some_active(session, group_id, limit)
    removed = _changed(session, delete(PromoCode).where(PromoCode.id.in_(chosen), PromoCode.state == CodeState.ACTIVE))
    stock.move(session, group_id, total=-removed, active=-removed)
    return removed


def expire(session: Session, group_id: int, limit: int) -> int:
    """Let up to `limit` active codes of a group expire; returns how many."""
    stock.hold(session, group_id)
    where = (PromoCode.id.in_(_some_active(session, group_id, limit)), PromoCode.state == CodeState.ACTIVE)
    moved = _changed(session, update(PromoCode).where(*where).values(state=CodeState.EXPIRED))
    stock.move(session, group_id, active=-moved, expired=moved)
    return moved


def groups_with_expired(session: Session, now: datetime) -> list[int]:
    """Ids of groups with active codes that are past an expiry of their own."""
    return list(session.scalars(select(PromoCode.group_id).where(_past(now)).distinct()))


def expire_own(session: Session, group_id: int, now: datetime, limit: int) -> int:
    """Let up to `limit` active codes of a group that are past an expiry of their own expire; returns how many."""
    stock.hold(session, group_id)
    # The sum keeps SQLite from reading all active codes of the group instead of those that expire.
    chosen = select(PromoCode.id).where(_past(now), PromoCode.group_id + 0 == group_id).limit(limit)
    ids = (chosen if is_sqlite(session) else chosen.with_for_update(skip_locked=True)).scalar_subquery()
    where = (PromoCode.id.in_(ids), PromoCode.state == CodeState.ACTIVE)
    moved = _changed(session, update(PromoCode).where(*where).values(state=CodeState.EXPIRED))
    stock.move(session, group_id, active=-moved, expired=moved)
    return moved


def revive(session: Session, group_id: int, now: datetime, *, after: int, limit: int) -> tuple[int | None, int]:
    """Make expired codes of a group that nobody ever had active again, unless they are past an expiry of their own.

    Looks at `limit` of all codes from the id `after` on (no index knows the expired ones); returns the last id looked
    at, None at the end, and how many are active again.
    """
    stock.hold(session, group_id)
    ids = select(PromoCode.id).where(PromoCode.id > after).order_by(PromoCode.id).limit(limit).subquery()
    upto = session.scalar(select(func.max(ids.c.id)))
    if upto is None:
        return None, 0
    moved = _changed(
        session,
        update(PromoCode)
        .where(
            PromoCode.id > after,
            PromoCode.id <= upto,
            PromoCode.group_id == group_id,
            PromoCode.state == CodeState.EXPIRED,
            PromoCode.customer_id.is_(None),
            PromoCode.expires_at.is_(None) | (PromoCode.expires_at > now),
        )
        .values(state=CodeState.ACTIVE),
    )
    stock.move(session, group_id, active=moved, expired=-moved)
    return upto, moved


def _past(now: datetime) -> ColumnElement[bool]:
    """Active codes past an expiry of their own, as `ix_promo_code_expiring` has them."""
    return (PromoCode.state == text("0")) & PromoCode.expires_at.is_not(None) & (PromoCode.expires_at <= now)


def _some_active(session: Session, group_id: int, limit: int) -> ScalarSelect[int]:
    """The first ids of a group's active codes, held until the transaction ends."""
    chosen = (
        select(PromoCode.id)
        .where(PromoCode.group_id == group_id, PromoCode.state == CodeState.ACTIVE, PromoCode.customer_id.is_(None))
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
    expires_at: datetime | None = None  # its own, or else its group's

    def standing(self, now: datetime) -> str:
        """Where it stands now, in a word: blocked, issued, redeemed, revoked, expired."""
        return standing(self.state, self.redeemed_at, self.expires_at, now)


def of_customer(session: Session, customer_id: int) -> list[CodeLine]:
    """The codes blocked for or issued to a customer, and each time one was sent again; newest first.

    One without a distribution was issued by hand: given, or in place of another.
    """
    facts = (PromoCode.code, PromoCodeGroup.name, Distribution.subject, PromoCode.state, PromoCode.redeemed_at)
    expires_at = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    first = (
        select(*facts, expires_at, PromoCode.issued_at)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .outerjoin(Message, Message.id == PromoCode.message_id)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        .where(PromoCode.customer_id == customer_id)
    )
    again = (
        select(*facts, expires_at, PromoCodeRepeat.issued_at)
        .join(PromoCodeRepeat, PromoCodeRepeat.code_id == PromoCode.id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .outerjoin(Message, Message.id == PromoCodeRepeat.message_id)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        .where(PromoCodeRepeat.customer_id == customer_id, PromoCodeRepeat.issued_at.is_not(None))
    )
    lines = [
        CodeLine(code, group, issue, subject, at, state, redeemed_at, expires)
        for issue, query in (("initial", first), ("repeated", again))
        for code, group, subject, state, redeemed_at, expires, at in session.execute(query)
    ]
    # What is not issued yet comes first: it is what happens next.
    held = [line for line in lines if line.at is None]
    return held + sorted(
        (line for line in lines if line.at is not None), key=lambda line: (line.at, line.issue), reverse=True
    )
