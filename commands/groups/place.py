"""What a group's button or modal carries: ids, and the list message to bring up to date afterwards."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from commands.ui import blocks as ui
from distribution.codes.recipe import Recipe, shares_of
from storage.tables import PromoCodeGroup

GENERATE, PASTE, FILE = "generate", "paste", "file"
OUT = "out"
NO_EXPIRY = "none"
FIRST_ORDER = "name"  # of a list that nobody has sorted
TABLE = "table"  # instead of an order: all groups in one table, which Slack sorts and filters

# What a form keeps of inputs that it does not show now; Slack takes 3,000 characters of metadata.
KEPT = (
    "name", "formats", "shares", "prefix", "suffix", "lookalikes", "count", "codes", "low_stock", "expires", "validity",
    "top_up", "top_up_ceiling",
)  # fmt: skip
KEPT_MAX = 1800


@dataclass(frozen=True)
class Value:
    """A button's value: a group's id, and on a list also its page, order and searched words ("3 10 name summer").

    Other surfaces give the id alone.
    """

    group_id: int
    first: int = 0
    words: str = ""
    order: str = FIRST_ORDER

    def __str__(self) -> str:
        return f"{self.group_id} {self.first} {self.order} {self.words}".rstrip()

    @staticmethod
    def read(text: str) -> "Value":
        """Take a value apart."""
        group_id, first, order, words = (text.split(" ", 3) + [""] * 4)[:4]
        return Value(int(group_id or 0), int(first or 0), words, order or FIRST_ORDER)


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
    order: str = FIRST_ORDER
    more: bool = False  # the form shows what is seldom needed, too
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
        return Value(self.group_id or 0, self.first, self.words, self.order)

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
    shares: str = ""
    prefix: str = ""
    suffix: str = ""
    lookalikes: str = ""  # "out": they are left out
    low_stock: str = ""
    expires: str = ""  # a day, "2026-08-31"
    validity: str = ""
    top_up: str = ""
    top_up_ceiling: str = ""
    column: str = ""
    expiry: str = ""  # the column of the codes' own expiries, or NO_EXPIRY
    dates: str = ""

    @staticmethod
    def read(view: Mapping[str, Any]) -> "Typed":
        """From a view's state, and from what it keeps of inputs that it does not show."""
        given: dict[str, Any] = dict(Place.load(view["private_metadata"]).kept)
        for block_id, value in ui.values(view["state"]["values"]).items():
            given[block_id.partition(":")[2]] = value or ""
        files = tuple(given.pop("file", ()))
        given["lookalikes"] = "".join(given.get("lookalikes", ""))  # a list of what is ticked
        known = {key: value for key, value in given.items() if key in Typed.__dataclass_fields__}
        return replace(Typed(files=files), **known)

    @property
    def recipe(self) -> Recipe:
        """How codes are to be made. Raises `Refused` at "shares"; the rest is looked at when it is used."""
        texts = tuple(line.strip() for line in self.formats.splitlines() if line.strip())
        shares = shares_of(self.shares) if len(texts) > 1 else ()
        return Recipe(texts, shares, self.prefix.strip(), self.suffix.strip(), self.lookalikes == OUT)

    @staticmethod
    def of_group(group: PromoCodeGroup, time_zone: str, *, count: str = "") -> "Typed":
        """What a form shows of a group as it is."""
        day = last_day(group.expires_at, time_zone)
        return Typed(
            name=group.name,
            formats="\n".join(group.formats),
            count=count,
            shares=", ".join(map(str, group.shares)),
            prefix=group.prefix,
            suffix=group.suffix,
            lookalikes=OUT if group.without_lookalikes else "",
            low_stock=str(group.low_stock_level or ""),
            expires=day.isoformat() if day else "",
            validity=str(group.validity_days or ""),
            top_up=str(group.top_up or ""),
            top_up_ceiling=str(group.top_up_ceiling or ""),
        )

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
