"""One person in the workspace: types, clicks, submits, reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sandbox import people
from sandbox.blocks import Json, Placed, Values
from sandbox.testing.client import WAIT_SECONDS, Client, Refused
from sandbox.testing.screen import HomeScreen, MessageScreen, ViewScreen

T = TypeVar("T")
File = Path | tuple[str, bytes] | Json
"""A file to add: a path, (name, bytes), or a file object of an earlier upload."""


class Person:
    """Acts as one member of the workspace."""

    def __init__(self, url: str, user_id: str) -> None:
        self.id = user_id
        self.name = people.USERS[user_id].name
        self._http = Client(url)
        self._typed: dict[str, Values] = {}

    def __repr__(self) -> str:
        return f"Person({self.name})"

    # Doing

    def command(self, line: str, channel: str = "#marketing") -> None:
        """Type a slash command in a channel ("#marketing", "C0…", or "@promobot" for the DM). Raises Refused."""
        self._http.post("/sandbox/post", {"user": self.id, "channel": self.channel_id(channel), "text": line})

    def say(
        self, text: str, channel: str = "#marketing", *, thread: str | None = None, files: list[File] | None = None
    ) -> MessageScreen:
        """Post a message, with files if any, in a thread if its `ts` is given."""
        body: Json = {"user": self.id, "channel": self.channel_id(channel), "text": text, "thread_ts": thread}
        body["file_ids"] = [self.uploaded(file)["id"] for file in files or []]
        ts = self._http.post("/sandbox/post", body)["ts"]
        listed = self.thread(body["channel"], thread) if thread else self.messages(channel)
        return next(m for m in listed if m.ts == ts)

    def click(self, name: str, *, channel: str | None = None, confirm: bool = True) -> None:
        """Press a button: in the modal on top if one is open, else in the newest message (of `channel`) that has it."""
        modal = self.modal()
        if modal is not None and channel is None:
            failed = f"no button '{name}'"
            self._do(lambda view: view.has_button(name), lambda view: view.click(name, confirm=confirm), failed)
            return
        message = self._until(lambda: self._with_button(name, channel), f"no message with a button '{name}'")
        message.click(name, confirm=confirm)

    def fill(self, field: str, value: Any) -> None:
        """Fill or choose a field of the modal on top, waited for; see Screen.fill."""
        self._do(lambda view: view.has_field(field), lambda view: view.fill(field, value), f"no field '{field}'")

    def choose(self, option: str) -> None:
        """Choose an option of the modal on top, waited for, by its text."""
        self._do(lambda view: view.offers(option), lambda view: view.choose(option), f"no option '{option}'")

    def submit(self) -> ViewScreen | None:
        """Submit the modal on top; see ViewScreen.submit."""
        return self.view().submit()

    def close(self, *, everything: bool = False) -> None:
        """Close the modal on top, or all of them."""
        self.view().close(everything=everything)

    # Seeing

    def modal(self) -> ViewScreen | None:
        """The modal on top right now, or None."""
        stack = self._stack()
        return ViewScreen(self, self._with_typed(stack[-1])) if stack else None

    def view(self, containing: str = "", *, timeout: float = WAIT_SECONDS) -> ViewScreen:
        """The modal on top, waited for until it is there and its title or text has these words."""

        def look() -> ViewScreen | None:
            modal = self.modal()
            return modal if modal is not None and containing in modal.text else None

        return self._until(look, f"no modal with '{containing}'" if containing else "no modal", timeout)

    def no_view(self, timeout: float = WAIT_SECONDS) -> None:
        """Wait until no modal is open."""
        self._until(lambda: not self._stack(), "a modal is still open", timeout)

    def home(self, containing: str = "", *, timeout: float = WAIT_SECONDS) -> HomeScreen:
        """Open the home tab and wait until the app has published it with these words."""
        self._http.get("/sandbox/home", user=self.id)

        def look() -> HomeScreen | None:
            view = self._http.get("/sandbox/screen", user=self.id)["home"]
            screen = HomeScreen(self, view) if view else None
            return screen if screen is not None and containing in screen.text else None

        return self._until(look, f"no home tab with '{containing}'", timeout)

    def messages(self, channel: str = "#marketing", limit: int = 100) -> list[MessageScreen]:
        """What this person sees in a channel, oldest first, ephemerals among it."""
        path = f"/sandbox/channels/{self.channel_id(channel)}/messages"
        found = self._http.get(path, user=self.id, limit=limit)["messages"]
        return [MessageScreen(self, message) for message in found]

    def thread(self, channel: str, ts: str) -> list[MessageScreen]:
        """A message and its replies."""
        path = f"/sandbox/channels/{self.channel_id(channel)}/threads/{ts}"
        return [MessageScreen(self, message) for message in self._http.get(path, user=self.id)["messages"]]

    def message(
        self, channel: str = "#marketing", containing: str = "", *, timeout: float = WAIT_SECONDS
    ) -> MessageScreen:
        """The newest message in a channel with these words (in its blocks or its text), waited for."""

        def look() -> MessageScreen | None:
            found = [m for m in self.messages(channel) if containing in m.text or containing in m.notification]
            return found[-1] if found else None

        return self._until(look, f"no message with '{containing}' in {channel}", timeout)

    def wait_for(self, predicate: Callable[[], T | None], what: str = "it", timeout: float = WAIT_SECONDS) -> T:
        """Wait until `predicate()` is true; returns what it returned."""
        return self._until(predicate, f"{what} did not happen", timeout)

    def download(self, file: Json) -> bytes:
        """The bytes of a file in a message."""
        return self._http.download(f"{file['url_private']}?user={self.id}")

    def screen(self) -> str:
        """All that is before this person, in words: open modals, and the last messages of each channel."""
        parts = [ViewScreen(self, view).text for view in self._stack()]
        for channel in self._http.get("/sandbox/state", user=self.id)["channels"]:
            last = self.messages(channel["id"], limit=3)
            if last:
                name = "DM with promobot" if channel["is_im"] else f"#{channel['name']}"
                parts.append(f"-- {name} --\n" + "\n".join(_line(message) for message in last))
        return "\n\n".join(parts) or "(nothing)"

    # What screens are made of

    def channel_id(self, name: str) -> str:
        """The id of a channel by "#name", "@promobot" (the DM) or id."""
        if name.startswith("@"):
            return f"D{self.id[1:]}"
        if name.startswith("#"):
            by_name = {c.name: c.id for c in people.default_channels().values() if not c.is_im}
            return by_name.get(name[1:], name)
        return name

    def uploaded(self, file: File) -> Json:
        """Upload a file unless it was; returns its object."""
        if isinstance(file, dict):
            return file
        name, content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
        return self._http.upload(self.id, name, content)

    def typed(self, container: Json, placed: Placed, entry: Json) -> None:
        """Remember what was typed into a modal until it is sent."""
        values = self._typed.setdefault(str(container.get("view_id")), {})
        values.setdefault(placed.block_id, {})[placed.action_id] = entry

    def act(self, container: Json, action: Json) -> None:
        """Send a click or a choice with all that was typed so far. Raises Refused."""
        state = self._typed.get(str(container.get("view_id")), {}) if container["type"] == "view" else {}
        body = {"user": self.id, "container": container, "action": action, "state": state}
        self._http.post("/sandbox/action", body)

    def suggestions(self, container: Json, placed: Placed, typed: str) -> Json:
        """Ask an external select for its options."""
        state = self._typed.get(str(container.get("view_id")), {}) if container["type"] == "view" else {}
        body = {"user": self.id, "container": container, "value": typed, "state": state}
        return self._http.post("/sandbox/options", body | {"block_id": placed.block_id, "action_id": placed.action_id})

    def submit_view(self, view_id: str) -> Json:
        """Submit a modal with all that was typed."""
        body = {"user": self.id, "view_id": view_id, "state": self._typed.get(view_id, {})}
        return self._http.post("/sandbox/submit", body)

    def close_view(self, view_id: str, *, everything: bool) -> None:
        """Close a modal."""
        self._http.post("/sandbox/close", {"user": self.id, "view_id": view_id, "clear": everything})

    def _stack(self) -> list[Json]:
        views: list[Json] = self._http.get("/sandbox/screen", user=self.id)["views"]
        return views

    def _with_typed(self, view: Json) -> Json:
        """A view with what was typed into it and not sent yet."""
        values = {block: dict(entries) for block, entries in view["state"]["values"].items()}
        for block, entries in self._typed.get(view["id"], {}).items():
            for action, entry in entries.items():
                if action in values.get(block, {}):
                    values[block][action] = entry
        return view | {"state": {"values": values}}

    def _do(self, fits: Callable[[ViewScreen], bool], do: Callable[[ViewScreen], object], failed: str) -> None:
        """Do something in the modal on top once it fits; in the one that it became, if the bot has just changed it."""

        def done() -> bool:
            modal = self.modal()
            if modal is None or not fits(modal):
                return False
            try:
                do(modal)
            except Refused as refusal:
                if refusal.name != "not_found":
                    raise
                return False
            return True

        self._until(done, failed)

    def _with_button(self, name: str, channel: str | None) -> MessageScreen | None:
        rows = self._http.get("/sandbox/state", user=self.id)["channels"]
        places = [self.channel_id(channel)] if channel else [row["id"] for row in rows]
        found = [m for place in places for m in self.messages(place) if m.has_button(name)]
        return max(found, key=lambda message: message.ts) if found else None

    def _until(self, look: Callable[[], T | None], failed: str, timeout: float = WAIT_SECONDS) -> T:
        return self._http.wait_for(look, lambda: f"{self.name}: {failed}. On the screen:\n{self.screen()}", timeout)


def _line(message: MessageScreen) -> str:
    name = people.USERS[message.user].name if message.user in people.USERS else "?"
    only = " (only visible to you)" if message.is_ephemeral else ""
    return f"{name}{only}: {message.text}"
