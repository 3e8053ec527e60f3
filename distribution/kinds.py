"""The kinds of job there are: one line each."""

from distribution.clock import Clock
from distribution.jobs import JobFunction, Jobs

KINDS: dict[str, JobFunction] = {}


def jobs_for(clock: Clock) -> Jobs:
    """The runner, with every kind of job."""
    return Jobs(clock, KINDS)
