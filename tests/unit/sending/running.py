"""A distribution that a sender of the test's own loop sends, and what people do to it."""

from collections.abc import Callable

from distribution.runtime import Runtime
from distribution.sending import control
from storage import tally
from storage.tables import Distribution, MessageState
from tests.gateway import Gateway
from tests.sending import make_customers, make_distribution, make_group, make_provider, start


def ready(runtime: Runtime, gateway: Gateway, customers: int, *, codes: int | None = None, rate: float = 10_000) -> int:
    """A launched distribution to so many customers; its id."""
    make_group(runtime, "Summer 10%", customers if codes is None else codes)
    provider = make_provider(runtime, gateway.url, rate=rate)
    distribution = make_distribution(runtime, provider, make_customers(runtime, customers))
    start(runtime, distribution)
    return distribution


def pause(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.pause(session, distribution, by="Maya", now=runtime.clock.now())


def resume(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.resume(session, runtime, distribution, by="Maya", now=runtime.clock.now())


def stop(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Maya", now=runtime.clock.now())
    while runtime.jobs.run_next(runtime):
        pass


def states(runtime: Runtime, distribution: int) -> dict[MessageState, int]:
    with runtime.db.read() as session:
        return {state: n for state, n in tally.read(session, distribution).items() if n}


def finished(runtime: Runtime, distribution: int) -> Callable[[], bool]:
    def is_it() -> bool:
        with runtime.db.read() as session:
            return session.get_one(Distribution, distribution).finished_at is not None

    return is_it
