"""Limits of whole payloads: a message, a modal, a home tab."""

from __future__ import annotations

import json
from typing import Any

from sandbox.limits.blocks import check_blocks
from sandbox.limits.problem import Json, Problem, Problems, check_enum, check_string, check_text

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
TEXT_CHARACTERS = 40_000
VIEW_BYTES = 250_000


def check_message(payload: Json) -> list[Problem]:
    """What Slack would find wrong with a message (`text`, `blocks`, `attachments`); a warning where `text` is missing.

    docs.slack.dev/reference/methods/chat.postMessage
    """
    return list(_message(payload))


def _message(payload: Json) -> Problems:
    text = payload.get("text")
    if text is not None and not isinstance(text, str):
        yield Problem("/text", "must be a string")
    elif text and len(text) > TEXT_CHARACTERS:
        yield Problem("/text", f"must be less than {TEXT_CHARACTERS + 1} characters", "msg_too_long")
    blocks = payload.get("blocks")
    if blocks:
        yield from check_blocks(blocks, "message", MESSAGE_BLOCKS)
        if not text:
            warning = "blocks without text: notifications and screen readers have nothing to say"
            yield Problem("/text", warning, is_error=False)
    attachments = payload.get("attachments")
    if attachments is not None and not isinstance(attachments, list):
        yield Problem("/attachments", "must be an array")
        return
    if attachments and len(attachments) > 100:
        yield Problem("/attachments", "no more than 100 items allowed", "too_many_attachments")
    for i, attachment in enumerate(attachments or []):
        if isinstance(attachment, dict) and "blocks" in attachment:
            for problem in check_blocks(attachment["blocks"], "message", MESSAGE_BLOCKS):
                yield Problem(f"/attachments/{i}{problem.path}", problem.message, problem.slack_error)


def check_view(view: Any) -> list[Problem]:
    """What Slack would find wrong with a modal or a home tab.

    docs.slack.dev/reference/views
    """
    if not isinstance(view, dict):
        return [Problem("", "must be an object")]
    return list(_view(view))


def _view(view: Json) -> Problems:
    yield from check_enum(view, "type", "", ("modal", "home"), required=True)
    surface = "home" if view.get("type") == "home" else "modal"
    if "blocks" not in view:
        yield Problem("", "missing required field: blocks")
    else:
        yield from check_blocks(view["blocks"], surface, VIEW_BLOCKS)
    yield from check_string(view, "private_metadata", "", 3000)
    yield from check_string(view, "callback_id", "", 255)
    yield from check_string(view, "external_id", "", 255)
    if surface == "modal":
        yield from _modal(view)
    if len(json.dumps(view, ensure_ascii=False).encode()) > VIEW_BYTES:
        yield Problem("", f"must be less than {VIEW_BYTES} bytes", "view_too_large")


def _modal(view: Json) -> Problems:
    yield from check_text(view, "title", "", 24, plain=True)
    yield from check_text(view, "submit", "", 24, required=False, plain=True)
    yield from check_text(view, "close", "", 24, required=False, plain=True)
    blocks = view.get("blocks")
    has_input = isinstance(blocks, list) and any(isinstance(b, dict) and b.get("type") == "input" for b in blocks)
    if has_input and not view.get("submit"):
        yield Problem("", "missing required field: submit (a modal with an input block needs one)")
