"""Runs the parts that a process is asked to be, and stops them within seconds."""

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import structlog
import uvicorn
from fastapi import FastAPI
from slack_bolt.adapter.socket_mode import SocketModeHandler
from sqlalchemy.exc import DBAPIError

from bot import slack, wiring
from bot.clockwork import Clockwork, Refresher
from bot.settings import ROLES, RUN_ROLES, Settings, Unset
from bot.web.app import build as build_web
from commands import replies
from commands.approvals import cards
from commands.automatic import notices
from commands.distributions import progress as distributions
from commands.groups import cards as group_cards
from commands.jobs import progress as jobs
from distribution import launch, tokens
from distribution.automatic import due, entering, firing
from distribution.codes import expiry, low_stock
from distribution.runtime import Runtime
from distribution.sending import lifetime, worker
from storage import jobs as job_rows
from storage.database import is_away
from storage.schema import Standing

if sys.platform != "win32":  # there two processes on one SQLite file are not noticed
    import fcntl

log = structlog.get_logger(__name__)

LOOK_EVERY = 2.0  # seconds
FIRE_EVERY = 1.0  # between looks at what sets live distributions off
SWEEP_EVERY = 60.0  # and at everybody, for what time alone sets off
JOBS_AT_ONCE = 2
LOOK_AT_SCHEMA_EVERY = 15.0  # seconds
STOP_WITHIN = 5.0  # seconds that a part gets to end
RECONNECT_AFTER = 5.0  # seconds
# Seconds within which a database that is away may come back while a process starts: both may have been started at once,
# or the database again.
DATABASE_WITHIN, DATABASE_AGAIN = 30.0, 1.0

# Ctrl-C, a service manager, and a terminal that is closed.
STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]

# What keeps Slack showing what the database says.
REFRESHERS = {
    "progress": distributions.refresh,
    "approval cards": cards.refresh,
    "notices": notices.refresh,
    "job messages": jobs.refresh,
    "low stock": group_cards.refresh,
    "replies": replies.refresh,
}


class Bot:
    """One process of promobot: `start` what its roles ask for, `stop` all of it. Tests run it too."""

    def __init__(
        self,
        settings: Settings,
        roles: set[str] | None = None,
        *,
        runtime: Runtime | None = None,
        look_every: float = LOOK_EVERY,
        jobs_at_once: int = JOBS_AT_ONCE,
        extend_web: Callable[[FastAPI, "Bot"], None] = lambda _app, _bot: None,
    ) -> None:
        """`look_every`: seconds between looks; `extend_web` may add routes (the demo's clock). Raises `Unset`."""
        self.settings = settings
        self.roles = roles or set(RUN_ROLES)
        settings.require(self.roles)
        self.runtime = runtime or wiring.build(settings)
        self._look_every = look_every
        self.clockwork = Clockwork(look_every)
        self._jobs_at_once = jobs_at_once
        self.ended = threading.Event()  # set when it stopped, or can no longer do its work: see `failure`
        self.failure: Exception | None = None
        self._extend_web = extend_web
        self._parts = contextlib.ExitStack()

    def start(self) -> None:
        """Start every part. Raises `Unset` or `OSError` where one cannot; then nothing runs."""
        with contextlib.ExitStack() as parts:
            parts.callback(self.runtime.db.close)
            if self.settings.database_file is not None:
                parts.enter_context(only_instance(self.settings.database_file))
            self._reach_database()
            if self.roles & {"clock", "jobs"}:
                parts.enter_context(self._embedded_jobs() if self.runtime.db.is_sqlite else self._distributed_jobs())
            if "clock" in self.roles:
                self._watch_what_is_due()
            for role, part in (("web", self._web), ("sender", self._sender), ("slack", self._slack)):
                if role in self.roles:
                    parts.enter_context(part())
            self.clockwork.start()
            parts.callback(self.clockwork.stop)
            self._parts = parts.pop_all()
        pages = {"pages": f"http://{self.settings.host}:{self.settings.port}"} if "web" in self.roles else {}
        log.info("started", roles=",".join(role for role in ROLES if role in self.roles), **pages)

    def stop(self) -> None:
        """Stop every part, the newest first: looks and jobs, clicks, sending, HTTP, the database."""
        self.runtime.jobs.stop()
        self._parts.close()
        self.ended.set()

    def fail(self, error: Exception) -> None:
        """A part cannot go on: tell whoever waits for the end."""
        self.failure = error
        self.ended.set()

    def _reach_database(self) -> None:
        """Wait for a database that is away, and prepare it. Raises what it said last where that takes too long."""
        until, said = time.monotonic() + DATABASE_WITHIN, ""
        while True:
            try:
                self._prepare_database()
                return
            except DBAPIError as error:
                if not is_away(error) or time.monotonic() >= until or self.ended.is_set():
                    raise
                why = str(error.orig).strip()
                if why != said:
                    log.warning("the database cannot be reached; trying again", why=why, seconds=DATABASE_WITHIN)
                said = why
            self.ended.wait(DATABASE_AGAIN)

    def _prepare_database(self) -> None:
        """Migrate SQLite, which is ours alone; on PostgreSQL only an empty one: another version may be at work."""
        if self.runtime.db.is_sqlite:
            self.runtime.db.upgrade()
        wiring.fit(self.runtime.db, new=True)
        if self.runtime.db.is_sqlite:
            with self.runtime.db.write() as session:
                job_rows.give_back_all(session)  # there is one instance: whoever ran them is gone
        else:
            self.clockwork.add("schema", self._watch_schema, every=LOOK_AT_SCHEMA_EVERY)

    def _watch_schema(self) -> None:
        """End where the database was upgraded beyond what this version understands."""
        if self.runtime.db.standing() is Standing.TOO_NEW:
            self.fail(Unset(wiring.TOO_NEW))

    def _watch_what_is_due(self) -> None:
        """Several processes may do so: what is due is done once."""
        self.clockwork.add("scheduled", lambda: launch.due(self.runtime))
        self.clockwork.add("fired", self._fire, every=min(FIRE_EVERY, self._look_every))
        self.clockwork.add("due", lambda: due.look(self.runtime))
        self.clockwork.add("entered", lambda: entering.sweep(self.runtime), every=SWEEP_EVERY)
        self.clockwork.add("lifetime", lambda: lifetime.sweep(self.runtime))
        self.clockwork.add("expiry", lambda: expiry.sweep(self.runtime))
        self.clockwork.add("stock", lambda: low_stock.watch(self.runtime))
        self.clockwork.add("old answers", lambda: tokens.sweep(self.runtime))

    def _fire(self) -> None:
        """What was set off is made at once, where it is due, and not with the next look."""
        if firing.look(self.runtime):
            self.clockwork.wake("due")

    @contextmanager
    def _embedded_jobs(self) -> Iterator[None]:
        """Jobs in the clockwork's threads. One that this process enqueues, and there is no other, starts at once."""
        self.clockwork.add("jobs", self._run_jobs, threads=self._jobs_at_once)
        self.runtime.jobs.wake = lambda: self.clockwork.wake("jobs")
        try:
            yield
        finally:
            self.runtime.jobs.wake = lambda: None

    def _run_jobs(self) -> None:
        while self.runtime.jobs.run_next(self.runtime):
            pass

    @contextmanager
    def _distributed_jobs(self) -> Iterator[None]:
        """Jobs as procrastinate brings them, whichever process enqueued them."""
        from distribution.workers import Worker  # late: SQLite needs no procrastinate, which takes 0.1 s to load

        runs_jobs = Worker(self.runtime, concurrency=self._jobs_at_once, poll=LOOK_EVERY, stop_within=STOP_WITHIN)
        self.clockwork.add("jobs", runs_jobs.look_after, every=LOOK_EVERY)
        runs_jobs.start()
        try:
            yield
        finally:
            runs_jobs.stop()

    @contextmanager
    def _web(self) -> Iterator[None]:
        """uvicorn in a thread. Raises `OSError` when the port is taken."""
        app = build_web(self.runtime)
        self._extend_web(app, self)
        listener = socket.create_server((self.settings.host, self.settings.port))
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2, lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="web", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.002)
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(STOP_WITHIN)
            listener.close()

    @contextmanager
    def _sender(self) -> Iterator[None]:
        """The asynchronous sender, on a loop and in a thread of its own."""
        loop, stop = worker.new_loop(), asyncio.Event()

        def work() -> None:
            try:
                loop.run_until_complete(worker.Sender(self.runtime).run(stop))
            except Exception as error:
                log.exception("the sender ended")
                self.fail(error)
            finally:
                loop.close()

        thread = threading.Thread(target=work, name="sender", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(RuntimeError):  # its loop is closed: it ended by itself
                loop.call_soon_threadsafe(stop.set)
            thread.join(STOP_WITHIN)

    @contextmanager
    def _slack(self) -> Iterator[None]:
        """Bolt over Socket Mode, and the refreshers. While Slack cannot be reached, the rest runs. Raises `Unset`."""
        app = slack.build_app(self.runtime, self.settings)
        handlers: list[SocketModeHandler] = []
        stopping = threading.Event()

        def connect() -> bool:
            try:
                handlers.append(slack.connect(app, self.settings))
            except (URLError, OSError) as error:
                log.warning("Slack cannot be reached; trying again", url=self.settings.slack_api_url, why=str(error))
                return False
            return True

        def keep_trying() -> None:
            try:
                while not stopping.wait(RECONNECT_AFTER) and not connect():
                    pass
            except Unset as error:
                self.fail(error)

        if not connect():
            threading.Thread(target=keep_trying, name="connect", daemon=True).start()
        for name, refresh in REFRESHERS.items():
            self.clockwork.add(name, Refresher(refresh, self.runtime, app.client))
        try:
            yield
        finally:
            stopping.set()
            for handler in handlers:
                slack.close(handler)
            app.listener_runner.listener_executor.shutdown(wait=True)


@contextmanager
def only_instance(database: Path) -> Iterator[None]:
    """Hold the lock of an SQLite database. Raises `Unset` when another process has it.

    The kernel lets go of it when the process ends, however it ends.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_suffix(".lock").open("w") as lock:
        if sys.platform != "win32":
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Unset(
                    f"Another promobot is running on {database}. SQLite is for one process: stop the other one,\n"
                    "  or set DATABASE_URL to PostgreSQL to run several."
                ) from None
        yield


def run(settings: Settings, roles: set[str], *, jobs_at_once: int = JOBS_AT_ONCE) -> None:
    """Run until Ctrl-C or SIGTERM. Raises `Unset` when something is missing, `OSError` when the port is taken."""
    bot = Bot(settings, roles, jobs_at_once=jobs_at_once)
    with stop_signals(bot.ended):
        bot.start()
        if bot.runtime.db.is_sqlite and settings.public_url is None and "web" in roles:
            log.warning("PUBLIC_URL is not set: QR links work on this machine only", links=settings.links_url)
        try:
            wait_for_end(bot.ended)
        finally:
            log.info("stopping")
            bot.stop()
    if bot.failure is not None:
        raise bot.failure


def wait_for_end(ended: threading.Event) -> None:
    """Wait until `ended` is set, in the main thread, which is where Python runs what signals ask for.

    A look every half second: a signal that comes while the thread is about to sleep is noticed only when it wakes.
    """
    while not ended.wait(0.5):
        pass


@contextmanager
def stop_signals(stop: threading.Event) -> Iterator[None]:
    """Within the block Ctrl-C and its like set `stop`; a second one ends the process at once."""

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
