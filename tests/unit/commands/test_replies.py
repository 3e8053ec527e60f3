"""Customers' replies in the thread of the distribution that texted them: each once, in order, whatever Slack does."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse
from sqlalchemy import select

from commands import posting, replies
from distribution.providers.port import InboundNews
from distribution.runtime import Runtime
from distribution.sending.replies import take
from storage.tables import Customer, Distribution, MessageState, Reply
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    messages_of,
    outcome,
    start,
)


class Slack:
    """Takes messages and files, or refuses the next one; `heard` is what anybody can read in it."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.files: list[tuple[str, str]] = []  # name, text
        self.errors: list[str] = []

    def chat_postMessage(self, **said: Any) -> dict[str, str]:  # noqa: N802 - Slack's name
        if self.errors:
            raise refusal(self.errors.pop(0))
        self.posts.append(said)
        return {"channel": said["channel"], "ts": f"{len(self.posts)}.0"}

    @property
    def bodies(self) -> list[str]:
        """The customers' own words, in the order in which they are shown."""
        return [
            block["elements"][0]["elements"][0]["text"]
            for post in self.posts
            for block in post["blocks"]
            if block["type"] == "rich_text"
        ]


def refusal(error: str) -> SlackApiError:
    status, headers = (429, {"Retry-After": "30"}) if error == "ratelimited" else (200, {})
    answer = SlackResponse(
        client=None,
        http_verb="POST",
        api_url="",
        req_args={},
        data={"error": error},
        headers=headers,
        status_code=status,
    )
    return SlackApiError(error, answer)


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Slack:
    found = Slack()

    def send(_client: object, text: Iterator[str], *, name: str, thread_ts: str, **_: object) -> None:
        if found.errors:
            raise refusal(found.errors.pop(0))
        assert thread_ts == "100.1"
        found.files.append((name, "".join(text)))

    monkeypatch.setattr(replies.uploads, "send", send)
    return found


@pytest.fixture
def pace(runtime: Runtime) -> Iterator[posting.Pace]:
    """A clock of the test's own: `later` moves it."""
    found = posting.Pace(every=replies.TOGETHER, monotonic=lambda: found.now)  # type: ignore[attr-defined]
    found.now = 0.0  # type: ignore[attr-defined]
    replies._paces[runtime.db] = found
    yield found


def later(pace: posting.Pace, seconds: float = 60.0) -> None:
    pace.now += seconds  # type: ignore[attr-defined]


@pytest.fixture
def sent(runtime: Runtime) -> int:
    """A distribution that five customers got a text of, with its message in #marketing."""
    make_group(runtime, "Summer 10%", 5)
    distribution = make_distribution(
        runtime, make_provider(runtime, "http://127.0.0.1:9"), make_customers(runtime, 5), subject="Summer <thanks>"
    )
    start(runtime, distribution)
    outcome(runtime, messages_of(runtime, distribution), MessageState.ACCEPTED)
    with runtime.db.write() as session:
        row = session.get_one(Distribution, distribution)
        row.channel, row.progress_ts = "C0MARKETING", "100.1"
    return distribution


def says(runtime: Runtime, body: str, *, who: int = 0, at: datetime | None = None) -> None:
    """A customer writes back."""
    with runtime.db.write() as session:
        known = session.query(Reply).count()
        take(session, 1, InboundNews(f"IN{known}", f"+4860010000{who}", body), at or runtime.clock.now())


def test_a_reply_is_shown_once_with_name_masked_number_and_a_way_to_the_profile(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    says(runtime, "Thanks <!channel> *you*", who=2)
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    later(pace)
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    (post,) = slack.posts
    assert (post["channel"], post["thread_ts"]) == ("C0MARKETING", "100.1")
    assert slack.bodies == ["Thanks <!channel> *you*"]  # rich text: nothing in it is read as mrkdwn
    assert "<!channel>" not in post["text"] and "&lt;!channel&gt;" in post["text"]
    title, who = post["blocks"][0]["text"]["text"], post["blocks"][1]
    assert title == "1 reply to *Summer &lt;thanks&gt;*"
    assert who["text"]["text"].startswith("*Anna2 Kowalska*\n+48 ••• ••• 002 · ")
    assert (who["accessory"]["action_id"], who["accessory"]["value"]) == ("customers.open", "3")
    assert "+48600100002" not in str(post)


def test_stop_start_and_help_are_not_shown_and_nobodys_texts_neither(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    for body in ("STOP", "start", "Help!"):
        says(runtime, body)
    with runtime.db.write() as session:
        take(session, 1, InboundNews("INX", "+48999999999", "who are you"), runtime.clock.now())
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.posts == []


def test_forty_at_once_are_one_message_and_a_file_in_order(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    for n in range(40):
        says(runtime, f"=reply {n}", who=n % 5)
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.bodies == [f"=reply {n}" for n in range(10)]
    assert "40 replies" in slack.posts[0]["text"] and "30 more came" in str(slack.posts[0]["blocks"])
    ((name, text),) = slack.files
    lines = text.splitlines()
    assert name == f"replies-{sent}.csv"
    assert [line.rpartition(",")[2] for line in lines[1:]] == [f"'=reply {n}" for n in range(10, 40)]
    assert "+486001" not in text
    later(pace)
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert (len(slack.posts), len(slack.files)) == (1, 1)


def test_those_that_come_within_seconds_are_gathered(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    says(runtime, "one")
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    for body in ("two", "three"):
        says(runtime, body)
        replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert len(slack.posts) == 1
    later(pace, replies.TOGETHER)
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.bodies == ["one", "two", "three"]
    assert len(slack.posts) == 2


@pytest.mark.parametrize("trouble", ["ratelimited", "internal_error"])
def test_what_slack_does_not_take_is_shown_later_in_order_and_once(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int, trouble: str
) -> None:
    """Also where the message was taken and its file was not; and by another process that remembers nothing."""
    for n in range(12):
        says(runtime, f"reply {n}")
    slack.errors = [trouble]
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.posts == []
    later(pace)
    slack.chat_postMessage, taken = _then(slack, trouble), slack.chat_postMessage  # type: ignore[method-assign]
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    slack.chat_postMessage = taken  # type: ignore[method-assign]
    assert (slack.bodies, slack.files) == ([f"reply {n}" for n in range(10)], [])
    del replies._paces[runtime.db]  # a restart
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.bodies == [f"reply {n}" for n in range(12)]


def _then(slack: Slack, trouble: str) -> Any:
    """Takes one message, and refuses what comes after it."""
    take_ = slack.chat_postMessage

    def post(**said: Any) -> dict[str, str]:
        answer = take_(**said)
        slack.errors = [trouble]
        return answer

    return post


def test_a_thread_that_is_closed_sends_replies_to_whoever_asked(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    says(runtime, "hello")
    slack.errors = ["channel_not_found", "channel_not_found"]
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    (post,) = slack.posts
    assert post["channel"] == "U0MAYA" and "thread_ts" not in post
    assert "Summer &lt;thanks&gt;" in post["text"]


def test_replies_wait_for_the_message_that_they_belong_under(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    with runtime.db.write() as session:
        session.get_one(Distribution, sent).progress_ts = None
    says(runtime, "quick")
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.posts == []
    with runtime.db.write() as session:
        session.get_one(Distribution, sent).progress_ts = "100.1"
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.bodies == ["quick"]


def test_what_a_system_sent_in_no_channel_is_asked_about_once(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    with runtime.db.write() as session:
        row = session.get_one(Distribution, sent)
        row.channel, row.progress_ts, row.created_by, row.status = None, None, "api:shop", "done"
    for _ in range(12):
        says(runtime, "hello")
    replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.posts == []
    with runtime.db.read() as session:
        assert set(session.scalars(select(Reply.shown))) == {"nobody"}


def test_who_was_erased_meanwhile_is_not_shown_and_holds_nobody_up(
    runtime: Runtime, slack: Slack, pace: posting.Pace, sent: int
) -> None:
    for n in range(11):
        says(runtime, f"mine {n}", who=1)
    says(runtime, "mine", who=2)
    with runtime.db.write() as session:
        gone = session.scalars(select(Customer.id).where(Customer.phone == "+48600100001")).one()
        for reply in session.scalars(select(Reply).where(Reply.customer_id == gone)):
            reply.phone = reply.body = ""
    for _ in range(3):
        later(pace, timedelta(minutes=1).total_seconds())
        replies.refresh(runtime, slack)  # type: ignore[arg-type]
    assert slack.bodies == ["mine"]
