"""Importing a file of events: correct what its columns mean, see its first rows as they would be read."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from slack_sdk.models.blocks import Block, OptionGroup, PlainTextInputElement, StaticSelectElement

from commands.customers.import_views import COLUMNS_SHOWN, TYPES
from commands.ui import blocks as ui
from commands.ui.importing import (
    FIRST_ROWS,
    Importing,
    chosen_columns,
    column_block,
    columns_modal,
    examples,
    first_rows,
    order_field,
    own_name,
)
from commands.ui.text import clip, count, escape, number, when
from distribution.customers import clean
from distribution.errors import Refused
from distribution.events_columns import ROLES, Column, Preview, property_name
from distribution.files import Table

KIND = Importing(
    "events",
    "one event to a row",
    "You say next what each column means. Rows of nobody we know come back as a file with the reasons.",
    "events.import",
)
COLUMN = "events.import.column"
NAME = "events.import.name"
ORDER = "events.import.order"

COLUMN_BLOCK = "events.import:column."
NAME_BLOCK = "events.import:name"
ORDER_BLOCK = "events.import:order"

SUBJECTS_SHOWN = 5
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # so that times are shown with their year


def columns_step(
    table: Table,
    columns: Sequence[Column],
    seen: Preview | str,
    *,
    name: str,
    order: str,
    sets_off: str,
    time_zone: str,
    upload_id: int,
) -> dict[str, Any]:
    """The second step: what each column is, what the file leaves open, and the first rows read so.

    `seen`: what is read so, or why nothing can be yet. `sets_off`: what these events do beside being there, in mrkdwn.
    `time_zone`: of who imports.
    """
    width = count(table.width, "column")
    blocks: list[Block] = [ui.section(f"*{escape(table.filename)}* · {width}. Say what each column means.")]
    names = table.column_names()
    blocks += [_column(at, names[at], column, table) for at, column in enumerate(columns[:COLUMNS_SHOWN])]
    if table.width > COLUMNS_SHOWN:
        blocks.append(ui.context(f"Columns after the {COLUMNS_SHOWN}th are ignored."))
    blocks += [
        ui.field(
            "Event, where no column says it",
            NAME_BLOCK,
            PlainTextInputElement(action_id=NAME, initial_value=name or None, max_length=60),
            hint="Such as cart_abandoned. Press Enter to read the first rows again.",
            optional=True,
            dispatch=True,
        ),
        order_field(ORDER_BLOCK, ORDER, order, dispatch=True),
        ui.divider(),
        ui.section(_preview(seen, len(table.sample), time_zone)),
        ui.context(_notes(columns, time_zone), sets_off),
    ]
    return columns_modal(KIND, blocks, upload_id)


def read_columns(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the selects of the second step say, as `Column.to_json`, in the order of the columns."""
    return [Column(role, name, kind).to_json() for role, kind, name in chosen_columns(values, COLUMN_BLOCK)]


def errors(refusal: Refused) -> dict[str, str]:
    """A refusal at the input that it is about."""
    block = column_block(refusal, COLUMN_BLOCK) or (ORDER_BLOCK if refusal.field == "dates" else NAME_BLOCK)
    return {block: str(refusal)}


def sets_off(subjects: Sequence[str], oldest_hours: int) -> str:
    """Which live distributions wait for these events, in mrkdwn: whoever imports them texts people."""
    if not subjects:
        return "No live distribution waits for these events: nobody is texted."
    shown = ", ".join(f"“{escape(clip(subject, 60))}”" for subject in subjects[:SUBJECTS_SHOWN])
    more = f" and {number(len(subjects) - SUBJECTS_SHOWN)} more" if len(subjects) > SUBJECTS_SHOWN else ""
    wait, age = "waits" if len(subjects) == 1 else "wait", count(oldest_hours, "hour")
    return (
        f"Live: {shown}{more} {wait} for these events. Those of the last {age} count as if they had just come in, and "
        "people are texted; older ones are only kept."
    )


def _notes(columns: Sequence[Column], time_zone: str) -> str:
    """What it means that the file has no id or no time."""
    roles = {column.role for column in columns}
    said = (
        ["Told twice, an event with an id is one: the file may be imported again."]
        if "source_id" in roles
        else ["No column has the events' own ids: imported twice, they are there twice."]
    )
    if "at" not in roles:
        said.append("No column says when: they happened now.")
    else:
        said.append(f"Times without a zone are those of {time_zone.replace('_', ' ')}.")
    return " ".join(said)


def _preview(seen: Preview | str, looked_at: int, time_zone: str) -> str:
    """The first rows as they would be read, in mrkdwn."""
    if isinstance(seen, str):
        return f"{FIRST_ROWS}\n{escape(seen)}"
    return first_rows((_event(event, time_zone) for event in seen.taken), seen.refused, looked_at)


def _event(event: Mapping[str, Any], time_zone: str) -> str:
    """One row as it would be read."""
    facts = [str(event["name"]), str(event.get("customer", "nobody"))]
    facts += [when(event["at"], time_zone, now=LONG_AGO)] if "at" in event else []
    facts += [f"{name} {clean.shown(value)}" for name, value in event["properties"].items()]
    facts += [f"id {event['source_id']}"] if "source_id" in event else []
    return escape(clip(" · ".join(facts), 300))


def _column(at: int, name: str, column: Column, table: Table) -> Block:
    """One column: a select of what it can be, with its first values below."""
    key = column.property or own_name(name, at, property_name)
    roles = [ui.option(label, role) for role, label in ROLES.items() if role != "property"]
    kinds = [ui.option(f"{key} · {words}", f"property:{kind}:{key}") for kind, words in TYPES.items()]
    value = f"property:{column.type}:{column.property}" if column.role == "property" else column.role
    chosen = next((option for option in [*roles, *kinds] if option.value == value), roles[-1])
    groups = [OptionGroup(label="Event", options=roles), OptionGroup(label="Property", options=kinds)]
    element = StaticSelectElement(action_id=COLUMN, option_groups=groups, initial_option=chosen)
    hint = examples(table, at) or "Empty in the first rows."
    return ui.field(clip(name, 100), f"{COLUMN_BLOCK}{at}", element, hint=hint, dispatch=True)
