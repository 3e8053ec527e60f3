"""The rules of a segment while they are being built in a modal: rows, groups of rows, and what happens to them. Pure.

A row asks about a field of the customer. A row about an event may have further rows below it, one for each property
that the event must have; such a row is `of` the event's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from distribution.segments.asking import Known
from distribution.segments.fields import EXTRAS, OPS, kind_of
from storage.tables import ATTRIBUTE_TYPES

TOP = 0
# A modal holds 100 blocks: a row takes up to three, a group three of its own, the rest eight.
ROWS = 20
GROUPS = 5

# What a group's select offers: match, negate.
MATCHES: dict[str, tuple[str, bool]] = {
    "all": ("all", False),
    "any": ("any", False),
    "none": ("any", True),
    "not_all": ("all", True),
}

# What a row is about beside its field, by the key that its rule has for it.
ABOUT = {"group_id": "group", "event": "event", "distribution_id": "distribution", "segment_id": "segment"}
# Where a row asks about all of them as long as none is chosen.
ANY = "any"
OPTIONAL = ("group", "distribution")

# How a value is typed in: text, a list, a number with or without decimals, a date, or a choice.
NONE, LINE, LINES, NUMBER, WHOLE, DATE = "none", "line", "lines", "number", "whole", "date"
CONSENT, REGION, REGIONS, ZONE, KNOWN = "consent", "region", "regions", "zone", "known"

# What an option of a select may hold (docs.slack.dev, option object); a longer value is typed.
OPTION_MAX = 150

FIRST_FIELD = "region"


@dataclass(frozen=True)
class Row:
    """A rule as it stands on the screen.

    `field`: a key of `Known.fields`, or of `Known.properties` in a row that is `of` another one. `value` is as typed, a
    list with one value to a line; `upload` is the stored file that a long list was put in. `about`: the id or name of
    the group, event, distribution or segment. `days`: None for at any time, else as typed.
    """

    id: int
    group: int
    field: str
    op: str
    value: str = ""
    about: str = ""
    days: str | None = None
    of: int = 0
    upload: int | None = None

    @property
    def base(self) -> str:
        """The field's name in a rule: "attribute" for "attribute:city"."""
        return self.field.partition(":")[0]

    @property
    def name(self) -> str:
        """The attribute or property that it asks about, else ""."""
        return [*self.field.split(":"), ""][1]

    @property
    def about_what(self) -> str | None:
        """What `about` is the id of: "group", "event", "distribution", "segment", or None."""
        extras = EXTRAS.get(self.base, {})
        return next((what for key, what in ABOUT.items() if key in extras), None)

    @property
    def may_be_within(self) -> bool:
        """Whether it may be limited to the last so many days."""
        return "days" in EXTRAS.get(self.base, {})


@dataclass(frozen=True)
class Draft:
    """Everything on the screen: the name, each group's match (`TOP` is the whole), and the rows in order, those about
    properties after their event's. `last`: the highest id that a row ever had; none is given twice, or what was typed
    into a row that was removed would show in a new one."""

    name: str = ""
    matches: Mapping[int, str] = field(default_factory=lambda: {TOP: "all"})
    rows: tuple[Row, ...] = ()
    last: int = 0

    def of(self, group: int) -> list[Row]:
        """The rows of a group, without those about properties."""
        return [row for row in self.rows if row.group == group and not row.of]

    def properties(self, event_row: Row) -> list[Row]:
        """The rows about properties of an event's row."""
        return [row for row in self.rows if row.of == event_row.id]

    def event_of(self, row: Row) -> str:
        """The event whose property a row asks about; "" where none is chosen yet."""
        return next((each.about for each in self.rows if each.id == row.of), "")

    @property
    def full(self) -> bool:
        """Whether a modal holds no further row."""
        return len(self.rows) >= ROWS


def type_of(draft: Draft, row: Row, known: Known) -> str:
    """The type of the attribute or property that a row asks about; text where nobody knows it."""
    if row.base == "attribute":
        return known.attributes.get(row.name, "text")
    as_asked = row.field.split(":")[2:]
    said = as_asked[0] if as_asked else known.events.get(draft.event_of(row), {}).get(row.name, "text")
    return said if said in ATTRIBUTE_TYPES else "text"


def kind(draft: Draft, row: Row, known: Known) -> str:
    """The kind of a row's field, which names its operators in `OPS`."""
    return kind_of(row.base, type_of(draft, row, known) if row.name else None)


def shape(draft: Draft, row: Row, known: Known) -> str:
    """What a row's value is typed into: one of the words above."""
    its_kind = kind(draft, row, known)
    takes = OPS[its_kind][row.op].takes
    if takes == "none":
        return NONE
    if takes == "days" or its_kind in ("count", "event"):
        return WHOLE
    if takes == "many":
        return REGIONS if row.field == "region" else LINES
    if row.field in ("region", "time_zone"):
        return REGION if row.field == "region" else ZONE
    if row.base == "attribute" and its_kind == "text" and row.op in ("is", "is_not") and len(row.value) <= OPTION_MAX:
        return KNOWN
    return {"date": DATE, "day": DATE, "consent": CONSENT, "number": NUMBER}.get(its_kind, LINE)


def new_row(draft: Draft, group: int = TOP) -> Draft:
    """One more rule. Unchanged where there are as many as a modal holds."""
    if draft.full:
        return draft
    number = draft.last + 1
    return replace(draft, rows=(*draft.rows, Row(number, group, FIRST_FIELD, "is")), last=number)


def new_group(draft: Draft) -> Draft:
    """One more group, with a rule in it."""
    if len(draft.matches) > GROUPS or draft.full:
        return draft
    number = max(draft.matches) + 1
    return new_row(replace(draft, matches={**draft.matches, number: "any"}), number)


def new_property(draft: Draft, event_row: int, known: Known) -> Draft:
    """One more property that an event must have: the first that nobody asked about yet."""
    parent = next((row for row in draft.rows if row.id == event_row), None)
    if parent is None or draft.full:
        return draft
    keys = list(known.properties(parent.about))
    asked = {row.field for row in draft.properties(parent)}
    key = next((each for each in keys if each not in asked), keys[0] if keys else None)
    if key is None:
        return draft
    row = Row(draft.last + 1, parent.group, key, "", of=parent.id)
    row = replace(row, op=next(iter(OPS[kind(draft, row, known)])))
    after = max(at for at, each in enumerate(draft.rows) if each.id == parent.id or each.of == parent.id) + 1
    return replace(draft, rows=(*draft.rows[:after], row, *draft.rows[after:]), last=row.id)


def without_row(draft: Draft, row_id: int) -> Draft:
    """Without one rule and what belongs to it, and without its group where that is empty then."""
    rows = tuple(row for row in draft.rows if row_id not in (row.id, row.of))
    left = {row.group for row in rows} | {TOP}
    return replace(draft, rows=rows, matches={group: match for group, match in draft.matches.items() if group in left})


def with_list(draft: Draft, row_id: int, upload: int | None) -> Draft:
    """With a row's list in a stored file, or out of it again and empty."""
    return replace(
        draft, rows=tuple(replace(row, upload=upload, value="") if row.id == row_id else row for row in draft.rows)
    )
