"""Schedules that together need more codes of a group than it has, found when they are planned.

What is planned for the next 90 days is played through in the order of time: each takes the codes that its review
counted, or finds too few (`takings`). Codes that are blocked already are nobody's to take. A group that tops itself up
does so when it becomes low, up to its ceiling, as `distribution.codes.low_stock` would.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.findings import Review, dump
from distribution.schedule import repeating, takings
from distribution.schedule.takings import Taking
from storage.tables import Distribution, PromoCodeGroup, PromoCodeStock


@dataclass(frozen=True)
class Conflict:
    """A group whose codes do not suffice: for `short`, `missing` of them, after those in `before` took theirs.

    `active`: how many it has now, `topped_up` are added by then. `later`: how many more times find too few after it.
    `expired`: it has codes, but they have expired by then.
    """

    group_id: int
    group: str
    active: int
    topped_up: int
    before: tuple[Taking, ...]
    short: Taking
    missing: int
    later: int = 0
    expired: bool = False


class _Short(NamedTuple):
    """A taking that finds too few: how many there are by then, how many were topped up, who took theirs before."""

    taking: Taking
    active: int
    topped_up: int
    before: int
    expired: bool


def conflicts(
    session: Session, row: Distribution | None, now: datetime, *, review: Review | None = None
) -> list[Conflict]:
    """Every group that runs short, or (with `row`, a draft) those that do so with it, by what is planned now.

    `review`: of `row`, where it is not kept yet. That it takes more than there are today is the review's own refusal,
    and none of these.
    """
    zone, by_group, mine = repeating.zone_here(session), dict[int, list[Taking]](), dict[int, list[Taking]]()
    for group_id, taking in takings.of(session, row, zone, now, dump(review) if review else None) if row else ():
        mine.setdefault(group_id, []).append(taking)
    if row is not None and not mine:
        return []
    rows = [each for each in takings.planned(session) if row is None or each.id != row.id]
    for each in rows:
        for group_id, taking in takings.of(session, each, zone, now):
            by_group.setdefault(group_id, []).append(taking)
    for group_id, taking in takings.under_way(session, now):
        by_group.setdefault(group_id, []).append(taking)
    stocks = session.execute(
        select(PromoCodeGroup, PromoCodeStock)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.id.in_(set(mine) if row is not None else set(by_group)))
        .order_by(PromoCodeGroup.id)
    )
    found = [_first(group, stock, by_group.get(group.id, []), mine.get(group.id, [])) for group, stock in stocks]
    return [each for each in found if each is not None]


def told(session: Session, draft: Distribution, now: datetime, review: Review) -> list[str]:
    """The conflicts that a draft has or makes, in words, by the workspace's clock; `review`: the draft's."""
    zone = repeating.zone_here(session)
    return [f"{words(each, zone)} ({zone.key})" for each in conflicts(session, draft, now, review=review)]


def words(conflict: Conflict, zone: ZoneInfo) -> str:
    """A conflict for people, with times as the wall clock of `zone` shows them."""
    short = f"{_name(conflict.short)} on {_when(conflict.short.at, zone)}"
    if conflict.expired:
        return f"The codes of '{conflict.group}' have expired by the time of {short}."
    has = f"'{conflict.group}' has {_codes(conflict.active)}"
    if conflict.topped_up:
        has += f" and tops itself up by {conflict.topped_up:,}"
    is_ = "is" if conflict.missing == 1 else "are"
    later = f" {conflict.later:,} more after it find{'s' * (conflict.later == 1)} too few." if conflict.later else ""
    before, up_to = _before(conflict, zone), "up to " if conflict.short.step else ""
    who = f"{before}{short}"
    lacks = f"{up_to}{conflict.short.needed:,}: {conflict.missing:,} {is_} missing"
    return f"{has}. {who[:1].upper()}{who[1:]} needs {lacks}.{later}"


def _before(conflict: Conflict, zone: ZoneInfo) -> str:
    """Who takes codes first: at their times, and automatic ones all the while."""
    sure = [each for each in conflict.before if not each.about]
    about = [each for each in conflict.before if each.about]
    found = f"{_taken(about)} about {sum(each.needed for each in about):,} by then; " if about else ""
    if len(sure) == 1:
        (one,) = sure
        return f"{found}{_name(one)} takes {one.needed:,} on {_when(one.at, zone)}; "
    if not sure:
        return found
    return f"{found}{_taken(sure)} {sum(each.needed for each in sure):,} in the {len(sure):,} times before; "


def _taken(found: Sequence[Taking]) -> str:
    """Whose takings they are, and the verb."""
    names = list(dict.fromkeys(map(_name, found)))
    return f"{names[0]} takes" if len(names) == 1 else f"{names[0]} and others take"


def _name(taking: Taking) -> str:
    """What takes codes: a distribution by its subject, or a reminder of it."""
    return f"reminder {taking.step} of '{taking.subject}'" if taking.step else f"'{taking.subject}'"


def _when(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b} at {local:%H:%M}"


def _codes(n: int) -> str:
    return "1 active code" if n == 1 else f"{n:,} active codes"


def _first(
    group: PromoCodeGroup, stock: PromoCodeStock, others: Sequence[Taking], mine: Sequence[Taking]
) -> Conflict | None:
    """The first time at which a group has too few codes, and how many more times that happens.

    With takings of `mine`, only what is their doing: they find too few after others took theirs, or others do that
    would not without them.
    """
    taken, shorts = _played(group, stock, [*others, *mine])
    if mine:
        ids = {each.distribution_id for each in mine}
        _, without = _played(group, stock, others)
        anyway = {each.taking for each in without}
        shorts = [
            each
            for each in shorts
            if (each.before or each.expired if each.taking.distribution_id in ids else each.taking not in anyway)
        ]
    if not shorts:
        return None
    first = shorts[0]
    return Conflict(
        group.id,
        group.name,
        stock.active,
        first.topped_up,
        tuple(taken[: first.before]),
        first.taking,
        first.taking.needed - first.active,
        later=len(shorts) - 1,
        expired=first.expired,
    )


def _played(
    group: PromoCodeGroup, stock: PromoCodeStock, takings_: Sequence[Taking]
) -> tuple[list[Taking], list[_Short]]:
    """Who takes codes, in the order of time, and who finds too few."""
    taken: list[Taking] = []
    shorts: list[_Short] = []
    active, total, topped_up, low = stock.active, stock.total, 0, group.low_since is not None
    for taking in sorted(takings_, key=lambda each: (each.at, each.distribution_id, each.step)):
        expired = group.expires_at is not None and group.expires_at <= taking.at
        enough = not expired and taking.needed <= active
        if not enough and not taking.about:
            shorts.append(_Short(taking, active, topped_up, len(taken), expired))
        if enough or ((taking.about or taking.step) and not expired):  # else nothing of it is sent, and no code taken
            taken += [taking] if enough or active else []
            active -= min(taking.needed, active)
        if active <= group.low_stock_level and not low and group.top_up and group.formats:
            room = group.top_up if group.top_up_ceiling is None else min(group.top_up, group.top_up_ceiling - total)
            active, total, topped_up = active + max(room, 0), total + max(room, 0), topped_up + max(room, 0)
        low = active <= group.low_stock_level
    return taken, shorts
