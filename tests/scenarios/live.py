"""A live distribution for scenarios, set live without the wizard, and the events that set it off."""

from typing import Any

import pytest

from commands import posting
from commands.automatic import notices
from commands.distributions import progress
from distribution import events, launch
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop
from tests.sending import seal_row

TEXT = "You left {{ event.cart_total }} behind. Your code: {{ client.promocode('Summer 10%') }}"
CART = {"kind": "event", "event": "cart_abandoned", "reentry": "always"}


def hurry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edit messages as soon as there is something to say: Slack's pace is tested where it is kept."""
    progress._memories[world.runtime.db] = progress.Memory(edits=posting.Pace(every=0.1))
    monkeypatch.setattr(progress, "COUNTING", 1)
    monkeypatch.setattr(notices, "_calls", posting.Pace(every=0.1))


def set_live(world: World, shop: Shop, **more: Any) -> int:
    """Maya's "Abandoned cart" in #marketing, live; `more`: columns of the distribution. Its id."""
    now = world.runtime.clock.now()
    given = {"body": TEXT, "trigger": CART, "group_id": shop.group_id, "purpose": "unique_codes"} | more
    with world.runtime.db.write() as session:
        given = {"mode": "automatic", "subject": "Abandoned cart", "channel": "C0MARKETING"} | given
        distribution_id = seal_row(session, now=now, provider_id=world.provider_id, **given)
        launch.launch(session, world.runtime, distribution_id)
        return distribution_id


def happens(world: World, number: str, name: str = "cart_abandoned", **properties: Any) -> None:
    """The customer with that number does something, now."""
    now = world.runtime.clock.now()
    event = {"name": name, "customer": number, "at": now.isoformat(), "properties": properties}
    with world.runtime.db.write() as session:
        (told,) = events.record(session, [event], now=now)
    assert told.status == "recorded", told
