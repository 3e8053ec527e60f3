"""Block Kit in our own few words, on slack_sdk's models: one way to make each block."""

from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    InputBlock,
    InputInteractiveElement,
    InteractiveElement,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextQuoteElement,
    SectionBlock,
)
from slack_sdk.models.views import View

from commands.ui.text import clip

# Slack's limits (docs.slack.dev/reference/block-kit): text that would break them is clipped, never refused by Slack.
SECTION, HEADER, BUTTON, OPTION, TITLE, CONTEXT = 3000, 150, 75, 75, 24, 2000


def header(text: str) -> HeaderBlock:
    """A heading, plain text."""
    return HeaderBlock(text=clip(text, HEADER))


def section(
    text: str,
    *,
    accessory: InteractiveElement | None = None,
    fields: Sequence[str] | None = None,
    block_id: str | None = None,
) -> SectionBlock:
    """A paragraph of mrkdwn, with a button or select at its right, or fields in two columns."""
    return SectionBlock(
        text=MarkdownTextObject(text=clip(text, SECTION)) if text else None,
        fields=[MarkdownTextObject(text=clip(field, 2000)) for field in fields] if fields else None,
        accessory=accessory,
        block_id=block_id,
    )


def plain(text: str, *, accessory: InteractiveElement | None = None) -> SectionBlock:
    """A paragraph exactly as it is: nothing in it is read as mrkdwn, and what is copied out of it is what went in."""
    return SectionBlock(text=PlainTextObject(text=clip(text, SECTION)), accessory=accessory)


def quote(text: str) -> RichTextBlock:
    """Somebody's own words, set off, exactly as they are (an SMS, a message with its tags)."""
    words = RichTextElementParts.Text(text=clip(text, SECTION) or " ")
    return RichTextBlock(elements=[RichTextQuoteElement(elements=[words])])


def context(*texts: str) -> ContextBlock:
    """A line of small grey mrkdwn."""
    return ContextBlock(elements=[MarkdownTextObject(text=clip(text, CONTEXT)) for text in texts])


def divider() -> DividerBlock:
    """A line across."""
    return DividerBlock()


def actions(*elements: InteractiveElement, block_id: str | None = None) -> ActionsBlock:
    """A row of buttons and selects."""
    return ActionsBlock(elements=list(elements), block_id=block_id)


def button(
    text: str,
    action_id: str,
    value: str | int = "",
    *,
    style: str | None = None,
    confirm: ConfirmObject | None = None,
    url: str | None = None,
) -> ButtonElement:
    """A button; `style` is "primary" or "danger"."""
    return ButtonElement(
        text=clip(text, BUTTON), action_id=action_id, value=str(value) or None, style=style, confirm=confirm, url=url
    )


def confirm(title: str, text: str, yes: str, no: str = "Cancel", *, danger: bool = False) -> ConfirmObject:
    """A question before a button does what it says."""
    return ConfirmObject(
        title=PlainTextObject(text=clip(title, 100)),
        text=PlainTextObject(text=clip(text, 300)),
        confirm=PlainTextObject(text=clip(yes, 30)),
        deny=PlainTextObject(text=clip(no, 30)),
        style="danger" if danger else None,
    )


def option(label: str, value: str | int, description: str | None = None) -> Option:
    """A choice; `description` is a second, smaller line."""
    return Option(
        text=PlainTextObject(text=clip(label, OPTION)),
        value=str(value),
        description=PlainTextObject(text=clip(description, OPTION)) if description else None,
    )


def field(
    label: str,
    block_id: str,
    element: InputInteractiveElement,
    *,
    hint: str | None = None,
    optional: bool = False,
    dispatch: bool = False,
) -> InputBlock:
    """An input of a modal with its label; an error of the submit shows under it, by its block id."""
    return InputBlock(
        label=PlainTextObject(text=clip(label, 2000)),
        block_id=block_id,
        element=element,
        hint=PlainTextObject(text=clip(hint, 2000)) if hint else None,
        optional=optional,
        dispatch_action=dispatch or None,
    )


def modal(
    title: str,
    blocks: Sequence[Block | dict[str, Any]],
    *,
    callback_id: str,
    submit: str | None = None,
    close: str = "Cancel",
    metadata: str = "",
    notify_on_close: bool = False,
) -> dict[str, Any]:
    """A modal's payload. `metadata` holds ids only: everything else lives in the database."""
    view: dict[str, Any] = View(
        type="modal",
        title=clip(title, TITLE),
        submit=clip(submit, TITLE) if submit else None,
        close=clip(close, TITLE),
        callback_id=callback_id,
        private_metadata=metadata,
        notify_on_close=notify_on_close,
        blocks=[divider()],  # replaced: the model takes no dicts, and refuses to be without blocks
    ).to_dict()
    view["blocks"] = as_dicts(blocks)
    return view


def as_dicts(blocks: Sequence[Block | dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks as the Web API takes them; plain dicts (blocks that slack_sdk has no class for) pass through."""
    return [block.to_dict() if isinstance(block, Block) else block for block in blocks]


def values(state: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed in a view, by block id: text, a chosen option's value, a list of them, a date, or files' ids.

    `state` is `view["state"]["values"]`: {block id: {action id: {"type": …, …}}}, one element to an input block.
    """
    found: dict[str, Any] = {}
    for block_id, elements in state.items():
        for element in elements.values():
            found[block_id] = _value(element)
    return found


def _value(element: Mapping[str, Any]) -> Any:
    """The value in one element's state (docs.slack.dev/reference/interaction-payloads/view-interactions-payload)."""
    if "selected_options" in element:
        return [chosen["value"] for chosen in element["selected_options"] or []]
    if "selected_option" in element:
        chosen = element["selected_option"]
        return chosen["value"] if chosen else None
    if "files" in element:
        return [file["id"] for file in element["files"] or []]
    for key in (
        "selected_date",
        "selected_time",
        "selected_date_time",
        "selected_user",
        "selected_conversation",
        "selected_channel",
    ):
        if key in element:
            return element[key]
    return element.get("value")
