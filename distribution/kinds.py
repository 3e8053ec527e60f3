"""The kinds of job there are: one line each."""

from distribution.clock import Clock
from distribution.codes.generate import generate_codes
from distribution.codes.groups import delete_codes
from distribution.codes.intake import import_codes
from distribution.jobs import JobFunction, Jobs

KINDS: dict[str, JobFunction] = {
    "delete_codes": delete_codes,
    "generate_codes": generate_codes,
    "import_codes": import_codes,
}


def jobs_for(clock: Clock) -> Jobs:
    """The runner, with every kind of job."""
    return Jobs(clock, KINDS)
