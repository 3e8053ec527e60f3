"""A live distribution in its channel: what it says in each state, what can be pressed, within Slack's limits."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from commands.distributions import lists, live_views, views
from commands.distributions.live_views import Live
from commands.ui.blocks import as_dicts
from commands.ui.paging import Page
from distribution.automatic.missed import Missed
from sandbox import limits
from sandbox.testing.words import describe
from storage.planned_counts import Counts, Piled

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LINE = views.Line(
    id=7,
    subject="Abandoned cart",
    status="sending",
    requested_by="U0MAYA",
    total=1212,
    sent=1204,
    delivered=1180,
    failed=3,
    unknown=1,
    redeemed=96,
    started_at=NOON,
    automatic=True,
)
LIVE = Live(
    LINE,
    since="3 Nov",
    sets_off="A customer does 'cart abandoned': texted 2 hours later, unless they do 'order paid' before. Once each.",
    planned=Counts(
        waiting={0: 12, 1: 310},
        dropped={0: {"ceiling_daily": 2, "called_off": 88}, 1: {"redeemed": 30}, 2: {"redeemed": 1}},
        next_at=NOON,
        next_reminder_at=NOON,
    ),
    reminders=["2 days after the first text"],
)


def blocks(live: Live) -> list[dict[str, Any]]:
    """The card, after Slack's limits were checked."""
    found = as_dicts(live_views.card(live))
    assert [p for p in limits.check_message({"text": "x", "blocks": found}) if p.is_error] == []
    return found


def said(live: Live) -> str:
    return describe(blocks(live))


def buttons(live: Live) -> dict[str, dict[str, Any]]:
    return {each["text"]["text"]: each for each in blocks(live)[-1]["elements"]}


def test_the_card_says_what_sets_it_off_what_came_of_it_and_what_is_to_come() -> None:
    text = said(LIVE)
    assert "Live · Abandoned cart · since 3 Nov" in text
    assert "texted 2 hours later, unless they do 'order paid' before. Once each." in text
    assert "1 reminder: 2 days after the first text" in text
    assert "1,204 sent · 1,180 delivered · 3 failed · 1 unknown · 4 leaving · 96 redeemed" in text
    assert "Planned: 12 texts and 310 reminders · the next" in text
    assert "Not sent: 88 " in text and " · 2 " in text.split("Not sent:")[1]
    assert "Reminders not sent: 31 " in text
    assert list(buttons(LIVE)) == ["Pause", "Report", "Edit…", "Clone…", "Stop"]


def test_what_waits_for_codes_or_for_a_word_is_said() -> None:
    text = said(replace(LIVE, planned=Counts(dry=1, late=4)))
    assert "⚠ 1 customer waits for codes: the group has none left." in text
    assert "⚠ 4 texts fell due while promobot was not running. They are not sent before somebody decides." in text
    assert "Planned:" not in text and "Not sent" not in text


def test_one_that_has_just_begun_says_no_more_than_it_must() -> None:
    text = said(Live(replace(LINE, total=0, sent=0, delivered=0, failed=0, unknown=0, redeemed=0), since="3 Nov"))
    assert "0 sent · 0 delivered" in text
    assert not any(word in text for word in ("Planned", "failed", "redeemed", "Not sent", "reminder"))


def test_stopping_asks_and_says_what_returns() -> None:
    question = buttons(LIVE)["Stop"]["confirm"]["text"]["text"]
    assert "322 planned texts are not sent." in question
    assert "4 texts about to leave are held back, and their codes go back to the group." in question
    nothing = buttons(replace(LIVE, planned=Counts(), line=replace(LINE, total=1208)))["Stop"]
    assert nothing["confirm"]["text"]["text"].startswith("It fires no more. What was sent stays sent.")


def test_a_paused_one_says_why_and_that_it_notices_customers_all_the_same() -> None:
    by_hand = replace(LIVE, line=replace(LINE, status="paused", reason="Paused by Maya."))
    assert "Paused · Abandoned cart · since 3 Nov" in said(by_hand)
    assert "Paused by Maya. It still notices customers; nobody is texted until" in said(by_hand)
    by_itself = replace(LIVE, line=replace(LINE, status="paused", reason="'Phone' refuses our account."))
    assert "⚠ 'Phone' refuses our account." in said(by_itself)
    assert "1 unknown · 4 held · 96 redeemed" in said(by_hand) and "leaving" not in said(by_hand)
    assert list(buttons(by_hand)) == ["Resume…", "Report", "Edit…", "Clone…", "Stop"]


def test_a_paused_one_says_what_fell_due_meanwhile() -> None:
    paused = replace(LIVE, line=replace(LINE, status="paused"), piled=Piled(3, 2))
    assert "3 texts and up to 2 reminders fell due meanwhile and wait." in said(paused)
    assert "1 text fell due meanwhile and waits." in said(replace(paused, piled=Piled(1, 0)))
    assert "meanwhile" not in said(replace(paused, piled=Piled(0, 0)))


def test_a_paused_one_that_is_over_says_that_it_notices_nobody_any_more() -> None:
    """Its planned texts wait for a word, though the edit that took over is live."""
    over = replace(LIVE, line=replace(LINE, status="paused", reason="Paused by Maya.", ending=True))
    assert "Paused by Maya. Its time is over: it notices nobody new. What it planned waits until" in said(over)
    edited = said(replace(over, replaced_by=8))
    assert "It was edited, and the new one took over: it notices nobody new." in edited
    assert "still notices" not in edited


def test_who_sleeps_is_not_about_to_leave() -> None:
    text = said(replace(LIVE, line=replace(LINE, asleep=3, wakes=NOON)))
    assert "1 leaving" in text and "3 texts waiting for the end of quiet hours. The first leave" in text
    paused = said(replace(LIVE, line=replace(LINE, asleep=3, wakes=NOON, status="paused")))
    assert "3 texts waiting for the end of quiet hours." in paused and "The first leave" not in paused
    assert "1 text waiting for the end of quiet hours. It leaves" in said(
        replace(LIVE, line=replace(LINE, asleep=1, wakes=NOON))
    )
    assert "leaving" not in said(replace(LIVE, line=replace(LINE, asleep=4, wakes=NOON)))


def test_one_that_made_as_many_texts_as_it_may_says_that_it_texts_nobody_new() -> None:
    assert "Its limit of texts in all is reached: it texts nobody new." in said(replace(LIVE, full=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "Its time is over: it fires no more. What is planned still goes; nothing new is."),
        ({"replaced_by": 9}, "It was edited: the new one took over. What is planned still goes; nothing new is."),
        ({"planned": Counts()}, "Its time is over: it fires no more. What is under way still goes."),
    ],
)
def test_one_that_is_ending_says_why_and_cannot_be_edited(change: dict[str, Any], words: str) -> None:
    ending = replace(LIVE, line=replace(LINE, ending=True, ends_at=NOON), **change)
    assert "Ending · Abandoned cart" in said(ending)
    assert words in said(ending)
    assert list(buttons(ending)) == ["Pause", "Report", "Clone…", "Stop"]


def test_resuming_asks_what_becomes_of_what_piled_up() -> None:
    view = live_views.resume(replace(LINE, total=1210, status="paused"), Piled(34, 5), Missed())
    assert [p for p in limits.check_view(view) if p.is_error] == []
    text = describe(view["blocks"])
    assert "34 texts and up to 5 reminders fell due and waited" in text
    assert "Send what piled up: 34 texts and up to 5 reminders" in text and "Never sent: 34 texts" in text
    assert "2 texts that were about to leave go out either way." in text


@pytest.mark.parametrize(
    ("piled", "missed", "words", "never"),
    [
        (
            Piled(1, 0),
            Missed(12),
            "1 text fell due and waits. 12 events came in that may set it off, not looked at yet.",
            "What would have left by now is never sent; the rest goes in its time",
        ),
        (
            Piled(0, 0),
            Missed(10_001),
            "More than 10,000 events came in that may set it off, not looked at yet.",
            "What would have left by now is never sent; the rest goes in its time",
        ),
        (
            Piled(2, 1),
            Missed(0, members=True),
            "2 texts and up to 1 reminder fell due and wait. Who entered its segment meanwhile is found once it goes "
            "on.",
            "Nobody is texted for having entered by now",
        ),
    ],
)
def test_resuming_one_that_was_held_up_says_what_it_missed(
    piled: Piled, missed: Missed, words: str, never: str
) -> None:
    view = live_views.resume(replace(LINE, status="paused"), piled, missed)
    assert [p for p in limits.check_view(view) if p.is_error] == []
    text = describe(view["blocks"])
    assert f"could not go on, and stood still. {words}" in text
    assert "Send what piled up" in text and never in text


def test_what_people_typed_does_no_harm() -> None:
    nasty = "<!channel> *x* `y`"
    live = replace(LIVE, line=replace(LINE, subject=nasty, reason=nasty, status="paused"), sets_off=nasty)
    assert "<!channel>" not in str([block for block in blocks(live) if block["type"] != "header"])
    assert "<!channel>" not in live_views.card_in_a_line(live)


def test_the_list_tells_live_ones_repeating_ones_and_reminders_apart() -> None:
    lines = [
        LINE,
        views.Line(8, "Weekly", "scheduled", "U0MAYA", send_at=NOON, repeats="every Monday at 09:00", copies=3),
        views.Line(
            10, "Advent", "scheduled", "U0MAYA", send_at=NOON, own_time="1 Dec at 09:00, each customer's own time"
        ),
        views.Line(9, "Summer", "done", "U0MAYA", total=5, sent=5, reminders_left=2, next_reminder_at=NOON),
    ]
    view = lists.listing(Page(lines, 0, 4), "all")
    assert [p for p in limits.check_view(view) if p.is_error] == []
    text = describe(view["blocks"])
    assert "Live · 1,204 sent · 96 redeemed" in text
    assert "Scheduled · every Monday at 09:00 · next" in text and "3 times so far" in text
    assert "Scheduled · 1 Dec at 09:00, each customer's own time · @maya" in text, "not when the first clocks show it"
    assert "Sent · 5 of 5 sent" in text and "2 reminders to come, the next" in text


def test_a_repeating_one_opened_lists_what_it_sent() -> None:
    line = views.Line(8, "Weekly", "scheduled", "U0MAYA", send_at=NOON, repeats="every Monday at 09:00", copies=7)
    copies = [views.Line(20 + n, "Weekly", "done", "U0MAYA", total=5, sent=5, started_at=NOON) for n in range(5)]
    view = lists.opened(lists.Opened(line, [], "Hi", copies=copies), as_dicts(views.progress(line)), back="all")
    assert [p for p in limits.check_view(view) if p.is_error] == []
    text = describe(view["blocks"])
    assert (
        "Sent every Monday at 09:00. Next" in text and "Each time is a distribution with a report of its own." in text
    )
    assert "Sent 7 times so far" in text and "2 earlier ones are in the list." in text


def test_a_manual_one_with_reminders_to_come_is_resumed_with_a_question() -> None:
    line = views.Line(
        9,
        "Summer",
        "paused",
        "U0MAYA",
        total=5,
        sent=5,
        reason="Paused by Maya.",
        reminders_left=2,
        next_reminder_at=NOON,
    )
    text = describe(as_dicts(views.progress(line)))
    assert "2 reminders to come, the next" in text and "[Resume…]" in text
    assert "[Resume…]" not in describe(as_dicts(views.progress(replace(line, reminders_left=0))))
