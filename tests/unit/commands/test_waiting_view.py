"""What the progress message says of texts that wait: never silent, and nothing where nothing waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from commands.distributions import views
from commands.ui.blocks import as_dicts

LINE = views.Line(id=1, subject="Summer", status="sending", requested_by="U0MAYA", total=500, sent=288)
MORNING = datetime(2026, 6, 16, 7, 0, tzinfo=UTC)


def said(line: views.Line) -> str:
    return str(as_dicts(views.progress(line)))


def test_who_sleeps_is_counted_with_when_they_are_texted_and_until_when_there_is_time() -> None:
    shown = said(replace(LINE, asleep=212, wakes=MORNING, gives_up_at=MORNING + timedelta(hours=1)))
    assert "212 texts waiting for the end of quiet hours. The first leave <!date^1781593200^" in shown
    assert "is given up, and its codes are free again." in shown


def test_a_paused_one_says_until_when_there_is_time() -> None:
    assert "is given up" in said(replace(LINE, status="paused", gives_up_at=MORNING))


def test_how_long_it_takes_is_not_guessed_while_somebody_sleeps() -> None:
    assert "about 3 s left" in said(replace(LINE, seconds_left=3))
    assert "left" not in said(replace(LINE, seconds_left=3, asleep=212, wakes=MORNING))


def test_one_that_is_under_way_says_nothing_of_it() -> None:
    assert "given up" not in said(replace(LINE, gives_up_at=MORNING))
    assert "quiet hours" not in said(LINE)


def test_who_waits_for_the_time_of_their_own_clock_is_told_apart() -> None:
    own = "1 Jul 2026 at 09:00, each customer's own time"
    shown = said(replace(LINE, asleep=212, wakes=MORNING, gives_up_at=MORNING, own_time=own))
    assert f"212 texts waiting for {own}." in shown.replace('"', "'").replace("\\'", "'")
    assert f"Goes out on {own}." in said(replace(LINE, status="scheduled", own_time=own)).replace("\\'", "'")


def test_while_it_is_held_back_nobodys_own_clock_is_promised_a_text_in_seconds() -> None:
    own = "1 Jul 2026 at 09:00, each customer's own time"
    held = said(replace(LINE, sent=0, held_for=9.5, may_call_back=True, own_time=own)).replace("\\'", "'")
    assert f"They leave on {own}, and none in the next *10 s*. Until then you can call it back" in held
    assert "The first leaves in *10 s*." in said(replace(LINE, sent=0, held_for=9.5, may_call_back=True))


def test_what_was_sent_is_not_denied_where_one_that_repeats_is_a_draft_again() -> None:
    line = replace(LINE, status="draft", reason="Maya called it back.", repeats="every Monday", copies=2)
    back = str(as_dicts(views.taken_back(replace(line, copies_refused=1))))
    assert "Called back · Summer" in back and "Nobody was texted" not in back
    assert "Sent 2 times, and not sent 1 time so far: each has a report of its own. No further time comes." in back
    assert "Nobody was texted" in str(as_dicts(views.taken_back(replace(line, copies=0))))


@pytest.mark.parametrize(("by", "does"), [("U0MAYA", views.CONTINUE), ("api:shop", views.AGAIN)])
def test_a_draft_of_a_system_is_copied_by_whoever_presses(by: str, does: str) -> None:
    """Nobody but who asked for it may go on with a draft: the button of a system's would be refused to everybody."""
    back = as_dicts(views.taken_back(replace(LINE, status="draft", requested_by=by)))
    assert back[-1]["elements"][0]["action_id"] == does


def test_a_repeating_one_says_when_and_can_be_paused() -> None:
    line = replace(LINE, status="scheduled", repeats="every Monday at 09:00 (UTC)", send_at=MORNING, copies=2)
    shown = said(line)
    assert "Sent every Monday at 09:00 (UTC). Next <!date^" in shown and "Sent 2 times so far." in shown
    assert "'Pause'" in shown
    assert "'Pause'" not in said(replace(line, late=True))
    paused = said(replace(line, status="paused", reason="Paused by Maya."))
    assert "Paused by Maya. Nothing of it is sent until somebody resumes it." in paused
    assert "Next" not in paused and "'Resume'" in paused
    assert "Sent 2 times, and not sent 1 time so far." in said(replace(line, copies_refused=1))
    never = replace(line, status="done", copies=0, copies_refused=5)
    assert "Not sent 5 times: each has a report of its own." in str(as_dicts(views.repeated(never)))
    over = str(as_dicts(views.repeated(replace(line, status="done", reason="Its last day has passed."))))
    assert "Its last day has passed." in over and "Sent 2 times: each has a report of its own." in over
