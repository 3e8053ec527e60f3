"""Conditions on an event's properties, as rows that are kept while they are typed.

They are asked of the event that sets a distribution off ("where"), and of the one that calls its text off
("unless_where").

They are a segment's rows about one event (`commands.segments.draft`), so both builders ask, check and say the same. Of
an event that never came in nobody knows the properties: their names are typed, each with its type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from commands.segments import draft as drafts
from commands.segments import translating
from commands.segments.draft import TOP, Draft, Row
from distribution.customers import clean
from distribution.errors import Refused
from distribution.segments import rules
from distribution.segments.asking import Known
from distribution.segments.fields import OPS
from storage.tables import ATTRIBUTE_TYPES

MOST = 10
EVENT_ROW = 1  # the row of the event itself

# Which event's rows: where its name is typed, and where its rows are kept.
ROWS = {"where": "event", "unless_where": "unless"}

# {"id", "key", "op", "value"}; the key is one of `Known.properties`, "property:total:number" where the event has none
# such (its name was typed, or it came over HTTP), or "".
Kept = Sequence[Mapping[str, Any]]


def is_known(event: str, known: Known) -> bool:
    """Whether the properties of an event can be chosen from."""
    return bool(known.events.get(event))


def keys(typed: str) -> list[tuple[str, str]]:
    """A property of an event that never came in, by what is typed: its keys and the words for each, one for a type."""
    name = "_".join(typed.partition("(")[0].split())
    if not name.isidentifier() or len(name) > 60:
        return []
    return [(f"property:{name}:{kind}", words(f"property:{name}:{kind}")) for kind in ATTRIBUTE_TYPES]


def words(key: str) -> str:
    """A property by its key: "cart total (number)"."""
    _, name, *kind = key.split(":")
    return name.replace("_", " ") + (f" ({'yes or no' if kind[0] == 'boolean' else kind[0]})" if kind else "")


def shown(event: str, kept: Kept, known: Known) -> Draft:
    """The rows that are shown for an event, each with an operator that its property has.

    A row about a property whose type nobody knows is left out; one without a property asks for it.
    """
    draft = Draft(rows=(Row(EVENT_ROW, TOP, "event", "did", about=event),), last=EVENT_ROW)
    rows = []
    for each in kept:
        key = _key(event, str(each["key"]), known)
        if key is not None:
            rows.append(Row(int(each["id"]), TOP, key, each.get("op") or "", each.get("value") or "", of=EVENT_ROW))
    draft = Draft(rows=(*draft.rows, *rows), last=max((row.id for row in rows), default=EVENT_ROW))
    return replace(draft, rows=tuple(_possible(draft, row, known) for row in draft.rows))


def kept(draft: Draft) -> list[dict[str, Any]]:
    """Rows as they are kept."""
    return [
        {"id": row.id, "key": row.field, "op": row.op, "value": row.value} for row in draft.rows if row.of == EVENT_ROW
    ]


def added(event: str, rows: Kept, known: Known) -> list[dict[str, Any]]:
    """One row more: about the first property that none asks about yet. None of their ids is given again."""
    highest = max((int(each["id"]) for each in rows), default=EVENT_ROW)
    draft = replace(shown(event, rows, known), last=highest)
    if len(kept(draft)) >= MOST:
        return kept(draft)
    if not is_known(event, known):
        return [*kept(draft), {"id": highest + 1, "key": "", "op": "", "value": ""}]
    return kept(drafts.new_property(draft, EVENT_ROW, known))


def carried(event: str, rows: Kept, known: Known) -> list[dict[str, Any]]:
    """The rows that make sense for another event, too: about what it has; of one that never came in, any."""
    there = set(known.properties(event))
    keys = [_key(event, str(each["key"]), known) for each in rows]
    return [dict(each) for each, key in zip(rows, keys, strict=True) if key and (key in there or not there)]


def removed(rows: Kept, row_id: int) -> list[dict[str, Any]]:
    """Without one row."""
    return [dict(each) for each in rows if int(each["id"]) != row_id]


def from_json(where: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of conditions as a trigger keeps them."""
    found = []
    for number, each in enumerate(where, EVENT_ROW + 1):
        value = each.get("value")
        values = value if isinstance(value, list | tuple) else [] if value is None else [value]
        text = "\n".join(clean.shown(one) for one in values)
        key = f"property:{each['property']}:{each['type']}"
        found.append({"id": number, "key": key, "op": each["op"], "value": text})
    return found


def to_json(event: str, rows: Kept, known: Known, name: str) -> list[dict[str, Any]]:
    """Conditions as a trigger keeps them; `name`: one of `ROWS`. Raises `Refused` at the row's `value_field`."""
    draft = shown(event, rows, known)
    for row in draft.properties(draft.rows[0]):
        if not row.field:
            why = "Type the name of a property and choose its type, or remove it."
            raise Refused(why, field=value_field(name, row.id))
    try:
        found = translating.rules(draft, known)
    except translating.RowsRefused as refusal:
        row_id, why = next(iter(refusal.problems.items()))
        raise Refused(why, field=value_field(name, row_id)) from None
    data: list[dict[str, Any]] = rules.to_json(found)["rules"][0].get("where", [])
    return data


def value_field(name: str, row_id: int) -> str:
    """The field that a row's value is typed into: "where_value-2"."""
    return f"{name}_value-{row_id}"


def _key(event: str, key: str, known: Known) -> str | None:
    """A row's key as the event has it, else with the type that is asked of it; None where nobody knows that."""
    if not key or key in known.properties(event):
        return key
    _, name, *kind = key.split(":")
    if not kind:
        return None
    return f"property:{name}" if known.events.get(event, {}).get(name) == kind[0] else key


def _possible(draft: Draft, row: Row, known: Known) -> Row:
    """A row whose operator its property has."""
    if not row.of or not row.field:
        return row
    ops = OPS[drafts.kind(draft, row, known)]
    return row if row.op in ops else replace(row, op=next(iter(ops)))
