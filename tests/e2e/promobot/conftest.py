"""The real bot, its sample shop, and a real Chromium on the sandbox's page."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import sample
from distribution import settings
from tests.e2e.sandbox_page.conftest import Opener
from tests.world import World, world

__all__ = ["world"]


@pytest.fixture
def db_url(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite alone: what a browser shows does not depend on the database."""
    path = tmp_path / "promobot.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture
def shop(world: World) -> World:
    """The world, with the sample data of the demo."""
    sample.load(world.runtime)
    with world.runtime.db.write() as session:
        settings.put(session, "sending.hold", "0")
    return world


@pytest.fixture
def opened(browser: Any, shop: World) -> Iterator[Opener]:
    """Opens pages of the sandbox, and fails where one of them complained in its console."""
    opener = Opener(browser, shop.sandbox.url)
    yield opener
    opener.close()
    # What was typed is told to the bot a moment later; by then the modal may be submitted, and its field gone.
    assert not [said for said in opener.complaints if "/sandbox/action" not in said]
