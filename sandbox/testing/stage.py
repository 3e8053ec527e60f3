"""Everybody and everything in one sandbox, for a test."""

from __future__ import annotations

from typing import Any

from sandbox.blocks import Json
from sandbox.testing.client import Client
from sandbox.testing.person import Person
from sandbox.testing.phone import Phone


class Clock:
    """The sandbox's clock."""

    def __init__(self, url: str) -> None:
        self._http = Client(url)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> Json:
        """Move it ahead; returns what it shows then. The product has been told when this returns."""
        total = seconds + 60 * minutes + 3600 * hours + 86400 * days
        return self._http.post("/sandbox/clock", {"advance_seconds": total})

    def to_next_due(self) -> Json:
        """Move it to when the next thing is due."""
        return self._http.post("/sandbox/clock", {"next_due": True})

    def reset(self) -> Json:
        """Set it back to real time."""
        return self._http.post("/sandbox/clock", {"reset": True})

    def now(self) -> str:
        """What it shows, as ISO 8601."""
        return str(self._http.get("/sandbox/clock")["now"])


class Stage:
    """The people, the phones, the clock and the knobs of the sandbox at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.maya = Person(url, "U0MAYA")
        self.lee = Person(url, "U0LEE")
        self.ada = Person(url, "U0ADA")
        self.phone = Phone(url)
        self.clock = Clock(url)
        self._http = Client(url)

    def behave(self, **knobs: object) -> None:
        """Turn the Slack side's knobs (README §3, `PUT /sandbox/behaviour`)."""
        self._http.put("/sandbox/behaviour", dict(knobs))

    def hang_up(self, client: Any) -> None:
        """Close a bot's Socket Mode client (`handler.client`) at once.

        slack_sdk's own `close()` waits up to three seconds for a read to time out, and one for its queue; cutting
        the connection and putting a word in the queue wakes both.
        """
        client.closed = True
        client.auto_reconnect_enabled = False
        self.behave(drop_socket=True)
        client.message_queue.put("")
        try:
            client.close()
        except AttributeError:  # slack_sdk's reader closed the same socket in between; the second call does the rest
            client.close()
