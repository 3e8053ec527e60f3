"""Limits of the blocks that show data: table, data_table and data_visualization.

docs.slack.dev/reference/block-kit/blocks/table-block, /data-table-block and /data-visualization-block (both new in
2026). Where sources differ (6 or 12 series), the smaller number of Slack's own page holds.
"""

from __future__ import annotations

import math
from typing import Any

from sandbox.limits.problem import Json, Problem, Problems, check_enum, check_list, check_number, check_string

CELL_TYPES = ("raw_text", "raw_number", "rich_text")
TABLE_CHARACTERS = 10_000


def check_table(block: Json, path: str) -> Problems:
    """A table: up to 100 rows of up to 20 cells."""
    rows, problems = check_list(block, "rows", path, 1, 100)
    yield from problems
    yield from _check_rows(rows, path)
    settings = block.get("column_settings")
    if settings is None:
        return
    if not isinstance(settings, list) or len(settings) > 20:
        yield Problem(f"{path}/column_settings", "no more than 20 items allowed")
        return
    for i, setting in enumerate(settings):
        if isinstance(setting, dict):
            yield from check_enum(setting, "align", f"{path}/column_settings/{i}", ("left", "center", "right"))
        elif setting is not None:
            yield Problem(f"{path}/column_settings/{i}", "must be an object or null")


def check_data_table(block: Json, path: str) -> Problems:
    """A data table: a caption, a header row and 1 to 100 rows, all equally long, 10,000 characters in all."""
    yield from check_string(block, "caption", path, 2000, required=True)
    yield from check_number(block, "page_size", path, 1, 100)
    rows, problems = check_list(block, "rows", path, 2, 101)
    yield from problems
    yield from _check_rows(rows, path)
    lists = [row for row in rows if isinstance(row, list)]
    if len({len(row) for row in lists}) > 1:
        yield Problem(f"{path}/rows", "all rows must have the same number of cells")
    for i, cell in enumerate(lists[0] if lists else []):
        if isinstance(cell, dict) and cell.get("type") == "rich_text":
            yield Problem(f"{path}/rows/0/{i}/type", "rich_text is not allowed in the header")
    width = len(lists[0]) if lists else 0
    yield from check_number(block, "row_header_column_index", path, 0, max(width - 1, 0))


def _check_rows(rows: list[Any], path: str) -> Problems:
    characters = 0
    for i, row in enumerate(rows):
        here = f"{path}/rows/{i}"
        if not isinstance(row, list):
            yield Problem(here, "must be an array")
            continue
        if not 1 <= len(row) <= 20:
            yield Problem(here, "must have from 1 to 20 cells")
        for j, cell in enumerate(row):
            yield from _check_cell(cell, f"{here}/{j}")
            characters += _length(cell)
    if characters > TABLE_CHARACTERS:
        yield Problem(f"{path}/rows", f"must be less than {TABLE_CHARACTERS + 1} characters in all cells")


def _check_cell(cell: Any, path: str) -> Problems:
    if not isinstance(cell, dict) or cell.get("type") not in CELL_TYPES:
        yield Problem(path, f"must be of type {', '.join(CELL_TYPES)}")
        return
    if cell["type"] == "raw_text" and not (isinstance(cell.get("text"), str) and cell["text"]):
        yield Problem(f"{path}/text", "must be more than 0 characters")
    if cell["type"] == "raw_number" and not _is_number(cell.get("value")):
        yield Problem(f"{path}/value", "must be a number")
    if cell["type"] == "rich_text" and not isinstance(cell.get("elements"), list):
        yield Problem(f"{path}/elements", "must be an array")


def _length(cell: Any) -> int:
    """How many characters of text a cell holds."""
    if isinstance(cell, dict):
        own = cell.get("text")
        return (len(own) if isinstance(own, str) else 0) + sum(_length(child) for child in cell.get("elements") or [])
    return 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_chart(block: Json, path: str) -> Problems:
    """A data visualization: a title of 50 characters, and a pie, bar, area or line chart."""
    yield from check_string(block, "title", path, 50, required=True)
    chart = block.get("chart")
    here = f"{path}/chart"
    if not isinstance(chart, dict):
        yield Problem(path, "missing required field: chart")
        return
    yield from check_enum(chart, "type", here, ("pie", "bar", "area", "line"), required=True)
    if chart.get("type") == "pie":
        yield from _check_pie(chart, here)
    else:
        yield from _check_series(chart, here)


def _check_pie(chart: Json, path: str) -> Problems:
    segments, problems = check_list(chart, "segments", path, 1, 6)
    yield from problems
    for i, segment in enumerate(segments):
        here = f"{path}/segments/{i}"
        if not isinstance(segment, dict):
            yield Problem(here, "must be an object")
            continue
        yield from check_string(segment, "label", here, 20, required=True)
        value = segment.get("value")
        if not _is_number(value):
            yield Problem(f"{here}/value", "must be a number")
        elif value <= 0:  # type: ignore[operator]
            yield Problem(f"{here}/value", "must be more than 0")


def _check_series(chart: Json, path: str) -> Problems:
    axis = chart.get("axis_config")
    categories: list[Any] = []
    if not isinstance(axis, dict):
        yield Problem(path, "missing required field: axis_config")
    else:
        categories, problems = check_list(axis, "categories", f"{path}/axis_config", 1, 20)
        yield from problems
        for i, _ in enumerate(categories):
            names = {str(j): name for j, name in enumerate(categories)}
            yield from check_string(names, str(i), f"{path}/axis_config/categories", 20, required=True)
        if len({str(c) for c in categories}) < len(categories):
            yield Problem(f"{path}/axis_config/categories", "must be unique")
        yield from check_string(axis, "x_label", f"{path}/axis_config", 50)
        yield from check_string(axis, "y_label", f"{path}/axis_config", 50)
    series, problems = check_list(chart, "series", path, 1, 6)
    yield from problems
    seen: set[str] = set()
    for i, one in enumerate(series):
        here = f"{path}/series/{i}"
        if not isinstance(one, dict):
            yield Problem(here, "must be an object")
            continue
        yield from check_string(one, "name", here, 20, required=True)
        name = str(one.get("name"))
        if name in seen:
            yield Problem(f"{here}/name", "must be unique")
        seen.add(name)
        yield from _check_points(one, here, categories)


def _check_points(series: Json, path: str, categories: list[Any]) -> Problems:
    points, problems = check_list(series, "data", path, 1, 20)
    yield from problems
    for i, point in enumerate(points):
        here = f"{path}/data/{i}"
        if not isinstance(point, dict):
            yield Problem(here, "must be an object")
            continue
        yield from check_string(point, "label", here, 20, required=True)
        if not _is_number(point.get("value")):
            yield Problem(f"{here}/value", "must be a number")
    labels = [point.get("label") for point in points if isinstance(point, dict)]
    if sorted(map(str, labels)) != sorted(map(str, categories)):
        yield Problem(f"{path}/data", "must have exactly one point for each category")
