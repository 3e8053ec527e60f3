"""From what the builder shows to a segment's rules, and back. Pure."""

from dataclasses import replace
from typing import Any

from commands.segments import draft as drafts
from commands.segments.draft import ABOUT, MATCHES, TOP, Draft, Row
from distribution.customers import clean
from distribution.errors import Refused
from distribution.segments import rules as segment_rules
from distribution.segments.asking import Known
from distribution.segments.fields import EXTRAS, OPS
from storage.rules import Condition, Rules

CHOOSE = {
    "event": "Choose an event.",
    "segment": "Choose a segment.",
}


class RowsRefused(Exception):
    """What is wrong with which rows: the first thing about each."""

    def __init__(self, problems: dict[int, str]) -> None:
        """`problems`: row → why."""
        super().__init__(next(iter(problems.values()), ""))
        self.problems = problems


def rules(draft: Draft, known: Known) -> Rules:
    """The rules that a draft says. Raises `RowsRefused` for the rows that say nothing, or nothing possible."""
    problems: dict[int, str] = {}
    parts: list[Condition | Rules] = list(_conditions(draft, TOP, known, problems))
    for group in draft.matches:
        if group != TOP:
            match, negate = MATCHES[draft.matches[group]]
            parts.append(Rules(match, negate, tuple(_conditions(draft, group, known, problems))))
    if problems:
        raise RowsRefused(problems)
    match, negate = MATCHES[draft.matches[TOP]]
    return Rules(match, negate and bool(parts), tuple(parts))


def draft_of(name: str, stored: Rules, known: Known) -> Draft:
    """The draft that shows rules as they are stored."""
    draft = Draft(name, {TOP: _match(stored)})
    for part in stored.parts:
        if isinstance(part, Rules):
            group = max(draft.matches) + 1
            draft = replace(draft, matches={**draft.matches, group: _match(part)})
            for condition in segment_rules.conditions(part):
                draft = _with(draft, group, condition, known)
        else:
            draft = _with(draft, TOP, part, known)
    return draft


def _conditions(draft: Draft, group: int, known: Known, problems: dict[int, str]) -> list[Condition]:
    """The conditions of a group; of rows that say nothing possible, the reasons go to `problems`."""
    found = []
    for row in draft.of(group):
        try:
            found.append(segment_rules.condition(_data(draft, row, known)))
        except Refused as refusal:
            for each in draft.properties(row):  # an event is refused for its properties too: say which one it is
                try:
                    segment_rules.condition(_data(draft, replace(row, days=None), known, only=each))
                except Refused as why:
                    problems[each.id] = str(why)
            if not any(each.id in problems for each in draft.properties(row)):
                problems[row.id] = str(refusal)
    return found


def _data(draft: Draft, row: Row, known: Known, only: Row | None = None) -> dict[str, Any]:
    """A row's condition as JSON; `only`: with this property alone. Raises `Refused` where something is not chosen."""
    data: dict[str, Any] = {"op": row.op} if row.of else {"field": row.base, "op": row.op}
    if row.name:
        data |= {row.base: row.name, "type": drafts.type_of(draft, row, known)}
    if what := row.about_what:
        if row.about:
            key = next(key for key, word in ABOUT.items() if word == what)
            data[key] = row.about if what == "event" else int(row.about)
        elif what not in drafts.OPTIONAL:
            raise Refused(CHOOSE[what], field="rules")
    if row.days is not None:
        if not row.days.strip():
            raise Refused("Write within how many days, or choose “at any time”.", field="days")
        data["days"] = whole(row.days)
    shape = drafts.shape(draft, row, known)
    if shape in (drafts.LINES, drafts.REGIONS):
        data["value"] = [line.strip() for line in row.value.splitlines() if line.strip()]
    elif shape == drafts.WHOLE:
        data["value"] = whole(row.value)
    elif shape != drafts.NONE:
        data["value"] = row.value.strip()
    properties = [only] if only else draft.properties(row)
    if properties:
        data["where"] = [_data(draft, each, known) for each in properties]
    return data


def whole(typed: str) -> int | str:
    """A whole number as typed; text that is none goes on as it is, to be refused in the words of what it is for."""
    text = typed.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _with(draft: Draft, group: int, condition: Condition, known: Known) -> Draft:
    """The draft with one more rule, and with those about an event's properties."""
    row = _row(draft.last + 1, group, condition)
    draft = replace(draft, rows=(*draft.rows, row), last=row.id)
    for each in condition.where:
        mine = replace(_row(draft.last + 1, group, each), of=row.id)
        if f"{mine.field}:{each.type}" in known.properties(row.about):
            mine = replace(mine, field=f"{mine.field}:{each.type}")
        draft = replace(draft, rows=(*draft.rows, mine), last=mine.id)
    changed = [_possible(draft, each, known) for each in draft.rows]
    return replace(draft, rows=tuple(changed))


def _possible(draft: Draft, row: Row, known: Known) -> Row:
    """A row whose operator its field has: what it asks about may be gone, or be of another type, by now."""
    ops = OPS[drafts.kind(draft, row, known)]
    return row if row.op in ops else replace(row, op=next(iter(ops)), value="")


def _row(number: int, group: int, condition: Condition) -> Row:
    """The row that shows a condition."""
    value = condition.value
    if isinstance(value, tuple):
        text = "\n".join(clean.shown(each) for each in value)
    else:
        text = "" if value is None else clean.shown(value)
    field = f"{condition.field}:{condition.attribute}" if condition.attribute else condition.field
    about = next((getattr(condition, key) for key in ABOUT if key in EXTRAS.get(condition.field, {})), None)
    days = None if condition.days is None else str(condition.days)
    return Row(number, group, field, condition.op, text, "" if about is None else str(about), days)


def _match(stored: Rules) -> str:
    """The choice that says a group's match."""
    return next(key for key, value in MATCHES.items() if value == (stored.match, stored.negate))
