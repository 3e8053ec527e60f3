"""The demo's clock hook: the sandbox's clock moves ours. Mounted in demo and tests only, never in a real process."""

from datetime import UTC, datetime, timedelta
from time import monotonic, sleep

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Select, func, select

from bot.runner import Bot
from distribution.clock import SystemClock
from storage.tables import Batch, BatchState, Distribution, Planned, PlannedState

PATH = "/demo/clock"


class Offset(BaseModel):
    """How far the sandbox's clock is ahead of the machine's."""

    offset_seconds: float


def mount(app: FastAPI, bot: Bot) -> None:
    """Let the sandbox move the clock of `bot`, and ask what is due next."""

    @app.post(PATH, include_in_schema=False)
    def move(offset: Offset) -> dict[str, str]:
        follow(bot, offset.offset_seconds)
        bot.clockwork.wake_all()  # nobody who moves the clock wants to wait for the next look
        return {"now": bot.runtime.clock.now().isoformat()}

    @app.get(PATH, include_in_schema=False)
    def tell() -> dict[str, str | None]:
        found = next_due(bot)
        return {"next_due": found.isoformat() if found else None}


def follow(bot: Bot, offset_seconds: float) -> None:
    """Set the clock of `bot` so far ahead of the machine's."""
    if isinstance(bot.runtime.clock, SystemClock):
        bot.runtime.clock.offset = timedelta(seconds=offset_seconds)


def next_due(bot: Bot, patience: float = 3.0) -> datetime | None:
    """When the next thing is due: a scheduled distribution, a text that is planned (the end of a delay, a reminder),
    the end of quiet hours; None when nothing waits for a time.

    What falls due just now is waited for, `patience` seconds at most: only whoever sends it knows who sleeps.
    """
    until = monotonic() + patience
    while _under_way(bot) and monotonic() < until:
        sleep(0.05)
    starts = func.coalesce(Distribution.put_off_to, Distribution.send_at)
    now = bot.runtime.clock.now()
    waiting = (
        select(func.min(starts)).where(Distribution.status == "scheduled", starts > now),
        select(func.min(Batch.quiet_until)).where(Batch.state == BatchState.WAITING, Batch.quiet_until > now),
        select(func.min(Planned.due_at)).where(
            Planned.state == PlannedState.WAITING, Planned.due_at > now, Planned.distribution_id.in_(_going())
        ),
    )
    with bot.runtime.db.read() as session:
        found = [at for at in map(session.scalar, waiting) if at is not None]
    return min((at.replace(tzinfo=at.tzinfo or UTC) for at in found), default=None)


def _under_way(bot: Bot) -> bool:
    """Whether something is about to be made or to leave."""
    now = bot.runtime.clock.now()
    awake = Batch.quiet_until.is_(None) | (Batch.quiet_until <= now)
    ready = awake & (Batch.not_before.is_(None) | (Batch.not_before <= SystemClock().now()))
    leaving = (Batch.state == BatchState.LEASED) | ((Batch.state == BatchState.WAITING) & ready)
    sending = select(Distribution.id).where(Distribution.status == "sending")
    due = (Planned.state == PlannedState.WAITING) & (Planned.due_at <= now)
    with bot.runtime.db.read() as session:
        batch = session.scalar(select(Batch.id).where(leaving, Batch.distribution_id.in_(sending)).limit(1))
        planned = session.scalar(select(Planned.id).where(due, Planned.distribution_id.in_(_going())).limit(1))
    return batch is not None or planned is not None


def _going() -> Select[int]:
    """Distributions of which something may be made."""
    return select(Distribution.id).where(Distribution.status.in_(("sending", "done")))
