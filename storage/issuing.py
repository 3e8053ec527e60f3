"""Codes of messages: blocked, issued, given back; their group's stock moves in the same transaction."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Insert,
    Select,
    Update,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import Session

from storage import live_codes, messages, pace, stock
from storage.bulk import fetch, ids_as, ids_given, rows_as, rows_given
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import CodeState, Distribution, Message, MessageState, PromoCode, PromoCodeRepeat
from storage.tables.base import BigId, UtcDateTime

CODE = table_of(PromoCode)
REPEAT = table_of(PromoCodeRepeat)
MESSAGE = table_of(Message)
# Of SQLite's connection: the codes and the recipients of one `block`, each with its place in the order.
TAKEN = table("taken_code", column("place", BigId), column("id", BigId))
TAKING = table("taking_message", column("place", BigId), column("message_id", BigId), column("customer_id", BigId))


class Waiting(NamedTuple):
    """The messages above `after`, up to `last`, that are to be sent, and how many they are."""

    after: int
    last: int
    size: int


def block(
    session: Session, group_id: int, recipients: Sequence[tuple[int, int]] | Waiting, *, after: int, now: datetime
) -> tuple[int, int]:
    """Bind an active code of the group to each recipient (message id, customer id), in order.

    A code that is past an expiry of its own at `now` is never bound. `after` is the id of the last code looked at
    before (0 at first): active codes are searched from there on. Returns how many were bound, and the id to go on
    after. Fewer bound than asked: there are no more active codes.
    """
    # Whoever takes active codes holds the stock first: they take turns, none skips a code, and none need be locked.
    stock.hold(session, group_id)
    some_expired = _some_expired(session, now)  # seldom: the sweep runs every two seconds
    count = recipients.size if isinstance(recipients, Waiting) else len(recipients)
    codes = {"group_id": group_id, "after": after, "limit": count, **({"now": now} if some_expired else {})}
    pair = _pair_on_sqlite if is_sqlite(session) else _pair_on_postgresql
    bound, last = pair(session, _active(some_expired), codes, recipients)
    if bound:
        stock.move(session, group_id, active=-bound, blocked=bound)
    return bound, (last if bound else after)


def _pair_on_sqlite(
    session: Session, active: Select[int], codes: Mapping[str, Any], recipients: Sequence[tuple[int, int]] | Waiting
) -> tuple[int, int]:
    """Bind the codes of `active` to the recipients; how many, and the last code's id.

    Both are numbered by the rows of a table of the connection's own and never leave the database: half the time of
    reading both and handing back the pairs.
    """
    for name, columns in (("taken_code", "id"), ("taking_message", "message_id, customer_id")):
        session.execute(text(f"CREATE TEMP TABLE IF NOT EXISTS {name} (place INTEGER PRIMARY KEY, {columns})"))
    session.execute(_taken(active), codes)
    if isinstance(recipients, Waiting):
        session.execute(
            _taking(waiting()), {"after": recipients.after, "last": recipients.last, "limit": codes["limit"]}
        )
    elif recipients:
        session.execute(_taking(_listed()), rows_as(True, recipients))
    session.execute(_pairing())
    bound, last = session.execute(select(func.count(), func.max(TAKEN.c.id))).one()
    session.execute(delete(TAKEN))  # a connection keeps its own tables
    session.execute(delete(TAKING))
    return bound, last or 0


def _pair_on_postgresql(
    session: Session, active: Select[int], codes: Mapping[str, Any], recipients: Sequence[tuple[int, int]] | Waiting
) -> tuple[int, int]:
    """The same: both are read, and handed back as arrays of pairs; a join of two numbered queries is slower."""
    code_ids = sorted(code_id for (code_id,) in fetch(session, active, codes))
    if not code_ids:
        return 0, 0
    if isinstance(recipients, Waiting):
        given = {"after": recipients.after, "last": recipients.last, "limit": codes["limit"]}
        recipients = sorted((row[0], row[1]) for row in fetch(session, waiting(), given))
    pairs = [(code_id, *recipient) for code_id, recipient in zip(code_ids, recipients, strict=False)]
    # The bounds say that few codes are meant: without them the planner reads all there are, for each chunk.
    session.execute(_blocking(), {**rows_as(False, pairs), "lowest": code_ids[0], "highest": code_ids[-1]})
    return len(code_ids), code_ids[-1]


@lru_cache(1)
def waiting() -> Select[int, int]:
    """The first `limit` messages (id, customer id) above `after`, up to `last`, that are to be sent."""
    return (
        select(MESSAGE.c.id, MESSAGE.c.customer_id)
        .where(
            MESSAGE.c.id > bindparam("after"),
            MESSAGE.c.id <= bindparam("last"),
            MESSAGE.c.state == int(MessageState.QUEUED),
        )
        .order_by(MESSAGE.c.id)
        .limit(bindparam("limit", type_=BigId))
    )


@lru_cache(1)
def _listed() -> Select[int, int]:
    """Recipients as they are given to `block` by SQLite's `rows_as`."""
    rows = rows_given(True, {"message_id": BigId, "customer_id": BigId})
    return select(rows.c.message_id, rows.c.customer_id)


@lru_cache(2)
def _taken(active: Select[int]) -> Insert:
    """Number the codes of a query, in its order."""
    return insert(TAKEN).from_select(["id"], active)


@lru_cache(2)
def _taking(recipients: Select[int, int]) -> Insert:
    """Number the recipients of a query, in its order."""
    return insert(TAKING).from_select(["message_id", "customer_id"], recipients)


@lru_cache(1)
def _pairing() -> Update:
    """Bind each numbered code to the recipient of that number."""
    return (
        update(CODE)
        .where(CODE.c.id == TAKEN.c.id, TAKING.c.place == TAKEN.c.place)
        .values(state=int(CodeState.BLOCKED), message_id=TAKING.c.message_id, customer_id=TAKING.c.customer_id)
    )


@lru_cache(2)
def _active(some_expired: bool) -> Select[int]:
    """Ids of the first `limit` active codes of `group_id` above `after`; none that is past its own expiry at `now`."""
    query = (
        select(CODE.c.id)
        .where(
            CODE.c.group_id == bindparam("group_id"),
            CODE.c.state == text("0"),  # written out, or the partial index would not be used
            CODE.c.id > bindparam("after"),
        )
        .order_by(CODE.c.id)
        .limit(bindparam("limit", type_=BigId))
    )
    if some_expired:
        query = query.where(CODE.c.expires_at.is_(None) | (CODE.c.expires_at > bindparam("now", type_=UtcDateTime)))
    return query


@lru_cache(1)
def _blocking() -> Update:
    """Bind the codes of the rows given (code, message, customer), whose ids lie within `lowest` and `highest`."""
    bound = rows_given(False, {"id": BigId, "message_id": BigId, "customer_id": BigId})
    return (
        update(CODE)
        .where(CODE.c.id == bound.c.id, CODE.c.id >= bindparam("lowest"), CODE.c.id <= bindparam("highest"))
        .values(state=int(CodeState.BLOCKED), message_id=bound.c.message_id, customer_id=bound.c.customer_id)
    )


def _some_expired(session: Session, now: datetime) -> bool:
    """Whether any group has active codes past an expiry of their own: the index of those (`ix_promo_code_expiring`).

    Asked of one group, SQLite would go through all active codes of that group instead.
    """
    past = (CODE.c.state == text("0")) & CODE.c.expires_at.is_not(None) & (CODE.c.expires_at <= now)
    return session.scalar(select(CODE.c.id).where(past).limit(1)) is not None


def available(session: Session, group_id: int, most: int, now: datetime) -> int:
    """How many active codes of a group `block` would find at `now`, counted up to `most`. Its stock is held."""
    codes = {"group_id": group_id, "after": 0, "limit": most, "now": now}
    return session.scalar(_counted(_active(_some_expired(session, now))), codes) or 0


@lru_cache(2)
def _counted(codes: Select[int]) -> Select[int]:
    """How many rows a query finds."""
    return select(func.count()).select_from(codes.subquery())


def count_taken(distribution: Distribution, group_id: int, n: int) -> None:
    """Remember that `n` more codes of a group were blocked for a distribution."""
    taken = distribution.codes_taken
    distribution.codes_taken = {**taken, str(group_id): taken.get(str(group_id), 0) + n}


@dataclass
class Codes:
    """Messages whose codes are to be moved: issued with them, or nobody's again. `repeats`: they may repeat codes."""

    issued: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    repeats: bool = True


def move(session: Session, moved: Codes, at: datetime) -> None:
    """Issue the blocked codes of messages that were sent, and the repeats planned for them; free those of the unsent.

    Once in a transaction, after its messages: groups are shared by distributions, so their counts are moved last and in
    the order of their ids. `at`: when they were issued. A code that was issued stays its customer's whatever happens
    later: it left the house. So does one that another message, still to leave, repeats (`storage.live_codes`). And so
    does one that may have left: where only a person says that its text did not arrive, it is issued to its customer,
    though no text counts as sent (docs/decisions/sending.md, Codes).
    """
    sqlite = is_sqlite(session)
    deltas: dict[int, Counter[str]] = defaultdict(Counter)
    issued: Counter[int] = Counter()
    if moved.issued:
        given = {**ids_as(sqlite, moved.issued), "at": at}
        issued.update(_change(session, _issuing(sqlite), given))
        if moved.repeats:
            issued.update(live_codes.issue_repeated(session, moved.issued, at))
            session.execute(_repeating(sqlite), given)
    kept = messages.doubtful(session, moved.returned) if moved.returned else []
    if kept:
        issued.update(_change(session, _issuing(sqlite), {**ids_as(sqlite, kept), "at": at}))
        issued.update(live_codes.issue_repeated(session, kept, at))
    if moved.returned:
        returned = sorted(set(moved.returned) - set(kept))
        for group_id, n in live_codes.give_back(session, returned).items():
            deltas[group_id].update(blocked=-n, active=n)
    for group_id, n in issued.items():
        deltas[group_id].update(blocked=-n, issued=n)
    for group_id in sorted(deltas):
        stock.move(session, group_id, **deltas[group_id])
    if issued:
        _limit(session, [*moved.issued, *kept], issued, at)
        pace.add(session, issued, at)


def issue_one(
    session: Session, group_id: int, customer_id: int, at: datetime, *, code_id: int | None = None
) -> PromoCode | None:
    """Issue an active code of a group to a customer, without any message: the next one, or the one with `code_id`.

    None when there is none, or when that one is not active any more.
    """
    stock.hold(session, group_id)
    query = select(PromoCode).where(
        PromoCode.group_id == group_id,
        PromoCode.state == CodeState.ACTIVE,
        PromoCode.expires_at.is_(None) | (PromoCode.expires_at > at),
    )
    if code_id is not None:
        query = query.where(PromoCode.id == code_id)
    code = session.scalars(
        query.order_by(PromoCode.id).limit(1).with_for_update().execution_options(populate_existing=True)
    ).first()
    if code is None:
        return None
    days = live_codes.validity(session, [group_id]).get(group_id)
    code.state, code.customer_id, code.issued_at = CodeState.ISSUED, customer_id, at
    if days is not None and code.expires_at is None:
        code.expires_at = at + days
    session.flush()
    stock.move(session, group_id, active=-1, issued=1)
    pace.add(session, {group_id: 1}, at)
    return code


def _limit(session: Session, message_ids: Sequence[int], group_ids: Collection[int], at: datetime) -> None:
    """Codes that were just issued with these messages expire after the days that their group gives them."""
    sqlite = is_sqlite(session)
    for group_id, days in live_codes.validity(session, group_ids).items():
        given = {**ids_as(sqlite, message_ids), "of": group_id, "when": at, "until": at + days}
        session.execute(_limiting(sqlite), given)


@lru_cache(2)
def _limiting(sqlite: bool) -> Update:
    """Codes of group `of` issued at `when` with messages `ids` expire at `until`, but for those with an own expiry."""
    return (
        update(CODE)
        .where(
            ids_given(sqlite, CODE.c.message_id),
            CODE.c.group_id == bindparam("of"),
            CODE.c.issued_at == bindparam("when", type_=UtcDateTime),
            CODE.c.expires_at.is_(None),
        )
        .values(expires_at=bindparam("until", type_=UtcDateTime))
    )


def _change(session: Session, change: Update, given: Mapping[str, Any]) -> dict[int, int]:
    """Change the blocked codes of messages `ids`; how many of each group."""
    if is_sqlite(session):  # its lock is ours: what is counted is what changes
        counts: dict[int, int] = {row[0]: row[1] for row in fetch(session, _counting(), {"ids": given["ids"]})}
        if counts:
            session.execute(change, given)
        return counts
    return Counter(session.scalars(change.returning(CODE.c.group_id), given))


@lru_cache(1)
def _counting() -> Select[int, int]:
    """How many codes are blocked for messages `ids`, by group."""
    return (
        select(CODE.c.group_id, func.count().label("n"))
        .where(ids_given(True, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .group_by(CODE.c.group_id)
    )


@lru_cache(2)
def _issuing(sqlite: bool) -> Update:
    """Issue the blocked codes of messages `ids` at `at`."""
    return (
        update(CODE)
        .where(ids_given(sqlite, CODE.c.message_id), CODE.c.state == int(CodeState.BLOCKED))
        .values(state=int(CodeState.ISSUED), issued_at=bindparam("at", type_=UtcDateTime))
    )


@lru_cache(2)
def _repeating(sqlite: bool) -> Update:
    """Issue the repeats planned for messages `ids` at `at`."""
    return (
        update(REPEAT)
        .where(ids_given(sqlite, REPEAT.c.message_id), REPEAT.c.issued_at.is_(None))
        .values(issued_at=bindparam("at", type_=UtcDateTime))
    )
