"""Turns: one at a time, and each in the order of asking.

SQLite writes one transaction at a time, and lets those who wait for it look again every now and then: whoever looks at
the wrong moments waits for ever. A provider's receipt was twelve seconds late beside a bulk load (benchmarks/api.py).
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that is handed on to whoever waits longest. A thread that has the turn may take it again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._holder: int | None = None
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def take(self, seconds: float) -> Iterator[None]:
        """Wait for the turn, and have it in the block; after `seconds`, go on without."""
        me = threading.get_ident()
        if self._holder == me:
            yield
            return
        mine = self._wait(me, seconds)
        try:
            yield
        finally:
            if mine:
                self._hand_on()

    def _wait(self, me: int, seconds: float) -> bool:
        """Whether the turn came."""
        with self._lock:
            if not self._taken:
                self._taken, self._holder = True, me
                return True
            gate = threading.Lock()
            gate.acquire()
            self._waiting.append(gate)
        came = False
        try:
            came = gate.acquire(timeout=seconds)
        finally:
            if not came:
                with self._lock:
                    came = gate not in self._waiting  # it came in this very moment
                    if not came:
                        self._waiting.remove(gate)
            if came:
                self._holder = me
        return came

    def _hand_on(self) -> None:
        with self._lock:
            self._holder = None
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
