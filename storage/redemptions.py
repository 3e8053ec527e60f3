"""Redemptions: that a code was used, when, where; and that it was not, after all."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage import stock
from storage.bulk import among
from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import Distribution, Message, PromoCode, Redemption

CODE = table_of(PromoCode)
REDEMPTION = table_of(Redemption)


def by_source(session: Session, source_ids: Collection[str]) -> dict[str, Redemption]:
    """Redemptions by the id that the system they come from gave them; rolled back ones too."""
    if not source_ids:
        return {}
    query = select(Redemption).where(Redemption.source_id.in_(sorted(source_ids)))
    return {row.source_id or "": row for row in session.scalars(query.execution_options(populate_existing=True))}


def standing(session: Session, code_ids: Collection[int]) -> dict[int, Redemption]:
    """The redemptions of codes that were not rolled back, by code id."""
    query = select(Redemption).where(among(session, Redemption.code_id, code_ids), Redemption.rolled_back_at.is_(None))
    return {row.code_id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def last_of(session: Session, code_id: int) -> Redemption | None:
    """The latest redemption of a code, rolled back or not."""
    return session.scalars(
        select(Redemption).where(Redemption.code_id == code_id).order_by(Redemption.id.desc()).limit(1)
    ).first()


def latest_id(session: Session) -> int:
    """The id of the latest redemption; 0 where there is none."""
    return session.scalar(select(func.max(Redemption.id))) or 0


def distributions_after(session: Session, redemption_id: int, limit: int = 10_000) -> tuple[int, set[int]]:
    """Whose codes were redeemed after a redemption (by its id), up to `limit` uses: the last id looked at, and the
    distributions that had issued those codes and have a message in Slack that says so.
    """
    rows = session.execute(
        select(Redemption.id, Distribution.id)
        .outerjoin(PromoCode, PromoCode.id == Redemption.code_id)
        .outerjoin(Message, Message.id == PromoCode.message_id)
        .outerjoin(Distribution, (Distribution.id == Message.distribution_id) & Distribution.progress_ts.is_not(None))
        .where(Redemption.id > redemption_id)
        .order_by(Redemption.id)
        .limit(limit)
    ).all()
    return (rows[-1][0] if rows else redemption_id), {row[1] for row in rows if row[1] is not None}


def held(session: Session, codes: Collection[str]) -> dict[str, PromoCode]:
    """Codes by their text, as they are now, held until the transaction ends."""
    query = select(PromoCode).where(PromoCode.code.in_(sorted(codes))).order_by(PromoCode.id)
    query = query.with_for_update().execution_options(populate_existing=True)
    return {row.code: row for row in session.scalars(query)}


def add(session: Session, rows: Sequence[Mapping[str, Any]], groups: Mapping[int, int]) -> dict[int, Redemption]:
    """Store redemptions (columns of the table) of codes that are held and have none that stands.

    `groups`: each code's group, by code id. Returns those stored, by code id: a row whose source id another transaction
    has stored at this very moment is left out. The codes and their groups' stock move along.
    """
    if not rows:
        return {}
    into = (sqlite.insert if is_sqlite(session) else postgresql.insert)(REDEMPTION)
    added = set(
        session.scalars(
            into.on_conflict_do_nothing(index_elements=["source_id"]).returning(REDEMPTION.c.code_id), list(rows)
        )
    )
    if not added:
        return {}
    changed = [{"of": row["code_id"], "when": row["at"]} for row in rows if row["code_id"] in added]
    session.connection().execute(
        update(CODE).where(CODE.c.id == bindparam("of")).values(redeemed_at=bindparam("when")), changed
    )
    _move(session, [groups[code_id] for code_id in added], 1)
    return standing(session, added)


def roll_back(session: Session, code: PromoCode, redemption: Redemption, *, by: str, why: str, at: datetime) -> None:
    """Take back a redemption that stands, of a code that is held."""
    redemption.rolled_back_at, redemption.rolled_back_by, redemption.rolled_back_why = at, by, why
    code.redeemed_at = None
    session.flush()
    _move(session, [code.group_id], -1)


def _move(session: Session, group_ids: Sequence[int], step: int) -> None:
    for group_id in sorted(set(group_ids)):
        stock.move(session, group_id, redeemed=step * group_ids.count(group_id))
