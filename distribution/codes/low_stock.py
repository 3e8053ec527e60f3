"""Low stock: noticed once each time that it comes, topped up where the group says so, and told by a card in a channel.

A group is low while its active codes are at or below its level; one without codes yet, or past its expiry, is not.
`low_since` is written when that begins and taken away when it ends, under the lock of the group's stock, so that two
processes notice it once; the top-up is enqueued in the same transaction.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from distribution.codes import generate
from distribution.codes.forecast import LOOKED_BACK, at_pace
from distribution.codes.listing import line
from distribution.codes.recipe import Recipe
from storage import groups, pace
from storage.tables import Job, PromoCodeGroup, PromoCodeStock

if TYPE_CHECKING:
    from distribution.runtime import Runtime

# Who adds the codes of a top-up, in place of a person.
TOP_UP_BY = "automatic top-up"


@dataclass(frozen=True)
class TopUp:
    """What became of a top-up: "none" (the ceiling is reached), or its job's state.

    `wanted` and `made` are codes, `error` says in words why a job failed.
    """

    state: str
    wanted: int = 0
    made: int = 0
    error: str = ""


@dataclass(frozen=True)
class LowStock:
    """A group that is low, or was until now (`low` is false): what its card says."""

    group_id: int
    name: str
    created_by: str
    since: datetime | None
    low: bool
    active: int
    total: int
    level: int
    runs_out: datetime | None
    has_format: bool
    ceiling: int | None
    top_up: TopUp | None
    suggested: int  # how many codes to make: a week's at this pace, at least the level


@dataclass(frozen=True)
class Shown:
    """What `promo_code_group.low_shown` holds: a group's card in Slack.

    `channel` and `ts` say where it is ("" where it is still to be posted), `since` since when the group was low then,
    `mark` what it shows.
    """

    since: str
    channel: str = ""
    ts: str = ""
    mark: str = ""

    def dump(self) -> str:
        """As text."""
        return json.dumps(vars(self))

    @staticmethod
    def load(text: str | None) -> "Shown | None":
        """From text."""
        return Shown(**json.loads(text)) if text else None


def watch(runtime: "Runtime") -> int:
    """Notice the groups that have become low since the last look, and those that are low no longer.

    Called by the clock; may run in several processes. Returns how many changed.
    """
    now = runtime.clock.now()
    with runtime.db.read() as session:
        changed = groups.low_changed(session, now)
    noticed = 0
    for group_id in changed:
        with runtime.db.write() as session:
            row = groups.get(session, group_id, lock=True)
            if row is None:
                continue
            group, stock = row
            low = is_low(group, stock, now)
            if low == (group.low_since is not None):
                continue  # another process was first
            noticed += 1
            if group.low_since is not None and group.low_shown is None:
                # Over before anybody was told, as when a top-up took half a second: it is told all the same.
                group.low_shown = Shown(group.low_since.isoformat()).dump()
            group.low_since = now if low else None
            if low and group.top_up and group.formats:
                _top_up(runtime, session, group, stock, now)
    return noticed


def is_low(group: PromoCodeGroup, stock: PromoCodeStock, now: datetime) -> bool:
    """Whether somebody should hear that a group has few active codes left."""
    if group.expires_at is not None and group.expires_at <= now:
        return False
    return line(group, stock).low


def _top_up(runtime: "Runtime", session: Session, group: PromoCodeGroup, stock: PromoCodeStock, now: datetime) -> None:
    """Let a job make the group's top-up, as far as its ceiling goes; the job looks at the ceiling again."""
    ceiling = group.top_up_ceiling
    count = group.top_up if ceiling is None else min(group.top_up, ceiling - stock.total)
    if count > 0:
        recipe = Recipe.of(group)
        generate.later(
            runtime.jobs, session, group.id, count, recipe, by=TOP_UP_BY, now=now, ceiling=group.top_up_ceiling
        )


def to_show(session: Session) -> Sequence[tuple[PromoCodeGroup, PromoCodeStock]]:
    """Groups that are low, or whose card still says so."""
    return groups.low_or_shown(session)


def facts(session: Session, group: PromoCodeGroup, stock: PromoCodeStock, now: datetime) -> LowStock:
    """What a group's card says now."""
    shown = Shown.load(group.low_shown)
    since = group.low_since or (datetime.fromisoformat(shown.since) if shown else None)
    issued = pace.since(session, [group.id], now - LOOKED_BACK).get(group.id)
    return LowStock(
        group.id,
        group.name,
        group.created_by,
        since,
        group.low_since is not None and group.deleted_at is None,
        stock.active,
        stock.total,
        group.low_stock_level,
        at_pace(stock.active, issued, now) if issued else None,
        bool(group.formats),
        group.top_up_ceiling,
        _top_up_of(session, group, since),
        max(group.low_stock_level, issued.issued if issued else 0, 1),
    )


def _top_up_of(session: Session, group: PromoCodeGroup, since: datetime | None) -> TopUp | None:
    """The top-up that a group's low stock began; None where the group has none."""
    if not group.top_up or not group.formats or since is None:
        return None
    lot = groups.latest_lot(session, group.id, by=TOP_UP_BY, since=since)
    if lot is None:
        return TopUp("none")
    job = session.get(Job, lot.detail.get("job_id"), populate_existing=True)
    if job is None:
        return TopUp("none")
    return TopUp(job.state, job.total or 0, lot.inserted, job.error or "")
