"""What a person has before them: a modal, a message or the home tab, with the things that can be done there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sandbox.blocks import STATE_KEYS, Json, Placed, Values, interactive
from sandbox.testing.client import NotOnScreen
from sandbox.testing.words import describe, read

if TYPE_CHECKING:
    from sandbox.testing.person import Person

PRESSED = ("button", "overflow", "workflow_button")


class FieldErrors(AssertionError):
    """A modal was not submitted: the errors at its fields, by label and by block id."""

    def __init__(self, by_label: dict[str, str], by_block: dict[str, str], screen: str) -> None:
        super().__init__(f"The fields say: {by_label}\n{screen}")
        self.by_label = by_label
        self.by_block = by_block


class Screen:
    """Blocks before a person. Names are matched against labels, texts on buttons, block ids and action ids."""

    def __init__(self, person: Person, blocks: list[Json], container: Json, values: Values) -> None:
        self.person = person
        self.blocks = blocks
        self.container = container
        self.values = values

    # Reading

    @property
    def text(self) -> str:
        """Everything on it as a person reads it, with what is filled in."""
        return describe(self.blocks, self.values)

    def __contains__(self, words: str) -> bool:
        return words in self.text

    def __repr__(self) -> str:
        return f"{type(self).__name__}:\n{self.text}"

    @property
    def buttons(self) -> list[str]:
        """The texts of its buttons."""
        return [read(p.element["text"]) for p in interactive(self.blocks) if p.element["type"] == "button"]

    def has_button(self, name: str) -> bool:
        """Whether `click(name)` would find something to press."""
        try:
            self._button(name)
        except NotOnScreen:
            return False
        return True

    def has_field(self, name: str) -> bool:
        """Whether `fill(name, …)` would find something to fill."""
        try:
            self._field(name)
        except NotOnScreen:
            return False
        return True

    def offers(self, option: str) -> bool:
        """Whether `choose(option)` would find that option."""
        fields = (p for p in interactive(self.blocks) if p.element["type"] not in PRESSED)
        return any(read(o["text"]) == option for p in fields for o in own_options(p.element))

    @property
    def fields(self) -> list[str]:
        """The names of what can be filled or chosen, as `fill` takes them."""
        return [names(p)[0] for p in interactive(self.blocks) if p.element["type"] not in PRESSED]

    def value(self, field: str) -> Any:
        """What a field holds: a text, a chosen option's text, a list of them, a date…, or None."""
        placed = self._field(field)
        entry = self.values.get(placed.block_id, {}).get(placed.action_id, {})
        value = entry.get(STATE_KEYS[placed.element["type"]][0])
        if isinstance(value, list):
            return [read(v["text"]) if isinstance(v, dict) and "text" in v else v for v in value]
        return read(value["text"]) if isinstance(value, dict) and "text" in value else value

    def choices(self, field: str) -> list[str]:
        """The texts of a field's options."""
        return [read(option["text"]) for option in own_options(self._field(field).element)]

    def search(self, field: str, typed: str) -> list[str]:
        """What an external select offers for what is typed."""
        return [read(option["text"]) for option in self._suggested(self._field(field), typed)]

    def confirmation(self, name: str) -> str | None:
        """The words of the dialog that a button asks with, or None."""
        confirm = self._button(name)[0].element.get("confirm")
        if confirm is None:
            return None
        return "\n".join(read(confirm[key]) for key in ("title", "text", "confirm", "deny") if key in confirm)

    # Doing

    def click(self, name: str, *, confirm: bool = True) -> Self:
        """Press a button, or an entry of an overflow menu. `confirm=False` presses the dialog's other button."""
        placed, chosen = self._button(name)
        if placed.element.get("confirm") and not confirm:
            return self
        action: Json = {"block_id": placed.block_id, "action_id": placed.action_id, "type": placed.element["type"]}
        if chosen is not None:
            action["selected_option"] = chosen
        elif "value" in placed.element:
            action["value"] = placed.element["value"]
        self._act(action)
        return self

    def fill(self, field: str, value: Any) -> Self:
        """Fill or choose: a text, an option's text or value, a list of them, a date, a time, files.

        In an external select the text is typed and the matching option taken. Sends the action wherever Slack does.
        """
        placed = self._field(field)
        entry = self._entry(placed, value)
        self.values.setdefault(placed.block_id, {})[placed.action_id] = entry
        self.person.typed(self.container, placed, entry)
        is_input = placed.block.get("type") == "input"
        if not is_input or placed.block.get("dispatch_action"):
            self._act({"block_id": placed.block_id, "action_id": placed.action_id, **entry})
        return self

    def choose(self, option: str) -> Self:
        """Choose the option with this text, in whichever select, radio or checkbox group has it."""
        for placed in interactive(self.blocks):
            kind = placed.element["type"]
            if kind not in PRESSED and any(read(o["text"]) == option for o in own_options(placed.element)):
                many = STATE_KEYS[kind][0] == "selected_options"
                return self.fill(names(placed)[0], [option] if many else option)
        raise NotOnScreen(f"There is no option '{option}'. On the screen:\n{self.text}")

    def _act(self, action: Json) -> None:
        self.person.act(self.container, action)

    # Finding

    def _button(self, name: str) -> tuple[Placed, Json | None]:
        """A button by name, or an overflow menu with the option of that name."""
        everything = list(interactive(self.blocks))
        buttons = [p for p in everything if p.element["type"] in PRESSED and name in names(p)]
        menus = [
            (placed, option)
            for placed in everything
            if placed.element["type"] == "overflow"
            for option in placed.element["options"]
            if name in (read(option["text"]), option.get("value"))
        ]
        found: list[tuple[Placed, Json | None]] = [(p, None) for p in buttons if p.element["type"] != "overflow"]
        found += menus
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotOnScreen(f"There is no button '{name}'. On the screen:\n{self.text}")
        ids = ", ".join(f"{p.block_id}/{p.action_id}" for p, _ in found)
        raise NotOnScreen(f"There are {len(found)} buttons '{name}'; name one by its block_id/action_id: {ids}")

    def _field(self, name: str) -> Placed:
        fields = [p for p in interactive(self.blocks) if p.element["type"] not in PRESSED]
        for exact in (True, False):
            found = [p for p in fields if _matches(name, names(p), exact=exact)]
            if len(found) == 1:
                return found[0]
            if found:
                ids = ", ".join(f"{p.block_id}/{p.action_id}" for p in found)
                raise NotOnScreen(f"There are {len(found)} fields '{name}'; name one by its block_id/action_id: {ids}")
        raise NotOnScreen(f"There is no field '{name}', only {self.fields}. On the screen:\n{self.text}")

    # Values

    def _entry(self, placed: Placed, value: Any) -> Json:
        kind = placed.element["type"]
        key = STATE_KEYS[kind][0]
        if key == "selected_option":
            chosen: Any = None if value is None else self._option(placed, value)
        elif key == "selected_options":
            chosen = [self._option(placed, item) for item in _listed(value)]
        elif key == "files":
            chosen = [self.person.uploaded(item) for item in _listed(value)]
        elif key == "selected_date_time":
            chosen = int(value.timestamp()) if isinstance(value, datetime) else value
        elif isinstance(value, time_of_day):
            chosen = value.strftime("%H:%M")
        elif isinstance(value, date):
            chosen = value.isoformat()
        elif key in ("selected_users", "selected_conversations", "selected_channels"):
            chosen = _listed(value)
        else:
            chosen = str(value) if key == "value" and value is not None else value
        return {"type": kind, key: chosen}

    def _option(self, placed: Placed, wanted: str) -> Json:
        external = placed.element["type"].endswith("external_select")
        options = self._suggested(placed, wanted) if external else own_options(placed.element)
        exact = [o for o in options if wanted in (read(o["text"]), o.get("value"))]
        near = [o for o in options if wanted.lower() in read(o["text"]).lower()]
        if exact:
            return exact[0]
        if len(near) == 1:
            return near[0]
        offered = [read(option["text"]) for option in options]
        raise NotOnScreen(f"'{names(placed)[0]}' does not offer '{wanted}', only {offered}.")

    def _suggested(self, placed: Placed, typed: str) -> list[Json]:
        answer = self.person.suggestions(self.container, placed, typed)
        return own_options(answer)


class ViewScreen(Screen):
    """A modal."""

    def __init__(self, person: Person, view: Json) -> None:
        container = {"type": "view", "view_id": view["id"]}
        super().__init__(person, view["blocks"], container, view["state"]["values"])
        self.raw = view
        self.id: str = view["id"]

    @property
    def title(self) -> str:
        """Its title."""
        return read(self.raw.get("title"))

    @property
    def text(self) -> str:
        """Title, blocks and the buttons at the foot."""
        feet = [f"[{read(self.raw[key])}]" for key in ("close", "submit") if self.raw.get(key)]
        return f"== {self.title} ==\n{super().text}\n{'  '.join(feet)}"

    def submit(self) -> ViewScreen | None:
        """Press its submit button; returns the modal on top afterwards, None when all are closed.

        Raises FieldErrors when the fields refuse; use `refused()` where that is expected.
        """
        answer = self.person.submit_view(self.id)
        errors = answer.get("errors") or {}
        if errors:
            raise FieldErrors(self._by_label(errors), errors, describe(self.blocks, self.values, errors))
        return ViewScreen(self.person, answer["views"][-1]) if answer["views"] else None

    def refused(self) -> dict[str, str]:
        """Press its submit button and expect errors at the fields: returns them by label."""
        try:
            after = self.submit()
        except FieldErrors as error:
            return error.by_label
        raise AssertionError(f"The modal was submitted, though errors were expected. On the screen now:\n{after}")

    def close(self, *, everything: bool = False) -> None:
        """Close it (or all)."""
        self.person.close_view(self.id, everything=everything)

    def _by_label(self, errors: dict[str, str]) -> dict[str, str]:
        labels = {b.get("block_id"): read(b.get("label")) for b in self.blocks if b.get("type") == "input"}
        return {labels.get(block_id) or block_id: text for block_id, text in errors.items()}


class MessageScreen(Screen):
    """A message or an ephemeral."""

    def __init__(self, person: Person, message: Json) -> None:
        is_ephemeral = bool(message.get("is_ephemeral"))
        container = {
            "type": "message",
            "channel": message["channel"],
            "message_ts": message["ts"],
            "is_ephemeral": is_ephemeral,
        }
        super().__init__(person, message.get("blocks", []), container, {})
        self.raw = message
        self.ts: str = message["ts"]
        self.channel: str = message["channel"]
        self.is_ephemeral = is_ephemeral
        self.user: str = message.get("user", "")

    @property
    def notification(self) -> str:
        """Its `text`: what notifications and screen readers say."""
        return read(self.raw.get("text", ""))

    @property
    def text(self) -> str:
        """Its blocks (or its text where it has none), and the names of its files."""
        body = super().text if self.blocks else self.notification
        for attachment in self.raw.get("attachments", []):
            body += "\n" + (describe(attachment["blocks"]) if "blocks" in attachment else read(attachment.get("text")))
        return "\n".join([body, *(f"({file.get('name')})" for file in self.files)]).strip()

    @property
    def files(self) -> list[Json]:
        """Slack's objects of its files; `person.download(file)` gets the bytes."""
        files: list[Json] = self.raw.get("files", [])
        return files

    def replies(self) -> list[MessageScreen]:
        """The replies in its thread, oldest first."""
        return self.person.thread(self.channel, self.ts)[1:]


class HomeScreen(Screen):
    """The home tab."""

    def __init__(self, person: Person, view: Json) -> None:
        container = {"type": "view", "view_id": view["id"]}
        super().__init__(person, view["blocks"], container, view["state"]["values"])
        self.raw = view


def names(placed: Placed) -> list[str]:
    """What an element may be called, the best first: its label or text, then ids."""
    block, element = placed.block, placed.element
    found = [read(element["text"])] if element.get("text") else []
    found += [read(block[key]) for key in ("label", "text") if block.get(key) and element.get("type") != "button"]
    found += [placed.block_id, placed.action_id, f"{placed.block_id}/{placed.action_id}"]
    if element.get("placeholder"):
        found.append(read(element["placeholder"]))
    return [name for name in found if name]


def _matches(name: str, candidates: Iterable[str], *, exact: bool) -> bool:
    if exact:
        return name in candidates
    return any(candidate.lower().startswith(name.lower()) for candidate in candidates)


def own_options(holder: Json) -> list[Json]:
    """All options of an element or of a bot's answer, those in groups too."""
    options = list(holder.get("options") or [])
    for group in holder.get("option_groups") or []:
        options += group.get("options") or []
    return options


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return []
    return [value] if isinstance(value, str | Path | tuple | dict) else list(value)
