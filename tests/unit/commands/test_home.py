"""The home tab and help: what they say to whom, within Slack's limits."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from commands.home import views
from commands.people import Person
from commands.promo import VERBS
from commands.promo import views as promo
from commands.ui.blocks import as_dicts
from distribution.codes.listing import GroupLine
from distribution.codes.recipe import Recipe
from sandbox import limits
from sandbox.testing.words import describe
from storage.overview import Live, UnderWay

NASTY = "<!channel> *x* 😀 & `y`"


def person(role: str = "marketer", zone: str = "Europe/Warsaw") -> Person:
    return Person("U0MAYA", "Maya Lindqvist", role, zone)


def stock(name: str, *, level: int = 0, runs_out: datetime | None = None, **counts: int) -> GroupLine:
    given = dict.fromkeys(("total", "active", "blocked", "issued", "revoked", "expired", "redeemed"), 0) | counts
    return GroupLine(1, name, Recipe(()), level, None, None, 0, None, **given, runs_out=runs_out)


def facts(**more: Any) -> views.Facts:
    given: dict[str, Any] = {
        "person": person(),
        "now": datetime(2026, 6, 15, 7, 0, tzinfo=UTC),
        "drafts": [],
        "asked": 0,
        "to_decide": 0,
        "under_way": [],
        "live": [],
        "live_total": 0,
        "stock": [],
        "by_day": {date(2026, 6, 15): 0},
    }
    return views.Facts(**given | more)


def shown(of: views.Facts) -> str:
    """The tab in words, after Slack's limits were checked."""
    view = {"type": "home", "blocks": as_dicts(views.home(of))}
    assert [problem for problem in limits.check_view(view) if problem.is_error] == []
    return describe(view["blocks"])


@pytest.mark.parametrize(
    ("hour", "zone", "greeting"),
    [
        (7, "Europe/Warsaw", "Good morning"),
        (7, "Asia/Tokyo", "Good afternoon"),
        (7, "Pacific/Auckland", "Good evening"),
        (7, "America/Los_Angeles", "Good evening"),  # midnight there
    ],
)
def test_it_greets_by_the_readers_own_clock(hour: int, zone: str, greeting: str) -> None:
    now = datetime(2026, 6, 15, hour, 0, tzinfo=UTC)
    assert f"{greeting}, Maya" in shown(facts(person=person(zone=zone), now=now))


def test_an_empty_workspace_says_what_to_do() -> None:
    text = shown(facts())
    assert "Nothing." in text and "[Create a group]" in text and "[Send promo codes]" in text


def test_stock_warns_of_the_low_and_what_waits_comes_first() -> None:
    text = shown(
        facts(
            stock=[
                stock(
                    "School 30%",
                    level=200,
                    runs_out=datetime(2026, 6, 18, 12, 10, tzinfo=UTC),
                    total=5000,
                    active=180,
                    issued=4820,
                ),
                stock("Summer", total=10, active=10),
            ],
            drafts=[views.Draft(3, "")],
            asked=1,
            to_decide=2,
        )
    )
    assert "⚠ School 30%  180 active of 5,000 · 4,820 issued · low · runs out about Thursday 14:00" in text
    assert "Summer  10 active of 10 · 0 issued" in text
    assert "2 approvals to decide" in text and "1 approval you asked for" in text
    assert "1 draft\nwithout a subject" in text
    assert text.index("Waiting for you") < text.index("Stock")


def test_names_mention_nobody_and_style_nothing() -> None:
    text = str(
        as_dicts(
            views.home(
                facts(
                    stock=[stock(NASTY, total=1, active=1)],
                    drafts=[views.Draft(3, NASTY)],
                    under_way=[UnderWay(1, NASTY, "sending", None, 3, 10)],
                )
            )
        )
    )
    assert "<!channel>" not in text and "&lt;!channel&gt;" in text


def test_the_week_is_a_bar_a_day() -> None:
    text = shown(facts(by_day={date(2026, 6, 14): 20, date(2026, 6, 15): 40}))
    assert "Sun 14 Jun  ▓▓▓▓▓▓▓▓▓▓░░░░░░░░░░  20" in text and "▓" * 20 + "  40" in text


def test_the_most_there_can_be_fits_slacks_limits() -> None:
    long = "x" * 300
    shown(
        facts(
            drafts=[views.Draft(n, long) for n in range(5)],
            under_way=[UnderWay(n, long, "paused", None, 1, 9) for n in range(5)],
            stock=[
                stock(
                    long[:100],
                    level=10**9,
                    runs_out=datetime(2026, 12, 31, 12, 0, tzinfo=UTC),
                    total=10**9,
                    active=10**9,
                    blocked=10**9,
                    issued=10**9,
                )
                for _ in range(views.GROUPS)
            ],
            by_day={date(2026, 6, day): 10**9 for day in range(9, 16)},
        )
    )


def test_whoever_only_looks_is_not_offered_to_send() -> None:
    assert "Send promo codes" not in shown(facts(person=person("support")))


@pytest.mark.parametrize("role", ["marketer", "approver", "admin", "support"])
def test_help_shows_what_the_role_may_do(role: str) -> None:
    blocks = as_dicts(promo.help_blocks(VERBS, person(role)))
    text = describe(blocks)
    assert [p for p in limits.check_message({"text": "help", "blocks": blocks}) if p.is_error] == []
    assert ("/promo send" in text) == (role != "support")
    assert ("/promo settings" in text) == (role == "admin")
    assert "/promo help" in text


def test_a_mistyped_word_is_shown_harmless() -> None:
    blocks = as_dicts(promo.unknown_blocks("<!channel>" * 20, "x" * 3000, "groups"))
    assert [p for p in limits.check_message({"text": "?", "blocks": blocks}) if p.is_error] == []
    assert "<!channel>" not in str(blocks[0])


def test_live_ones_say_since_when_what_came_of_them_and_what_holds_them_up() -> None:
    since = datetime(2026, 6, 3, 22, 30, tzinfo=UTC)  # already the 4th in Warsaw
    lines = [
        views.LiveLine(Live(7, "Abandoned cart", "sending", since, None, 1204, 0, 0), 96),
        views.LiveLine(Live(8, NASTY, "paused", since.replace(year=2025), None, 0, 12, 3), 0),
        views.LiveLine(Live(9, "Old", "sending", since, since, 5, 0, 0), 0),
    ]
    text = shown(facts(live=lines, live_total=9))
    assert "Abandoned cart  since 4 Jun · 1,204 sent · 96 redeemed" in text
    assert "since 4 Jun 2025 · paused · 0 sent · ⚠ 12 customers wait for codes · 3 texts late" in text
    assert "Old  since 4 Jun · ended 4 Jun · 5 sent" in text
    assert "and 6 more" in text
    assert "Live" not in shown(facts())
