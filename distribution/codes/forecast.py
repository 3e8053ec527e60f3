"""When a group's codes run out if it goes on as it has: its active codes, divided by how many are issued in an hour.

The pace is that of the last seven days, or since the first issue where that is less; never of less than a day, for a
distribution takes hundreds of codes within minutes and then none.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from storage import pace
from storage.pace import Pace
from storage.tables import PromoCodeGroup, PromoCodeStock

LOOKED_BACK = timedelta(days=7)
SHORTEST = timedelta(days=1)
# Beyond this a forecast is a guess about another year's campaigns.
FARTHEST = timedelta(days=365)


def runs_out(session: Session, group: PromoCodeGroup, now: datetime) -> datetime | None:
    """When the group's active codes run out at the present pace.

    None where nothing was issued in a week, where no code is active (they have run out), or where it takes over a year.
    """
    stock = session.get_one(PromoCodeStock, group.id)
    return forecasts(session, [(group.id, stock.active)], now).get(group.id)


def forecasts(session: Session, stocks: Iterable[tuple[int, int]], now: datetime) -> dict[int, datetime]:
    """`runs_out` of many groups in one query, where it is not None. `stocks`: group id and active codes of each."""
    active = dict(stocks)
    found = {
        group_id: at_pace(active[group_id], issued, now)
        for group_id, issued in pace.since(session, active, now - LOOKED_BACK).items()
    }
    return {group_id: moment for group_id, moment in found.items() if moment is not None}


def at_pace(active: int, issued: Pace, now: datetime) -> datetime | None:
    """When `active` codes run out at a pace; None as `runs_out` says."""
    if active <= 0 or issued.issued <= 0:
        return None
    watched = min(max(now - issued.first, SHORTEST), LOOKED_BACK)
    left = watched.total_seconds() * active / issued.issued
    return now + timedelta(seconds=left) if left <= FARTHEST.total_seconds() else None
