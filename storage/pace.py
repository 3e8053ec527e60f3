"""How many codes of each group are issued, by the hour: what forecasts are made of, so that they count no codes."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.plain import table_of
from storage.tables import PromoCodePace

PACE = table_of(PromoCodePace)


class Pace(NamedTuple):
    """What a group issued since some moment: how many codes, and the beginning of the first hour with any."""

    issued: int
    first: datetime


def hour_of(moment: datetime) -> datetime:
    """When the hour of a moment began."""
    return moment.replace(minute=0, second=0, microsecond=0)


def add(session: Session, issued: Mapping[int, int], now: datetime) -> None:
    """Count codes that were just issued, by group id. Call it after the groups' stock was moved, in the same order."""
    rows = [
        {"group_id": group_id, "hour": hour_of(now), "issued": n} for group_id, n in sorted(issued.items()) if n > 0
    ]
    if rows:
        session.execute(_adding(is_sqlite(session)), rows)


def since(session: Session, group_ids: Collection[int], start: datetime) -> dict[int, Pace]:
    """What each of these groups issued from the hour of `start` on; groups that issued nothing are left out."""
    rows = session.execute(
        select(PromoCodePace.group_id, func.sum(PromoCodePace.issued), func.min(PromoCodePace.hour))
        .where(PromoCodePace.group_id.in_(sorted(group_ids)), PromoCodePace.hour >= hour_of(start))
        .group_by(PromoCodePace.group_id)
    )
    return {group_id: Pace(int(issued), first) for group_id, issued, first in rows}


@lru_cache(2)
def _adding(sqlite_: bool) -> Insert:
    """One hour's row, added to where it is there already."""
    row = (sqlite.insert if sqlite_ else postgresql.insert)(PACE)
    return row.on_conflict_do_update(
        index_elements=[PACE.c.group_id, PACE.c.hour], set_={"issued": PACE.c.issued + row.excluded.issued}
    )
