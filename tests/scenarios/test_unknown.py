"""Texts that nobody can be asked about: the evidence in a window, and a person's word for each or for all."""

import pytest
from sqlalchemy import select, update

from distribution import settings
from distribution.check import check
from storage import messages, stock, tally
from storage.tables import (
    Batch,
    CodeState,
    Distribution,
    DistributionTally,
    Message,
    MessageState,
    PromoCode,
    PromoCodeStock,
)
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop
from tests.scenarios.wizard import to_review


@pytest.fixture
def shop(world: World) -> Shop:
    """A distribution to five customers; the connection broke over three texts, and their provider keeps no list."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    shop = open_shop(world.runtime, customers=5, codes=10, without_consent=0)
    to_review(world.maya).submit()
    world.maya.no_view()
    world.maya.message("#marketing", "Delivered 5 (100% of sent)", timeout=15)
    with world.runtime.db.write() as session:
        ids = list(session.scalars(select(Message.id).order_by(Message.id).limit(3)))
        lost = {"state": MessageState.UNKNOWN, "reason": "connection_lost", "provider_ref": None}
        session.execute(update(Message).where(Message.id.in_(ids)).values(**lost))
        tally.move(session, 1, {MessageState.DELIVERED: -3, MessageState.UNKNOWN: 3})
        session.execute(
            update(PromoCode).where(PromoCode.message_id.in_(ids)).values(state=CodeState.BLOCKED, issued_at=None)
        )
        stock.move(session, shop.group_id, issued=-3, blocked=3)
        batch = session.scalars(select(Batch.id).order_by(Batch.id)).first() or 0
        now = world.runtime.clock.now()
        messages.note_unknown(session, 1, [(each, batch) for each in ids], since=now, look_at=None)
    assert check(world.runtime.db) == []
    return shop


def test_each_is_settled_by_its_evidence(world: World, shop: Shop) -> None:
    """One arrived, one did not and is sent again with its own code; then the rest at once."""
    report = world.maya.message("#marketing", "3 unknown · connection lost before the answer (3)", timeout=15)
    assert "Nobody can be asked about 3: look in the provider's own log and settle them." in report
    with world.runtime.db.read() as session:
        given = select(PromoCode.code).where(PromoCode.message_id.is_not(None)).order_by(PromoCode.message_id)
        codes = list(session.scalars(given))
        first, second = session.scalars(select(Message.id).order_by(Message.id).limit(2))
    report.click("Settle 3 unknown…")
    window = world.maya.view("“Sandbox phone” took 3 texts of Summer thank-you")
    assert "Anna 1 Kowalska · +48 732 101 101" in window.text and "connection lost before the answer" in window.text
    assert codes[0] in window.text and "reference" in window.text
    window.click(f"distributions.unknown:{first}/distributions.arrived")
    world.maya.view("took 2 texts")
    with world.runtime.db.read() as session:
        assert session.scalar(select(DistributionTally.n).where(DistributionTally.state == MessageState.ACCEPTED)) == 1
    world.maya.view("took 2 texts").click(f"distributions.unknown:{second}/distributions.lost")
    texts = world.phone.wait_for_texts(shop.numbers[1], 2)
    assert all(codes[1] in text.body for text in texts)
    world.maya.view("took 1 text of").click("It arrived")
    world.maya.view("Everything of Summer thank-you is settled.")
    world.wait_for(lambda: _over(world), "the report")
    assert check(world.runtime.db) == []
    assert [len(world.phone.texts(number)) for number in shop.numbers] == [1, 2, 1, 1, 1]


def test_all_are_settled_with_one_answer_and_the_codes_of_a_stopped_one_stay_theirs(world: World, shop: Shop) -> None:
    with world.runtime.db.write() as session:
        session.get_one(Distribution, 1).status = "stopped"
    world.maya.message("#marketing", "Settle 3 unknown…", timeout=15).click("Settle 3 unknown…")
    world.maya.view("took 3 texts").choose("They did not arrive").submit()
    world.maya.no_view()
    with world.runtime.db.read() as session:
        row = session.get_one(PromoCodeStock, shop.group_id)
        # Only a person says that they did not arrive: nobody else may get these codes (DESIGN §5, invariant 5).
        assert (row.active, row.blocked, row.issued) == (5, 0, 5)
    assert check(world.runtime.db) == []


def _over(world: World) -> bool | None:
    with world.runtime.db.read() as session:
        return session.get_one(Distribution, 1).status == "done" or None
