"""Places where a test can kill or hold the pipeline: before and after each commit and each socket call."""

from collections.abc import Callable

# What a test puts here is called with the place's name; it may raise (a kill) or wait (a paused process).
hook: Callable[[str], None] | None = None


def reach(place: str) -> None:
    """Say that the pipeline is at `place`."""
    if hook is not None:
        hook(place)
