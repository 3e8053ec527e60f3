"""What wakes us: APScheduler, in memory. What is due lives in our tables; the clock only says when to look.

APScheduler goes by the machine's time of day, which may be put right by hours, or years where a machine starts without
knowing it. Ahead, each look is done once. Back, looks would wait until that time comes again: all of them are woken.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from distribution.runtime import Runtime

log = structlog.get_logger(__name__)

THREADS = 16


class _Every(BaseTrigger):  # type: ignore[misc]  # it has no types
    """APScheduler's own interval writes down each time that was passed over, before it does the last: years of them."""

    def __init__(self, seconds: float) -> None:
        self._interval = timedelta(seconds=seconds)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        """The next time to come, a number of intervals after the previous one."""
        if previous is None or previous > now:
            return previous or now
        return previous + ((now - previous) // self._interval + 1) * self._interval


class Clockwork:
    """Looks that are repeated every so often, and at once when woken.

    `misfire_grace_time=None`, `coalesce=True`: a look that comes late is done all the same, and once.
    """

    def __init__(self, every: float) -> None:
        """`every`: seconds between looks."""
        self._every = every
        self._stopped = threading.Event()
        # One after another: all of them at once would each open a connection to the database.
        self._apart = timedelta(seconds=min(every, 2.0) / THREADS)
        # It warns of each look that is skipped because the one before still runs, which is as it should be.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(THREADS)},
            job_defaults={"misfire_grace_time": None, "coalesce": True},
        )

    def add(self, name: str, look: Callable[[], object], *, threads: int = 1, every: float | None = None) -> None:
        """Call `look` again and again, in at most `threads` threads at once. What it raises is logged.

        `every`: seconds between two looks, where it is not the clockwork's own. The first is a moment after that of
        what was added before.
        """

        def guarded() -> None:
            try:
                look()
            except Exception:
                log.exception("a look failed; it is tried again", look=name)

        self._scheduler.add_job(
            guarded,
            _Every(every or self._every),
            id=name,
            max_instances=threads,
            next_run_time=_now() + len(self._scheduler.get_jobs()) * self._apart,
        )

    def wake(self, name: str) -> None:
        """Look at once instead of within the next seconds."""
        if self._scheduler.running:
            self._scheduler.modify_job(name, next_run_time=_now())

    def wake_all(self) -> None:
        """Look at everything at once."""
        for job in self._scheduler.get_jobs():
            self.wake(job.id)

    def start(self) -> None:
        """Begin to look."""
        self._scheduler.start()
        threading.Thread(target=self._wake_when_put_back, name="clock put back", daemon=True).start()

    def stop(self) -> None:
        """End when the looks under way have ended."""
        self._stopped.set()
        self._scheduler.shutdown(wait=True)

    def _wake_when_put_back(self) -> None:
        """Look at everything where the machine's clock was put back; by less than `every` seconds that only delays."""
        before = _now()
        while not self._stopped.wait(self._every):
            now = _now()
            if now < before:
                for place, job in enumerate(self._scheduler.get_jobs()):
                    job.modify(next_run_time=now + place * self._apart)
            before = now


class Refresher:
    """Keeps one kind of message in Slack as the database says, and leaves Slack alone for as long as it asks."""

    def __init__(self, refresh: Callable[[Runtime, WebClient], None], runtime: Runtime, client: WebClient) -> None:
        """`refresh` posts or edits what changed; it is called again after whatever it raised."""
        self._refresh = refresh
        self._runtime = runtime
        self._client = client
        self._not_before = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Refresh once, unless a 429 told us to wait."""
        if time.monotonic() < self._not_before or not self._lock.acquire(blocking=False):
            return
        try:
            self._refresh(self._runtime, self._client)
        except SlackApiError as error:
            if error.response.get("error") != "ratelimited":
                raise
            self._not_before = time.monotonic() + float(error.response.headers.get("Retry-After", 5))
        finally:
            self._lock.release()


def _now() -> datetime:
    """The machine's time: when to look has nothing to do with the sandbox's moved clock."""
    return datetime.now(UTC)
