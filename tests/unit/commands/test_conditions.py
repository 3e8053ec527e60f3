"""Rows of conditions on an event's properties, in the wizard's step about what sets a distribution off."""

from typing import Any

import pytest

from commands.send import conditions, triggering
from commands.send.place import AUDIENCE, Place
from commands.send.views import conditions as views
from commands.ui.blocks import as_dicts
from distribution import drafts, events
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments.asking import Known
from tests.conftest import NOON
from tests.sending import make_customers

KNOWN = Known(events={"cart_abandoned": {"total": "number", "city": "text"}, "order_paid": {"total": "number"}})

TOTAL = {"property": "total", "type": "number", "op": "ge", "value": 100}
PLACE = Place(1, AUDIENCE)


def on_screen(event: str, rows: conditions.Kept, name: str = "where") -> list[dict[str, Any]]:
    """The rows as they are read off the screen, where nobody has touched them."""
    blocks = as_dicts(views.rows(PLACE, conditions.shown(event, rows, KNOWN), KNOWN, name))
    values = {
        block["block_id"]: {block["element"]["action_id"]: {"value": block["element"].get("initial_value")}}
        for block in blocks
        if block["type"] == "input"
    }
    return views.read({"blocks": blocks, "state": {"values": values}}, name)


@pytest.mark.parametrize("name", list(conditions.ROWS))
@pytest.mark.parametrize("event", ["cart_abandoned", "never_seen"])
@pytest.mark.parametrize(
    "where",
    [
        [TOTAL],
        [TOTAL, TOTAL | {"op": "le", "value": 500}],
        [{"property": "coupon", "type": "text", "op": "is", "value": "SUMMER"}],  # no such event ever told of one
        [{"property": "total", "type": "text", "op": "is", "value": "much"}],  # nor of one of that type
        [{"property": "city", "type": "text", "op": "set"}],
    ],
)
def test_conditions_that_came_over_http_stay_as_they_are(name: str, event: str, where: list[dict[str, Any]]) -> None:
    """Shown, read off the screen and stored again: whether or not such events have told of such properties."""
    rows = on_screen(event, conditions.from_json(where), name)
    assert conditions.to_json(event, rows, KNOWN, name) == where


def test_a_refusal_stands_at_the_row_of_its_own_event() -> None:
    rows = conditions.from_json([TOTAL])
    rows[0]["value"] = "much"
    for name in conditions.ROWS:
        with pytest.raises(Refused) as refused:
            conditions.to_json("cart_abandoned", rows, KNOWN, name)
        shown = as_dicts(views.rows(PLACE, conditions.shown("cart_abandoned", rows, KNOWN), KNOWN, name))
        assert PLACE.block_id(str(refused.value.field)) in [block["block_id"] for block in shown]


def test_rows_are_put_aside_with_their_event_and_come_back_with_it(runtime: Runtime) -> None:
    """Another event has those that make sense for it."""
    make_customers(runtime, 1)
    with runtime.db.write() as session:
        for number, (name, known) in enumerate(KNOWN.events.items()):
            said = {key: 1 if kind == "number" else "Warsaw" for key, kind in known.items()}
            event = {"customer": "+48600100000", "name": name, "source_id": str(number), "properties": said}
            events.record(session, [event], now=NOON)
        draft = drafts.start(session, by="U0MAYA", channel=None, now=NOON)
        draft.mode = "automatic"
        city = {"property": "city", "type": "text", "op": "is", "value": "Warsaw"}
        rows = conditions.from_json([TOTAL, city])

        def chosen(event: str, where: list[dict[str, Any]]) -> list[dict[str, Any]]:
            kept = triggering.put_aside(session, draft, {"event": event, "where": where})
            drafts.keep_typed(session, draft, "audience", kept, now=NOON)
            return list(kept["where"])

        assert chosen("cart_abandoned", rows) == rows
        paid = chosen("order_paid", rows)
        assert [row["key"] for row in paid] == ["property:total:number"]
        assert chosen("cart_abandoned", paid) == rows
