"""The phones, from a test: what reached them, and what is typed on them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.blocks import Json
from sandbox.testing.client import WAIT_SECONDS, Client


@dataclass(frozen=True)
class Text:
    """One text on a phone; `direction` is "in" when it reached the phone, "out" when it was typed there."""

    id: str
    number: str
    direction: str
    body: str
    status: str
    reference: str
    media_url: str | None
    at: str


def _text(row: Json) -> Text:
    return Text(**{key: row.get(key) for key in Text.__dataclass_fields__})  # type: ignore[arg-type]


class Phone:
    """All the phones behind the gateway."""

    def __init__(self, url: str) -> None:
        self._http = Client(url)

    def texts(self, number: str) -> list[Text]:
        """What reached a phone, oldest first."""
        return [text for text in self.conversation(number) if text.direction == "in"]

    def conversation(self, number: str) -> list[Text]:
        """What reached a phone and what was typed on it, oldest first."""
        return [_text(row) for row in self._http.get(f"/sandbox/phones/{number}")["texts"]]

    def wait_for_texts(self, number: str, count: int = 1, timeout: float = WAIT_SECONDS) -> list[Text]:
        """Wait until at least `count` texts reached a phone; returns them all."""

        def look() -> list[Text] | None:
            texts = self.texts(number)
            return texts if len(texts) >= count else None

        return self._http.wait_for(look, lambda: f"{number} has {self.texts(number)}, not {count} texts.", timeout)

    def log(self, after: int = 0) -> list[Text]:
        """Every text that the gateway accepted, to any number, oldest first."""
        return [_text(row) for row in self._http.get("/gateway/log", after=after)["texts"]]

    def reply(self, number: str, body: str) -> None:
        """Type a reply on a phone. Raises Refused when nobody takes it."""
        self._http.post(f"/sandbox/phones/{number}/reply", {"body": body})

    def behave(self, **knobs: object) -> None:
        """Turn the gateway's knobs (README §2)."""
        self._http.put("/gateway/behaviour", dict(knobs))
