"""What is done where a group has no active code for a text that is due, as its distribution says, and who is told.

"wait": the texts wait for codes, in their order. "top_up": a job makes codes by the group's format, and they wait for
those. "fallback": the first text goes out as another one that needs no code. "pause": the distribution stops until
somebody resumes it. Whatever it is, nobody is forgotten: a text that waits is tried again as soon as there are codes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from distribution import recipients
from distribution.automatic.texts import FIRST, body_of
from distribution.codes import generate, low_stock
from distribution.codes.recipe import Recipe
from distribution.codes.usable import unusable
from distribution.runtime import Runtime
from distribution.sending import status
from distribution.templates import render
from storage import groups, planned_reading
from storage.database import is_sqlite
from storage.tables import Distribution, Job, Notice, Planned, PromoCodeGroup, PromoCodeStock

WAIT, TOP_UP, FALLBACK, PAUSE = "wait", "top_up", "fallback", "pause"
POLICIES = (WAIT, TOP_UP, FALLBACK, PAUSE)

NOTICE = "dry"  # the kind of `Notice` that tells the channel
LEAST = 100  # codes that a top-up makes
AGAIN = timedelta(hours=1)  # after which a top-up that failed is tried once more


def follow(session: Session, runtime: Runtime, row: Distribution, planned: Sequence[Planned], *, now: datetime) -> None:
    """Do what a distribution says for planned texts of one step that found no code. Its row is locked."""
    tell(session, row)
    step, lacking = planned[0].step, _lacking(session, row, planned[0].step, now)
    if row.when_dry == PAUSE:
        names = " and ".join(f"'{group.name}'" for group, _ in lacking) or "a promo code group"
        waiting = "1 text waits" if len(planned) == 1 else f"{len(planned):,} texts wait"
        status.pause(session, row, f"No active codes in {names}: {waiting}. Add codes, then resume.", now)
    elif row.when_dry == FALLBACK and step == FIRST and row.fallback_body.strip() and not planned[0].fallback:
        planned_reading.fall_back(session, planned)  # a transaction of its own makes them: stock is held in this one
    else:
        planned_reading.wait_for_codes(session, planned)
        if row.when_dry == TOP_UP:
            for group, stock in lacking:
                _top_up(session, runtime, row, group, stock, len(planned), now)


def ready_steps(session: Session, row: Distribution, now: datetime) -> list[int]:
    """The steps of which texts wait for codes, where every group that they take codes from has some again."""
    return [
        step
        for step in planned_reading.dry_steps(session, row.id)
        if not any(
            group_stock.active == 0 or unusable(group, now) for group, group_stock in groups_of(session, row, step)
        )
    ]


def tell(session: Session, row: Distribution) -> None:
    """Have the channel told: once, until somebody has seen to it (`commands.automatic`)."""
    if row.channel is not None:
        insert = (sqlite.insert if is_sqlite(session) else postgresql.insert)(Notice)
        session.execute(
            insert.values(distribution_id=row.id, kind=NOTICE, channel=row.channel).on_conflict_do_nothing()
        )


def groups_of(session: Session, row: Distribution, step: int) -> list[tuple[PromoCodeGroup, PromoCodeStock]]:
    """The groups that a step's text takes new codes from, with their counts."""
    template = render.compile(body_of(row, step))
    keys = recipients.group_keys(session, row, template)
    found = (groups.get(session, group_id) for group_id, key in sorted(keys.items()) if key in template.issues_from)
    return [each for each in found if each is not None]


def _lacking(
    session: Session, row: Distribution, step: int, now: datetime
) -> list[tuple[PromoCodeGroup, PromoCodeStock]]:
    """Those of them that have no code to give; all, where each has some and too few."""
    found = groups_of(session, row, step)
    return [each for each in found if each[1].active == 0 or unusable(each[0], now)] or found


def _top_up(
    session: Session,
    runtime: Runtime,
    row: Distribution,
    group: PromoCodeGroup,
    stock: PromoCodeStock,
    texts: int,
    now: datetime,
) -> None:
    """Let a job make codes by the group's format, unless one is at it, or one failed a short while ago."""
    if not group.formats or unusable(group, now) or _at_it(session, group, now):
        return
    count = max(texts, group.top_up or 0, LEAST)
    if group.top_up_ceiling is not None:
        count = min(count, group.top_up_ceiling - stock.total)
    if count > 0:
        recipe = Recipe.of(group)
        generate.later(
            runtime.jobs,
            session,
            group.id,
            count,
            recipe,
            by=low_stock.TOP_UP_BY,
            now=now,
            ceiling=group.top_up_ceiling,
        )


def _at_it(session: Session, group: PromoCodeGroup, now: datetime) -> bool:
    """Whether codes of the group are being made, or the last top-up came to nothing lately."""
    mine = (Job.kind == generate.KIND, Job.args["group_id"].as_integer() == group.id)
    if session.scalar(select(Job.id).where(*mine, Job.state.in_(("queued", "running"))).limit(1)) is not None:
        return True
    lot = groups.latest_lot(session, group.id, by=low_stock.TOP_UP_BY, since=now - AGAIN)
    return lot is not None and lot.inserted == 0
