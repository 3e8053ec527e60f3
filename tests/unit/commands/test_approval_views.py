"""What an approver decided, in words for whoever asked: when it goes out, and from when on."""

from dataclasses import replace
from datetime import UTC, datetime

from commands.approvals import views
from commands.ui.blocks import as_dicts
from sandbox.testing.words import describe

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
CARD = views.Card(
    approval_id=1,
    distribution_id=1,
    subject="Weekly hello",
    state="approved",
    requested_by="U0MAYA",
    requested_at=NOON,
    purpose="Custom message",
    when="",
    provider="Phone",
    recipients=70,
    total=76,
    audience="Regulars",
    decided_by="U0LEE",
)


def test_a_repeating_one_says_when_and_the_first_time_within_the_sentence() -> None:
    said = "every Monday at 09:00 (UTC), the first time 7 Dec at 09:00"
    weekly, sentence = replace(CARD, goes_out=said, may_call_back=True), f"goes out {said}"
    assert views.told(weekly) == f"<@U0MAYA> *Weekly hello* was approved by <@U0LEE>. It {sentence}."
    assert views.decision(weekly) == f"✓ Approved by <@U0LEE> · {sentence}; nothing has left yet"


def test_one_that_goes_out_once_or_at_once_or_live_says_so() -> None:
    assert "It goes out 7 Dec at 09:00." in views.told(replace(CARD, goes_out="7 Dec at 09:00"))
    assert "Sending starts now." in views.told(CARD)
    assert "It is live now." in views.told(replace(CARD, sets_off="A customer does 'cart abandoned'"))
    assert views.decision(replace(CARD, sets_off="A customer …")).endswith("live from now on")


def test_the_details_show_every_text_that_is_approved() -> None:
    """A reminder is sent to customers like the first text: nobody approves one unread."""
    further = [("Reminder 1 · 2 days after the first text", "Still *yours*"), ("Where there is no code left", "Sorry")]
    view = views.details(replace(CARD, state="pending", body="Hi", further=further), decides=True)
    text = describe(view["blocks"])
    assert text.index("Hi") < text.index("Reminder 1") < text.index("Still *yours*") < text.index("Sorry")


def test_the_card_of_an_edit_says_what_is_different() -> None:
    edit = replace(CARD, state="pending", sets_off="A customer …", replaces="Cart", different="the text was changed")
    assert "the live “Cart”: the text was changed" in describe(as_dicts(views.card(edit)))
