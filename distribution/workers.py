"""The distributed side of jobs: procrastinate brings workers to them, in any number of processes, on PostgreSQL.

A *ticket* (procrastinate's job) says which row of `job` is to be run. It is put into the queue of its kind in the
transaction that queues the row, so both are there or neither; LISTEN/NOTIFY wakes a worker at once, polling finds what
was not heard. A worker takes tickets of the kinds that its version knows, claims the row, runs it; then the ticket is
gone, whatever came of it. All else is in the row, and two looks keep it true:

- `Worker.look_after`, every two seconds: hold what runs here, and write a ticket for each row that is free and has none
  (its worker died, its ticket was lost);
- `tidy`, every minute in one of the processes: throw away the tickets of workers that died.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from procrastinate import App, PsycopgConnector, SyncPsycopgConnector
from procrastinate.jobs import DeleteJobCondition, Status
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from distribution.clock import SystemClock
from distribution.runtime import Runtime
from storage import tickets
from storage.database import is_away

log = structlog.get_logger(__name__)

TASK = "run"
TIDY = "tidy"  # a task, and its queue

HEARTBEAT, DEAD_AFTER = 5.0, 20.0  # seconds: how often a worker says that it lives, and when it is taken for dead
AGAIN = 1.0  # seconds until a worker that lost its database tries again

# Only ever writes on connections that it is handed.
_desk = App(connector=SyncPsycopgConnector())


def put_ticket(session: Session, job_id: int, kind: str) -> None:
    """Call a worker to a job, once the session's transaction is committed."""
    connection = session.connection().connection.driver_connection
    _desk.configure_task(TASK, queue=kind, task_kwargs={"job": job_id}, connection=connection).defer()


class Worker:
    """Runs jobs in threads of its own until it is stopped, whatever the database does meanwhile."""

    def __init__(self, runtime: Runtime, *, concurrency: int, poll: float, stop_within: float) -> None:
        """`concurrency`: jobs at once; `poll`: seconds between looks for tickets that no notification told of;
        `stop_within`: seconds that running jobs get, when it is stopped, to come to the end of their chunk."""
        self._runtime = runtime
        self._concurrency = concurrency
        self._poll = poll
        self._stop_within = stop_within
        self._machine = SystemClock()
        self._loop = asyncio.SelectorEventLoop()  # psycopg cannot work on Windows' default one
        self._loop.set_exception_handler(_tell)
        self._serving = self._loop.create_task(self._serve())
        self._thread = threading.Thread(target=self._main, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to take tickets."""
        self._thread.start()

    def stop(self) -> None:
        """End. Runs whose chunk takes too long are left behind, what they hold is given back, what they did undone.

        `Jobs.stop` should come before, so that no run begins another chunk.
        """
        with suppress(RuntimeError):  # its loop is closed: it ended by itself
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join(self._stop_within + AGAIN)
        giving_back = threading.Thread(target=self._hand_over, name="hand over", daemon=True)
        giving_back.start()
        giving_back.join(self._stop_within)  # the database may be out of reach

    def look_after(self) -> None:
        """Hold what runs here, and call workers to the jobs that nobody is called to."""
        jobs = self._runtime.jobs
        jobs.hold(self._runtime)
        with self._runtime.db.write() as session:
            for job_id, kind in tickets.without_ticket(session, kinds=jobs.kinds, now=self._machine.now()):
                put_ticket(session, job_id, kind)

    def _hand_over(self) -> None:
        """Give back what still runs here."""
        try:
            self._runtime.jobs.hand_over(self._runtime)
        except OperationalError as error:
            log.warning("the database is away: jobs are resumed when their leases end", why=str(error.orig))

    def _main(self) -> None:
        """The thread: serve until the end."""
        asyncio.set_event_loop(self._loop)
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.close()

    async def _serve(self) -> None:
        """Take tickets until this task is cancelled; from the start again when procrastinate gives up its database."""
        while True:
            app = self._app()
            try:
                async with app.open_async():
                    await app.run_worker_async(
                        queues=[*self._runtime.jobs.kinds, TIDY],
                        concurrency=self._concurrency,
                        fetch_job_polling_interval=self._poll,
                        update_heartbeat_interval=HEARTBEAT,
                        stalled_worker_timeout=DEAD_AFTER,
                        shutdown_graceful_timeout=self._stop_within,
                        delete_jobs=DeleteJobCondition.ALWAYS,
                        install_signal_handlers=False,
                    )
            except Exception as error:  # ConnectorException, and what the pool raises while it opens
                log.warning("cannot take jobs; trying again", why=str(error.__cause__ or error))
            finally:
                await app.close_async()  # also what was opened half
            await asyncio.sleep(AGAIN)

    def _app(self) -> App:
        """procrastinate's side of this worker: its connections (at most 4), and its two tasks."""
        db = self._runtime.db
        conninfo = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        app = App(connector=PsycopgConnector(conninfo=conninfo, kwargs=db.connect_args, min_size=1, max_size=3))

        @app.task(name=TASK)
        async def run(job: int) -> None:
            await _in_thread(lambda: self._run(job), name=f"job {job}")

        # It is also what keeps procrastinate's eye on its listener and heartbeats: where there is no periodic task, it
        # stops watching them at once (https://github.com/procrastinate-org/procrastinate/issues/1597).
        @app.periodic(cron="* * * * *")
        @app.task(name=TIDY, queue=TIDY)
        async def tidy(timestamp: int) -> None:
            for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
                await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=True)

        return app

    def _run(self, job_id: int) -> None:
        """Run a job in this thread."""
        try:
            self._runtime.jobs.run(self._runtime, job_id)
        except OperationalError as error:
            if not is_away(error):
                raise
            log.warning("the database is away: the job is run when it is back", job=job_id)


async def _in_thread(work: Callable[[], None], *, name: str) -> None:
    """Do it in a thread that keeps nobody from ending: neither this coroutine, when cancelled, nor the process."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def main() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=main, name=name, daemon=True).start()
    await done


def _tell(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody waited for: a ticket that could not be thrown away, most often. The row knows better."""
    log.warning("in procrastinate", what=context.get("message"), why=str(context.get("exception")))
