"""An edited live distribution and those that it took over from: for how often a customer may enter they are one."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from storage.tables import Distribution


class Family(NamedTuple):
    """The ids of all of them, and when the first one was set live: what happened since then counts."""

    ids: tuple[int, ...]
    since: datetime | None


def of(session: Session, row: Distribution) -> Family:
    """The family of one distribution; its own where it was never edited."""
    return of_each(session, [row])[row.id]


def of_each(session: Session, rows: Sequence[Distribution]) -> dict[int, Family]:
    """The families of distributions, by their ids; a query only where one of them was edited."""
    found = {row.id: Family((row.id,), row.started_at) for row in rows}
    first = {row.id: row.family_id for row in rows if row.family_id is not None}
    if not first:
        return found
    members: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    heads = sorted(set(first.values()))
    relatives = select(Distribution.id, Distribution.family_id, Distribution.started_at).where(
        or_(Distribution.family_id.in_(heads), Distribution.id.in_(heads)), Distribution.started_at.is_not(None)
    )
    for relative_id, family_id, started_at in session.execute(relatives):
        if started_at is not None:
            members[family_id or relative_id].append((relative_id, started_at))
    for row_id, head in first.items():
        ids = {row_id, *(each for each, _ in members[head])}
        since = min((started_at for _, started_at in members[head]), default=None)
        found[row_id] = Family(tuple(sorted(ids)), since)
    return found
