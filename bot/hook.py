"""The demo's clock hook: the sandbox's clock moves ours. Mounted in demo and tests only, never in a real process."""

from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import func, select

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
    def next_due() -> dict[str, str | None]:
        found = due_after(bot, bot.runtime.clock.now())
        return {"next_due": found.isoformat() if found else None}


def follow(bot: Bot, offset_seconds: float) -> None:
    """Set the clock of `bot` so far ahead of the machine's."""
    if isinstance(bot.runtime.clock, SystemClock):
        bot.runtime.clock.offset = timedelta(seconds=offset_seconds)


def due_after(bot: Bot, now: datetime) -> datetime | None:
    """When the next thing is due: a scheduled distribution, a text that is planned (the end of a delay, a reminder),
    the end of quiet hours; None when nothing waits for a time."""
    starts = func.coalesce(Distribution.put_off_to, Distribution.send_at)
    going = select(Distribution.id).where(Distribution.status.in_(("sending", "done")))
    waiting = (
        select(func.min(starts)).where(Distribution.status == "scheduled", starts > now),
        select(func.min(Batch.quiet_until)).where(Batch.state == BatchState.WAITING, Batch.quiet_until > now),
        select(func.min(Planned.due_at)).where(
            Planned.state == PlannedState.WAITING, Planned.due_at > now, Planned.distribution_id.in_(going)
        ),
    )
    with bot.runtime.db.read() as session:
        found = [at for at in map(session.scalar, waiting) if at is not None]
    return min((at.replace(tzinfo=at.tzinfo or UTC) for at in found), default=None)
