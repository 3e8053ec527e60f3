"""Reminders: their list in step 5, and the modal in which one is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement

from commands.send import spans
from commands.send.views import merge_tags
from commands.send.views.merge_tags import Tag
from commands.ui import blocks as ui
from commands.ui import choose
from commands.ui.text import clip, escape
from distribution.automatic import reminders as engine
from distribution.automatic.describing import when
from distribution.automatic.reminders import Reminder

ADD, EDIT, REMOVE = "send.add_reminder", "send.edit_reminder", "send.remove_reminder"
ONE = "send.reminder"  # the modal's callback id
KIND, LENGTH, INSERT = "send.reminder_kind", "send.reminder_length", "send.reminder_insert"

KINDS = {
    "after": ("After the first text", "Counted from when it was sent"),
    "before_expiry": ("Before the code expires", "Only for codes that expire"),
}


@dataclass(frozen=True)
class ReminderStep:
    """One reminder as it is typed. `step`: its place from 1; `may_expire`: whether a code goes with the first text."""

    step: int
    kind: str = "after"
    length: str = "2880"
    length_other: str = ""
    body: str = ""
    may_expire: bool = True
    tags: Mapping[str, Sequence[Tag]] = field(default_factory=dict)


def listed(reminders: Sequence[Mapping[str, Any]]) -> list[Block]:
    """The reminders of a draft, each with what changes it, and a button for one more."""
    blocks: list[Block] = []
    for step, each in enumerate(reminders, 1):
        blocks.append(
            ui.section(
                f"*Reminder {step}* · {words(each)}\n{escape(clip(' '.join(each.get('body', '').split()), 200))}"
            )
        )
        blocks.append(
            ui.actions(
                ui.button("Edit…", f"{EDIT}:{step}", step),
                ui.button("Remove", f"{REMOVE}:{step}", step),
                block_id=f"send.reminder_tools:{step}",
            )
        )
    more = []
    if not reminders:
        blocks.append(
            ui.section("*Reminders* · none", accessory=ui.button("Add a reminder…", ADD), block_id="send.reminders")
        )
    elif len(reminders) < engine.MOST:
        more = [ui.actions(ui.button("Add another reminder…", ADD), block_id="send.reminders")]
    return [*blocks, *more]


def words(reminder: Mapping[str, Any]) -> str:
    """When a reminder goes, in words."""
    return when(Reminder("", reminder.get("after"), reminder.get("before_expiry")))


def one(facts: ReminderStep, turn: int, metadata: str) -> dict[str, Any]:
    """The modal of one reminder. `turn` rises when its inputs are to show what they are given now."""
    blocks: list[Block] = []
    if facts.may_expire:
        options = [ui.option(label, value, about) for value, (label, about) in KINDS.items()]
        radios = choose.radios(KIND, options, chosen=facts.kind)
        blocks.append(ui.field("When", block_id("kind", turn), radios, dispatch=True))
    after = facts.kind == "after"
    lengths = spans.options(spans.AFTER, facts.length)
    blocks.append(
        ui.field(
            "How long after the first text" if after else "How long before it expires",
            block_id("length", turn),
            choose.select(LENGTH, lengths, chosen=facts.length),
            dispatch=True,
        )
    )
    if facts.length == spans.OTHER:
        box = PlainTextInputElement(
            action_id="send.length_other", initial_value=facts.length_other or None, placeholder="36 hours"
        )
        blocks.append(ui.field("How long", block_id("length_other", turn), box, hint="90 minutes, 36 hours, 3 days."))
    text = PlainTextInputElement(
        action_id="send.reminder_body", multiline=True, initial_value=facts.body or None, max_length=merge_tags.LONGEST
    )
    blocks.append(
        ui.field(
            "Text",
            block_id("body", turn),
            text,
            hint="Only for customers who have not used their code, have not opted out, and got the first text.",
        )
    )
    if facts.tags:
        blocks.append(ui.actions(merge_tags.picker(INSERT, facts.tags), block_id=block_id("insert", turn)))
    return ui.modal(f"Reminder {facts.step}", blocks, callback_id=ONE, submit="Keep", close="Back", metadata=metadata)


def block_id(name: str, turn: int) -> str:
    """The id of an input of a reminder's modal; `commands.send.place.field_of` reads it."""
    return f"{ONE}:{name}:{turn}"
