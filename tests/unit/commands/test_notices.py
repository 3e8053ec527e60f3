"""Cards about texts that wait: posted once, kept true, edited a last time, and the next one is another message."""

from typing import Any

import pytest
from sqlalchemy import update

from commands.automatic import notices
from distribution.automatic import outage
from distribution.runtime import Runtime
from storage import notices as rows
from storage import planned_counts
from storage.tables import Distribution, Notice, Planned, PlannedState, PromoCodeStock
from tests.sending import make_customers, make_group

BODY = "Your code: {{ client.promocode('Summer 10%') }}"


class Slack:
    """Takes messages, and keeps what each says by its time stamp."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.calls: list[str] = []

    def chat_postMessage(self, *, channel: str, text: str, blocks: Any) -> dict[str, str]:  # noqa: N802  Slack's name
        """A new message."""
        ts = f"{len(self.says) + 1}.0"
        self.says[ts] = str(blocks)
        self.calls.append("post")
        return {"channel": channel, "ts": ts}

    def chat_update(self, *, channel: str, ts: str, text: str, blocks: Any) -> None:
        """An edit."""
        self.says[ts] = str(blocks)
        self.calls.append("update")


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Slack:
    """Slack, and no waiting between two edits."""
    monkeypatch.setattr(notices, "_calls", notices.posting.Pace(every=0.0))
    monkeypatch.setattr(notices, "_retries", notices.posting.Pace(every=0.0))
    return Slack()


@pytest.fixture
def live(runtime: Runtime) -> int:
    """A live distribution of which three texts are planned; its group has no codes."""
    group_id, customers = make_group(runtime, "Summer 10%", 0), make_customers(runtime, 3)
    now = runtime.clock.now()
    with runtime.db.write() as session:
        row = Distribution(
            mode="automatic",
            status="sending",
            subject="Abandoned cart",
            body=BODY,
            group_id=group_id,
            trigger={"kind": "event", "event": "cart_abandoned"},
            channel="C0MARKETING",
            created_by="U0MAYA",
            created_at=now,
            updated_at=now,
            started_at=now,
            launched_at=now,
        )
        session.add(row)
        session.flush()
        session.add_all(
            Planned(distribution_id=row.id, customer_id=each, due_at=now, fired_at=now) for each in customers
        )
        return row.id


def put(runtime: Runtime, state: PlannedState) -> None:
    with runtime.db.write() as session:
        session.execute(update(Planned).values(state=state))


def kept(runtime: Runtime) -> list[str]:
    with runtime.db.read() as session:
        return [row.kind for row in session.query(Notice)]


def look(runtime: Runtime, slack: Slack) -> None:
    notices.refresh(runtime, slack)  # type: ignore[arg-type]


def test_nothing_is_said_where_nothing_waits(runtime: Runtime, live: int, slack: Slack) -> None:
    look(runtime, slack)
    assert slack.calls == []


def test_a_late_card_is_posted_once_and_says_who_decided(runtime: Runtime, live: int, slack: Slack) -> None:
    put(runtime, PlannedState.LATE)
    for _ in range(3):
        look(runtime, slack)
    assert slack.calls == ["post"]
    assert "3 texts of *Abandoned cart* fell due while promobot was not running" in slack.says["1.0"]
    with runtime.db.write() as session:
        assert outage.send_now(session, runtime, live, by="Maya", now=runtime.clock.now()) is not None
        rows.settle(session, (live, "late"), "<@U0LEE> had it sent late.")
    look(runtime, slack)
    look(runtime, slack)
    assert slack.calls == ["post", "update"]
    assert "<@U0LEE> had it sent late." in slack.says["1.0"] and "Send now" not in slack.says["1.0"]
    assert kept(runtime) == []


def test_who_presses_before_the_card_is_written_down_is_named_on_it(
    runtime: Runtime, live: int, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack shows a card before it answers us that it does."""
    put(runtime, PlannedState.LATE)
    posted = slack.chat_postMessage

    def pressed(**message: Any) -> dict[str, str]:
        with runtime.db.write() as session:
            outage.send_now(session, runtime, live, by="Maya", now=runtime.clock.now())
            rows.settle(session, (live, "late"), "<@U0LEE> had it sent late.")
        return posted(**message)

    monkeypatch.setattr(slack, "chat_postMessage", pressed)
    look(runtime, slack)
    look(runtime, slack)
    assert slack.calls == ["post", "update"]
    assert "<@U0LEE> had it sent late." in slack.says["1.0"]
    assert kept(runtime) == []


def test_the_first_word_counts(runtime: Runtime, live: int, slack: Slack) -> None:
    put(runtime, PlannedState.LATE)
    look(runtime, slack)
    for words in ("<@U0LEE> had it sent late.", "<@U0MAYA> cancelled it."):
        with runtime.db.write() as session:
            rows.settle(session, (live, "late"), words)
    look(runtime, slack)
    assert "<@U0LEE> had it sent late." in slack.says["1.0"]


def test_what_is_late_after_that_is_another_card(runtime: Runtime, live: int, slack: Slack) -> None:
    put(runtime, PlannedState.LATE)
    look(runtime, slack)
    put(runtime, PlannedState.WAITING)
    look(runtime, slack)
    assert "Nothing is late any more." in slack.says["1.0"]
    put(runtime, PlannedState.LATE)
    look(runtime, slack)
    assert list(slack.says) == ["1.0", "2.0"]


def test_a_scheduled_one_that_nobody_launched_asks_too(runtime: Runtime, live: int, slack: Slack) -> None:
    now = runtime.clock.now()
    with runtime.db.write() as session:
        row = session.get_one(Distribution, live)
        row.mode, row.status, row.send_at, row.late_since = "manual", "scheduled", now, now
    look(runtime, slack)
    assert "was to go out" in slack.says["1.0"]


def test_a_dry_alert_follows_the_numbers_and_ends_when_nobody_waits(runtime: Runtime, live: int, slack: Slack) -> None:
    put(runtime, PlannedState.DRY)
    look(runtime, slack)
    assert "has no codes to give: “Summer 10%” has no active code left." in slack.says["1.0"]
    assert "3 customers wait." in slack.says["1.0"]
    with runtime.db.write() as session:
        session.execute(update(PromoCodeStock).values(active=50, total=50))
        session.execute(update(Planned).values(state=PlannedState.MADE))
    look(runtime, slack)
    assert slack.calls == ["post", "update"]
    assert "“Summer 10%” has 50 active" in slack.says["1.0"]
    assert kept(runtime) == []


def test_who_paused_for_want_of_codes_is_offered_to_go_on_once_there_are_some(
    runtime: Runtime, live: int, slack: Slack
) -> None:
    with runtime.db.write() as session:
        row = session.get_one(Distribution, live)
        row.when_dry, row.status = "pause", "paused"
        session.add(Notice(distribution_id=live, kind="dry", channel="C0MARKETING"))
    look(runtime, slack)
    assert "3 customers wait. It is paused until somebody resumes it." in slack.says["1.0"]
    with runtime.db.write() as session:
        session.execute(update(PromoCodeStock).values(active=50, total=50))
    look(runtime, slack)
    assert "ran out of codes; there are some again." in slack.says["1.0"] and "Resume…" in slack.says["1.0"]
    with runtime.db.write() as session:
        session.get_one(Distribution, live).status = "sending"
    look(runtime, slack)
    assert kept(runtime) == []


def test_what_is_planned_is_counted_by_step_and_reason(runtime: Runtime, live: int) -> None:
    now = runtime.clock.now()
    with runtime.db.write() as session:
        first, second, third = session.query(Planned).order_by(Planned.id)
        first.state, first.reason = PlannedState.DROPPED, "called_off"
        second.state = PlannedState.DRY
        session.add(Planned(distribution_id=live, customer_id=third.customer_id, step=1, due_at=now, fired_at=now))
    with runtime.db.read() as session:
        counts = planned_counts.of(session, live)
        assert counts == planned_counts.Counts({0: 1, 1: 1}, 1, 0, {0: {"called_off": 1}}, now, now)
        assert planned_counts.piled(session, live, now) == (2, 1)
        assert [tuple(each[:2]) for each in planned_counts.held(session, PlannedState.DRY)] == [(live, 1)]
        mine = planned_counts.of_customer(session, third.customer_id, 10)
        assert [line.step for line in mine] == [1, 0]
        assert planned_counts.count_of_customer(session, third.customer_id) == 2
