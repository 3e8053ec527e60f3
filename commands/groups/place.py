"""What a group's button or modal carries: ids, and the list message to bring up to date afterwards."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from commands.ui import blocks as ui

GENERATE, PASTE, FILE = "generate", "paste", "file"

# What a form keeps of inputs that it does not show now; Slack takes 3,000 characters of metadata.
KEPT = ("name", "formats", "count", "codes", "low_stock", "expires")
KEPT_MAX = 1800


@dataclass(frozen=True)
class Value:
    """A button's value: a group's id, and on a list also the page and the words that it shows ("3 10 summer").

    Other surfaces give the id alone.
    """

    group_id: int
    first: int = 0
    words: str = ""

    def __str__(self) -> str:
        return f"{self.group_id} {self.first} {self.words}".rstrip()

    @staticmethod
    def read(text: str) -> "Value":
        """Take a value apart."""
        parts = text.split(" ", 2)
        return Value(int(parts[0] or 0), int(parts[1]) if len(parts) > 1 else 0, parts[2] if len(parts) > 2 else "")


@dataclass(frozen=True)
class Place:
    """A modal's `private_metadata`.

    `list_url` is the response URL of the list that the modal was opened from (Slack takes five answers to it in half
    an hour), `below` the id of the group's view that it lies on; "" where there is none. `kept` is what was typed into
    inputs that the modal does not show now, by field.
    """

    group_id: int | None = None  # None: a group that is not there yet
    list_url: str = ""
    first: int = 0
    words: str = ""
    below: str = ""
    upload_id: int | None = None
    kept: tuple[tuple[str, str], ...] = ()

    def dump(self) -> str:
        """As `private_metadata`."""
        return json.dumps({key: value for key, value in asdict(self).items() if value}, ensure_ascii=False)

    @staticmethod
    def load(metadata: str) -> "Place":
        """From a view's `private_metadata`."""
        given = json.loads(metadata or "{}")
        return Place(**{**given, "kept": tuple((key, value) for key, value in given.get("kept", ()))})

    @property
    def value(self) -> Value:
        """The value of a button that leads further."""
        return Value(self.group_id or 0, self.first, self.words)

    def keeping(self, typed: "Typed") -> "Place":
        """The same with what is typed, as far as there is room for it."""
        kept = [(field, getattr(typed, field)) for field in KEPT if getattr(typed, field)]
        while len(json.dumps(kept, ensure_ascii=False)) > KEPT_MAX:
            kept.remove(max(kept, key=lambda pair: len(pair[1])))
        return replace(self, kept=tuple(kept))


@dataclass(frozen=True)
class Typed:
    """What the inputs of a group's modal hold, as typed."""

    name: str = ""
    method: str = GENERATE
    formats: str = ""
    count: str = ""
    codes: str = ""
    files: tuple[str, ...] = ()
    low_stock: str = ""
    expires: str = ""  # a day, "2026-08-31"
    column: str = ""

    @staticmethod
    def read(view: Mapping[str, Any]) -> "Typed":
        """From a view's state, and from what it keeps of inputs that it does not show."""
        given: dict[str, Any] = dict(Place.load(view["private_metadata"]).kept)
        for block_id, value in ui.values(view["state"]["values"]).items():
            given[block_id.partition(":")[2]] = value or ""
        files = tuple(given.pop("file", ()))
        known = {key: value for key, value in given.items() if key in Typed.__dataclass_fields__}
        return replace(Typed(files=files), **known)

    @staticmethod
    def of_file(place: Place) -> "Typed":
        """What was typed before an uploaded file's column was asked for."""
        kept: dict[str, Any] = dict(place.kept)
        return replace(Typed(method=FILE), **kept)


def end_of(day: str, time_zone: str) -> datetime | None:
    """The moment at which a day is over where somebody lives; None for no day."""
    if not day:
        return None
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), ZoneInfo(time_zone))


def last_day(expires_at: datetime | None, time_zone: str) -> date | None:
    """The last day of a group that expires then, where somebody lives."""
    return (expires_at - timedelta(seconds=1)).astimezone(ZoneInfo(time_zone)).date() if expires_at else None
