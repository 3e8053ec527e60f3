"""Storing new promo codes by the chunk, as fast as each database takes them, and finding those that existed.

Codes are handed out in the order of their ids, and get their ids in the order in which they are stored
(`distribution.codes.order`). Codes that lie near one another in sorted order are stored two to three times as fast as
codes from everywhere, which walk at random through the unique index.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from psycopg.errors import UniqueViolation
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from storage import stock
from storage.codes import already
from storage.database import is_sqlite
from storage.plain import driver
from storage.sequences import take
from storage.tables import PromoCodeLot

NULL = "\\N"  # as COPY spells it
# How many rows are sent to PostgreSQL at once: it works on them while the next are written.
PIECE = 2_000
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

# Of some blocks of ids, those with a gap; and the ids in some blocks. Counting costs a third of reading the ids.
_GAPPED_SQLITE = text(
    """SELECT json_group_array(value) FROM json_each(:starts)
    WHERE (SELECT count(*) FROM promo_code WHERE id BETWEEN value AND value + :more) <= :more"""
)
_IDS_SQLITE = text(
    """SELECT json_group_array(promo_code.id) FROM json_each(:starts) AS block
    CROSS JOIN promo_code ON promo_code.id BETWEEN block.value AND block.value + :more"""
)


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
    known: Mapping[str, tuple[int, int]] | None = None,
) -> dict[str, tuple[int, int]]:
    """Store those of `codes` (distinct) that do not exist yet, as active; returns the others, with group and lot.

    They will be handed out in this order. `expiries`: when some of them expire by themselves. `known`: what `existing`
    said of them a moment ago. The group's stock and the lot's count move along. On PostgreSQL somebody else may be
    storing one of the codes at this moment; then this waits for them, looks again, and leaves that code out.
    """
    taken = dict(known or {})
    if taken:
        codes = [code for code in codes if code not in taken]
    if not codes:
        return taken
    store_them = _store_sqlite if is_sqlite(session) else _store_postgres
    existed = store_them(session, codes, group_id, lot_id, expiries or {})
    taken |= existed
    inserted = len(codes) - len(existed)
    if inserted:
        session.execute(
            update(PromoCodeLot).where(PromoCodeLot.id == lot_id).values(inserted=PromoCodeLot.inserted + inserted)
        )
        stock.move(session, group_id, total=inserted, active=inserted)
    return taken


def existing(session: Session, codes: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Those of `codes` (sorted) that `store` should know to exist: on PostgreSQL, where one of them undoes a chunk.

    SQLite finds them while it stores, so there it is none.
    """
    return {} if is_sqlite(session) else already(session, codes)


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
    """Codes (printable) as a JSON array, ten times as fast as `json.dumps` where none of them has to be escaped."""
    joined = '","'.join(codes)
    if joined.isascii() and "\\" not in joined and joined.count('"') == 2 * (len(codes) - 1):
        return f'["{joined}"]'
    return json.dumps(codes, ensure_ascii=False)


def _store_postgres(
    session: Session, codes: Sequence[str], group_id: int, lot_id: int, expiries: Mapping[str, datetime]
) -> dict[str, tuple[int, int]]:
    connection = session.connection()
    copying = _POSTGRES_COPY_EXPIRING if expiries else _POSTGRES_COPY
    taken: dict[str, tuple[int, int]] = {}
    while codes:
        first = take(session, "promo_code", len(codes))
        spelled = list(map(_copied, codes)) if "\\" in "".join(codes) else codes
        if expiries:
            moments = {code: moment.isoformat() for code, moment in expiries.items()}
            spelled = [f"{copied}\t{moments.get(code, NULL)}" for code, copied in zip(codes, spelled, strict=True)]
        tail = f"\t{group_id}\t{lot_id}\t0\n"
        savepoint = connection.begin_nested()
        try:
            with driver(session).cursor() as cursor, cursor.copy(copying) as copy:
                for start in range(0, len(spelled), PIECE):
                    piece = enumerate(spelled[start : start + PIECE], first + start)
                    copy.write("".join([f"{number}\t{code}{tail}" for number, code in piece]))
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
