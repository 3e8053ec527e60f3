"""From the builder's modal back to what it shows. Pure.

The modal itself is the draft: block ids say which rows and groups there are, its inputs say what is in them.

    segments.match:2                 the block of group 2's "all of these / any of these…" (group 0: the top)
    segments.row:2:5                 row 5, in group 2: its field, operator, what it is about, and within which time
    segments.row:2:6:5               row 6, about a property of the event of row 5
    segments.value:2:5:line          that row's value; the last part is its shape, so that no value outlives a change
    segments.list:2:5:17             its list, which is in stored file 17
    segments.file:2:5:9              a file to take its list from; the last part changes when it could not be read
    segments.days:2:5                within how many days
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from commands.segments import draft as drafts
from commands.segments.draft import Draft, Row
from distribution.segments.asking import Known
from distribution.segments.fields import LABELS, OPS

NAME, MATCH, ROW, VALUE = "segments.form", "segments.match", "segments.row", "segments.value"
LIST, FILE, DAYS = "segments.list", "segments.file", "segments.days"
FIELD, OP, ABOUT, WITHIN = "segments.field", "segments.op", "segments.about", "segments.within"

# A choice whose value was too long for a select is typed.
TYPED_INSTEAD = {drafts.KNOWN: drafts.LINE}


@dataclass(frozen=True)
class Uploaded:
    """A file in a row's input that nobody has read yet, as Slack tells of it."""

    row: int
    file: Mapping[str, Any]


def read(view: Mapping[str, Any], known: Known) -> Draft:
    """The draft that a view shows, with what was typed and chosen since."""
    draft = Draft(last=json.loads(view.get("private_metadata") or "{}").get("last", 0))
    for block in view["blocks"]:
        head, *parts = str(block.get("block_id", "")).split(":")
        if head == NAME:
            draft = replace(draft, name=_typed(view, block))
        elif head == MATCH:
            match = _chosen(view, block, MATCH)
            draft = replace(draft, matches={**draft.matches, int(parts[0]): match if match else "all"})
        elif head == ROW:
            row = _row(view, block, [int(part) for part in parts], draft, known)
            draft = replace(draft, rows=(*draft.rows, row)) if row else draft
        elif head in (VALUE, LIST, DAYS):
            draft = _filled(draft, int(parts[1]), head, parts[-1], _typed(view, block), known)
    return draft


def field_action(event: str = "") -> str:
    """The action id of a row's field; of a property's, each event has its own, so that no choice outlives a change."""
    return f"{FIELD}:{event}" if event else FIELD


def uploaded(view: Mapping[str, Any]) -> Iterator[Uploaded]:
    """Files that were put into rows."""
    for block_id, elements in view["state"]["values"].items():
        head, *parts = block_id.split(":")
        if head == FILE:
            for element in elements.values():
                for file in element.get("files") or []:
                    yield Uploaded(int(parts[1]), file)


def _row(view: Mapping[str, Any], block: Mapping[str, Any], parts: list[int], draft: Draft, known: Known) -> Row | None:
    """A row as its selects say; of an operator or a subject that its field does not have, the first, or none.

    None for a property of an event that has none, since another event was chosen.
    """
    group, row_id, *rest = parts
    row = Row(row_id, group, drafts.FIRST_FIELD, "", of=rest[0] if rest else 0)
    field = _chosen(view, block, field_action(draft.event_of(row))) or drafts.FIRST_FIELD
    row = replace(row, field=field)
    if row.of:
        keys = list(known.properties(draft.event_of(row)))
        if not keys:
            return None
        row = row if field in keys else replace(row, field=keys[0])
    elif row.base not in ("attribute", *LABELS):
        row = replace(row, field=drafts.FIRST_FIELD)
    kind = drafts.kind(draft, row, known)
    op = _chosen(view, block, f"{OP}:{kind}")
    about = _chosen(view, block, f"{ABOUT}:{row.about_what}") if row.about_what else None
    within = _chosen(view, block, WITHIN) if row.may_be_within else None
    return replace(
        row,
        op=op if op in OPS[kind] else next(iter(OPS[kind])),
        about="" if about in (None, drafts.ANY) else about,
        days="" if within == "days" else None,
    )


def _filled(draft: Draft, row_id: int, head: str, last: str, typed: str, known: Known) -> Draft:
    """The draft with what one input says of a row, where the row still has such an input."""
    row = next((each for each in draft.rows if each.id == row_id), None)
    if row is None or (head == DAYS and row.days is None):
        return draft
    if head == DAYS:
        changed = replace(row, days=typed)
    elif head == LIST:
        if drafts.shape(draft, row, known) != drafts.LINES:
            return draft
        changed = replace(row, upload=int(last))
    elif last in (shape := drafts.shape(draft, row, known), TYPED_INSTEAD.get(shape)):
        changed = replace(row, value=typed)
    else:
        return draft
    return replace(draft, rows=tuple(changed if each.id == row_id else each for each in draft.rows))


def _chosen(view: Mapping[str, Any], block: Mapping[str, Any], action_id: str) -> str | None:
    """What is chosen in a select: now, or when it was shown."""
    state = view["state"]["values"].get(block["block_id"], {}).get(action_id, {})
    if state.get("selected_option"):
        return str(state["selected_option"]["value"])
    elements = [*block.get("elements", []), block.get("element", {}), block.get("accessory", {})]
    element: Mapping[str, Any] = next((each for each in elements if each.get("action_id") == action_id), {})
    shown = element.get("initial_option")
    return str(shown["value"]) if shown else None


def _typed(view: Mapping[str, Any], block: Mapping[str, Any]) -> str:
    """What is typed or chosen in an input block; several choices one to a line."""
    for state in view["state"]["values"].get(block["block_id"], {}).values():
        if state.get("selected_option"):
            return str(state["selected_option"]["value"])
        if state.get("selected_options"):
            return "\n".join(str(option["value"]) for option in state["selected_options"])
        return str(state.get("value") or state.get("selected_date") or "")
    return ""


def is_day(text: str) -> bool:
    """Whether a value can be shown in a date picker."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
