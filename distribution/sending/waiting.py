"""Waiting in the sender's loop."""

import asyncio


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, `seconds` at most; whether it is set.

    Not `asyncio.wait_for`: before Python 3.12 it takes the event's coming for an answer even where its task is being
    cancelled in the same moment, and the task goes on for ever.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
