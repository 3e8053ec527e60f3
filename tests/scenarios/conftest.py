"""The world that scenarios play in (`tests.world`), each on one of the two databases, on the other in another run.

What they have in common with the rest of the tests is held on both there; all of them on both is a third of CI's time.
`SCENARIOS=both` in the environment: on both.
"""

import os
import zlib
from pathlib import Path

import pytest

from tests.faults.choices import SEED
from tests.world import World, world

__all__ = ["World", "world"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep each scenario with one database. Those that are asked for by name run on both."""
    named = any("::" in each for each in config.args)
    if named or os.environ.get("SCENARIOS") == "both":
        return
    dropped = [item for item in items if HERE in item.path.parents and _elsewhere(item)]
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = [item for item in items if item not in dropped]


def _elsewhere(item: pytest.Item) -> bool:
    """Whether this run has the scenario on the other database."""
    params = getattr(item, "callspec", None)
    database = params.params.get("db_url") if params else None
    if database is None:
        return False
    turn = zlib.crc32(item.nodeid.replace(str(database), "").encode()) + SEED
    return (database == "postgresql") is (turn % 2 == 0)
