"""Conditions on an event's properties, as rows that are kept while they are typed.

They are a segment's rows about one event (`commands.segments.draft`), so both builders ask, check and say the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from commands.segments import draft as drafts
from commands.segments import translating
from commands.segments.draft import TOP, Draft, Row
from distribution.errors import Refused
from distribution.segments import rules
from distribution.segments.asking import Known
from distribution.segments.fields import OPS
from storage.rules import Condition, Rules

MOST = 10
EVENT_ROW = 1  # the row of the event itself

Kept = Sequence[Mapping[str, Any]]  # {"id", "key", "op", "value"}


def shown(event: str, kept: Kept, known: Known) -> Draft:
    """The rows that are shown for an event, each with an operator that its property has.

    A row about a property that the event does not have is left out.
    """
    draft = Draft(rows=(Row(EVENT_ROW, TOP, "event", "did", about=event),), last=EVENT_ROW)
    keys = list(known.properties(event))
    rows = []
    for each in kept:
        if each["key"] in keys:
            row = Row(int(each["id"]), TOP, each["key"], each.get("op") or "", each.get("value") or "", of=EVENT_ROW)
            rows.append(row)
    draft = Draft(rows=(*draft.rows, *rows), last=max((row.id for row in rows), default=EVENT_ROW))
    return Draft(rows=tuple(_possible(draft, row, known) for row in draft.rows), last=draft.last)


def kept(draft: Draft) -> list[dict[str, Any]]:
    """Rows as they are kept."""
    return [
        {"id": row.id, "key": row.field, "op": row.op, "value": row.value} for row in draft.rows if row.of == EVENT_ROW
    ]


def added(event: str, rows: Kept, known: Known) -> list[dict[str, Any]]:
    """One row more: about the first property that none asks about yet. None of their ids is given again."""
    draft = shown(event, rows, known)
    highest = max((int(each["id"]) for each in rows), default=EVENT_ROW)
    draft = Draft(rows=draft.rows, last=max(draft.last, highest))
    return kept(drafts.new_property(draft, EVENT_ROW, known)) if len(kept(draft)) < MOST else kept(draft)


def removed(rows: Kept, row_id: int) -> list[dict[str, Any]]:
    """Without one row."""
    return [dict(each) for each in rows if int(each["id"]) != row_id]


def from_json(event: str, where: Sequence[Mapping[str, Any]], known: Known) -> list[dict[str, Any]]:
    """The rows of conditions as a trigger keeps them."""
    condition = rules.condition({"field": "event", "event": event, "op": "did", "where": list(where)})
    return kept(translating.draft_of("", Rules("all", False, (condition,)), known))


def to_json(event: str, rows: Kept, known: Known) -> list[dict[str, Any]]:
    """Conditions as a trigger keeps them. Raises `Refused` at the row's "value-2"."""
    if not rows:
        return []
    try:
        found = translating.rules(shown(event, rows, known), known)
    except translating.RowsRefused as refusal:
        row_id, why = next(iter(refusal.problems.items()))
        raise Refused(why, field=f"value-{row_id}") from None
    condition = found.parts[0]
    assert isinstance(condition, Condition)  # noqa: S101  the one row about the event
    data: list[dict[str, Any]] = rules.to_json(Rules("all", False, (condition,)))["rules"][0].get("where", [])
    return data


def _possible(draft: Draft, row: Row, known: Known) -> Row:
    """A row whose operator its property has."""
    if not row.of:
        return row
    ops = OPS[drafts.kind(draft, row, known)]
    return row if row.op in ops else Row(row.id, TOP, row.field, next(iter(ops)), row.value, of=EVENT_ROW)
