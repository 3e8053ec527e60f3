"""Real processes of the clock are killed (`kill -9`) and suspended (SIGSTOP) at each commit, and their clocks jump.

Two or three processes of the clock on PostgreSQL, one that is started again on SQLite. A sample in every run, which the
seed decides; `FAULTS=long`: every place before and after, killed and stopped. `FAULTS_SEED=7`: what that run did.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distribution.runtime import Runtime
from distribution.vault import Vault
from tests import failpoints
from tests.conftest import unsynced
from tests.faults.armed import INSIDE, KEY
from tests.faults.choices import LONG, SEED
from tests.faults.people import VERBS
from tests.faults.week import Week, strikes
from tests.gateway import gateway_in_thread

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

# Where what happens by itself is committed.
MODULES = ("firing", "entering", "due", "outage", "repeating")
# Of sending and jobs, which have an attack of their own, what the clock sets off.
LAUNCHES = (
    *("launch.due", "launch.due#2", "launch.run_launch", "launch.run_launch#2"),
    *("jobs.Jobs.run", "jobs.Jobs._run_to_end.finish"),
)
COMMITS = sorted({place for place in failpoints.places().values() if place.split(".")[0] in MODULES})
PLACES = [*COMMITS, *LAUNCHES, *INSIDE]
# Whether anybody comes by is decided by who is quicker.
RARE = ("outage._fire_all", "launch.due#2")
SAMPLE = 10


def runs() -> Iterator[Any]:
    """On both databases, or on the one that the seed says."""
    for db, clocks in (("postgresql", 3 if LONG else 2), ("sqlite", 1)):
        if LONG or (db == "sqlite") is bool(SEED % 2):
            yield pytest.param(db, clocks, id=db)


@pytest.mark.parametrize(("db_url", "clocks"), list(runs()), indirect=["db_url"])
def test_processes_of_the_clock_are_killed_and_suspended_and_nothing_fires_twice_or_is_skipped(
    runtime: Runtime, db_url: str, tmp_path: Path, clocks: int
) -> None:
    unsynced(runtime.db)
    runtime = replace(runtime, vault=Vault(KEY))
    armed = strikes(PLACES, list(VERBS))
    if not LONG:
        armed = random.Random(f"{SEED} {db_url[:6]}").sample(armed, SAMPLE)
    with gateway_in_thread() as gateway:
        days = 4 if LONG else 1
        week = Week(runtime, tmp_path, gateway, url=db_url, seed=SEED, clocks=clocks, days=days)
        try:
            with week.machines:
                week.live(armed)
            week.right()
            nobody = [strike for strike in week.machines.left_armed() if strike.partition(" ")[0] not in RARE]
            assert nobody == [], "nobody came by"
        finally:
            print("\n".join(week.machines.told))  # noqa: T201 -- pytest shows it with a failure, and with -s
            print(Counter(line.partition(" ")[2] for line in week.machines.struck))  # noqa: T201
