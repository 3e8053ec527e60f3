"""Wrong guesses, counted by address: so that a guesser is told to wait."""

import threading
import time

MISSES = 30  # wrong guesses from one address in a window, then it is told to wait
WINDOW = 60.0  # seconds


class Misses:
    """Counts wrong guesses by address. What is guessed at has 80 secret bits and more; this only keeps it polite."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}
        self._since = time.monotonic()

    def too_many(self, address: str) -> bool:
        """Whether this address has used up its wrong guesses."""
        with self._lock:
            if time.monotonic() - self._since > WINDOW:
                self._counts.clear()
                self._since = time.monotonic()
            return self._counts.get(address, 0) >= MISSES

    def note(self, address: str) -> None:
        """One more wrong guess."""
        with self._lock:
            self._counts[address] = self._counts.get(address, 0) + 1
