"""Automatic drafts, reminders and schedules: refused at their fields, kept, copied, and what a seal says of them."""

from datetime import timedelta
from typing import Any

import pytest

from distribution import drafts, events, seal, suited
from distribution.codes import groups
from distribution.errors import Refused
from storage.tables import Distribution, Segment
from tests.unit.drafting.shop import BODY, MAYA, Shop

CART: dict[str, Any] = {"kind": "event", "event": "cart_abandoned", "delay": 120, "reentry": "once"}
LAST = "Still yours: {{ client.last_promocode('Summer 10%') }}"


def automatic(shop: Shop, session: Any, **more: Any) -> Distribution:
    """An automatic draft with every step done; `more` goes to the message."""
    now = shop.clock.now()
    draft = drafts.start(session, by=MAYA, channel="C1", now=now)
    drafts.set_type(session, draft, mode="automatic", now=now)
    drafts.set_purpose(session, draft, purpose="unique_codes", group_id=shop.group_id, now=now)
    drafts.set_trigger(session, draft, CART, now=now)
    drafts.set_subject(session, draft, "Abandoned cart", now=now)
    drafts.set_message(session, draft, **({"provider_id": shop.provider_id, "body": BODY, "now": now} | more))
    return draft


@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"body": f"{BODY} {{{{ event.total }}}}", "reminders": [{"after": 0, "body": LAST}]}, "reminder1.when", "1"),
        ({"reminders": [{"after": 60, "body": "{{ client.nonsense }}"}]}, "reminder1.body", "does not exist"),
        ({"reminders": [{"after": 60, "body": LAST}] * 6}, "reminders", "5 at most"),
        ({"when_dry": "shrug"}, "when_dry", "no active code"),
        ({"when_dry": "fallback"}, "fallback_body", "Write the text"),
        ({"when_dry": "fallback", "fallback_body": BODY}, "fallback_body", "cannot give one"),
        ({"repeat": {"every": "day", "at": "09:00"}}, "send_at", "no time to send"),
    ],
)
def test_a_refusal_of_the_message_names_its_field(shop: Shop, more: dict[str, Any], field: str, says: str) -> None:
    with shop.db.write() as session, pytest.raises(Refused) as refused:
        automatic(shop, session, **more)
    assert refused.value.field == field
    assert says in str(refused.value)


def test_a_group_without_a_format_cannot_make_more(shop: Shop) -> None:
    with shop.db.write() as session:
        plain = groups.create(session, "By hand", by=MAYA, now=shop.clock.now())
        draft = automatic(shop, session)
        now = shop.clock.now()
        drafts.set_purpose(session, draft, purpose="unique_codes", group_id=plain.id, now=now)
        body = "{{ client.promocode('By hand') }}"
        with pytest.raises(Refused) as refused:
            drafts.set_message(session, draft, provider_id=shop.provider_id, body=body, when_dry="top_up", now=now)
    assert refused.value.field == "when_dry"
    assert "no format" in str(refused.value)


def test_a_reminder_before_the_expiry_needs_a_code_with_the_first_text(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = shop.draft(session, purpose="custom", body="We open at nine")
        with pytest.raises(Refused) as refused:
            drafts.set_message(
                session,
                draft,
                provider_id=shop.provider_id,
                body="We open at nine",
                reminders=[{"before_expiry": 1440, "body": "Tomorrow"}],
                now=now,
            )
    assert refused.value.field == "reminder1.when"


def test_what_a_draft_has_is_copied_but_for_a_time_that_was_for_once(shop: Shop) -> None:
    now = shop.clock.now()
    reminders = [{"after": 2880, "body": LAST}]
    with shop.db.write() as session:
        one = automatic(shop, session, reminders=reminders, when_dry="fallback", fallback_body="No code today")
        drafts.set_trigger(session, one, CART, ends_at=now + timedelta(days=9), now=now)
        copy = drafts.copy(session, one.id, by=MAYA, channel=None, now=now)
        assert (copy.mode, copy.trigger, copy.ends_at) == ("automatic", one.trigger, one.ends_at)
        assert (copy.reminders, copy.when_dry, copy.fallback_body) == (reminders, "fallback", "No code today")
        assert drafts.missing(session, copy, now=now) == []
        assert drafts.copy(session, one.id, by=MAYA, channel=None, now=now + timedelta(days=10)).ends_at is None
        weekly = shop.draft(session)
        message = {"provider_id": shop.provider_id, "body": BODY, "now": now}
        drafts.set_message(session, weekly, **message, repeat={"every": "week", "weekdays": [0], "at": "09:00"})
        again = drafts.copy(session, weekly.id, by=MAYA, channel=None, now=now + timedelta(days=8))
        assert again.repeat == weekly.repeat
        assert again.send_at == weekly.send_at + timedelta(days=7)
        drafts.set_message(session, weekly, **message, local_at="2026-07-01T09:00")
        assert drafts.copy(session, weekly.id, by=MAYA, channel=None, now=now).local_at is None


def test_reminders_name_the_group_that_is_chosen_instead(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        other = groups.create(session, "Autumn", by=MAYA, now=now)
        draft = automatic(shop, session, reminders=[{"after": 60, "body": LAST}])
        drafts.set_purpose(session, draft, purpose="unique_codes", group_id=other.id, now=now)
    assert "last_promocode('Autumn')" in draft.reminders[0]["body"]


def test_a_seal_without_any_of_it_is_what_it_was_before(shop: Shop) -> None:
    """What was sealed by the version before is not void because of keys that it did not have."""
    with shop.db.write() as session:
        facts = seal.facts(session, shop.draft(session))
    assert set(facts) == {
        "subject",
        "mode",
        "purpose",
        "body",
        "groups",
        "promotion",
        "audience",
        "provider",
        "send_at",
    }


def test_a_seal_says_what_of_it_changed(shop: Shop) -> None:
    now = shop.clock.now()
    with shop.db.write() as session:
        draft = automatic(shop, session)
        before = seal.facts(session, draft)
        drafts.set_trigger(session, draft, CART | {"delay": 60}, ends_at=now + timedelta(days=1), now=now)
        draft.reminders, draft.when_dry = [{"after": 60, "body": LAST}], "pause"
        after = seal.facts(session, draft)
    assert seal.changes(before, after) == [
        "what sets it off was changed",
        "what is done when codes run out was changed",
        "it ends on 16 Jun 2026 at 12:00 UTC",
        "it has 1 reminder, not 0",
    ]
    assert seal.seal_of(before) != seal.seal_of(after)


def test_a_seal_is_broken_when_the_rules_of_the_triggers_segment_change(shop: Shop) -> None:
    with shop.db.write() as session:
        draft = automatic(shop, session)
        trigger = {"kind": "segment", "segment_id": shop.segment_id}
        drafts.set_trigger(session, draft, trigger, now=shop.clock.now())
        before = seal.facts(session, draft)
        segment = session.get_one(Segment, shop.segment_id)
        segment.rules = {**segment.rules, "negate": not segment.rules.get("negate", False)}
        session.flush()
        assert seal.changes(before, seal.facts(session, draft)) == [
            f"the rules of segment '{segment.name}' were changed"
        ]
        segment.deleted_at = shop.clock.now()
        session.flush()
        assert seal.changes(before, seal.facts(session, draft)) == [f"the segment '{segment.name}' was deleted"]


def test_events_are_for_texts_that_an_event_sets_off(shop: Shop) -> None:
    """And where such events came in, a property that none of them had is refused with what it may have meant."""
    now = shop.clock.now()
    (customer_id,) = shop.customers("Anna Kowalska")
    with shop.db.write() as session:
        draft = automatic(shop, session)
        assert suited.analysed(session, draft, "{{ event.anything }}").problems == ()
        said = {"customer": f"+4850{customer_id:07d}", "name": "cart_abandoned", "properties": {"cart_total": 9}}
        events.record(session, [said], now=now)
        assert suited.analysed(session, draft, "{{ event.cart_total }}").problems == ()
        (problem,) = suited.analysed(session, draft, "{{ event.cart_totl }}").problems
        assert "Did you mean 'cart_total'?" in str(problem)
        drafts.set_trigger(session, draft, {"kind": "segment", "segment_id": shop.segment_id}, now=now)
        (problem,) = suited.analysed(session, draft, "{{ event.cart_total }}").problems
        assert "no event sets this off" in str(problem)
