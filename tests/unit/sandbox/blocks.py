"""Blocks as small as they can be, for the tests of Slack's limits."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.limits import check_message, check_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def option(i: int, **more: Any) -> Json:
    return {"text": plain(f"o{i}"), "value": f"v{i}", **more}


def options(count: int) -> list[Json]:
    return [option(i) for i in range(count)]


def section(**more: Any) -> Json:
    return {"type": "section", "text": mrkdwn("x"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def button(text: str = "b", **more: Any) -> Json:
    return {"type": "button", "text": plain(text), **more}


def field(element: Json, **more: Any) -> Json:
    return {"type": "input", "label": plain("Label"), "element": {"action_id": "a", **element}, **more}


def select(count: int = 1, **more: Any) -> Json:
    return {"type": "static_select", "options": options(count), **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Title"), "submit": plain("Go"), "blocks": list(blocks), **more}


def in_message(block: Json) -> list[str]:
    """The findings on a message with one block."""
    return [str(p) for p in check_message({"text": "x", "blocks": [block]})]


def in_modal(block: Json) -> list[str]:
    """The findings on a modal with one block."""
    return [str(p) for p in check_view(modal(block))]


def confirm(**more: Any) -> Json:
    return {"title": plain("t"), "text": plain("x"), "confirm": plain("y"), "deny": plain("n"), **more}


def cells(count: int) -> list[Json]:
    return [{"type": "raw_text", "text": "x"} for _ in range(count)]


def data_table(rows: list[list[Json]], **more: Any) -> Json:
    return {"type": "data_table", "caption": "c", "rows": rows, **more}


def pie(count: int, value: float = 1, label: str = "l", title: str = "t") -> Json:
    segments = [{"label": label, "value": value} for _ in range(count)]
    return {"type": "data_visualization", "title": title, "chart": {"type": "pie", "segments": segments}}


def bars(series: int = 1, points: int = 1, name: str = "s") -> Json:
    categories = [f"c{i}" for i in range(points)]
    data = [{"label": c, "value": -1.5} for c in categories]
    chart = {
        "type": "bar",
        "series": [{"name": f"{name}{i}", "data": copy.deepcopy(data)} for i in range(series)],
        "axis_config": {"categories": categories, "x_label": "x" * 50},
    }
    return {"type": "data_visualization", "title": "t", "chart": chart}
