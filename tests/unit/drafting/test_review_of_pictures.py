"""The review of picture messages: counted apart from SMS segments, priced apart, and part of what is approved."""

import pytest
from sqlalchemy import update

from commands.send import live
from commands.send.views.message import size
from commands.send.views.review import cost, sizes
from distribution import seal, settings
from storage.tables import Customer, Distribution, Provider
from tests.unit.drafting.shop import Shop

QR = "Hi {{ client.first_name }}: {{ client.promocode('Summer 10%') | qr }}" + " more" * 30
PRICES = {"cost.per_segment": "0.03", "cost.per_picture": "0.02"}


@pytest.fixture
def abroad(shop: Shop) -> Shop:
    """Three customers, one with an American number, through a Twilio that sends pictures."""
    shop.customers("Anna", "Jan")
    (american,) = shop.customers("Zoe")
    shop.codes(3)
    with shop.db.write() as session:
        session.execute(update(Customer).where(Customer.id == american).values(phone="+12015550123"))
        session.execute(update(Provider).values(kind="twilio", config={"pictures": "yes"}))
    return shop


def test_a_picture_message_has_no_segments_and_is_counted_apart(abroad: Shop) -> None:
    _, found = abroad.reviewed(body=QR)
    assert (found.recipients, found.segments, found.pictures) == (3, 4, 1)
    assert found.by_segments == {2: 2}
    assert sizes(found.segments, found.pictures) == "4 SMS segments · 1 picture message"
    assert sorted(sample.picture for sample in found.samples) == [False, False, True]


@pytest.mark.parametrize(
    ("priced", "expected", "words"),
    [
        ((), None, ""),
        (("cost.per_segment", "cost.per_picture"), 0.14, "≈\u00a00.14\u00a0USD"),
        (("cost.per_segment",), 0.12, "≈\u00a00.12\u00a0USD, without the picture messages"),
        (("cost.per_picture",), 0.02, "≈\u00a00.02\u00a0USD, without the SMS segments"),
    ],
)
def test_the_cost_says_what_it_leaves_out(
    abroad: Shop, priced: tuple[str, ...], expected: float | None, words: str
) -> None:
    with abroad.db.write() as session:
        for key in priced:
            settings.put(session, key, PRICES[key])
    _, found = abroad.reviewed(body=QR)
    assert (found.cost, cost(found)) == (expected, words)


def test_a_code_as_text_has_no_picture(abroad: Shop) -> None:
    _, found = abroad.reviewed()
    assert (found.segments, found.pictures) == (3, 0)
    assert sizes(found.segments, found.pictures) == "3 SMS segments"


def test_pictures_switched_off_break_the_seal(abroad: Shop) -> None:
    """Whoever approved did so with pictures, at their cost."""
    draft_id, _ = abroad.reviewed(body=QR)
    with abroad.db.write() as session:
        seal.put(session, session.get_one(Distribution, draft_id))
        session.execute(update(Provider).values(config={"pictures": "no"}))
    with abroad.db.read() as session:
        words = seal.broken(session, session.get_one(Distribution, draft_id))
    assert words == ["the provider 'Sandbox' was set up differently"]


def test_the_message_says_where_it_leaves_as_a_picture_while_it_is_written(abroad: Shop) -> None:
    draft_id, _ = abroad.reviewed(body=QR)
    with abroad.db.read() as session:
        draft = session.get_one(Distribution, draft_id)
        shown = live.measure(abroad.runtime, session, draft, QR)
        as_text = live.measure(abroad.runtime, session, draft, "{{ client.promocode('Summer 10%') }}")
    assert "one picture message instead, to numbers in Australia, Canada, United States" in size(shown, QR)
    assert as_text.pictures == ()
