"""The rules of a segment while they are being built in a modal. Pure: from what is on the screen, and back to it.

The modal itself is the draft: block ids say which rows and groups there are, its inputs say what is in them.

    segments.match:2                 the block of group 2's "all of these / any of these…" (group 0: the top)
    segments.row:2:5                 row 5, in group 2: its field, operator, promo code group
    segments.value:2:5:text          that row's value; the last part is its shape, so that no value outlives a change
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from distribution.customers import clean
from distribution.errors import Refused
from distribution.segments import rules as segment_rules
from distribution.segments.fields import OPS, PROFILE, kind_of
from storage.rules import COUNTS, Condition, Rules

MATCH, ROW, VALUE = "segments.match", "segments.row", "segments.value"
FIELD, OP, GROUP = "segments.field", "segments.op", "segments.group"
ANY_GROUP = "any"

TOP = 0
ROWS = 15  # a modal holds 100 blocks
GROUPS = 5

# What a group's select offers: match, negate.
MATCHES: dict[str, tuple[str, bool]] = {
    "all": ("all", False),
    "any": ("any", False),
    "none": ("any", True),
    "not_all": ("all", True),
}


@dataclass(frozen=True)
class Row:
    """A rule as it stands on the screen. `field`: a key of `FIELDS`, or "attribute:city"; `value`: as typed."""

    id: int
    group: int
    field: str
    op: str
    value: str = ""
    code_group: str = ANY_GROUP

    def attribute(self) -> str | None:
        """The attribute that it asks about."""
        return self.field.partition(":")[2] or None

    def kind(self, known: Mapping[str, str]) -> str:
        """The kind of its field; `known`: attributes, name → type."""
        name = self.attribute()
        return kind_of("attribute", known.get(name, "text")) if name else kind_of(self.field)

    def shape(self, known: Mapping[str, str]) -> str:
        """What its value is typed into: "none", "line", "lines", "date" or "consent"."""
        kind = self.kind(known)
        takes = OPS[kind][self.op].takes
        if takes != "one":
            return "none" if takes == "none" else "lines"
        return {"date": "date", "day": "date", "consent": "consent"}.get(kind, "line")


@dataclass(frozen=True)
class Draft:
    """Everything on the screen: the name, each group's match (`TOP` is the whole), and the rows in order."""

    name: str = ""
    matches: Mapping[int, str] = field(default_factory=lambda: {TOP: "all"})
    rows: tuple[Row, ...] = ()

    def of(self, group: int) -> list[Row]:
        """The rows of a group."""
        return [row for row in self.rows if row.group == group]


class RowRefused(Exception):
    """What is wrong with one row."""

    def __init__(self, row: Row, why: str) -> None:
        super().__init__(why)
        self.row = row


def new_row(draft: Draft, group: int = TOP) -> Draft:
    """One more rule. Unchanged where there are as many as a modal holds."""
    if len(draft.rows) >= ROWS:
        return draft
    number = max((row.id for row in draft.rows), default=0) + 1
    return replace(draft, rows=(*draft.rows, Row(number, group, "region", "is")))


def new_group(draft: Draft) -> Draft:
    """One more group, with a rule in it."""
    if len(draft.matches) > GROUPS or len(draft.rows) >= ROWS:
        return draft
    number = max(draft.matches) + 1
    return new_row(replace(draft, matches={**draft.matches, number: "any"}), number)


def without_row(draft: Draft, row_id: int) -> Draft:
    """Without one rule, and without its group where that is empty then."""
    rows = tuple(row for row in draft.rows if row.id != row_id)
    left = {row.group for row in rows} | {TOP}
    return replace(draft, rows=rows, matches={group: match for group, match in draft.matches.items() if group in left})


def read(view: Mapping[str, Any], known: Mapping[str, str]) -> Draft:
    """The draft that a view shows, with what was typed and chosen since. `known`: attributes, name → type."""
    name, matches, rows = "", {TOP: "all"}, dict[int, Row]()
    for block in view["blocks"]:
        head, *parts = str(block.get("block_id", "")).split(":")
        if head == "segments.form":
            name = _text(view, block) or ""
        elif head == MATCH:
            matches[int(parts[0])] = _chosen(view, block, MATCH) or "all"
        elif head == ROW:
            group, row_id = int(parts[0]), int(parts[1])
            key = _chosen(view, block, FIELD) or "region"
            row = Row(row_id, group, key, "", code_group=_chosen(view, block, GROUP) or ANY_GROUP)
            ops = OPS[row.kind(known)]
            op = _chosen(view, block, f"{OP}:{row.kind(known)}") or next(iter(ops))
            rows[row_id] = replace(row, op=op if op in ops else next(iter(ops)))
        elif head == VALUE and parts[2] == rows[int(parts[1])].shape(known):
            rows[int(parts[1])] = replace(rows[int(parts[1])], value=_text(view, block) or "")
    return Draft(name, matches, tuple(rows.values()))


def rules(draft: Draft, known: Mapping[str, str]) -> Rules:
    """The rules that a draft says. Raises `RowRefused` for the first row that says nothing, or nothing possible."""
    groups = [group for group in draft.matches if group != TOP]
    parts: list[Condition | Rules] = [_condition(row, known) for row in draft.of(TOP)]
    parts += [_rules(draft.matches[group], [_condition(row, known) for row in draft.of(group)]) for group in groups]
    match, negate = MATCHES[draft.matches[TOP]]
    return Rules(match, negate and bool(parts), tuple(parts))


def draft_of(name: str, stored: Rules) -> Draft:
    """The draft that shows rules as they are stored."""
    matches, rows = {TOP: _match(stored)}, list[Row]()
    for part in stored.parts:
        if isinstance(part, Rules):
            group = max(matches) + 1
            matches[group] = _match(part)
            rows += [_row(len(rows) + 1 + at, group, each) for at, each in enumerate(segment_rules.conditions(part))]
        else:
            rows.append(_row(len(rows) + 1, TOP, part))
    return Draft(name, matches, tuple(rows))


def field_keys(known: Mapping[str, str]) -> Iterator[str]:
    """Every field that a row may ask about, as a key."""
    yield from PROFILE
    yield from COUNTS
    yield from (f"attribute:{name}" for name in known)


def _rules(match: str, parts: list[Condition]) -> Rules:
    """A group."""
    how, negate = MATCHES[match]
    return Rules(how, negate, tuple(parts))


def _match(stored: Rules) -> str:
    """The choice that says a group's match."""
    return next(key for key, value in MATCHES.items() if value == (stored.match, stored.negate))


def _condition(row: Row, known: Mapping[str, str]) -> Condition:
    """One row's condition. Raises `RowRefused`."""
    data: dict[str, Any] = {"field": "attribute" if row.attribute() else row.field, "op": row.op}
    if name := row.attribute():
        data |= {"attribute": name, "type": known.get(name, "text")}
    if row.field in COUNTS and row.code_group != ANY_GROUP:
        data["group_id"] = int(row.code_group)
    shape = row.shape(known)
    if shape == "lines":
        data["value"] = [line.strip() for line in row.value.splitlines() if line.strip()]
    elif shape != "none":
        data["value"] = row.value.strip()
    try:
        return segment_rules.condition(data)
    except Refused as refusal:
        raise RowRefused(row, str(refusal)) from None


def _row(number: int, group: int, condition: Condition) -> Row:
    """The row that shows a condition."""
    key = f"attribute:{condition.attribute}" if condition.attribute else condition.field
    value = condition.value
    if isinstance(value, tuple):
        text = "\n".join(clean.shown(each) for each in value)
    else:
        text = "" if value is None else clean.shown(value)
    code_group = ANY_GROUP if condition.group_id is None else str(condition.group_id)
    return Row(number, group, key, condition.op, text, code_group)


def _chosen(view: Mapping[str, Any], block: Mapping[str, Any], action_id: str) -> str | None:
    """What is chosen in a select: now, or when it was shown."""
    state = view["state"]["values"].get(block["block_id"], {}).get(action_id, {})
    if state.get("selected_option"):
        return str(state["selected_option"]["value"])
    elements = [*block.get("elements", []), block.get("element", {}), block.get("accessory", {})]
    element: Mapping[str, Any] = next((each for each in elements if each.get("action_id") == action_id), {})
    shown = element.get("initial_option")
    return str(shown["value"]) if shown else None


def _text(view: Mapping[str, Any], block: Mapping[str, Any]) -> str | None:
    """What is typed or chosen in an input block."""
    for state in view["state"]["values"].get(block["block_id"], {}).values():
        if state.get("selected_option"):
            return str(state["selected_option"]["value"])
        typed: str | None = state.get("value") or state.get("selected_date")
        return typed
    return None


def is_day(text: str) -> bool:
    """Whether a value can be shown in a date picker."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
