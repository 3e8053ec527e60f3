"""A code that is worth nothing any more when its text would leave: the text stays."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes import redemptions, replacing
from distribution.runtime import Runtime
from storage import lives
from storage.tables import PromoCode, PromoCodeGroup
from tests.sending import make_customers, make_group, make_provider
from tests.unit.sending.door import LAST, NOWHERE, SAME, intended, launched, leave, left_out, recorded, stock, written


def test_a_new_code_that_expired_since_the_launch_is_not_sent(runtime: Runtime, clock: ManualClock) -> None:
    """One by its own date, after it was written even; the others go."""
    group = make_group(runtime, "Summer 10%", 3)
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode).order_by(PromoCode.id)).first()
        assert code is not None
        code.expires_at = clock.now() + timedelta(hours=1)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 3))
    batch = written(runtime, distribution)
    assert batch is not None
    clock.advance(timedelta(hours=1))
    assert len(intended(runtime, batch).going) == 2
    assert left_out(runtime, distribution) == {"code_expired": 1}
    assert stock(runtime, group) == (1, 2, 0)
    assert check(runtime.db) == []


def test_no_code_of_a_group_that_expired_since_the_launch_is_sent(runtime: Runtime, clock: ManualClock) -> None:
    group = make_group(runtime, "Summer 10%", 3)
    distribution = launched(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 3))
    with runtime.db.write() as session:
        session.get_one(PromoCodeGroup, group).expires_at = clock.now() + timedelta(hours=1)
    clock.advance(timedelta(hours=1))
    assert leave(runtime, distribution) == []
    assert left_out(runtime, distribution) == {"code_expired": 3}
    assert stock(runtime, group) == (3, 0, 0)
    assert check(runtime.db) == []


@pytest.mark.parametrize("policy", [SAME, "last"])
@pytest.mark.parametrize("what", ["redeemed", "revoked", "replaced", "expired"])
def test_a_code_that_is_worth_nothing_any_more_is_not_sent_again(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, policy: str, what: str
) -> None:
    """Three customers have a code; to one of them it is worth nothing when the reminder leaves.

    People are refused to revoke or replace one that is about to be sent again; the door does not lean on that.
    """
    monkeypatch.setattr(lives, "planned_for", lambda *_: None)
    make_group(runtime, "Summer 10%", 4)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 3)
    first = launched(runtime, provider, customers)
    leave(runtime, first)
    recorded(runtime, first)
    clock.advance(timedelta(hours=1))
    again = launched(
        runtime, provider, customers, **({"code_policy": SAME} if policy == SAME else {"body": LAST}), subject="Again"
    )
    clock.advance(timedelta(minutes=1))
    worthless(runtime, customers[1], what)
    assert leave(runtime, again) == [customers[0], customers[2]]
    assert left_out(runtime, again) == {f"code_{what}": 1}
    recorded(runtime, again)
    assert check(runtime.db) == []


def worthless(runtime: Runtime, customer: int, what: str) -> None:
    """The customer's code is redeemed, revoked, replaced or past its end."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode).where(PromoCode.customer_id == customer)).one()
        if what == "redeemed":
            redemptions.redeem(session, code.code, by="api:shop", now=now)
        elif what == "expired":
            code.expires_at = now
        elif what == "revoked":
            replacing.revoke(session, code.code, why="a mistake", by="U0ADA", now=now)
        else:
            replacing.replace(session, code.code, why="a mistake", by="U0ADA", now=now)


def test_the_last_code_may_have_been_used_before_the_launch(runtime: Runtime, clock: ManualClock) -> None:
    """ "Thank you for using …" is a text like any other."""
    make_group(runtime, "Summer 10%", 1)
    provider, customers = make_provider(runtime, NOWHERE), make_customers(runtime, 1)
    first = launched(runtime, provider, customers)
    leave(runtime, first)
    recorded(runtime, first)
    clock.advance(timedelta(hours=1))
    worthless(runtime, customers[0], "redeemed")
    clock.advance(timedelta(minutes=1))
    again = launched(runtime, provider, customers, body=LAST, subject="Thank you")
    assert leave(runtime, again) == customers
