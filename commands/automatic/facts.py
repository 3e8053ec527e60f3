"""From a notice to what it says; None where what it tells of is over."""

from datetime import datetime

from sqlalchemy.orm import Session

from commands.automatic.views import Dry, Group, Late
from commands.ui.text import escape
from distribution.automatic import dry as running_dry
from distribution.automatic import outage
from distribution.automatic import reminders as reminding
from distribution.automatic.texts import FIRST
from distribution.codes import low_stock
from distribution.codes.usable import unusable
from storage import planned_counts, planned_reading
from storage.tables import Distribution, PromoCodeGroup, PromoCodeStock

Stocked = tuple[PromoCodeGroup, PromoCodeStock]

OVER = ("done", "stopped", "refused", "discarded")


def late(session: Session, row: Distribution) -> Late | None:
    """What of a distribution waits for a word."""
    found = outage.waits(session, row)
    if found is None:
        return None
    return Late(
        row.id,
        row.subject,
        row.created_by,
        found.texts,
        found.since,
        found.scheduled,
        repeats=bool(row.repeat),
        missed=found.missed,
        last=found.last,
        following=found.following,
    )


def no_longer_late(row: Distribution) -> str:
    """What is said where nothing is late any more, and nobody has decided, in mrkdwn."""
    if row.repeat and row.status == "scheduled":
        return "Nobody decided before its next time: what was missed is left out, and it goes on as planned."
    return "Nothing is late any more."


def dry(session: Session, row: Distribution, now: datetime) -> Dry | None:
    """Which groups have no code for a distribution, and who waits for one."""
    if row.status in OVER:
        return None
    paused = row.status == "paused" and row.when_dry == running_dry.PAUSE
    steps = planned_reading.dry_steps(session, row.id)
    waiting = planned_counts.dry(session, row.id) if steps else 0
    if paused:
        waiting += planned_counts.piled(session, row.id, now).texts
        steps = steps or [FIRST]
    lacking = [
        (group, stock)
        for group, stock in _groups(session, row, steps or _all_steps(row))
        if stock.active == 0 or unusable(group, now)
    ]
    if not lacking and not waiting and not paused:
        return None
    groups = [
        Group(
            group.id,
            group.name,
            stock.active,
            bool(group.formats),
            max(found.suggested, running_dry.LEAST),
            full=stock.total if group.top_up_ceiling is not None and stock.total >= group.top_up_ceiling else None,
        )
        for group, stock in lacking
        for found in [low_stock.facts(session, group, stock, now)]
    ]
    return Dry(row.id, row.subject, row.created_by, groups, waiting, row.when_dry, paused)


def no_longer_dry(session: Session, row: Distribution) -> str:
    """What is said where the alert is over, in mrkdwn."""
    if row.status in OVER:
        return "Nobody waits for codes any more: it is over."
    found = _groups(session, row, _all_steps(row))
    has = " and ".join(f"“{escape(group.name)}” has {stock.active:,} active" for group, stock in found)
    return f"There are codes again, and nobody waits for one. {has}."


def _groups(session: Session, row: Distribution, steps: list[int]) -> list[Stocked]:
    """The groups that the texts of some steps take new codes from, each once."""
    found = {group.id: (group, stock) for step in steps for group, stock in running_dry.groups_of(session, row, step)}
    return [found[key] for key in sorted(found)]


def _all_steps(row: Distribution) -> list[int]:
    """Every step of a distribution."""
    return list(range(len(reminding.parse(row.reminders)) + 1))
