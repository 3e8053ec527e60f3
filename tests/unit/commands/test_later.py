"""Answering a submit in time, however long its answer takes."""

import threading
from typing import Any

import pytest

from commands import later
from commands.later import Answer


class Slack:
    """The ack and views.update, as they were called."""

    def __init__(self) -> None:
        self.acked: list[dict[str, Any]] = []
        self.shown: list[dict[str, Any]] = []
        self.told = threading.Event()

    def ack(self, **answer: Any) -> None:
        """Slack's answer to a submit."""
        self.acked.append(answer)
        self.told.set()

    def views_update(self, *, external_id: str, view: dict[str, Any]) -> dict[str, Any]:
        """Only what was acked can be replaced."""
        assert self.acked[0]["view"]["external_id"] == external_id
        self.shown.append(view)
        return {"ok": True}


def answer(slack: Slack, work: Any) -> None:
    """Submit something whose waiting view is {"wait": True}."""
    later.in_time(slack.ack, slack, {"wait": True}, work)  # type: ignore[arg-type]  two calls of each are enough here


def test_a_quick_answer_is_the_ack_itself() -> None:
    slack = Slack()
    answer(slack, lambda: Answer({"response_action": "errors", "errors": {"x": "no"}}, lambda: {"late": True}))
    assert (slack.acked, slack.shown) == ([{"response_action": "errors", "errors": {"x": "no"}}], [])


def test_a_slow_answer_replaces_what_was_acked_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after an answer comes after it either way."""
    monkeypatch.setattr(later, "IN_TIME", 0.01)
    slack, order = Slack(), list[str]()

    def work() -> Answer:
        assert slack.told.wait(5)  # Slack is answered while this is still at work
        return Answer({"response_action": "clear"}, lambda: {"late": True}, lambda: order.append(str(slack.shown)))

    answer(slack, work)
    assert [each["view"]["wait"] for each in slack.acked] == [True]
    assert (slack.shown, order) == ([{"late": True}], ["[{'late': True}]"])


@pytest.mark.parametrize("late", [False, True])
def test_what_fails_is_raised_where_it_was_asked_for(late: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bolt's own answer to a failed listener follows; a timeout of the work's own is not taken for a late answer."""
    slack = Slack()
    if late:
        monkeypatch.setattr(later, "IN_TIME", 0.01)

    def work() -> Answer:
        assert not late or slack.told.wait(5)
        raise TimeoutError("the provider's")

    with pytest.raises(TimeoutError, match="the provider's"):
        answer(slack, work)
    assert len(slack.acked) == int(late)
