"""What the channel is asked of texts that wait: late ones for a word, dry ones for codes; within Slack's limits."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from commands.automatic import views
from commands.ui.blocks import as_dicts
from sandbox import limits
from sandbox.testing.words import describe

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
LATE = views.Late(7, "Abandoned cart", "U0MAYA", 34, NOON, scheduled=False)
SUMMER = views.Group(3, "Summer 10%", 0, True, 200)
DRY = views.Dry(7, "Abandoned cart", "U0MAYA", [SUMMER], 12, "wait")


def checked(card: tuple[str, list[Any]]) -> list[dict[str, Any]]:
    """Its blocks, after Slack's limits were checked."""
    text, blocks = card
    found = as_dicts(blocks)
    assert text
    assert [p for p in limits.check_message({"text": text, "blocks": found}) if p.is_error] == []
    return found


def said(card: tuple[str, list[Any]]) -> str:
    return describe(checked(card))


def buttons(card: tuple[str, list[Any]]) -> dict[str, dict[str, Any]]:
    return {each["text"]["text"]: each for each in checked(card)[-1].get("elements", [])}


def test_late_texts_wait_for_a_word_and_giving_them_up_asks() -> None:
    text = said(views.late(LATE))
    assert "34 texts of Abandoned cart fell due while nothing ran, the first" in text
    assert "They were not sent late by themselves: they wait for a word." in text
    assert list(buttons(views.late(LATE))) == ["Send now", "Reschedule…", "Cancel"]
    question = buttons(views.late(LATE))["Cancel"]["confirm"]["text"]["text"]
    assert question == "34 texts are never sent. What falls due from now on goes as ever."
    assert "It was not sent late by itself: it waits" in said(views.late(replace(LATE, texts=1)))


def test_a_late_scheduled_one_says_when_it_was_to_go_and_a_repeating_one_that_the_next_goes() -> None:
    scheduled = replace(LATE, texts=0, scheduled=True)
    assert "Abandoned cart was to go out" in said(views.late(scheduled))
    assert "You can send it again as a new one." in str(buttons(views.late(scheduled))["Cancel"]["confirm"])
    repeats = buttons(views.late(replace(scheduled, repeats=True)))["Cancel"]["confirm"]["text"]["text"]
    assert repeats == "This time is left out; the next goes as planned."


def test_rescheduling_asks_for_a_time_in_the_readers_zone() -> None:
    view = views.reschedule(LATE, NOON, "Europe/Warsaw")
    assert [p for p in limits.check_view(view) if p.is_error] == []
    assert "34 texts go then" in describe(view["blocks"]) and "Europe/Warsaw" in str(view)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (DRY, "12 customers wait. Each is texted as soon as there are codes."),
        (replace(DRY, texts=1, when_dry="top_up"), "1 customer waits. Codes are made by the group's format. Each is"),
        (replace(DRY, texts=0, when_dry="fallback"), "Customers get the text without a code until there are codes."),
        (replace(DRY, when_dry="pause", paused=True), "12 customers wait. It is paused until somebody resumes it."),
    ],
)
def test_a_dry_group_says_who_waits_and_what_is_done_meanwhile(facts: views.Dry, words: str) -> None:
    text = said(views.dry(facts))
    assert "Abandoned cart has no codes to give: “Summer 10%” has no active code left." in text
    assert words in text


def test_making_codes_is_offered_for_all_who_wait_and_resuming_where_it_paused() -> None:
    assert buttons(views.dry(DRY))["Make 200 more codes"]["value"] == "3+200"
    assert "Make 5,000 more codes" in buttons(views.dry(replace(DRY, texts=5000)))
    assert list(buttons(views.dry(replace(DRY, when_dry="pause", paused=True))))[-1] == "Resume…"
    again = views.dry(replace(DRY, groups=[], when_dry="pause", paused=True))
    assert "ran out of codes; there are some again." in said(again) and list(buttons(again)) == ["Resume…"]


def test_a_group_without_a_format_takes_codes_by_hand() -> None:
    no_format = replace(DRY, groups=[replace(SUMMER, has_format=False)])
    assert "“Summer 10%” has no format to make codes by: add codes, or give it one." in said(views.dry(no_format))
    assert buttons(views.dry(no_format))["Add codes"]["value"] == "3"


def test_two_dry_groups_each_have_their_button_and_names_do_no_harm() -> None:
    other = replace(SUMMER, id=4, name="<!channel> *x*")
    card = views.dry(replace(DRY, groups=[SUMMER, other]))
    assert "have no active code left" in said(card)
    assert list(buttons(card)) == ["Make 200 more codes for “Summer 10%”", "Make 200 more codes for “<!channel> *x*”"]
    assert "<!channel>" not in str(checked(card)[0])
