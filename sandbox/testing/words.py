"""Block Kit as the words that a person reads: for assertions, and for saying what was on the screen. Pure."""

from __future__ import annotations

import re
from typing import Any

from sandbox import people
from sandbox.blocks import STATE_KEYS, Json, Values, plain

_MENTION = re.compile(r"<([@#!])([^>|]+)(?:\|([^>]*))?>")
_LINK = re.compile(r"<([^>|\s]+:[^>|]+)(?:\|([^>]*))?>")
_STYLE = re.compile(r"(?<![\w*_~])([*_~])(\S(?:[^\n]*?\S)?)\1(?![\w*_~])")


def read(text: Any) -> str:
    """A text object or an mrkdwn string as a person reads it: no markup, mentions by name, entities resolved."""
    if isinstance(text, dict) and text.get("type") == "plain_text":
        return plain(text)
    parts = re.split(r"(```.*?```|`[^`\n]*`)", plain(text), flags=re.DOTALL)
    return "".join(part.strip("`") if part.startswith("`") else _unstyled(part) for part in parts)


def _unstyled(text: str) -> str:
    text = _MENTION.sub(_mention, text)
    text = _LINK.sub(lambda found: found[2] or found[1], text)
    for _ in range(3):  # bold in italics in strike
        text = _STYLE.sub(r"\2", text)
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _mention(found: re.Match[str]) -> str:
    sign, what, label = found[1], found[2], found[3]
    if sign == "@":
        return "@" + (people.USERS[what].name if what in people.USERS else what)
    if sign == "#":
        names = {channel.id: channel.name for channel in people.default_channels().values()}
        return "#" + (label or names.get(what, what))
    return label or "@" + what.partition("^")[0]


def describe(blocks: list[Json], values: Values | None = None, errors: dict[str, str] | None = None) -> str:
    """All blocks as lines of text, with what is filled in, and errors under their fields."""
    lines: list[str] = []
    for block in blocks:
        lines += _block(block, values or {})
        error = (errors or {}).get(str(block.get("block_id")))
        if error:
            lines.append(f"    ! {error}")
    return "\n".join(line for line in lines if line)


def _block(block: Json, values: Values) -> list[str]:
    kind = block.get("type")
    held = values.get(str(block.get("block_id")), {})
    if kind == "section":
        lines = [read(block["text"])] if block.get("text") else []
        lines += [read(field) for field in block.get("fields", [])]
        return lines + ([_element(block["accessory"], held)] if block.get("accessory") else [])
    if kind in ("header", "alert"):
        return [read(block.get("text"))]
    if kind == "context":
        return ["  ".join(read(e) if "text" in e else e.get("alt_text", "") for e in block["elements"])]
    if kind in ("actions", "card"):
        elements = block.get("elements") or block.get("actions") or []
        own = [read(block[key]) for key in ("title", "body") if block.get(key)]
        return [*own, "  ".join(_element(element, held) for element in elements)]
    if kind == "input":
        hint = [f"  ({read(block['hint'])})"] if block.get("hint") else []
        return [f"{read(block['label'])}: {_element(block['element'], held)}", *hint]
    if kind in ("table", "data_table"):
        rows = ["  |  ".join(_cell(cell) for cell in row) for row in block.get("rows", [])]
        return [*([block["caption"]] if block.get("caption") else []), *rows]
    if kind == "data_visualization":
        return _chart(block)
    if kind == "image":
        return [f"({block.get('alt_text', '')})"]
    if kind == "divider":
        return ["---"]
    if kind == "markdown":
        return [str(block.get("text", ""))]
    return [_cell(block)] if kind == "rich_text" else [f"({kind})"]


def _cell(cell: Json) -> str:
    if cell.get("type") == "raw_number":
        return str(cell.get("text") or cell.get("value"))
    if isinstance(cell.get("elements"), list):
        return "".join(_cell(part) for part in cell["elements"])
    if cell.get("type") == "user":
        return "@" + str(cell.get("user_id"))
    return str(cell.get("text") or cell.get("url") or cell.get("name") or "")


def _chart(block: Json) -> list[str]:
    chart = block.get("chart", {})
    points = [(s.get("label"), s.get("value")) for s in chart.get("segments", [])]
    lines = [f"{block.get('title')} ({chart.get('type')} chart)"]
    if points:
        lines.append(", ".join(f"{label} {value}" for label, value in points))
    for series in chart.get("series", []):
        data = ", ".join(f"{p.get('label')} {p.get('value')}" for p in series.get("data", []))
        lines.append(f"{series.get('name')}: {data}")
    return lines


def _element(element: Json, held: dict[str, Json]) -> str:
    kind = element.get("type", "")
    if kind == "button":
        return f"[{read(element['text'])}]"
    if kind == "image":
        return f"({element.get('alt_text', '')})"
    entry = held.get(str(element.get("action_id")), {})
    value = entry.get(STATE_KEYS[kind][0]) if kind in STATE_KEYS else None
    chosen = {v.get("value") for v in (value if isinstance(value, list) else [value]) if isinstance(v, dict)}
    options = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options += group.get("options", [])
    if options:
        return " ".join(f"({'•' if o.get('value') in chosen else ' '}) {_option(o)}" for o in options)
    return f"‹{_shown(value) or read(element.get('placeholder'))}›"


def _option(option: Json) -> str:
    description = option.get("description")
    return read(option["text"]) + (f" ({read(description)})" if description else "")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, dict):
        return read(value["text"]) if "text" in value else str(value.get("name") or "")
    return "" if value is None else str(value)
