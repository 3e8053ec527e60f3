"""Time is passed in, never asked of the machine: tests and the sandbox move it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, moved ahead by `offset` (zero outside the sandbox)."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        """The machine's time plus the offset."""
        return datetime.now(UTC) + self.offset


class ManualClock:
    """A clock for tests: it stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Where it was last put."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move it by `by`, backwards too."""
        self._now += by
