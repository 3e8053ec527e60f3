"""What the progress message says of texts that wait: never silent, and nothing where nothing waits."""

from dataclasses import replace
from datetime import UTC, datetime

from commands.distributions import views
from commands.ui.blocks import as_dicts

LINE = views.Line(id=1, subject="Summer", status="sending", requested_by="U0MAYA", total=500, sent=288)
MORNING = datetime(2026, 6, 16, 7, 0, tzinfo=UTC)


def said(line: views.Line) -> str:
    return str(as_dicts(views.progress(line)))


def test_who_sleeps_is_counted_with_when_they_are_texted_and_until_when_there_is_time() -> None:
    shown = said(replace(LINE, asleep=212, wakes=MORNING, gives_up_at=MORNING))
    assert "212 texts waiting for the end of quiet hours. The first leave <!date^1781593200^" in shown
    assert "is given up, and its codes are free again." in shown


def test_a_paused_one_says_until_when_there_is_time() -> None:
    assert "is given up" in said(replace(LINE, status="paused", gives_up_at=MORNING))


def test_one_that_is_under_way_says_nothing_of_it() -> None:
    assert "given up" not in said(replace(LINE, gives_up_at=MORNING))
    assert "quiet hours" not in said(LINE)
