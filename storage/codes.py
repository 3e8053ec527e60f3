"""Promo codes by the chunk: which exist, which expire, which go; and looking one up."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    delete,
    func,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from storage import stock
from storage.database import is_sqlite
from storage.plain import rows_changed
from storage.standing import standing
from storage.tables import (
    CodeState,
    Distribution,
    Message,
    PromoCode,
    PromoCodeGroup,
    PromoCodeRepeat,
    PromoCodeStock,
)

_ALREADY_SQLITE = text(
    "SELECT code, group_id, lot_id FROM promo_code WHERE code IN (SELECT value FROM json_each(:codes))"
)
# One text taken apart by the server: an array of them, made and read, costs twice as much as looking.
_ALREADY_POSTGRES = text(
    "SELECT code, group_id, lot_id FROM promo_code WHERE code = ANY(string_to_array(:codes, chr(10)))"
)


def already(session: Session, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Those of `codes` (a chunk, best sorted) that exist, with the ids of their group and lot."""
    if is_sqlite(session):
        rows = session.execute(_ALREADY_SQLITE, {"codes": json.dumps(codes, ensure_ascii=False)})
    else:
        rows = session.execute(_ALREADY_POSTGRES, {"codes": "\n".join(code for code in codes if "\n" not in code)})
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
    removed = rows_changed(
        session, delete(PromoCode).where(PromoCode.id.in_(chosen), PromoCode.state == CodeState.ACTIVE)
    )
    stock.move(session, group_id, total=-removed, active=-removed)
    return removed


def expire(session: Session, group_id: int, limit: int) -> int:
    """Let up to `limit` active codes of a group expire; returns how many."""
    stock.hold(session, group_id)
    where = (PromoCode.id.in_(_some_active(session, group_id, limit)), PromoCode.state == CodeState.ACTIVE)
    moved = rows_changed(session, update(PromoCode).where(*where).values(state=CodeState.EXPIRED))
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
    moved = rows_changed(session, update(PromoCode).where(*where).values(state=CodeState.EXPIRED))
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
    moved = rows_changed(
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
