"""A fresh sandbox with the small Bolt app connected to it, and its people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.server import Sandbox
from sandbox.testing import Stage
from tests import patience
from tests.scenarios.sandbox.bolt_app import BoltApp


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in memory."""
    with Sandbox(ack_seconds=patience.SECONDS, trigger_seconds=patience.SECONDS) as running:
        yield running


@pytest.fixture
def stage(sandbox: Sandbox) -> Stage:
    """Its people, phones and clock."""
    return Stage(sandbox.url)


@pytest.fixture
def bolt(sandbox: Sandbox) -> Iterator[BoltApp]:
    """The Bolt app, connected over Socket Mode."""
    with BoltApp(sandbox.api_url) as app:
        yield app
