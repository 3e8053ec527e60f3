"""A report of what goes on for long, or has reminders: each text by itself, what was not made beside the balance."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from commands.distributions import report_views, views
from commands.distributions.report_views import Report
from commands.ui.blocks import as_dicts
from commands.ui.charts import Chart
from distribution.steps import Step
from sandbox import limits
from sandbox.testing.words import describe
from storage.planned_counts import Counts

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LINE = views.Line(
    1, "Cart", "sending", "U0MAYA", total=10, sent=8, delivered=7, failed=2, excluded=2, automatic=True, started_at=NOON
)
STEPS = (
    Step(0, 8, 2, 5, 4, 1, 0, 0, 0, waiting=3, dropped={"called_off": 88}),
    Step(1, 4, 0, 3, 3, 1, 0, 0, 0, waiting=2, dropped={"redeemed": 30, "opted_out": 1}),
)
REPORT = Report(
    LINE,
    planned=Counts({0: 3, 1: 2}, 0, 0, {0: {"called_off": 88}, 1: {"redeemed": 30, "opted_out": 1}}, NOON, NOON),
    steps=STEPS,
    reminders=["2 days after the first text"],
    retryable=2,
)


def blocks(facts: Report) -> list[dict[str, Any]]:
    """The report, after Slack's limits were checked."""
    found = as_dicts(report_views.with_chart(facts, native=True))
    assert [p for p in limits.check_message({"text": "x", "blocks": found}) if p.is_error] == []
    return found


def labels(facts: Report) -> list[str]:
    return [each["text"]["text"] for each in blocks(facts)[-1]["elements"]]


def test_the_receipt_adds_up_over_the_first_texts_and_the_reminders() -> None:
    text = describe(blocks(REPORT))
    assert "12 texts (4 reminders among them) = 2 left out + 8 sent + 2 failed" in text
    assert "First text: 5 sent · 4 delivered · 1 failed · 2 left out · 3 planned · 88 not sent" in text
    assert "Reminder 1: 3 sent · 3 delivered · 1 failed · 2 planned · 31 not sent" in text
    assert "2 days after the first text" in text


def test_texts_that_went_out_without_a_code_are_counted() -> None:
    assert "2 texts without a code, as none was left" in describe(blocks(replace(REPORT, without_code=2)))
    assert "without a code" not in describe(blocks(REPORT))


def test_what_was_not_made_stands_beside_the_balance_by_reason() -> None:
    text = describe(blocks(REPORT))
    assert "Planned: 3 texts and 2 reminders" in text
    assert "Not sent: 88 called off by what the customer did since" in text
    assert "Reminders not sent: 30 used their code already · 1 opted out" in text


def test_a_manual_one_counts_its_reminders_beside_its_audience_and_they_can_be_held() -> None:
    line = replace(LINE, automatic=False, status="done", reminders_left=1, next_reminder_at=NOON)
    manual = replace(REPORT, line=line)
    assert "8 in the audience + 4 reminders = 2 left out" in describe(blocks(manual))
    assert labels(manual) == ["Retry 2 failed", "Pause reminders", "Stop reminders", "CSV", "Send again…"]


def test_while_it_is_live_what_failed_is_sent_again_and_it_can_be_cloned() -> None:
    assert labels(REPORT) == ["Retry 2 failed", "CSV", "Clone…"]
    ended = replace(LINE, status="done", finished_at=NOON)
    assert "Ended · Cart" in describe(blocks(replace(REPORT, line=ended)))


def test_one_without_reminders_says_nothing_of_them() -> None:
    text = describe(blocks(Report(replace(LINE, automatic=False, status="done"))))
    assert "12 in the audience = 2 left out + 8 sent + 2 failed" in text
    assert not any(word in text for word in ("eminder", "Planned", "Not sent", "First text"))


def test_its_days_are_a_chart_within_slacks_limits() -> None:
    days = [f"{day} Nov" for day in range(1, 21)]
    chart = Chart(
        "Texts by day", "bar", days, {"Sent": range(20), "Redeemed": range(20)}, x_label="Days in Europe/Warsaw"
    )
    assert any(block["type"] == "data_visualization" for block in blocks(replace(REPORT, chart=chart)))
