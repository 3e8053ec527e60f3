"""A shop to draft in."""

import pytest

from distribution.clock import ManualClock
from distribution.runtime import Runtime
from tests.unit.drafting.shop import Shop


@pytest.fixture
def shop(runtime: Runtime, clock: ManualClock) -> Shop:
    """An open shop without customers."""
    return Shop(runtime, clock)
