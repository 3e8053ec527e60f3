"""What sets a distribution off, and when reminders go, as people read it."""

from typing import Any

import pytest

from distribution.automatic import describing, reminders, trigger
from distribution.runtime import Runtime
from distribution.segments import editing

CART = {
    "kind": "event",
    "event": "cart_abandoned",
    "where": [{"property": "cart_total", "type": "number", "op": "ge", "value": 100}],
}


def sets_off(runtime: Runtime, data: dict[str, Any]) -> str:
    with runtime.db.read() as session:
        return describing.sets_off(session, trigger.parse(data))


def test_an_event_its_conditions_the_delay_and_what_calls_it_off_are_one_sentence(runtime: Runtime) -> None:
    words = sets_off(runtime, {**CART, "delay": 120, "unless": {"event": "order_paid"}})
    assert words == (
        "A customer does 'cart abandoned' (where its cart total is at least 100): "
        "texted 2 hours later, unless they do 'order paid' before."
    )
    assert sets_off(runtime, CART).endswith(": texted at once.")


def test_a_segment_is_named_and_whether_its_members_of_today_are_texted(runtime: Runtime) -> None:
    with runtime.db.write() as session:
        segment = editing.create_static(session, "Sleepers", [], by="U0ADA", now=runtime.clock.now())
        mine = {"kind": "segment", "segment_id": segment.id}
    assert sets_off(runtime, mine) == "A customer enters “Sleepers”: texted at once."
    assert sets_off(runtime, {**mine, "members": "all", "delay": 1440}) == (
        "A customer enters “Sleepers” or is in it when it is set live: texted 24 hours later."
    )
    assert "a segment that was deleted" in sets_off(runtime, {"kind": "segment", "segment_id": 99})


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"reentry": "once"}, "Once for each customer."),
        ({"reentry": "always", "most_daily": 200}, "Every time it happens. At most 200 a day."),
        (
            {"reentry": "days", "days": 7, "most": 5000, "most_daily": 200},
            "At most once every 7 days for each customer. At most 5,000 in all and 200 a day.",
        ),
        ({"reentry": "days", "days": 1}, "At most once every day for each customer."),
    ],
)
def test_how_often_and_how_many(chosen: dict[str, Any], words: str) -> None:
    assert describing.limits(trigger.parse({**CART, **chosen})) == words


def test_when_a_reminder_goes() -> None:
    first, second = reminders.parse([{"after": 2880, "body": "Still yours"}, {"before_expiry": 1440, "body": "Ends"}])
    assert describing.when(first) == "2 days after the first text"
    assert describing.when(second) == "24 hours before the code expires"
