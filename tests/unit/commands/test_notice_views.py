"""What the channel is asked of texts that wait: late ones for a word, dry ones for codes; within Slack's limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commands.automatic import views
from commands.ui.blocks import as_dicts
from sandbox import limits
from sandbox.testing.words import describe

NOON, WEEK = datetime(2026, 11, 3, 12, 0, tzinfo=UTC), timedelta(days=7)
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
    assert "34 texts of Abandoned cart fell due while promobot was not running, the first" in text
    assert "They are not sent before somebody decides." in text
    assert list(buttons(views.late(LATE))) == ["Send now", "Reschedule…", "Cancel"]
    question = buttons(views.late(LATE))["Cancel"]["confirm"]["text"]["text"]
    assert question == "34 texts are never sent. What falls due from now on goes as ever."
    assert "It is not sent before somebody decides." in said(views.late(replace(LATE, texts=1)))


def test_what_became_of_what_was_late_says_who_did_what_with_how_many() -> None:
    one, scheduled = replace(LATE, texts=1), replace(LATE, texts=0, scheduled=True)
    assert views.decided(LATE, "U0LEE", views.SEND_NOW) == "<@U0LEE> had 34 late texts sent."
    assert views.decided(scheduled, "U0LEE", views.SEND_NOW) == "<@U0LEE> had it sent late."
    assert views.decided(LATE, "U0LEE", views.RESCHEDULE, NOON).startswith("<@U0LEE> put 34 late texts off to <!date^")
    assert views.decided(one, "U0LEE", views.CANCEL) == "<@U0LEE> cancelled 1 late text: it is not sent."
    again = views.decided(replace(scheduled, repeats=True, following=NOON), "U0LEE", views.CANCEL)
    assert again == "<@U0LEE> cancelled it: it is not sent. The next time goes as planned."


def test_a_system_that_asked_for_it_is_not_called() -> None:
    mine = "api:my-shop"
    assert said(views.late(replace(LATE, requested_by=mine))).startswith("34 texts of Abandoned cart fell due")
    assert said(views.dry(replace(DRY, requested_by=mine))).startswith("Abandoned cart has no codes to give")


def test_a_late_scheduled_one_says_when_it_was_to_go_and_a_repeating_one_that_the_next_goes() -> None:
    scheduled = replace(LATE, texts=0, scheduled=True)
    assert "Abandoned cart was to go out" in said(views.late(scheduled))
    assert "You can send it again as a new one." in str(buttons(views.late(scheduled))["Cancel"]["confirm"])
    repeats = buttons(views.late(replace(scheduled, repeats=True, following=NOON)))["Cancel"]["confirm"]["text"]["text"]
    assert repeats == "This time is left out. The next goes as planned."


def test_rescheduling_asks_for_a_time_in_the_readers_zone() -> None:
    view = views.reschedule(LATE, NOON, "Europe/Warsaw")
    assert [p for p in limits.check_view(view) if p.is_error] == []
    assert "34 late texts of Abandoned cart go out then." in describe(view["blocks"]) and "Europe/Warsaw" in str(view)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (DRY, "12 customers wait. Each is texted as soon as there are codes."),
        (replace(DRY, texts=1, when_dry="top_up"), "1 customer waits. Codes are made by the group's format. Each is"),
        (
            replace(DRY, when_dry="top_up", groups=[replace(SUMMER, full=1000)]),
            "“Summer 10%” has 1,000 codes, the most that top-up makes: no more come by themselves. Each is texted",
        ),
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
    assert "Make 1 more code" in buttons(views.dry(replace(DRY, texts=1, groups=[replace(SUMMER, suggested=1)])))
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


WEEKLY = views.Late(7, "Weekly news", "U0MAYA", 0, NOON, scheduled=True, repeats=True, following=NOON + WEEK)


def test_a_time_that_was_missed_is_told_with_the_next_one() -> None:
    card = views.late(WEEKLY)
    assert "It is not sent before somebody decides. Its next time is" in said(card)
    assert "what was missed and is not sent by then is left out." in said(card)
    assert "This time is left out. The next goes as planned." in str(buttons(card)["Cancel"])


def test_several_times_that_were_missed_are_counted_and_what_send_now_does_is_said() -> None:
    several = replace(WEEKLY, missed=3, last=NOON + 2 * WEEK, following=None)
    card = views.late(several)
    assert "was to go out 3 times while promobot was not running, from" in said(card)
    assert "Send now sends one text for all of them." in said(card)
    assert "Its next time" not in said(card)
    assert "These 3 times are left out. There is none after that." in str(buttons(card)["Cancel"])
    assert "goes out then, once for all 3 times that were missed." in str(views.reschedule(several, NOON, "UTC"))
