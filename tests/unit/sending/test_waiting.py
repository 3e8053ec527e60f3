"""Waiting for an event or for work, and being cancelled or told to end meanwhile."""

import asyncio
from dataclasses import replace

import pytest

from distribution.runtime import Runtime
from distribution.sending.waiting import set_within
from tests.sending import PATIENCE, QUICK, make_provider, sending, until


def test_it_says_whether_the_event_came_in_time() -> None:
    async def story() -> tuple[bool, bool]:
        event = asyncio.Event()
        before = await set_within(event, 0.001)
        event.set()
        return before, await set_within(event, 60)

    assert asyncio.run(story()) == (False, True)


@pytest.mark.parametrize("later", range(4))
def test_a_task_that_is_cancelled_as_the_event_comes_ends(later: int) -> None:
    """A lane whose sender had died went on for ever: the cancellation was lost where a text was posted just then."""

    async def story() -> None:
        event = asyncio.Event()
        task = asyncio.create_task(set_within(event, 60))
        for _ in range(2):
            await asyncio.sleep(0)  # it waits by now
        event.set()
        for _ in range(later):
            await asyncio.sleep(0)
        if task.cancel():  # it had not ended by itself
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(story())


def test_a_sender_that_waits_for_work_ends_when_it_is_told_to(runtime: Runtime) -> None:
    """And not with its next look for work."""
    make_provider(runtime, "http://127.0.0.1:9")

    async def story() -> None:
        async with sending(runtime, replace(QUICK, idle=3600.0)) as sender:
            await until(lambda: bool(sender._lanes))
            for _ in range(3):
                await asyncio.sleep(0)  # it waits by now

    asyncio.run(asyncio.wait_for(story(), PATIENCE))
