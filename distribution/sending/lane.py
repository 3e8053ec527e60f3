"""One provider's lane: sockets that never wait for the database, and one task that does.

Workers take texts from a deque and post them; results gather in a list. One task at a time takes a turn in the database
(`turn.take_turn`): it records the results, intends the batch that is already written, and leases the next, in one
transaction, while the workers go on with what they have. The next batch is written while the current one is in flight.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

import structlog
from sqlalchemy.exc import DBAPIError

from distribution.clock import Clock
from distribution.errors import Refused
from distribution.providers import connections
from distribution.providers import http as client
from distribution.providers.connections import Client
from distribution.providers.port import Kind, Outcome, Provider
from distribution.runtime import Runtime
from distribution.sending.health import Health
from distribution.sending.options import Options
from distribution.sending.prepare import Prepared, Ready, prepare
from distribution.sending.record import NOT_SENT, Held, Moment, Result
from distribution.sending.turn import Asked, Done, take_turn
from distribution.sending.waiting import set_within
from storage import batches
from storage.batches import Lease

log = structlog.get_logger(__name__)

T = TypeVar("T")
BROKEN_DATABASE_WAIT = 0.5  # seconds until a turn that the database failed is tried again


class Lane:
    """Sends everything that goes through one provider, in one event loop."""

    def __init__(
        self,
        runtime: Runtime,
        provider: Provider,
        *,
        provider_id: int,
        name: str,
        rate: float,
        owner: str,
        options: Options,
        machine: Clock,
        threads: Executor,
        guarded: bool = False,
    ) -> None:
        """`owner`: this worker, as its leases name it; `machine`: a clock nobody moves; `threads`: for the database.

        `guarded`: it may reach the public internet only (`distribution.providers.addresses`).
        """
        self.provider_id = provider_id
        self.provider = provider
        self.http: Client | None = None
        self._runtime, self._options, self._machine, self._threads = runtime, options, machine, threads
        self._name, self._rate, self._owner, self._guarded = name, rate, owner, guarded
        self._callbacks = runtime.links.callback(provider_id)
        self._ready: deque[tuple[Held, Ready, float]] = deque()
        self._filled = asyncio.Event()  # there is something in `_ready`
        self._results: list[Result] = []
        self._wake = asyncio.Event()  # the database task should look
        self._prepared: Prepared | None = None
        self._held: set[Held] = set()
        self._health: dict[int, Health] = {}
        self._order: dict[int, None] = {}  # distributions served, longest ago first
        self._hungry = False  # there is more to send than is in hand
        self._quiet_until = 0.0  # the provider asked for silence until then, by the loop's clock
        self._paced = False  # the batch that is written waits for its provider's rate
        # A whole batch is in hand while the next is fetched: a turn may take as long as sending one.
        self._low = options.batch
        self._speed = 0.0  # results a second lately
        self._counted, self._measured = 0, 0.0  # results since then, by the loop's clock
        self._in_flight = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then let what is in flight end, record it, and give back the rest."""
        loop = asyncio.get_running_loop()
        http = self.http = client.open_session(guarded=self._guarded)
        workers = [loop.create_task(self._work(http)) for _ in range(self._options.concurrency)]
        driver = loop.create_task(self._drive(stop))
        try:
            done, _ = await asyncio.wait([driver, *workers], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (driver, *workers):
                task.cancel()
            await asyncio.gather(driver, *workers, return_exceptions=True)
            await http.close()

    def look(self) -> None:
        """Look at once whether there is something to do."""
        self._wake.set()

    async def _work(self, http: Client) -> None:
        """Post one text after another."""
        loop = asyncio.get_running_loop()
        ready = self._ready
        while True:
            if not ready:
                self._filled.clear()
                await self._filled.wait()
                continue
            held, text, at = ready.popleft()
            self._in_flight += 1
            delay = at - loop.time()
            if delay > 0.002:
                await asyncio.sleep(delay)
            if held.called_off or connections.uptime() > held.deadline:
                outcome = NOT_SENT
            else:
                client.DEADLINE.set(held.deadline)
                outcome = await self._send(http, text)
            self._in_flight -= 1
            results = self._results
            results.append(Result(held, text.message_id, outcome))
            short = len(ready) <= self._low and self._prepared is not None and not self._paced
            if short or len(results) >= self._low or not (ready or self._in_flight):
                self._wake.set()

    async def _send(self, http: Client, text: Ready) -> Outcome:
        """Post one text. A provider's own bug is an unknown outcome, not the end of the lane."""
        try:
            return await self.provider.send(http, text.body)
        except Exception:
            log.exception("a provider failed in its own code", provider=self._name, message=text.message_id)
            return Outcome(Kind.UNKNOWN, "server_error")

    async def _drive(self, stop: asyncio.Event) -> None:
        """Take turns in the database for as long as there is anything to do."""
        while not stop.is_set():
            await set_within(self._wake, self._nap())
            self._wake.clear()
            await self._turn(claiming=not stop.is_set())
        await self._wind_down()

    def _nap(self) -> float:
        """Seconds until the next look, where nobody wakes the task before."""
        if self._hungry and self._prepared is None and not self._results:
            return 0.0
        return self._options.flush if self._held or self._results or self._prepared else self._options.idle

    async def _turn(self, *, claiming: bool) -> None:
        """One transaction, and what follows from it once it is committed."""
        loop = asyncio.get_running_loop()
        silent = loop.time() < self._quiet_until
        low = len(self._ready) <= self._low
        results, self._results = self._results, []
        prepared = self._prepared if claiming and low and not silent else None
        room = claiming and not silent and (self._prepared is None or prepared is not None)
        self._judge(results)
        asked = Asked(
            results=results,
            intend=prepared,
            lease=self._batch_size() if room else 0,
            order=list(self._order),
            watched=frozenset(held.lease.distribution_id for held in self._held)
            | ({prepared.lease.distribution_id} if prepared else frozenset()),
            pauses={
                key: why for key, health in self._health.items() if (why := health.verdict(self._name)) is not None
            },
        )
        started = connections.uptime()
        try:
            done, following = await self._in_thread(lambda: self._transact(asked))
        except DBAPIError:
            log.exception("the database failed a turn; trying again", provider=self._name)
            self._results = results + self._results
            await asyncio.sleep(BROKEN_DATABASE_WAIT)
            return
        self._recorded(results)
        self._measure(len(results))
        self._follow(asked, done, started)
        if following is not None:
            self._prepared = following
            self._low = max(asked.lease, 1)
            self._order.pop(following.lease.distribution_id, None)
            self._order[following.lease.distribution_id] = None
        if asked.lease:
            self._hungry = following is not None
        self._paced = done.wait is not None
        if self._prepared is not None and len(self._ready) <= self._low and not (self._paced or silent):
            self._wake.set()

    def _transact(self, asked: Asked) -> tuple[Done, Prepared | None]:
        """The turn, in a thread: the transaction, and writing the batch that it leased."""
        at = Moment(self._machine.now(), self._runtime.clock.now())
        if not asked.results and asked.intend is None and not asked.watched and not self._anything(at):
            return Done(), None
        with self._runtime.db.write() as session:
            done = take_turn(
                session,
                asked,
                provider_id=self.provider_id,
                owner=self._owner,
                at=at,
                options=self._options,
                listed_within=self.provider.listed_within,
            )
        return done, self._write(done.leased, at) if done.leased is not None else None

    def _anything(self, at: Moment) -> bool:
        """Whether texts of a distribution of this provider may leave: looked at without taking a lock."""
        with self._runtime.db.read() as session:
            return batches.anything_to_send(session, self.provider_id, at.machine)

    def _write(self, lease: Lease, at: Moment) -> Prepared | None:
        """The texts of a leased batch. None when it cannot be written now: the lease runs out.

        The turn is committed by then, so nothing that fails here may look as if it were not.
        """
        try:
            with self._runtime.db.read() as session:
                return prepare(session, self._runtime.links, self.provider, self._callbacks, lease, at)
        except Refused:
            log.exception("a launched distribution cannot be written", distribution=lease.distribution_id)
            self._health.setdefault(lease.distribution_id, Health()).broken = True
        except DBAPIError:
            log.exception("a leased batch could not be read", distribution=lease.distribution_id)
        return None

    def _follow(self, asked: Asked, done: Done, started: float) -> None:
        """Act on a committed turn: fill the deque, call off what was paused, forget what is not ours."""
        for distribution_id, status in done.statuses.items():
            if status != "sending":
                self._health.pop(distribution_id, None)
                for held in self._held:
                    if held.lease.distribution_id == distribution_id:
                        held.called_off = True
        if asked.intend is None or done.wait is not None:
            return
        self._prepared = None
        if done.lost or not done.going:
            return
        lease = asked.intend.lease
        ids = [ready.message_id for ready, _ in done.going]
        held = Held(lease, started + self._options.window, asked.intend.repeats, set(ids))
        self._held.add(held)
        now = asyncio.get_running_loop().time() - (connections.uptime() - started)
        self._ready.extend((held, ready, now + after) for ready, after in done.going)
        self._filled.set()

    def _recorded(self, results: list[Result]) -> None:
        """Forget what is in the database now."""
        for held, message_id, _outcome in results:
            held.left.discard(message_id)
            if not held.left:
                self._held.discard(held)

    def _judge(self, results: list[Result]) -> None:
        """Learn from outcomes how each distribution fares, and whether the provider wants silence."""
        loop = asyncio.get_running_loop()
        for held, _message_id, outcome in results:
            self._health.setdefault(held.lease.distribution_id, Health()).add(outcome)
            if outcome.kind is Kind.LATER and outcome is not NOT_SENT and outcome.reason != "too_late":
                self._quiet_until = max(self._quiet_until, loop.time() + (outcome.retry_after or 1.0))

    def _batch_size(self) -> int:
        """What can be sent in a few seconds: so that pause and consent act soon, and no text waits for its deadline."""
        options = self._options
        size = max(options.batch, min(options.most, int(self._speed * options.brisk)))
        slow_from = connections.uptime() + options.window * 0.75
        slow = any(held.deadline < slow_from for held in self._held)  # a batch has been out for a quarter of its time
        by_rate = int(self._rate * options.ahead)
        return max(1, min(size, by_rate, options.concurrency if slow else size))

    def _measure(self, results: int) -> None:
        """Learn how fast texts leave: what a commit costs is shared by more of them where they are gone in no time."""
        now = asyncio.get_running_loop().time()
        self._counted += results
        if now - self._measured >= self._options.brisk:
            self._speed = self._counted / (now - self._measured)
            self._counted, self._measured = 0, now

    async def _wind_down(self) -> None:
        """Stop posting, wait a while for what is in flight, record it, and give back the lease."""
        for held in self._held:
            held.called_off = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._options.shutdown
        while (self._in_flight or self._ready) and loop.time() < until:
            await asyncio.sleep(0.02)
        if self._results:
            await self._turn(claiming=False)
        prepared, self._prepared = self._prepared, None
        if prepared is not None:
            await self._in_thread(lambda: self._release(prepared.lease))

    def _release(self, lease: Lease) -> None:
        with self._runtime.db.write() as session:
            batches.release(session, lease, owner=self._owner, now=self._machine.now())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run database work in the sender's thread for it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
