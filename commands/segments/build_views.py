"""The builder of a segment's rules as a modal: rows of field, operator and value, in groups. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    DatePickerElement,
    ExternalDataMultiSelectElement,
    InputInteractiveElement,
    InteractiveElement,
    NumberInputElement,
    Option,
    OptionGroup,
    PlainTextInputElement,
    StaticSelectElement,
)
from slack_sdk.models.blocks.basic_components import DispatchActionConfig
from slack_sdk.models.blocks.block_elements import FileInputElement

from commands.segments import draft as drafts
from commands.segments import offers, reading
from commands.segments.draft import Draft, Row
from commands.segments.views import Shown, name_input, result, size
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, count, escape
from distribution.segments.asking import Known
from distribution.segments.fields import OPS

BUILD = "segments.save"
ADD_ROW, ADD_GROUP, ADD_PROPERTY = "segments.add", "segments.add_group", "segments.add_property"
REMOVE, RECOUNT, STOP, EMPTY_LIST = "segments.remove", "segments.count", "segments.stop", "segments.empty_list"

MATCH_WORDS = {
    "all": "all of these",
    "any": "at least one of these",
    "none": "none of these",
    "not_all": "not all of these",
}

PLACEHOLDERS = {
    "locale": "pl, or en-GB",
    "name": "Anna",
}

# Each character typed asks for a new count; where several come at once, only the last is answered.
AT_ONCE = DispatchActionConfig(trigger_actions_on=["on_character_entered"])

# What a text input of a modal holds (docs.slack.dev, plain-text input).
INPUT_MAX = 3000


@dataclass(frozen=True)
class Told:
    """What is shown beside the draft: who matches, what is wrong with which row, what saving will change, and a line
    on what became of the last press. `lists`: of rows whose list is in a stored file, its values."""

    shown: Shown = field(default_factory=Shown)
    problems: Mapping[int, str] = field(default_factory=dict)
    warning: str = ""
    note: str = ""
    lists: Mapping[int, Sequence[str]] = field(default_factory=dict)


def build(draft: Draft, known: Known, told: Told, *, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The builder: a name, rows of field, operator and value, groups of them, and who matches now."""
    blocks: list[Block] = []
    if told.note:
        blocks.append(ui.section(told.note))
    if told.warning:
        blocks.append(ui.section(told.warning))
    blocks += [name_input(draft.name), _match(f"*Customers who match*\n{size(told.shown)}", drafts.TOP, draft)]
    for row in draft.of(drafts.TOP):
        blocks += _with_properties(draft, row, known, told)
    blocks.append(_adders(draft))
    for group in draft.matches:
        if group != drafts.TOP:
            joined = "and" if draft.matches[drafts.TOP] in ("all", "not_all") else "or"
            blocks += [ui.divider(), _match(f"*{joined} who match*", group, draft)]
            for row in draft.of(group):
                blocks += _with_properties(draft, row, known, told)
            if not draft.full:
                add = ui.button("Add a rule to this group", f"{ADD_ROW}:{group}", group)
                blocks.append(ui.actions(add, block_id=f"segments.adders:{group}"))
    blocks += [ui.divider(), *result(told.shown, stop=STOP, again=RECOUNT)]
    title = "Edit segment" if metadata.get("segment") else "New segment"
    return ui.modal(
        title,
        blocks,
        callback_id=BUILD,
        submit="Save",
        metadata=json.dumps(dict(metadata) | {"last": draft.last}),
        notify_on_close=True,
    )


def errors_of(draft: Draft, known: Known, problems: Mapping[int, str]) -> dict[str, str] | None:
    """What is wrong with rows, at their inputs; None where one of them has no input to show it at."""
    errors = {}
    for row in draft.rows:
        if row.id in problems:
            block_id = _error_block(draft, row, known)
            if block_id is None:
                return None
            errors[block_id] = problems[row.id]
    return errors


def _error_block(draft: Draft, row: Row, known: Known) -> str | None:
    """The input of a row that an error shows at."""
    shape = drafts.shape(draft, row, known)
    if row.days is not None and (shape == drafts.NONE or not row.days.strip()):
        return f"{reading.DAYS}:{row.group}:{row.id}"
    return None if shape == drafts.NONE or row.upload else _value_id(row, shape)


def _match(words: str, group: int, draft: Draft) -> Block:
    """What a group's rules must do; `words`: mrkdwn."""
    options = [ui.option(label, key) for key, label in MATCH_WORDS.items()]
    select = choose.select(reading.MATCH, options, chosen=draft.matches[group])
    return ui.section(words.strip(), accessory=select, block_id=f"{reading.MATCH}:{group}")


def _adders(draft: Draft) -> Block:
    """The buttons below the rows of the top; where a modal is full, the words for it."""
    if draft.full:
        return ui.context(f"A modal holds {drafts.ROWS} rules. For more, ask about another segment in a rule.")
    buttons = [ui.button("Add a rule", f"{ADD_ROW}:{drafts.TOP}", drafts.TOP)]
    if len(draft.matches) <= drafts.GROUPS:
        buttons.append(ui.button("Add a group of rules", ADD_GROUP))
    return ui.actions(*buttons, block_id=f"segments.adders:{drafts.TOP}")


def _with_properties(draft: Draft, row: Row, known: Known, told: Told) -> list[Block]:
    """A rule, and those about its event's properties."""
    blocks = _row(draft, row, known, told)
    for each in draft.properties(row):
        blocks += _row(draft, each, known, told)
    return blocks


def _row(draft: Draft, row: Row, known: Known, told: Told) -> list[Block]:
    """One rule: its field, operator and what it is about, and below them its inputs."""
    kind = drafts.kind(draft, row, known)
    ops = [ui.option(op.words, key) for key, op in OPS[kind].items()]
    elements: list[InteractiveElement] = [
        _fields(draft, row, known),
        choose.select(f"{reading.OP}:{kind}", ops, chosen=row.op),
    ]
    if what := row.about_what:
        elements.append(_about(row, what, known))
    if row.may_be_within:
        whenever = [ui.option("at any time", drafts.ANY), ui.option("in the last … days", "days")]
        within = drafts.ANY if row.days is None else "days"
        elements.append(choose.select(reading.WITHIN, whenever, chosen=within))
    if row.field == "event" and list(known.properties(row.about)) and not draft.full:
        elements.append(ui.button("Add a property", f"{ADD_PROPERTY}:{row.id}", row.id))
    elements.append(ui.button("Remove", f"{REMOVE}:{row.id}", row.id))
    ids = [row.group, row.id, *([row.of] if row.of else [])]
    blocks: list[Block] = [ui.actions(*elements, block_id=":".join([reading.ROW, *map(str, ids)]))]
    shape = drafts.shape(draft, row, known)
    if row.upload is not None and shape == drafts.LINES:
        blocks.append(_stored_list(row, told))
    elif shape != drafts.NONE:
        blocks += _value(row, shape, draft.last)
    if row.days is not None:
        blocks.append(_number("In the last how many days", f"{reading.DAYS}:{row.group}:{row.id}", row.days, "30"))
    if problem := told.problems.get(row.id):
        blocks.append(ui.context(f"⚠ {escape(problem)}"))
    return blocks


def _fields(draft: Draft, row: Row, known: Known) -> InteractiveElement:
    """What a row may ask about."""
    event = draft.event_of(row)
    if row.of:
        options = offers.properties(known, event)
        return offers.pick(reading.field_action(event), options, row.field, "Choose a property")
    grouped = offers.fields(known)
    options = [option for _, of_group in grouped for option in of_group]
    chosen = next((option for option in options if option.value == row.field), None)
    if len(options) > offers.FIELDS:
        return choose.search(reading.FIELD, initial=chosen, placeholder="Search fields")
    groups = [OptionGroup(label=label, options=of_group) for label, of_group in grouped]
    return StaticSelectElement(action_id=reading.FIELD, option_groups=groups, initial_option=chosen or options[0])


def _about(row: Row, what: str, known: Known) -> InteractiveElement:
    """Which group, event, distribution or segment a row is about."""
    chosen = row.about or (drafts.ANY if what in drafts.OPTIONAL else "")
    placeholder = "Choose an event" if what == "event" else f"Choose a {what}"
    return offers.pick(f"{reading.ABOUT}:{what}", offers.about(known, what), chosen, placeholder)


def _stored_list(row: Row, told: Told) -> Block:
    """A list that is too long for an input, by its first values."""
    values = told.lists.get(row.id, ())
    first = ", ".join(escape(clip(value, 40)) for value in values[:5])
    more = f" and {len(values) - 5:,} more" if len(values) > 5 else ""
    return ui.section(
        f"*{count(len(values), 'value')}*: {first}{more}",
        accessory=ui.button("Replace", f"{EMPTY_LIST}:{row.id}", row.id),
        block_id=f"{reading.LIST}:{row.group}:{row.id}:{row.upload}",
    )


def _value(row: Row, shape: str, turn: int) -> list[Block]:
    """The inputs of a row's value. `turn`: a file that was read once is not shown under this number again."""
    label, block_id = _label(row, shape), _value_id(row, shape)
    if shape in (drafts.WHOLE, drafts.NUMBER):
        return [_number(label, block_id, row.value, "", decimal=shape == drafts.NUMBER)]
    if shape == drafts.LINES:
        file = FileInputElement(action_id="segments.file", filetypes=["csv", "txt", "tsv", "xlsx"], max_files=1)
        file_id = f"{reading.FILE}:{row.group}:{row.id}:{turn}"
        return [
            ui.field(label, block_id, _text(row, many=True), optional=True, dispatch=True, hint="One to a line."),
            ui.field("Or a file with one to a line, up to 10,000", file_id, file, optional=True),
        ]
    return [ui.field(label, block_id, _element(row, shape), dispatch=True)]


def _element(row: Row, shape: str) -> InputInteractiveElement:
    """The input of a value that is neither a number nor a list."""
    if shape == drafts.DATE:
        day = row.value if reading.is_day(row.value) else None
        return DatePickerElement(action_id=reading.VALUE, initial_date=day)
    if shape == drafts.CONSENT:
        return choose.select(reading.VALUE, offers.consents(), chosen=row.value)
    if shape == drafts.REGION:
        chosen = offers.region(row.value) if row.value else None
        return choose.search(f"{reading.VALUE}:region", initial=chosen, placeholder="Search countries")
    if shape == drafts.REGIONS:
        several = [offers.region(value) for value in row.value.splitlines()]
        return ExternalDataMultiSelectElement(
            action_id=f"{reading.VALUE}:region", initial_options=several or None, placeholder="Search countries",
            min_query_length=0,
        )  # fmt: skip
    if shape == drafts.KNOWN:
        value = ui.option(row.value, row.value) if row.value else None
        action_id = f"{reading.VALUE}:known:{row.name}"
        return choose.search(action_id, initial=value, placeholder="Choose, or type another")
    if shape == drafts.ZONE:
        zone = ui.option(row.value, row.value) if row.value else None
        return choose.search(f"{reading.VALUE}:zone", initial=zone, placeholder="Search, as in Warsaw", shortest=1)
    return _text(row, many=False)


def _text(row: Row, *, many: bool) -> PlainTextInputElement:
    """A box for text."""
    return PlainTextInputElement(
        action_id=reading.VALUE,
        initial_value=row.value or None,
        multiline=many,
        max_length=INPUT_MAX,
        placeholder=PLACEHOLDERS.get(row.field),
        dispatch_action_config=AT_ONCE,
    )


def _number(label: str, block_id: str, typed: str, placeholder: str, *, decimal: bool = False) -> Block:
    """A box for a number. Slack takes no other text for its value, which would keep the whole page from being drawn;
    what somebody typed instead stands in the box all the same until it is drawn with another."""
    shaped = re.fullmatch(r"-?\d+(\.\d+)?" if decimal else r"-?\d+", typed, re.ASCII)
    element = NumberInputElement(
        action_id=reading.VALUE if block_id.startswith(reading.VALUE) else reading.DAYS,
        is_decimal_allowed=decimal,
        initial_value=typed if shaped else None,
        placeholder=placeholder or None,
        dispatch_action_config=AT_ONCE,
    )
    return ui.field(label, block_id, element, dispatch=True)


def _label(row: Row, shape: str) -> str:
    """What a value's input is called."""
    if row.of:
        return f"↳ its {row.name.replace('_', ' ')}"
    if shape == drafts.WHOLE:
        unit = OPS["event"].get(row.op)
        if row.field == "event" and unit:
            return "How many times"
        return "How many days" if row.op.endswith("_days") else "How many promo codes"
    return {drafts.LINES: "Values", drafts.REGIONS: "Countries", drafts.REGION: "Country"}.get(shape, "Value")


def _value_id(row: Row, shape: str) -> str:
    """The id of a value's block."""
    return f"{reading.VALUE}:{row.group}:{row.id}:{shape}"


def options_for(action_id: str, known: Known) -> list[Option]:
    """What a select that searches offers, by its action id."""
    head, _, what = action_id.partition(":")
    if head == reading.FIELD:
        if what:
            return offers.properties(known, what)
        return [option for _, of_group in offers.fields(known) for option in of_group]
    if head == reading.ABOUT:
        return offers.about(known, what)
    return offers.regions() if what == "region" else offers.zones()
