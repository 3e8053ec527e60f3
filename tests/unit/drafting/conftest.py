"""A shop to draft in."""

import pytest
from tests.unit.drafting.drafting_shop import Shop

from distribution.clock import ManualClock
from distribution.runtime import Runtime


@pytest.fixture
def shop(runtime: Runtime, clock: ManualClock) -> Shop:
    """An open shop without customers."""
    return Shop(runtime, clock)
