"""Limits of layout blocks, and which surface each is allowed on.

docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sandbox.limits.data import check_chart, check_data_table, check_table
from sandbox.limits.elements import check_element, check_image
from sandbox.limits.problem import (
    Json,
    Problem,
    Problems,
    check_enum,
    check_list,
    check_string,
    check_text,
    check_text_object,
)

EVERYWHERE = frozenset({"message", "modal", "home"})
MESSAGE = frozenset({"message"})
SURFACES: dict[str, frozenset[str]] = {
    "section": EVERYWHERE,
    "divider": EVERYWHERE,
    "image": EVERYWHERE,
    "actions": EVERYWHERE,
    "context": EVERYWHERE,
    "header": EVERYWHERE,
    "input": EVERYWHERE,
    "rich_text": EVERYWHERE,
    "video": EVERYWHERE,
    "markdown": MESSAGE,
    "table": MESSAGE,
    "data_table": MESSAGE,
    "data_visualization": MESSAGE,
    "file": MESSAGE,
    "alert": frozenset({"modal"}),
    "card": EVERYWHERE,
}
# How many of a type one payload may hold.
MOST_OF: dict[str, int] = {"table": 1, "data_table": 1, "data_visualization": 2}
MARKDOWN_CHARACTERS = 12_000


def check_blocks(blocks: Any, surface: str, most: int) -> Problems:
    """All blocks of a payload: how many, unique ids, and each by its type."""
    if not isinstance(blocks, list):
        yield Problem("/blocks", "must be an array")
        return
    if len(blocks) > most:
        yield Problem("/blocks", f"no more than {most} items allowed")
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    markdown = 0
    for i, block in enumerate(blocks):
        path = f"/blocks/{i}"
        if not isinstance(block, dict):
            yield Problem(path, "must be an object")
            continue
        yield from _check_block(block, path, surface)
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                yield Problem(f"{path}/block_id", f"block_id already exists: {block_id}")
            seen.add(block_id)
        kind = str(block.get("type"))
        counts[kind] += 1
        if kind in MOST_OF and counts[kind] > MOST_OF[kind]:
            yield Problem(path, f"no more than {MOST_OF[kind]} {kind} blocks allowed")
        if kind == "markdown":
            markdown += len(str(block.get("text", "")))
    if markdown > MARKDOWN_CHARACTERS:
        yield Problem("/blocks", f"must be less than {MARKDOWN_CHARACTERS + 1} characters in all markdown blocks")


def _check_block(block: Json, path: str, surface: str) -> Problems:
    kind = block.get("type")
    allowed = SURFACES.get(str(kind))
    if allowed is None:
        yield Problem(f"{path}/type", f"unsupported type: {kind}")
        return
    if surface not in allowed:
        yield Problem(f"{path}/type", f"{kind} is not allowed on surface: {surface}")
    yield from check_string(block, "block_id", path, 255, least=1)
    yield from _CHECKS[str(kind)](block, path, surface)


def _section(block: Json, path: str, surface: str) -> Problems:
    if "text" not in block and "fields" not in block:
        yield Problem(path, "missing required field: text or fields")
    yield from check_text(block, "text", path, 3000, required=False)
    if "fields" in block:
        fields, problems = check_list(block, "fields", path, 1, 10)
        yield from problems
        for i, field in enumerate(fields):
            yield from check_text_object(field, f"{path}/fields/{i}", 2000)
    if "accessory" in block:
        yield from check_element(block["accessory"], f"{path}/accessory", place="section", surface=surface)


def _actions(block: Json, path: str, surface: str) -> Problems:
    elements, problems = check_list(block, "elements", path, 1, 25)
    yield from problems
    seen: set[str] = set()
    for i, element in enumerate(elements):
        here = f"{path}/elements/{i}"
        yield from check_element(element, here, place="actions", surface=surface)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action_id, str):
            if action_id in seen:
                yield Problem(f"{here}/action_id", f"action_id already exists in this block: {action_id}")
            seen.add(action_id)


def _context(block: Json, path: str, _surface: str) -> Problems:
    elements, problems = check_list(block, "elements", path, 1, 10)
    yield from problems
    for i, element in enumerate(elements):
        here = f"{path}/elements/{i}"
        if isinstance(element, dict) and element.get("type") == "image":
            yield from check_image(element, here)
        else:
            yield from check_text_object(element, here, 2000)


def _header(block: Json, path: str, _surface: str) -> Problems:
    yield from check_text(block, "text", path, 150, plain=True)


def _input(block: Json, path: str, surface: str) -> Problems:
    yield from check_text(block, "label", path, 2000, plain=True)
    yield from check_text(block, "hint", path, 2000, required=False, plain=True)
    if "element" not in block:
        yield Problem(path, "missing required field: element")
        return
    yield from check_element(block["element"], f"{path}/element", place="input", surface=surface)
    element = block["element"]
    if block.get("dispatch_action") and isinstance(element, dict) and element.get("type") == "file_input":
        yield Problem(f"{path}/dispatch_action", "is not allowed with file_input")


def _image(block: Json, path: str, _surface: str) -> Problems:
    yield from check_image(block, path)
    yield from check_text(block, "title", path, 2000, required=False, plain=True)


RICH_TEXT_PARTS = ("rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote")


def _rich_text(block: Json, path: str, _surface: str) -> Problems:
    parts, problems = check_list(block, "elements", path, 1, 1000)
    yield from problems
    for i, part in enumerate(parts):
        here = f"{path}/elements/{i}"
        if not isinstance(part, dict):
            yield Problem(here, "must be an object")
            continue
        yield from check_enum(part, "type", here, RICH_TEXT_PARTS, required=True)
        if not isinstance(part.get("elements"), list):
            yield Problem(f"{here}/elements", "must be an array")
        if part.get("type") == "rich_text_list":
            yield from check_enum(part, "style", here, ("bullet", "ordered"), required=True)


def _markdown(block: Json, path: str, _surface: str) -> Problems:
    yield from check_string(block, "text", path, MARKDOWN_CHARACTERS, required=True)


def _video(block: Json, path: str, _surface: str) -> Problems:
    yield from check_text(block, "title", path, 199, plain=True)
    yield from check_text(block, "description", path, 199, required=False, plain=True)
    for key in ("alt_text", "thumbnail_url", "video_url"):
        yield from check_string(block, key, path, 3000, required=True)
    yield from check_string(block, "author_name", path, 49)


def _file(block: Json, path: str, _surface: str) -> Problems:
    yield from check_string(block, "external_id", path, 255, required=True)
    yield from check_enum(block, "source", path, ("remote",), required=True)


def _alert(block: Json, path: str, _surface: str) -> Problems:
    yield from check_text(block, "text", path, 3000)
    yield from check_enum(block, "level", path, ("default", "info", "success", "warning", "error"))


def _card(block: Json, path: str, surface: str) -> Problems:
    yield from check_text(block, "title", path, 150, required=False)
    yield from check_text(block, "body", path, 3000, required=False)
    for i, action in enumerate(block.get("actions") or []):
        yield from check_element(action, f"{path}/actions/{i}", place="card", surface=surface)


def _ignoring_surface(check: Callable[[Json, str], Problems]) -> Callable[[Json, str, str], Problems]:
    return lambda block, path, _surface: check(block, path)


def _nothing(_block: Json, _path: str, _surface: str) -> Problems:
    yield from ()


_CHECKS: dict[str, Callable[[Json, str, str], Problems]] = {
    "section": _section,
    "divider": _nothing,
    "image": _image,
    "actions": _actions,
    "context": _context,
    "header": _header,
    "input": _input,
    "rich_text": _rich_text,
    "video": _video,
    "markdown": _markdown,
    "table": _ignoring_surface(check_table),
    "data_table": _ignoring_surface(check_data_table),
    "data_visualization": _ignoring_surface(check_chart),
    "file": _file,
    "alert": _alert,
    "card": _card,
}
