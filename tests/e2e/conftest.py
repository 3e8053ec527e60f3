"""A Chromium for each module of browser tests.

Playwright cannot be started twice at once in a process, and while it runs nothing else there may run an event loop:
so it is stopped with its module, before other tests come to the same worker.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """An installed Chromium; skips where there is none (CHROMIUM may name one)."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CANDIDATES)), None)
    if not path:
        pytest.skip("no Chromium is installed (set CHROMIUM to its path)")
    sync_api.expect.set_options(timeout=20_000)  # what is expected comes by itself; on a busy machine, late
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield chromium
        chromium.close()
