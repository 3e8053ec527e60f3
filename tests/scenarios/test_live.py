"""A live distribution in its channel: followed, held, resumed, edited, cloned, reported, stopped."""

import threading
from typing import Any

import pytest
from sqlalchemy import delete, select

from distribution import settings
from distribution.automatic import held_up
from distribution.errors import Refused
from distribution.sending import control
from sandbox.testing import MessageScreen
from storage.tables import Customer, Distribution, PlannedState, PromoCode, PromoCodeStock, TeamMember
from storage.tables import Planned as PlannedRow
from tests.scenarios.conftest import World
from tests.scenarios.live import TEXT, happens, hurry, set_live
from tests.scenarios.shop import Shop, open_shop


@pytest.fixture
def shop(world: World, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that needs no approvals."""
    hurry(world, monkeypatch)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    return open_shop(world.runtime, customers=5, codes=10)


def card(world: World, words: str) -> MessageScreen:
    """The one message of the live distribution, once it has these words."""
    return world.maya.wait_for(
        lambda: next(
            (m for m in world.maya.messages("#marketing") if "Abandoned cart" in m.text and words in m.text), None
        ),
        f"the card with {words!r}",
        15,
    )


def held(world: World, count: int) -> None:
    """Wait until so many texts are planned and due, and none of them is made."""

    def look() -> bool | None:
        with world.runtime.db.read() as session:
            states = session.scalars(select(PlannedRow.state)).all()
        return states.count(PlannedState.WAITING) == count or None

    world.wait_for(look, f"{count} to be planned")


def test_one_message_follows_it_and_what_piled_up_in_a_pause_is_sent_or_not_as_chosen(world: World, shop: Shop) -> None:
    """Set live, fired, paused, fired on, resumed twice: with what piled up and without; then stopped."""
    set_live(world, shop)
    fresh = card(world, "0 sent")
    assert "Live · Abandoned cart · since" in fresh
    assert "A customer does 'cart abandoned': texted at once. Every time it happens." in fresh
    first, second, third, *_ = shop.numbers
    happens(world, first, cart_total=120)
    (text,) = world.phone.wait_for_texts(first)
    assert text.body.startswith("You left 120 behind. Your code: SUMMER-")
    card(world, "1 sent · 1 delivered").click("Pause")
    paused = card(world, "Paused by Maya Lindqvist. It still notices customers")

    happens(world, second, cart_total=50)
    held(world, 1)
    card(world, "Planned: 1 text")
    paused.click("Resume…")
    asked = world.maya.view("1 text fell due and waited")
    asked.submit()
    world.maya.no_view()
    world.phone.wait_for_texts(second)
    card(world, "2 sent · 2 delivered").click("Pause")

    paused = card(world, "Paused by Maya Lindqvist.")
    happens(world, third, cart_total=10)
    held(world, 1)
    paused.click("Resume…")
    world.maya.view("1 text fell due and waited").choose("Only what comes from now").submit()
    going = card(world, "Not sent: 1 fell due in a pause, and not sent after it")
    assert not world.phone.texts(third)
    assert "What was sent stays sent" in (going.confirmation("Stop") or "")
    going.click("Stop")
    report = card(world, "Stopped · Abandoned cart")
    assert "2 texts = 2 sent" in report
    assert report.has_button("Clone…") and not report.has_button("Stop")
    assert len([m for m in world.maya.messages("#marketing") if "Abandoned cart" in m.text]) == 1


def test_slack_is_answered_before_what_piled_up_is_gone_through(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much that is: the modal closes while nothing of it is done."""
    answered, resume = threading.Event(), control.resume
    set_live(world, shop)
    card(world, "0 sent").click("Pause")
    paused = card(world, "Paused by Maya Lindqvist.")
    happens(world, shop.numbers[0], cart_total=50)
    held(world, 1)

    def waits(*given: Any, **more: Any) -> None:
        assert answered.wait(20)
        resume(*given, **more)

    monkeypatch.setattr(control, "resume", waits)
    paused.click("Resume…")
    world.maya.view("1 text fell due and waited").choose("Only what comes from now").submit()
    world.maya.no_view()
    answered.set()
    card(world, "Not sent: 1 fell due in a pause, and not sent after it")


def test_every_click_delivered_twice_counts_once(world: World, shop: Shop) -> None:
    """Where nothing piled up, resuming asks nothing; two deliveries of Edit make one draft."""
    set_live(world, shop)
    live = card(world, "0 sent")
    world.stage.behave(duplicate_events=True)
    live.click("Pause")
    card(world, "Paused by Maya Lindqvist.").click("Resume…")
    live = card(world, "Live · Abandoned cart")
    world.maya.no_view()
    live.click("Edit…")
    world.maya.view("This is a copy of the live distribution")
    world.maya.close(everything=True)
    world.stage.behave(duplicate_events=False)
    with world.runtime.db.read() as session:
        assert len(session.scalars(select(Distribution).where(Distribution.status == "draft")).all()) == 1


def test_what_failed_is_retried_to_the_number_of_today_while_it_stays_live(world: World, shop: Shop) -> None:
    """Its click is delivered twice, its text once."""
    wrong, right = "+48732100000", "+48732109999"
    with world.runtime.db.write() as session:
        session.scalars(select(Customer).where(Customer.phone == shop.numbers[0])).one().phone = wrong
    set_live(world, shop)
    happens(world, wrong, cart_total=80)
    live = card(world, "0 sent · 0 delivered · 1 failed")
    with world.runtime.db.write() as session:
        session.scalars(select(Customer).where(Customer.phone == wrong)).one().phone = right
    world.stage.behave(duplicate_events=True)
    live.click("Retry 1 failed")
    assert "80" in world.phone.wait_for_texts(right)[0].body
    assert not card(world, "1 sent · 1 delivered").has_button("Retry 1 failed")
    world.stage.behave(duplicate_events=False)
    assert len(world.phone.texts(right)) == 1


def test_one_that_stood_still_asks_what_becomes_of_what_it_missed(world: World, shop: Shop) -> None:
    """From the message that tells of it, too."""
    distribution_id = set_live(world, shop)
    first, second, *_ = shop.numbers
    card(world, "0 sent")
    held_up.hold(world.runtime, distribution_id, Refused("Its group is gone."))
    happens(world, first, cart_total=80)
    told = world.maya.message("#marketing", "It could not go on: Its group is gone. What was sent stays sent.")
    told.click("Resume…")
    asked = world.maya.view("could not go on, and stood still. 1 event came in that may set it off")
    asked.choose("Only what comes from now").submit()
    card(world, "Not sent: 1 fell due in a pause, and not sent after it")
    happens(world, second, cart_total=50)
    world.phone.wait_for_texts(second)
    assert not world.phone.texts(first)


def test_what_cannot_go_on_says_why_in_the_channel_and_resume_texts_everybody(world: World, shop: Shop) -> None:
    distribution_id = set_live(world, shop)
    number = shop.numbers[0]
    card(world, "0 sent")  # else the card comes with the reason, and nobody is told of it apart
    with world.runtime.db.write() as session:
        session.get_one(Distribution, distribution_id).body = "{{ nonsense"
    happens(world, number, cart_total=80)
    paused = card(world, "It could not go on: Line 1, column 1: The tag that starts here is never closed")
    told = world.maya.message("#marketing", "@maya: Abandoned cart paused by itself. It could not go on:", timeout=15)
    assert told.has_button("Resume…") and "Planned: 1 text" in paused
    with world.runtime.db.write() as session:
        session.get_one(Distribution, distribution_id).body = TEXT
    paused.click("Resume…")
    world.maya.view("1 text fell due and waited").submit()
    world.phone.wait_for_texts(number)
    card(world, "Live · Abandoned cart")


def test_an_edit_is_a_draft_that_says_when_it_takes_over_and_a_clone_has_nothing_to_do_with_it(
    world: World, shop: Shop
) -> None:
    distribution_id = set_live(world, shop)
    card(world, "0 sent").click("Edit…")
    wizard = world.maya.view("This is a copy of the live distribution")
    assert "Texts that are planned or under way by then keep the old text." in wizard
    world.maya.close(everything=True)
    card(world, "0 sent").click("Edit…")
    world.maya.view("This is a copy of the live distribution")
    world.maya.close(everything=True)
    card(world, "0 sent").click("Clone…")
    world.maya.view("Step ")
    with world.runtime.db.read() as session:
        rows = session.scalars(select(Distribution).where(Distribution.status == "draft").order_by(Distribution.id))
        assert [(row.mode, row.replaces_id) for row in rows] == [
            ("automatic", distribution_id),
            ("automatic", None),
        ]
    assert card(world, "Live · Abandoned cart").has_button("Pause")


def test_a_rejected_edit_is_changed_as_the_edit_that_it_is(world: World, shop: Shop) -> None:
    """As one by itself it would be live beside the one that it edits, and customers would be texted by both."""
    distribution_id = set_live(world, shop)
    card(world, "0 sent").click("Edit…")
    world.maya.view("This is a copy of the live distribution")
    world.maya.close(everything=True)
    with world.runtime.db.write() as session:
        edit = session.scalars(select(Distribution).where(Distribution.replaces_id == distribution_id)).one()
        edit.status, edit.subject = "refused", "Abandoned cart, better"
    world.maya.command("/promo distributions")
    rows = world.maya.view("Abandoned cart, better")
    button = next(b for b in rows.blocks if b.get("accessory", {}).get("value") == str(edit.id))
    rows.click(f"{button['block_id']}/{button['accessory']['action_id']}")
    world.maya.view("Change and send again…").click("Change and send again…")
    world.maya.view("This is a copy of the live distribution, which goes on as it is until the copy is set live")


def test_its_report_opens_while_it_is_live_and_tells_reminders_apart(world: World, shop: Shop) -> None:
    set_live(world, shop, reminders=[{"after": 60, "body": "Still yours: {{ client.last_promocode('Summer 10%') }}"}])
    happens(world, shop.numbers[0], cart_total=120)
    world.phone.wait_for_texts(shop.numbers[0])
    card(world, "1 sent · 1 delivered")
    follows = card(world, "Planned: 1 reminder · the next")
    assert "1 reminder: 1 hour after the first text" in follows
    follows.click("Report")
    report = world.maya.view("1 text = 1 sent")
    assert "First text: 1 sent · 1 delivered" in report and "Reminder 1: 0 sent" in report
    assert "Codes of “Summer 10%”: 1 issued" in report
    assert "Reminder 1 · 1 hour after the first text, where the code was not used" in report
    assert "Still yours: {{ client.last_promocode('Summer 10%') }}" in report
    assert report.has_button("Back to the list")
    report.click("Back to the list")
    world.maya.fill("distributions.filter", "Live")
    world.maya.view("Live · 1 sent · since")
    world.maya.fill("distributions.filter", "Repeating")
    world.maya.view("There is none")


def test_another_marketer_may_pause_it_and_no_more(world: World, shop: Shop) -> None:
    """Lee is a marketer for once; an admin may do everything."""
    set_live(world, shop)
    with world.runtime.db.write() as session:
        session.add(TeamMember(user_id="U0LEE", name="Lee", role="marketer", time_zone="Europe/Warsaw"))
        session.add(TeamMember(user_id="U0MAYA", name="Maya Lindqvist", role="marketer", time_zone="Europe/Warsaw"))
    text = "This is Maya Lindqvist's: they, an approver or an admin may"

    def lee(words: str) -> MessageScreen:
        return world.lee.message("#marketing", words, timeout=15)

    lee("Live · Abandoned cart").click("Edit…")
    assert f"{text} edit it." in lee(text)
    lee("Live · Abandoned cart").click("Stop")
    lee(f"{text} stop it.")
    lee("Live · Abandoned cart").click("Pause")
    lee("Paused · Abandoned cart").click("Resume…")
    lee(f"{text} resume it.")
    world.ada.message("#marketing", "Paused · Abandoned cart").click("Resume…")
    card(world, "Live · Abandoned cart")


def test_a_group_run_dry_is_told_with_the_way_to_more_codes_and_everybody_is_texted_then(
    world: World, shop: Shop
) -> None:
    set_live(world, shop)
    for number in shop.numbers:
        happens(world, number, cart_total=1)
        happens(world, number, cart_total=2)
    world.wait_for(lambda: _active(world, shop) == 0 or None, "the codes to be used up", 20)
    happens(world, shop.numbers[0], cart_total=3)
    happens(world, shop.numbers[1], cart_total=3)
    alert = world.maya.message("#marketing", "Abandoned cart has no codes to give", timeout=15)
    alert = world.maya.message("#marketing", "2 customers wait. Each is texted as soon as there are codes.", timeout=15)
    assert "“Summer 10%” has no active code left" in alert
    card(world, "⚠ 2 customers wait for codes")
    world.maya.command("/promo")
    world.maya.message("#marketing", "⚠ 2 customers wait for codes")
    alert.click(next(label for label in alert.buttons if label.startswith("Make ")))
    world.maya.view("Summer 10%").fill("How many", "10").submit()
    world.phone.wait_for_texts(shop.numbers[0], 3)
    world.phone.wait_for_texts(shop.numbers[1], 3)
    world.maya.message("#marketing", "There are codes again, and nobody waits for one. “Summer 10%” has 8", timeout=15)
    assert not [m for m in world.maya.messages("#marketing") if "has no codes to give" in m.text]


def test_running_dry_where_it_is_to_pause_is_told_once_with_what_to_do(world: World, shop: Shop) -> None:
    """The alert calls its owner; the pause has no message of its own beside it."""
    with world.runtime.db.write() as session:
        session.execute(delete(PromoCode))
        stock = session.get_one(PromoCodeStock, shop.group_id)
        stock.active = stock.total = 0
    set_live(world, shop, when_dry="pause")
    happens(world, shop.numbers[0], cart_total=1)
    alert = world.maya.message("#marketing", "1 customer waits. It is paused until somebody resumes it.", timeout=15)
    card(world, "⚠ No active codes in 'Summer 10%': 1 text waits. Add codes, then resume.")
    assert not [m for m in world.maya.messages("#marketing") if "paused by itself" in m.text]
    alert.click(next(label for label in alert.buttons if label.startswith("Make ")))
    world.maya.view("Summer 10%").fill("How many", "10").submit()
    world.maya.close(everything=True)
    again = world.maya.message("#marketing", "ran out of codes; there are some again.", timeout=15)
    again.click("Resume…")
    world.maya.view("1 text fell due").submit()
    world.phone.wait_for_texts(shop.numbers[0])
    world.maya.message("#marketing", "There are codes again, and nobody waits for one.", timeout=15)


def _active(world: World, shop: Shop) -> int:
    with world.runtime.db.read() as session:
        return session.get_one(PromoCodeStock, shop.group_id).active
