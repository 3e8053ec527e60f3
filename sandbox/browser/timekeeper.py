"""Moves the sandbox's clock and tells the product, through its clock hooks."""

from __future__ import annotations

from datetime import datetime

import aiohttp

from sandbox.blocks import Json
from sandbox.workspace import Workspace


class ClockError(Exception):
    """The clock cannot be moved as asked; `name` and `status` are for the page."""

    def __init__(self, name: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.name = name
        self.status = status


class Timekeeper:
    """The clock's hands. A hook takes `POST {"offset_seconds"}` and answers `GET` with `{"next_due": iso or null}`."""

    def __init__(self, workspace: Workspace, hooks: list[str]) -> None:
        self._workspace = workspace
        self.hooks = hooks

    def reading(self) -> Json:
        """What the clock shows."""
        clock = self._workspace.clock
        return {"now": clock.iso(), "offset_seconds": clock.offset_seconds}

    async def move(self, change: Json) -> Json:
        """Move the clock: `advance_seconds`, `reset` or `next_due`. Raises ClockError. Returns what it shows then."""
        clock = self._workspace.clock
        if change.get("reset"):
            offset = 0.0
        elif change.get("next_due"):
            due = await self._next_due()
            offset = clock.offset_seconds + max(0.0, due.timestamp() - clock.time())
        else:
            ahead = change.get("advance_seconds")
            if isinstance(ahead, bool) or not isinstance(ahead, int | float) or not 0 < ahead <= 366 * 86400:
                raise ClockError("invalid_arguments", "advance_seconds must be more than 0 and at most a year.")
            offset = clock.offset_seconds + ahead
        self._workspace.set_offset(offset)
        await self.tell()
        return self.reading()

    async def tell(self) -> None:
        """Tell every hook the offset. Raises ClockError when one does not take it."""
        body = {"offset_seconds": self._workspace.clock.offset_seconds}
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            for hook in self.hooks:
                try:
                    async with session.post(hook, json=body) as response:
                        response.raise_for_status()
                except (aiohttp.ClientError, TimeoutError) as error:
                    raise ClockError("clock_hook_failed", f"{hook} did not take the time: {error}", 502) from None

    async def _next_due(self) -> datetime:
        found: list[datetime] = []
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            for hook in self.hooks:
                try:
                    async with session.get(hook) as response:
                        response.raise_for_status()
                        due = (await response.json()).get("next_due")
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    raise ClockError("clock_hook_failed", f"{hook} did not say what is due: {error}", 502) from None
                if due:
                    found.append(datetime.fromisoformat(due))
        if not found:
            raise ClockError("nothing_due", "Nothing is waiting for a time to come.", 404)
        return min(found)
