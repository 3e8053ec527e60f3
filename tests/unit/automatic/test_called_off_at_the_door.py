"""First texts that were made and wait, for the morning or a pause: who has paid meanwhile gets none."""

from datetime import timedelta

from distribution.check import check
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from distribution.sending import control
from tests.sending import make_customers, make_group, make_provider
from tests.unit.automatic.lively import CART, happens, look, make_live
from tests.unit.automatic.reminded import sent
from tests.unit.sending.door import NOWHERE, choose, left_out, stock

HOUR = timedelta(hours=1)
UNLESS_PAID = CART | {"delay": 60, "unless": {"event": "order_paid"}}
BODY = "Your cart waits: {{ client.promocode('Summer 10%') }}"


def test_who_pays_while_the_text_waits_for_the_morning_gets_none_and_the_code_is_free_again(
    runtime: Runtime, clock: ManualClock
) -> None:
    make_group(runtime, "Summer 10%", 5)
    paid, other, unpaid = make_customers(runtime, 3)
    live = make_live(runtime, make_provider(runtime, NOWHERE), UNLESS_PAID, body=BODY)
    choose(runtime, "quiet_hours", "12:30-15:30")
    happens(runtime, [paid, other, unpaid])
    clock.advance(HOUR)
    look(runtime)
    assert sent(runtime, live) == []
    before = stock(runtime, 1)
    clock.advance(HOUR)
    happens(runtime, [paid], "order_paid")
    happens(runtime, [other], "order_shown")
    clock.advance(2 * HOUR)
    assert sent(runtime, live) == [other, unpaid]
    assert left_out(runtime, live) == {"called_off": 1}
    assert stock(runtime, 1) == (before[0] + 1, before[1] - 3, before[2] + 2)
    assert check(runtime.db) == []


def test_who_pays_in_a_pause_gets_none(runtime: Runtime, clock: ManualClock) -> None:
    paid, unpaid = make_customers(runtime, 2)
    live = make_live(runtime, make_provider(runtime, NOWHERE), UNLESS_PAID, body="Your cart waits")
    happens(runtime, [paid, unpaid])
    clock.advance(HOUR)
    look(runtime)
    with runtime.db.write() as session:
        control.pause(session, live, by="Maya", now=clock.now())
    clock.advance(HOUR)
    happens(runtime, [paid], "order_paid")
    with runtime.db.write() as session:
        control.resume(session, runtime, live, by="Maya", now=clock.now())
    assert sent(runtime, live) == [unpaid]
