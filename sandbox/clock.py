"""The sandbox's own clock: real time plus an offset that a person or a test can move ahead.

It dates messages and texts. Time limits of the protocol (trigger ids, acks, response URLs) run on the
machine's monotonic clock and are not moved by it.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """Real time plus `offset_seconds`; also hands out Slack timestamps, each later than the one before."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds
        self._last_ts = 0

    def time(self) -> float:
        """Seconds since the epoch, as the sandbox sees them."""
        return time.time() + self.offset_seconds

    def iso(self) -> str:
        """Now, as an ISO 8601 string in UTC."""
        return datetime.fromtimestamp(self.time(), UTC).isoformat()

    def next_ts(self) -> str:
        """A Slack `ts` ("1700000000.123456"): unique, and later than every one before, even after a reset."""
        self._last_ts = max(int(self.time() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def seen_ts(self, ts: str) -> None:
        """Note a `ts` from an earlier run, so that new ones come after it."""
        seconds, _, micros = ts.partition(".")
        self._last_ts = max(self._last_ts, int(seconds) * 1_000_000 + int(micros or 0))
