"""A real Chromium on the sandbox's page, with a tiny real Bolt app behind it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from playwright.sync_api import TimeoutError

from sandbox.server import Sandbox
from tests import patience
from tests.e2e.sandbox_page.bolt_app import TinyBot


@pytest.fixture
def ack_seconds() -> float:
    """How long the sandbox waits for an ack; parametrized with less by the tests of what comes too late."""
    return patience.SECONDS


@pytest.fixture
def sandbox(ack_seconds: float) -> Iterator[Sandbox]:
    """A sandbox of this test's own."""
    with Sandbox(ack_seconds=ack_seconds, trigger_seconds=patience.SECONDS) as running:
        yield running


@pytest.fixture
def bot(sandbox: Sandbox) -> Iterator[TinyBot]:
    """The tiny app, connected to the sandbox."""
    with TinyBot(sandbox.api_url) as running:
        yield running


class Opener:
    """Opens pages, and remembers what they complained about."""

    def __init__(self, browser: Any, base: str) -> None:
        self._browser = browser
        self._base = base
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def __call__(self, path: str, *, width: int = 1440, height: int = 900, **options: Any) -> Any:
        """A page on `path` of the sandbox, in a browser context of its own."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self._base + path)
        return page

    def _listen(self, message: Any) -> None:
        """Keep what a console complains about, and where."""
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}".strip())

    def workspace(self, *, user: str = "U0MAYA", at: str = "C0MARKETING", hints: str = "off", **options: Any) -> Any:
        """The page of one person in one channel, ready to use."""
        page = self(f"/?user={user}&hints={hints}#/{at}", **options)
        page.locator("body.is-ready").wait_for()
        return page

    def close(self) -> None:
        """Close every page that was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture
def opened(browser: Any, sandbox: Sandbox) -> Iterator[Opener]:
    """Opens pages of the sandbox."""
    opener = Opener(browser, sandbox.url)
    yield opener
    opener.close()


@pytest.fixture
def page(opened: Opener, bot: TinyBot) -> Any:
    """Maya in #marketing, on a wide screen, with the bot there."""
    page = opened.workspace()
    page.get_by_text("promobot is connected").wait_for()
    return page


def send_text(sandbox: Sandbox, to: str, body: str, **more: Any) -> None:
    """Hand a text to the sandbox's gateway, as a provider's client would."""
    data = {"to": to, "from": "PROMO", "body": body, "reference": "a1", "callback_url": "", **more}
    request = urllib.request.Request(
        f"{sandbox.gateway_url}/messages", json.dumps(data).encode(), {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request).close()


def look_for(page: Any, text: str, option: str) -> Any:
    """Type into the search that was just opened until it offers `option`; the option's place on the page.

    A bot on a busy machine may not answer within Slack's three seconds: then the list says "Type again to retry".
    """
    page.wait_for_function("document.activeElement.tagName === 'INPUT' && document.activeElement.role === 'combobox'")
    page.keyboard.insert_text(text)  # at once: what half of it finds would be offered first
    found = page.get_by_role("option", name=option)
    for _ in range(4):
        with suppress(TimeoutError):
            found.wait_for(timeout=6_000)
            break
        page.keyboard.press("Backspace")
        page.keyboard.insert_text(text[-1])
    return found


def run(page: Any, line: str, channel: str = "marketing") -> None:
    """Type a command or message into the channel's composer and send it."""
    box = page.get_by_label(f"Message #{channel}")
    box.fill(line)
    box.press("Escape")
    box.press("Enter")
