"""What the approver's card says of schedules that together need more codes than their group has."""

from datetime import timedelta
from typing import Any

from commands.approvals import facts, views
from commands.ui.blocks import as_dicts
from distribution import approvals
from sandbox import limits
from sandbox.testing.words import describe
from storage.approvals import decide
from tests.conftest import NOON
from tests.unit.drafting.shop import MAYA, Shop


def said(blocks: list[Any]) -> str:
    """Blocks as somebody reads them, within Slack's limits."""
    found = as_dicts(blocks)
    assert [each for each in limits.check_message({"text": "x", "blocks": found}) if each.is_error] == []
    return describe(found)


def test_who_decides_reads_where_codes_run_short(shop: Shop) -> None:
    """Asked for after another one that takes three of the five codes; once it is decided, nobody is asked any more."""
    shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis")
    shop.codes(5)
    cards = []
    for day in (1, 2):
        draft, _ = shop.reviewed(send_at=NOON + timedelta(days=day))
        with shop.db.write() as session:
            found = approvals.submit(session, shop.runtime, draft, by=MAYA).approval
            assert found is not None
            cards.append(facts.card(session, found))
    alone, second = cards
    assert "short" not in said(views.card(alone))
    for shown in (said(views.card(second)), describe(views.details(second, decides=True)["blocks"])):
        assert "Codes run short by what is planned" in shown
        assert "'Summer 10%' has 5 active codes." in shown and "needs 3: 1 is missing." in shown
    with shop.db.write() as session:
        decide(session, second.approval_id, state="approved", by="U0LEE", reason=None, at=NOON)
        row = session.get_one(approvals.Approval, second.approval_id)
        assert "short" not in said(views.card(facts.card(session, row)))
