"""What an approver decided, in words for whoever asked: when it goes out, and from when on."""

from dataclasses import replace
from datetime import UTC, datetime

from commands.approvals import views

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
    weekly = replace(CARD, goes_out="Every Monday at 09:00 (UTC)\nFirst 7 Dec at 09:00", may_call_back=True)
    sentence = "goes out every Monday at 09:00 (UTC), the first time 7 Dec at 09:00"
    assert views.told(weekly) == f"<@U0MAYA> *Weekly hello* was approved by <@U0LEE>. It {sentence}."
    assert views.decision(weekly) == f"✓ Approved by <@U0LEE> · {sentence}; nothing has left yet"


def test_one_that_goes_out_once_or_at_once_or_live_says_so() -> None:
    assert "It goes out 7 Dec at 09:00." in views.told(replace(CARD, goes_out="7 Dec at 09:00"))
    assert "Sending starts now." in views.told(CARD)
    assert "It is live now." in views.told(replace(CARD, sets_off="A customer does 'cart abandoned'"))
    assert views.decision(replace(CARD, sets_off="A customer …")).endswith("live from now on")
