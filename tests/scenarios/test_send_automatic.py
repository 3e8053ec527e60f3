"""Setting an automatic distribution live through the wizard, walked by Maya over a real Socket Mode connection."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from distribution import drafts, events, settings
from distribution.automatic import entering
from sandbox.testing import Person, ViewScreen
from storage.tables import Distribution, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop
from tests.scenarios.wizard import choose_purpose

CART = "Hi {{ client.first_name }}, {{ event.cart_total }} PLN wait: {{ client.promocode('Summer 10%') }}"


def did(world: World, number: str, name: str, *, at: datetime | None = None, **properties: Any) -> None:
    """A customer did something."""
    now = world.runtime.clock.now()
    event = {"customer": number, "name": name, "at": (at or now).isoformat(), "properties": properties}
    with world.runtime.db.write() as session:
        assert [each.status for each in events.record(session, [event], now=now)] == ["recorded"]


def newest(world: World) -> Distribution:
    """The newest distribution."""
    with world.runtime.db.read() as session:
        return session.query(Distribution).order_by(Distribution.id.desc()).first()


def to_trigger(maya: Person) -> ViewScreen:
    """As far as step 3 of an automatic one that gives codes."""
    maya.command("/promo send")
    maya.view("Step 1 of 5").choose("Automatic message").submit()
    choose_purpose(maya, "Unique codes from a group")
    maya.submit()
    return maya.view("Step 3 of 5 · Trigger")


def cart_trigger(maya: Person) -> ViewScreen:
    """Step 3: a cart of at least 100 left for two hours, at most every 7 days; not submitted."""
    maya.view("Step 3 of 5").fill("Event", "cart_abandoned")
    maya.view("Only with certain properties…").click("Only with certain properties…")
    step = maya.view("cart total is")
    row = next(block["block_id"] for block in step.blocks if ":where-" in block.get("block_id", ""))
    step.fill(f"{row}/send.op:number", "is at least")
    maya.view("cart total is at least").fill("cart total is at least", "100").fill("Then wait", "2 hours")
    maya.view("Unless meanwhile they do").fill("Unless meanwhile they do", "order_paid")
    maya.view("Only one with certain properties…").choose("At most every so many days")
    return maya.view("At most once in how many days").fill("At most once in how many days", "7")


def a_shop_with_carts(world: World) -> Shop:
    """Two carts left yesterday, one of them too small; Lee is an approver."""
    with world.runtime.db.write() as session:
        session.merge(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver", time_zone="Europe/London"))
    shop = open_shop(world.runtime)
    yesterday = world.runtime.clock.now() - timedelta(days=1)
    did(world, shop.numbers[0], "cart_abandoned", at=yesterday, cart_total=120.5)
    did(world, shop.numbers[1], "cart_abandoned", at=yesterday, cart_total=20)
    return shop


def test_an_abandoned_cart_is_set_live_once_a_colleague_approves(world: World) -> None:
    """The trigger in words, the one who would have had it, two reminders, and then the phone."""
    shop = a_shop_with_carts(world)
    maya, lee = world.maya, world.lee
    to_trigger(maya)
    cart_trigger(maya).submit()
    maya.view("Step 4 of 5").fill("Subject", "Abandoned cart").submit()
    maya.view("Step 5 of 5").fill("Message", CART)
    maya.view("sample customer and code").click("Add a reminder…")
    form = maya.view("Only for customers who have not used their code")
    assert "{{ client.last_promocode('Summer 10%') }}" in form.value("Text")
    form.submit()
    maya.view("Reminder 1 · 2 days after the first text").submit()
    review = maya.view("Sample 1 of 1")
    assert "A customer does 'cart abandoned' (where its cart total is at least 100)" in review
    assert "texted 2 hours later, unless they do 'order paid' before" in review
    assert "At most once every 7 days for each customer" in review
    assert "It would have sent 1 text, reminders not counted" in review
    assert "Hi Anna, 120.5 PLN wait: SUMMER-XXXXXX" in review
    assert "Reminder 1 · 2 days after the first text" in review
    assert "your code is still good: SUMMER-XXXXXX" in review
    review.submit()
    card = lee.message("#promo-approvals", "Approval requested · Abandoned cart")
    assert "A customer does 'cart abandoned'" in card
    assert "2 days after the first text" in card
    assert "When none is left: texts wait for codes, and the channel is told" in card
    card.click("See details")
    details = lee.view("The message as it was written")
    assert "Reminder 1 · 2 days after the first text" in details
    assert "your code is still good: {{ client.last_promocode('Summer 10%') }}" in details
    details.click("Reject…")
    assert "Abandoned cart will not be set live" in lee.view("Its requester reads why")
    lee.close(everything=True)
    card.click("Approve")
    lee.message("#promo-approvals", "live from now on")
    live = newest(world)
    assert (live.mode, live.status) == ("automatic", "sending")
    assert [each["after"] for each in live.reminders] == [2880]
    did(world, shop.numbers[2], "cart_abandoned", cart_total=300)
    world.clock.advance(seconds=7300)
    text = world.phone.wait_for_texts(shop.numbers[2])[0].body
    assert text.startswith("Hi Anna, 300 PLN wait: SUMMER-")


def test_a_segment_sets_it_off_for_todays_members_too(world: World) -> None:
    """With no approval wanted the button is Set live, and today's members get it at once."""
    shop = open_shop(world.runtime)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    maya = world.maya
    to_trigger(maya).choose("Enters a segment")
    maya.view("Build a new segment…").fill("Segment", "Regulars")
    maya.view("Today's members too").choose("Today's members too")
    maya.view("Step 3 of 5").submit()
    maya.view("Step 4 of 5").fill("Subject", "Welcome").submit()
    step = maya.view("Step 5 of 5").fill("Message", "Hi {{ event.cart_total }}")
    assert "no event sets this off" in step.refused()["Message"]
    maya.view("Step 5 of 5").fill("Message", "Hi: {{ client.promocode('Summer 10%') }}").submit()
    review = maya.view("Sample 1 of")
    assert "5 members today can be texted, and get it at once" in review
    assert "[Set live]" in review.text
    review.submit()
    world.maya.no_view()
    entering.sweep(world.runtime)  # once a minute
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number)[0].body.startswith("Hi: SUMMER-")
    first = newest(world)
    maya.click("Edit…", channel="#marketing")
    step = maya.view("Step 5 of 5")
    assert "takes the place of the live “Welcome” when it is set live" in step.text.lower().replace(
        "welcome", "Welcome"
    )
    step.fill("Message", "Hello: {{ client.promocode('Summer 10%') }}")
    maya.view("sample customer and code").submit()
    review = maya.view("Then it takes the place of the live")
    assert "Welcome: the text was changed." in review
    review.submit()
    maya.no_view()
    second = newest(world)
    assert (second.replaces_id, second.status) == (first.id, "sending")


def test_an_event_that_never_came_in_is_named_with_its_properties(world: World) -> None:
    """Nobody has to wait for the first one: names are typed, and the example is made up of what was asked for."""
    open_shop(world.runtime)
    maya = world.maya
    to_trigger(maya).fill("Event", "cart_abandoned")
    maya.view("Only with certain properties…").click("Only with certain properties…")
    step = maya.view("the names of its properties are typed")
    assert step.refused() == {"Property": "Please complete this required field."}
    step.fill("Property", "cart total (number)")
    step = maya.view("cart total is")
    row = next(block["block_id"] for block in step.blocks if ":where-" in block.get("block_id", ""))
    step.fill(f"{row}/send.op:number", "is at least")
    maya.view("cart total is at least").fill("cart total is at least", "99.5").submit()
    maya.view("Step 4 of 5").fill("Subject", "Cart").submit()
    maya.view("Step 5 of 5").fill("Message", "{{ event.cart_total }}: {{ client.promocode('Summer 10%') }}")
    maya.view("19 characters, with a sample customer and code")  # "99.5: SUMMER-123456"
    maya.view("Step 5 of 5").fill("Message", CART)
    maya.view("37 characters")
    assert "cart total" in maya.view("sample customer and code").choices("Insert at the end…")
    maya.view("sample customer and code").submit()
    review = maya.view("made up")
    assert "Nothing would have set it off" in review
    assert "Hi Anna, 99.5 PLN wait: SUMMER-XXXXXX" in review
    review.click("Send me a test…")
    form = maya.view("Your phone number")
    assert "The first text of the sample on screen" in form
    form.fill("Your phone number", "512 345 678").submit()
    told = maya.view("A test is on its way to +48 512 345 678").text
    assert told.index("Hi Anna, 99.5") < told.index("[Send me a test…]") < told.index("A test is on its way")
    assert world.phone.wait_for_texts("+48512345678")[0].body == "Hi Anna, 99.5 PLN wait: SUMMER-XXXXXX"
    assert newest(world).trigger["where"] == [{"property": "cart_total", "type": "number", "op": "ge", "value": 99.5}]


def test_what_is_wrong_with_a_trigger_is_said_where_it_was_typed(world: World) -> None:
    """Each at its own input, and nothing typed is lost."""
    a_shop_with_carts(world)
    maya = world.maya
    step = to_trigger(maya)
    assert step.refused() == {"Event": "Please complete this required field."}
    cart_trigger(maya).fill("At most once in how many days", "0").fill("cart total is at least", "")
    refused = maya.view("Step 3 of 5").refused()
    assert "cart total is at least" in refused
    maya.view("Step 3 of 5").fill("cart total is at least", "100")
    assert maya.view("Step 3 of 5").refused() == {
        "At most once in how many days": "Say every how many days: 1 to 3,650."
    }
    maya.view("Step 3 of 5").fill("At most once in how many days", "7").fill("At most so many texts a day", "0")
    assert list(maya.view("Step 3 of 5").refused()) == ["At most so many texts a day"]
    maya.view("Step 3 of 5").fill("At most so many texts a day", "50").fill("Ends", 1_000_000_000)
    assert list(maya.view("Step 3 of 5").refused()) == ["Ends"]
    maya.view("Step 3 of 5").fill("Ends", None).fill("Then wait", "Another time…")
    maya.view("How long").fill("How long", "soon")
    assert maya.view("Step 3 of 5").refused() == {"How long": "Write it as 90 minutes, 36 hours or 3 days."}
    step = maya.view("Step 3 of 5").fill("How long", "36 hours")
    step.submit()
    maya.view("Step 4 of 5").click("Back")
    step = maya.view("Step 3 of 5")
    assert step.value("Event") == "cart_abandoned"
    assert step.value("cart total is at least") == "100"
    assert step.value("Then wait") == "36 hours"
    assert step.value("Unless meanwhile they do") == "order_paid"
    assert step.value("At most once in how many days") == "7"
    step.choose("Enters a segment")
    maya.view("Build a new segment…").choose("Performs an event")
    step = maya.view("cart total is at least")  # what belongs to the other choice is there again
    assert step.value("cart total is at least") == "100"


@pytest.mark.usefixtures("answers_are_late")
def test_slack_is_answered_in_time_however_long_a_step_takes(world: World) -> None:
    """Every answer is late here: what was refused is told on top, with all that was typed, and the end is told too."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    open_shop(world.runtime)
    maya = world.maya
    to_trigger(maya).fill("Event", "cart_abandoned")
    maya.view("Only with certain properties…").fill("Then wait", "Another time…")
    maya.view("How long").fill("How long", "100 days").submit()
    step = maya.view("⚠ A delay is from 0 minutes to 90 days.")
    assert (step.value("Event"), step.value("How long")) == ("cart_abandoned", "100 days")
    step.fill("How long", "3 days").submit()
    maya.view("Step 4 of 5").fill("Subject", "Cart").submit()
    maya.view("Step 5 of 5").submit()
    maya.view("Sample 1 of 1").submit()
    maya.view("the channel shows what becomes of it")
    maya.message("#marketing", "Live · Cart")


def test_what_calls_a_text_off_has_conditions_too_and_all_that_came_over_http_stays(world: World) -> None:
    """A condition on a property that no event ever told of, in a copy whose third step is gone through again."""
    shop = a_shop_with_carts(world)
    did(world, shop.numbers[0], "order_paid", at=world.runtime.clock.now() - timedelta(hours=30), paid=10)
    coupon = {"property": "coupon", "type": "text", "op": "is", "value": "SUMMER"}
    with world.runtime.db.write() as session:
        made = drafts.start(session, by="api:shop", channel="C0MARKETING", now=world.runtime.clock.now())
        made.mode, made.status, made.subject, made.body = "automatic", "refused", "Cart", "Hi"
        made.purpose, made.provider_id = "custom", world.provider_id
        trigger = {"kind": "event", "event": "cart_abandoned", "where": [coupon], "delay": 120}
        made.trigger = trigger | {"unless": {"event": "order_paid", "where": [coupon]}, "reentry": "once"}
        made_id = made.id
    maya = world.maya
    maya.command(f"/promo distributions {made_id}")
    maya.view("Not sent · Cart").click("Change and send again…")
    maya.view("Step 5 of 5").click("Back")
    maya.view("Step 4 of 5").click("Back")
    step = maya.view("Step 3 of 5")
    assert step.text.count("coupon (text)") == 2
    step.click("Add another condition on it")
    step = maya.view("paid is")
    row = [block["block_id"] for block in step.blocks if ":unless_where-" in block.get("block_id", "")][1]
    step.fill(f"{row}/send.op:number", "is at least")
    maya.view("paid is at least").fill("paid is at least", "5").submit()
    maya.view("Step 4 of 5")
    paid = {"property": "paid", "type": "number", "op": "ge", "value": 5}
    stored = newest(world).trigger
    assert (stored["where"], stored["unless"]["where"]) == ([coupon], [coupon, paid])
