"""Importing a file of customers: correct what its columns mean, see its first rows as they would be read."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, CheckboxesElement, OptionGroup, PlainTextInputElement, StaticSelectElement

from commands.ui import blocks as ui
from commands.ui.importing import Importing, chosen_columns, column_block, columns_modal, examples, first_rows, own_name
from commands.ui.text import clip, count, escape
from distribution.customers import clean, phone
from distribution.customers.columns import ROLES, Column, Record
from distribution.customers.importing import STATEMENT, Preview
from distribution.customers.questions import WORDS_ASKED, Questions
from distribution.errors import Refused
from distribution.files import Table

KIND = Importing(
    "customers",
    "one customer to a row",
    "You say next what each column means. Rows that name somebody who is here already update them.",
    "customers.import",
)
COLUMN = "customers.import.column"
REGION = "customers.import.region"
DATES = "customers.import.dates"
WORD = "customers.import.word"

REGION_BLOCK = "customers.import:region"
AGREED_BLOCK = "customers.import:agreed"
COLUMN_BLOCK = "customers.import:column."
DATES_BLOCK = "customers.import:dates"
WORD_BLOCK = "customers.import:word."

COLUMNS_SHOWN = 40  # a modal holds 100 blocks
KNOWN_OPTIONS = 800  # in all selects together: a view holds 250,000 bytes

CONSENTS = {"given": "Agreed to texts", "opted_out": "Opted out", "unknown": "Not asked"}
TYPES = {"text": "text", "number": "number", "boolean": "yes or no", "date": "date"}


def columns_step(
    table: Table,
    columns: Sequence[Column],
    seen: Preview,
    *,
    known: Mapping[str, str],
    region: str,
    agreed: bool,
    upload_id: int,
    asked: Questions | None = None,
) -> dict[str, Any]:
    """The second step: what each column is, what the file leaves open, and the first rows read so.

    `known`: attributes, name → type.
    """
    asked = asked or Questions()
    blocks: list[Block] = [
        ui.section(f"*{escape(table.filename)}* · {count(table.width, 'column')}. Say what each column means."),
    ]
    names = table.column_names()
    for at, column in enumerate(columns[:COLUMNS_SHOWN]):
        blocks.append(_column(at, names[at], column, table, known, asked.notes.get(at, "")))
    if table.width > COLUMNS_SHOWN:
        blocks.append(ui.context(f"Columns after the {COLUMNS_SHOWN}th are ignored."))
    blocks += [
        ui.field(
            "Country of numbers without a country code",
            REGION_BLOCK,
            PlainTextInputElement(action_id=REGION, initial_value=region or None, max_length=60),
            hint="Two letters, such as PL, GB or US. Press Enter to read the first rows again.",
            dispatch=True,
        ),
        *_order(asked, columns),
        *_words(asked, columns),
        _agreement(agreed),
        ui.divider(),
        ui.section(preview(seen, len(table.sample))),
    ]
    return columns_modal(KIND, blocks, upload_id)


def read_columns(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the selects of the second step say, as `Column.to_json`, in the order of the columns."""
    said: list[dict[str, Any]] = []
    for role, kind, attribute in chosen_columns(values, COLUMN_BLOCK):
        order = values.get(DATES_BLOCK) if kind == "date" else None
        words = _read_words(values) if role == "consent" else None
        said.append(Column(role, attribute, kind, order, words).to_json())
    return said


def _read_words(values: Mapping[str, Any]) -> dict[str, str]:
    """What words of the consent column were said to mean: each choice holds its word."""
    chosen = [value for block_id, value in values.items() if block_id.startswith(WORD_BLOCK) and value]
    return {word: meaning for meaning, _, word in (value.partition(":") for value in chosen)}


def errors(refusal: Refused) -> dict[str, str]:
    """A refusal at the input that it is about."""
    own = {"dates": DATES_BLOCK, "region": REGION_BLOCK}.get(refusal.field or "", AGREED_BLOCK)
    return {column_block(refusal, COLUMN_BLOCK) or own: str(refusal)}


def preview(seen: Preview, looked_at: int) -> str:
    """The first rows as they would be read, in mrkdwn."""
    return first_rows(map(_record, seen.records), seen.refused, looked_at)


def _record(record: Record) -> str:
    """One row as it would be read."""
    facts = [record.profile.get("name", ""), phone.pretty(record.phone) if record.phone else "no number"]
    facts += [f"id {record.source_id}"] if record.source_id else []
    facts += [record.profile[name] for name in ("region", "time_zone", "locale") if name in record.profile]
    facts += [f"{name} {clean.shown(value)}" for name, value in record.attributes.items()]
    facts += [{"given": "agreed to texts", "opted_out": "opted out"}[record.consent]] if record.consent else []
    return escape(clip(" · ".join(fact for fact in facts if fact), 300))


def _order(asked: Questions, columns: Sequence[Column]) -> list[Block]:
    """What 03/04/2026 means, where the file has such dates; it must be said."""
    if asked.two_days is None:
        return []
    options = [ui.option("The day comes first", "day"), ui.option("The month comes first", "month")]
    order = next((column.order for column in columns if column.order), None)
    chosen = next((option for option in options if option.value == order), None)
    select = StaticSelectElement(action_id=DATES, options=options, initial_option=chosen)
    return [ui.field(f"Dates such as {asked.two_days}", DATES_BLOCK, select, optional=True, dispatch=True)]


def _words(asked: Questions, columns: Sequence[Column]) -> list[Block]:
    """What each word of the consent column means that does not say so itself."""
    known = next((column.words for column in columns if column.words), None) or {}
    blocks: list[Block] = []
    for number_, word in enumerate(dict.fromkeys([*known, *asked.words])):
        options = [ui.option(label, f"{meaning}:{word}") for meaning, label in CONSENTS.items()]
        chosen = next((option for option in options if option.value == f"{known.get(word)}:{word}"), None)
        select = StaticSelectElement(action_id=WORD, options=options, initial_option=chosen)
        blocks.append(
            ui.field(
                f"“{word}” as a consent means",
                f"{WORD_BLOCK}{number_}",
                select,
                hint="Rows with a word that nobody explained are refused.",
                optional=True,
                dispatch=True,
            )
        )
    return blocks[:WORDS_ASKED]


def _column(at: int, name: str, column: Column, table: Table, known: Mapping[str, str], note: str = "") -> Block:
    """One column: a select of what it can be, with its first values below."""
    key = own_name(name, at, clean.attribute_name)
    profile = [ui.option(label, role) for role, label in ROLES.items() if role != "attribute"]
    kinds = [known[key]] if key in known else list(TYPES)
    own = [ui.option(f"{key} · {TYPES[kind]}", f"attribute:{kind}:{key}") for kind in kinds]
    room = min(80, KNOWN_OPTIONS // min(table.width, COLUMNS_SHOWN))
    others = [other for other in known if other != key][:room]
    groups = [
        OptionGroup(label="Profile", options=profile),
        OptionGroup(label="Attribute" if key in known else "New attribute", options=own),
    ]
    there = [ui.option(f"{other} · {TYPES[known[other]]}", f"attribute:{known[other]}:{other}") for other in others]
    if there:
        groups.append(OptionGroup(label="Attributes there are", options=there))
    value = f"attribute:{column.type}:{column.attribute}" if column.role == "attribute" else column.role
    every = [*profile, *own, *there]
    chosen = next((option for option in every if option.value == value), profile[-1])
    select = StaticSelectElement(action_id=COLUMN, option_groups=groups, initial_option=chosen)
    shown = examples(table, at) or "Empty in the first rows."
    hint = f"{shown}. {note}" if note else shown  # a hint has one line
    return ui.field(clip(name, 100), f"{COLUMN_BLOCK}{at}", select, hint=hint, dispatch=True)


def _agreement(agreed: bool) -> Block:
    """The statement, to tick."""
    said = ui.option(STATEMENT, "agreed", "Recorded with your name. Nobody who opted out is opted in again.")
    boxes = CheckboxesElement(action_id="customers.agreed", options=[said], initial_options=[said] if agreed else None)
    return ui.field("Consent", AGREED_BLOCK, boxes, optional=True)
