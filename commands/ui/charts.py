"""Charts and bars: Slack's own chart block (slack_sdk has no class for it), and the same numbers as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commands.ui.text import clip, number

# Limits of the data_visualization block (docs.slack.dev/reference/block-kit/blocks/data-visualization-block).
TITLE, NAME, POINTS, SERIES, AXIS = 50, 20, 20, 6, 50

BAR = 20


@dataclass(frozen=True)
class Chart:
    """Numbers over categories: `series` maps a name to as many values as there are `categories`.

    `kind` is "line", "bar" or "area". More than 20 categories, or 6 series, are cut by Slack's limits: make fewer.
    """

    title: str
    kind: str
    categories: Sequence[str]
    series: Mapping[str, Sequence[int]]
    x_label: str = ""
    y_label: str = ""


def block(chart: Chart) -> dict[str, Any]:
    """The chart as a `data_visualization` block. A workspace may refuse it (`invalid_blocks`): see `as_text`."""
    categories = _unique([clip(category, NAME) for category in chart.categories[:POINTS]])
    axis: dict[str, Any] = {"categories": categories}
    if chart.x_label:
        axis["x_label"] = clip(chart.x_label, AXIS)
    if chart.y_label:
        axis["y_label"] = clip(chart.y_label, AXIS)
    names = _unique([clip(name, NAME) for name in list(chart.series)[:SERIES]])
    series = [
        {
            "name": name,
            "data": [{"label": label, "value": value} for label, value in zip(categories, values, strict=False)],
        }
        for name, values in zip(names, chart.series.values(), strict=False)
    ]
    return {
        "type": "data_visualization",
        "title": clip(chart.title, TITLE),
        "chart": {"type": chart.kind, "series": series, "axis_config": axis},
    }


def as_text(chart: Chart) -> str:
    """The chart's numbers as a table in mrkdwn, for a workspace that refuses the chart."""
    names = list(chart.series)
    head = ["", *names]
    rows = [
        [category, *(number(chart.series[name][at]) for name in names)] for at, category in enumerate(chart.categories)
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = []
    for first, *others in [head, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    table = "\n".join(line.rstrip() for line in lines)
    return f"*{chart.title}*\n```{table}```"


def bar(done: int, total: int, width: int = BAR) -> str:
    """How far something is, `width` characters wide: full only when all is done, empty only when nothing is."""
    if total <= 0:
        return "░" * width
    full = done * width // total
    if 0 < done < total:
        full = min(max(full, 1), width - 1)
    return "▓" * full + "░" * (width - full)


def _unique(labels: list[str]) -> list[str]:
    """The labels, each made different from those before it: Slack matches points to categories by label."""
    seen: dict[str, int] = {}
    result = []
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
        mark = "" if seen[label] == 1 else f" ({seen[label]})"
        result.append(clip(label, NAME - len(mark)) + mark)
    return result
