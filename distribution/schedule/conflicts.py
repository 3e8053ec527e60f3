"""Schedules that together need more codes of a group than it has, found when they are planned.

What is planned for the next 90 days is played through in the order of time: each takes the codes that its review
counted, or finds too few. Codes that are blocked already are nobody's to take. A group that tops itself up does so when
it becomes low, up to its ceiling, as `distribution.codes.low_stock` would. What automatic distributions will take
nobody knows, and it is not counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution.codes.taking import SAME
from distribution.drafts import rule
from distribution.errors import Refused
from distribution.schedule import repeat, repeating
from distribution.templates.analyse import analyse
from storage.tables import Distribution, PromoCodeGroup, PromoCodeStock

AHEAD = timedelta(days=90)
PLANNED = ("pending", "scheduled")


@dataclass(frozen=True)
class Taking:
    """One distribution at one time, and how many codes of a group it needs then."""

    at: datetime
    distribution_id: int
    subject: str
    needed: int


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


def times(row: Distribution, zone: ZoneInfo, now: datetime, until: datetime) -> list[datetime]:
    """When a distribution is to be sent, from `now` to `until`: once, or each time. What is overdue is at `now`."""
    first = max(row.put_off_to or row.send_at or now, now)
    rule_ = repeat.parse(row.repeat)
    if rule_ is None:
        return [first] if first <= until else []
    return [first, *rule_.between(first, until, zone)] if first <= until else []


def planned(session: Session) -> list[Distribution]:
    """What is scheduled or waits for its approval, in the order of time; those without a time are sent at once."""
    waiting = select(Distribution).where(Distribution.status.in_(PLANNED), Distribution.mode == "manual")
    return list(session.scalars(waiting.order_by(Distribution.send_at, Distribution.id)))


def needs(session: Session, row: Distribution, now: datetime) -> dict[int, int]:
    """How many codes of each group a distribution takes at a time: as its review counted, else as counted now."""
    if review := row.draft.get("review"):
        return {need["group_id"]: need["needed"] for need in review["codes"]}
    groups = analyse(session, row.body, mode=row.mode).issues_from
    try:
        return {group.id: audiences.count(session, rule(row.audience), now).textable for group in groups}
    except Refused:
        return {}


def conflicts(
    session: Session, row: Distribution | None, now: datetime, *, needed: Mapping[int, int] | None = None
) -> list[Conflict]:
    """Every group that runs short, or (with `row`, a draft) those that do so with it, by what is planned now.

    `needed`: how many codes of each group `row` takes, where its review is not kept yet. That it takes more than there
    are today is the review's own refusal, and none of these.
    """
    rows = [each for each in planned(session) if row is None or each.id != row.id]
    takes = {each.id: needs(session, each, now) for each in rows}
    if row is not None:
        rows.append(row)
        takes[row.id] = dict(needed) if needed is not None else needs(session, row, now)
    zone, by_group = repeating.zone_here(session), dict[int, list[Taking]]()
    for each in rows:
        coming = times(each, zone, now, now + AHEAD)
        if each.code_policy == SAME:  # the next times they have a code
            coming = coming[:1]
        for group_id, n in takes[each.id].items():
            by_group.setdefault(group_id, []).extend(Taking(at, each.id, each.subject, n) for at in coming if n)
    asked = set(takes[row.id]) if row is not None else set(by_group)
    stocks = session.execute(
        select(PromoCodeGroup, PromoCodeStock)
        .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
        .where(PromoCodeGroup.id.in_(asked))
        .order_by(PromoCodeGroup.id)
    )
    found = [
        _first(group, stock, sorted(by_group.get(group.id, []), key=lambda each: (each.at, each.distribution_id)))
        for group, stock in stocks
    ]
    return [each for each in found if each is not None and (row is None or _concerns(each, row))]


def told(session: Session, draft: Distribution, now: datetime, needed: Mapping[int, int]) -> list[str]:
    """The conflicts that a draft has or makes, in words, by the workspace's clock; `needed`: codes of each group."""
    if not any(needed.values()):
        return []
    zone = repeating.zone_here(session)
    return [f"{words(each, zone)} ({zone.key})" for each in conflicts(session, draft, now, needed=needed)]


def words(conflict: Conflict, zone: ZoneInfo) -> str:
    """A conflict for people, with times as the wall clock of `zone` shows them."""
    short = f"'{conflict.short.subject}' on {_when(conflict.short.at, zone)}"
    if conflict.expired:
        return f"The codes of '{conflict.group}' have expired by the time of {short}."
    has = f"'{conflict.group}' has {_codes(conflict.active)}"
    if conflict.topped_up:
        has += f" and tops itself up by {conflict.topped_up:,}"
    is_ = "is" if conflict.missing == 1 else "are"
    later = f" {conflict.later:,} more after it find{'s' * (conflict.later == 1)} too few." if conflict.later else ""
    before = _before(conflict, zone)
    return f"{has}. {before}{short} needs {conflict.short.needed:,}: {conflict.missing:,} {is_} missing.{later}"


def _before(conflict: Conflict, zone: ZoneInfo) -> str:
    """Who takes codes first."""
    if not conflict.before:
        return ""
    if len(conflict.before) == 1:
        (one,) = conflict.before
        return f"'{one.subject}' takes {one.needed:,} on {_when(one.at, zone)}; "
    taken = sum(each.needed for each in conflict.before)
    subjects = list(dict.fromkeys(each.subject for each in conflict.before))
    named = f"'{subjects[0]}' takes" if len(subjects) == 1 else f"'{subjects[0]}' and others take"
    return f"{named} {taken:,} in the {len(conflict.before):,} times before; "


def _when(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b} at {local:%H:%M}"


def _codes(n: int) -> str:
    return "1 active code" if n == 1 else f"{n:,} active codes"


def _concerns(conflict: Conflict, row: Distribution) -> bool:
    """Whether it is about `row`: it finds too few after others took theirs, or others do because it took its own."""
    if conflict.short.distribution_id == row.id:
        return bool(conflict.before) or conflict.expired
    return any(each.distribution_id == row.id for each in conflict.before)


def _first(group: PromoCodeGroup, stock: PromoCodeStock, takings: list[Taking]) -> Conflict | None:
    """The first time at which a group has too few codes, and how many more times that happens."""
    before: list[Taking] = []
    first: Conflict | None = None
    for taking, active, topped_up in _played(group, stock, takings):
        expired = group.expires_at is not None and group.expires_at <= taking.at
        if not expired and taking.needed <= active:
            if first is None:
                before.append(taking)
            continue
        missing = taking.needed - active
        if first is None:
            first = Conflict(
                group.id, group.name, stock.active, topped_up, tuple(before), taking, missing, expired=expired
            )
        else:
            first = replace(first, later=first.later + 1)
    return first


def _played(group: PromoCodeGroup, stock: PromoCodeStock, takings: list[Taking]) -> Iterator[tuple[Taking, int, int]]:
    """Each taking, with how many codes are active when its time comes, and how many were topped up until then."""
    active, total, topped_up = stock.active, stock.total, 0
    low = group.low_since is not None
    for taking in takings:
        yield taking, active, topped_up
        if taking.needed <= active:  # else nothing of it is sent, and no code taken
            active -= taking.needed
        if active <= group.low_stock_level and not low and group.top_up and group.formats:
            room = group.top_up if group.top_up_ceiling is None else min(group.top_up, group.top_up_ceiling - total)
            active, total, topped_up = active + max(room, 0), total + max(room, 0), topped_up + max(room, 0)
        low = active <= group.low_stock_level
