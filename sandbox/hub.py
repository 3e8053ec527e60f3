"""Pushes what changed to the pages that are open, and lets a driver wait for the next change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Push = dict[str, Any]


class Hub:
    """Fans pushes out to the open pages; counts them, so that `wait` can sleep until there is a new one."""

    def __init__(self) -> None:
        self.version = 0
        self._pages: dict[asyncio.Queue[Push], str] = {}
        self._changed = asyncio.Event()

    @contextmanager
    def page(self, user: str) -> Iterator[asyncio.Queue[Push]]:
        """A queue of pushes for one open page of `user`, for as long as the block runs."""
        queue: asyncio.Queue[Push] = asyncio.Queue()
        self._pages[queue] = user
        try:
            yield queue
        finally:
            del self._pages[queue]

    def push(self, event: Push, *, user: str | None = None) -> None:
        """Send an event to every page, or only to the pages of one user."""
        for queue, viewer in self._pages.items():
            if user is None or viewer == user:
                queue.put_nowait(event)
        self.touch()

    def push_each(self, make: Callable[[str], Push | None]) -> None:
        """Send each page the event made for its user; None sends nothing."""
        for queue, viewer in self._pages.items():
            event = make(viewer)
            if event is not None:
                queue.put_nowait(event)
        self.touch()

    def touch(self) -> None:
        """Note that something changed, without a push."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, after: int, timeout: float) -> int:
        """Wait until the version is past `after`, at most `timeout` seconds; returns the version."""
        if self.version <= after:
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait()
            except TimeoutError:
                pass
        return self.version
