"""Messages are edited no more often than Slack likes."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from commands.posting import Busy, Pace


class Seconds:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def refused(status: int, error: str, **headers: str) -> SlackApiError:
    """An answer of Slack's that slack_sdk raises."""
    answer = SlackResponse(
        client=None, http_verb="POST", api_url="", req_args={}, data={"ok": False, "error": error},
        headers=headers, status_code=status,
    )  # fmt: skip
    return SlackApiError("refused", answer)


def test_one_message_is_edited_at_most_every_few_seconds_and_another_meanwhile() -> None:
    """The first call goes through, the second waits its time."""
    clock = Seconds()
    pace = Pace(clock, every=3.0)
    assert pace.call("a", lambda: "done") == "done"
    with pytest.raises(Busy):
        pace.call("a", lambda: pytest.fail("called too early"))
    assert pace.call("b", lambda: "other") == "other"
    clock.now += 3.0
    assert pace.call("a", lambda: "again") == "again"


def test_after_a_429_nothing_is_called_until_slack_allows_it() -> None:
    """For as long as `Retry-After` says, and whatever the message."""
    clock = Seconds()
    pace = Pace(clock, every=0.0)

    def limited() -> None:
        raise refused(429, "ratelimited", **{"Retry-After": "7"})

    with pytest.raises(Busy):
        pace.call("a", limited)
    clock.now += 6.9
    assert not pace.may("b")
    clock.now += 0.2
    assert pace.call("a", lambda: "now") == "now"


def test_another_error_is_raised_and_may_be_tried_again_at_once() -> None:
    """Only what Slack took counts as an edit."""
    pace = Pace(Seconds(), every=3.0)

    def broken() -> None:
        raise refused(200, "invalid_blocks")

    with pytest.raises(SlackApiError):
        pace.call("a", broken)
    assert pace.call("a", lambda: "without the chart") == "without the chart"


def test_once_in_a_while_and_forgotten() -> None:
    """`once` is true at first, then after its time, or after `forget`."""
    clock = Seconds()
    pace = Pace(clock, every=60.0)
    assert [pace.once("a"), pace.once("a"), pace.once("b")] == [True, False, True]
    pace.forget("a")
    assert pace.once("a")
    clock.now += 60.0
    assert pace.once("b")
