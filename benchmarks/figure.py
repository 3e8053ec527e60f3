"""One measured figure, always beside its ceiling from the same run."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LESS_IS_BETTER = ("µs", "ms", "s", "MiB")


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`, and the same measured of `ceiling`: what the machine could do at most, or what is allowed.

    For a speed more is better and the ratio is value / ceiling; of time and memory (`unit` in `LESS_IS_BETTER`) less is
    better and the ratio is ceiling / value. So a ratio of 1 is the ceiling, and of two runs the higher ratio is better.
    """

    name: str
    value: float
    unit: str
    ceiling: str
    ceiling_value: float

    @property
    def ratio(self) -> float:
        """How near the ceiling it is; above 1 where the "ceiling" is somebody else's work."""
        if self.unit in LESS_IS_BETTER:
            return self.ceiling_value / max(self.value, 1e-9)
        return self.value / self.ceiling_value


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes once."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def alternating(works: Sequence[Callable[[], object]], rounds: int = 5) -> list[float]:
    """The median seconds of each work, measured in turns: what slows the machine down slows all of them."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(taken, works, strict=True):
            times.append(seconds(work))
    return [statistics.median(times) for times in taken]
