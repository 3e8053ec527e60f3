"""The world that scenarios play in (`tests.world`), on SQLite and on PostgreSQL."""

from concurrent.futures._base import DoneAndNotDoneFutures

import pytest

from commands import later
from tests.world import World, world

__all__ = ["World", "world"]


@pytest.fixture
def answers_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every submit is answered after Slack was, as where there are a million customers to look at."""
    monkeypatch.setattr(later, "wait", lambda futures, _: DoneAndNotDoneFutures(set(), set(futures)))
