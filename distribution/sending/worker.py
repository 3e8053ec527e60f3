"""The sender: one event loop that sends through every provider, and keeps house (DESIGN §6).

    await Sender(runtime).run(stop)         # stop: an asyncio.Event of the same loop

Any number of senders may run on one PostgreSQL database; on SQLite there is one process.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from distribution.clock import Clock, SystemClock
from distribution.errors import Refused
from distribution.providers import registry
from distribution.providers.connections import Client
from distribution.providers.port import Provider
from distribution.runtime import Runtime
from distribution.sending import callbacks, replies, settle
from distribution.sending.lane import Lane
from distribution.sending.options import Options
from distribution.sending.record import Moment
from distribution.sending.status import finish_if_over
from distribution.sending.waiting import set_within
from storage.batches import lock
from storage.tables import Distribution
from storage.tables import Provider as Row

try:
    import uvloop
except ImportError:  # Windows
    uvloop = None  # type: ignore[assignment]

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass
class Running:
    """A lane at work, and the setup that it was opened with."""

    lane: Lane
    task: asyncio.Task[None]
    stop: asyncio.Event
    setup: tuple[object, ...]

    def end(self) -> None:
        """Let the lane end, now and not with its next look."""
        self.stop.set()
        self.lane.look()


def new_loop() -> asyncio.AbstractEventLoop:
    """A loop for the sender: uvloop's where there is one (a third more requests a second), else Python's own."""
    return asyncio.new_event_loop() if uvloop is None else uvloop.new_event_loop()


class Sender:
    """Sends what there is to send until it is told to stop."""

    def __init__(self, runtime: Runtime, *, options: Options | None = None, machine: Clock | None = None) -> None:
        """`machine`: the clock of leases and rates. Unlike `runtime.clock` nobody moves it, except tests."""
        self._runtime = runtime
        self._options = options or Options()
        self._machine = machine or SystemClock()
        self.owner = uuid.uuid4().hex
        self._lanes: dict[int, Running] = {}
        # Turns and housekeeping wait for the database in threads of their own, never for each other.
        self._turns = ThreadPoolExecutor(1, "sender-turns")
        self._chores = ThreadPoolExecutor(2, "sender-chores")

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop` is set, then end within `Options.shutdown` seconds and a turn."""
        # Callbacks apart: an opt-out must not wait until a provider that hangs has been asked about its texts.
        chores = [asyncio.create_task(self._again(chore, stop)) for chore in (self._hear, self._ask)]
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._open_lanes()
                tasks = {running.task for running in self._lanes.values()}
                done, _ = await asyncio.wait(
                    {stopped, *chores, *tasks}, timeout=self._options.chores, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done - {stopped}:
                    task.result()  # a lane or the house never ends by itself but by a bug: the sender ends with it
                self._lanes = {key: running for key, running in self._lanes.items() if not running.task.done()}
            for running in self._lanes.values():
                running.end()
            await asyncio.gather(*chores, *(running.task for running in self._lanes.values()))
        finally:
            left = [stopped, *chores, *(running.task for running in self._lanes.values())]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            self._turns.shutdown(wait=False, cancel_futures=True)
            self._chores.shutdown(wait=False, cancel_futures=True)

    async def _open_lanes(self) -> None:
        """A lane for each enabled provider; one whose setup changed is closed and opened anew."""
        try:
            rows = await self._in_thread(self._providers)
        except DBAPIError:
            log.exception("the providers cannot be read; trying again")
            return
        setups = {row.id: (row.kind, row.name, str(row.config), row.secret, row.rate, guarded) for row, guarded in rows}
        for provider_id, running in self._lanes.items():
            if setups.get(provider_id) != running.setup:
                running.end()
        for row, guarded in rows:
            if row.id in self._lanes:
                continue
            try:
                provider = registry.opened(self._runtime.vault, row)
            except Refused:
                log.exception("a provider cannot be opened", provider=row.name)
                continue
            lane = Lane(
                self._runtime,
                provider,
                provider_id=row.id,
                name=row.name,
                rate=row.rate,
                owner=self.owner,
                options=self._options,
                machine=self._machine,
                threads=self._turns,
                guarded=guarded,
            )
            stop = asyncio.Event()
            self._lanes[row.id] = Running(lane, asyncio.create_task(lane.run(stop)), stop, setups[row.id])

    def _providers(self) -> list[tuple[Row, bool]]:
        """Those that can be sent through, and whether each may reach the public internet only."""
        with self._runtime.db.read() as session:
            rows = session.scalars(select(Row).where(Row.enabled, Row.name_key.is_not(None))).all()
            return [(row, registry.is_guarded(session, row)) for row in rows]

    async def _again(self, chore: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
        """Do a chore again and again: at once while it says that there is more to do."""
        while not stop.is_set():
            busy = False
            try:
                busy = await chore()
            except DBAPIError:
                log.exception("housekeeping failed; trying again")
            if not busy:
                await set_within(stop, self._options.chores)

    async def _hear(self) -> bool:
        """Apply callbacks; True when there may be more."""
        return await self._in_thread(lambda: callbacks.apply(self._runtime)) >= callbacks.AT_ONCE

    async def _ask(self) -> bool:
        """Answer customers, find out what is unknown, close what is over."""
        open_: dict[int, tuple[Provider, Client]] = {
            key: (running.lane.provider, running.lane.http)
            for key, running in self._lanes.items()
            if running.lane.http is not None and not running.stop.is_set()
        }
        within = {key: provider.listed_within for key, (provider, _) in open_.items()}
        if open_:
            answers = await self._in_thread(lambda: replies.intend_answers(self._runtime.db, set(open_)))
            if answers:
                posted = await replies.post_answers(answers, open_)
                await self._in_thread(lambda: replies.record_answers(self._runtime.db, posted))
            await self._in_thread(lambda: settle.sweep(self._runtime.db, self._moment(), within))
            claimed = await self._in_thread(lambda: settle.claim(self._runtime, self._moment().machine, set(open_)))
            if claimed:
                looked = await settle.look_up(claimed, open_)
                await self._in_thread(lambda: settle.conclude(self._runtime.db, looked, self._moment(), within))
        await self._in_thread(self._close_stopped)
        return False

    def _close_stopped(self) -> None:
        """Give stopped distributions their time of finish once nothing of them is in flight."""
        ending = select(Distribution.id).where(Distribution.status == "stopped", Distribution.finished_at.is_(None))
        with self._runtime.db.read() as session:
            ids = session.scalars(ending).all()
        for distribution_id in ids:
            with self._runtime.db.write() as session:
                finish_if_over(session, lock(session, distribution_id), self._runtime.clock.now())

    def _moment(self) -> Moment:
        return Moment(self._machine.now(), self._runtime.clock.now())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._chores, work)
