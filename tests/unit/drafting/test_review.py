"""The review: exact numbers over all recipients, no code burned or shown, and the recipients fixed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from distribution import audience as audiences
from distribution import drafts, promotions, recipients, review, settings
from distribution.codes import groups
from distribution.errors import Refused
from distribution.findings import Review, Running
from distribution.sms import measure
from distribution.templates import render
from storage import issuing
from storage.tables import CodeState, Customer, Message, PromoCode, PromoCodeRepeat, PromoCodeStock, SegmentMember
from tests.conftest import NOON, run_jobs
from tests.unit.drafting.shop import BODY, MAYA, Shop


def test_who_gets_it_and_who_is_left_out_add_up(shop: Shop) -> None:
    shop.customers("Anna Nowak", "Jan Kowalski", "Ewa Lis")
    shop.customers("Out", consent="opted_out")
    shop.customers("Silent", "Quiet", consent="unknown")
    shop.customers("Numberless", phones=False)
    shop.customers("Elsewhere", city="Kraków")
    shop.codes(5)
    _, found = shop.reviewed()
    assert found.audience == "Warsaw regulars"
    assert (found.total, found.recipients) == (7, 3)
    assert found.left_out == {"no_consent": 2, "no_number": 1, "opted_out": 1}
    assert found.total == found.recipients + sum(found.left_out.values())
    assert found.by_segments == {1: 3}  # texts are written for those who get one
    assert [(need.name, need.needed, need.active, need.missing) for need in found.codes] == [("Summer 10%", 3, 5, 0)]
    assert found.refusals == []


def test_segments_and_cost_are_those_of_the_texts_that_will_be_sent(shop: Shop) -> None:
    """The numbers of the review against every text rendered from the real rows once codes are blocked."""
    shop.customers("Anna", "Ł" * 40, "Jan" * 30, "Zoé", "😀 Kim")
    shop.codes(5)
    body = BODY + " " + "x" * 60 + " {{ client.name }}"
    with shop.db.write() as session:
        settings.put(session, "cost.per_segment", "0.035")
    draft_id, found = shop.reviewed(body=body)
    texts = sent_texts(shop, draft_id)
    measures = [measure(text) for text in texts]
    assert found.segments == sum(each.segments for each in measures)
    assert found.by_segments == {n: [m.segments for m in measures].count(n) for n in {m.segments for m in measures}}
    assert found.unicode_texts == sum(each.encoding == "UCS-2" for each in measures) == 2
    assert found.cost == round(found.segments * 0.035, 2)


def sent_texts(shop: Shop, draft_id: int) -> list[str]:
    """Block codes as a launch does, and render as the sender does."""
    with shop.db.write() as session:
        draft = shop.get(draft_id)
        customers = session.scalars(audiences.members(session, draft.audience, NOON).order_by(Customer.id)).all()
        rows = [(1000 + place, customer_id) for place, customer_id in enumerate(customers)]
        for message_id, customer_id in rows:
            phone = session.get_one(Customer, customer_id).phone
            session.add(Message(id=message_id, distribution_id=draft_id, customer_id=customer_id, phone=phone))
        session.flush()
        issuing.block(session, shop.group_id, rows, after=0, now=shop.runtime.clock.now())
        loaded = recipients.for_messages(session, draft, [row[0] for row in rows], shop.runtime.links)
        assert [(each.message_id) for each in loaded] == [row[0] for row in rows]
        template = render.compile(draft.body)
        return [template.render(each.recipient) for each in loaded]


def test_no_code_is_burned_and_none_is_shown(shop: Shop) -> None:
    shop.customers(*(f"Customer {n}" for n in range(12)))
    real = shop.codes(12)
    _, found = shop.reviewed(body=BODY + " {{ client.promocode('Summer 10%') | qr }}")
    shown = " ".join(sample.text for sample in found.samples)
    assert not any(code in shown for code in real)
    assert "SUMMER-XXXXXXXXXX." in shown
    assert all(code.state == CodeState.ACTIVE for code in shop.all(PromoCode))
    links = {shop.runtime.links.qr(code.id) for code in shop.all(PromoCode)}
    assert not any(link in shown for link in links)
    assert "https://promo.example/q/XXXX" in shown


def test_codes_that_fit_no_format_are_masked_too(shop: Shop) -> None:
    with shop.db.write() as session:
        group = groups.create(session, "Pasted", by=MAYA, now=shop.clock.now())
        group_id = group.id
    shop.codes(2, group_id=group_id, prefix="Welcome-ą12-")
    shop.customers("Anna")
    _, found = shop.reviewed(group_id=group_id, body="{{ client.promocode('Pasted') }}")
    assert found.samples[0].text == "XXXXXXX-XXX-XX"


def test_missing_codes_are_counted_and_refuse(shop: Shop) -> None:
    shop.customers("Anna", "Jan", "Ewa")
    shop.codes(1)
    draft_id, found = shop.reviewed()
    assert [need.missing for need in found.codes] == [2]
    assert found.refusals == ["2 codes are missing in 'Summer 10%': add more or choose another group."]
    assert found.segments == 3  # measured by the shape of such codes
    shop.codes(2, prefix="SUMMER-9999AAAA")
    with shop.db.write() as session:
        known = review.review(session, shop.runtime, draft_id, by=MAYA)
    assert isinstance(known, Review)
    assert known.refusals == []


def test_nobody_to_text_refuses(shop: Shop) -> None:
    shop.customers("Out", consent="opted_out")
    shop.codes(1)
    _, found = shop.reviewed()
    assert found.refusals == ["Nobody in 'Warsaw regulars' can be texted. Choose another audience."]


def test_worst_cases_are_found_among_many(shop: Shop) -> None:
    shop.customers(*(f"Customer {n}" for n in range(30)))
    (longest,) = shop.customers("Bartholomew-Maximilian " * 6)
    (accented,) = shop.customers("D’Arcy")
    shop.customers("")
    shop.codes(40)
    body = "Hi {{ client.name }}, your code: {{ client.promocode('Summer 10%') }}"
    _, found = shop.reviewed(body=body)
    by_note = {sample.note: sample.customer_id for sample in found.samples if sample.note}
    assert by_note["the longest text"] == longest
    assert by_note["turns Unicode because of a value in it"] == accented
    assert found.holes == {"client.name": 1}
    assert "{{ client.name }} is empty" in by_note
    assert [(each.char, each.where, each.texts, each.replacement) for each in found.offenders] == [
        ("’", "client.name", 1, "'")
    ]
    assert "“’” in {{ client.name }}" in " ".join(found.warnings)
    assert found.sample(len(found.samples)) == found.samples[0]
    assert len({sample.customer_id for sample in found.samples}) == len(found.samples) >= 8


def test_a_character_of_the_message_itself_is_blamed_on_it(shop: Shop) -> None:
    shop.customers("Anna", "Łukasz")
    shop.codes(2)
    _, found = shop.reviewed(body="It’s for you, {{ client.name }}: {{ client.promocode('Summer 10%') }}")
    assert {(each.char, each.where, each.texts) for each in found.offenders} == {("’", "", 2), ("Ł", "client.name", 1)}
    assert found.unicode_texts == 2


def test_where_all_texts_are_as_long_none_is_called_the_longest(shop: Shop) -> None:
    shop.customers("Anna", "Emma")
    _, found = shop.reviewed(purpose="custom", body="Hello {{ client.name }}")
    assert [sample.note for sample in found.samples] == ["", ""]


def test_characters_that_turn_the_same_texts_unicode_are_named_together(shop: Shop) -> None:
    shop.customers("Anna", "Łukasz")
    shop.codes(2)
    _, found = shop.reviewed(body="Cześć {{ client.name }}: {{ client.promocode('Summer 10%') }}")
    assert found.warnings == [
        "2 texts turn Unicode because of “ś”, “ć” in the message.",
        "1 text turns Unicode because of “Ł” in {{ client.name }}.",
    ]


def test_a_text_that_is_too_long_or_empty_refuses(shop: Shop) -> None:
    shop.customers("Anna", "x" * 100)
    long = "{{ client.promocode('Summer 10%') }}" + "y" * 1480 + "{{ client.name }}"
    shop.codes(2)
    _, found = shop.reviewed(body=long)
    assert found.too_long == 1
    assert "1 text is longer than 10 SMS segments" in found.refusals[0]
    _, found = shop.reviewed(purpose="custom", body="{% if client.name == 'Anna' %}Hello{% endif %}")
    assert found.empty == 1
    assert "1 text would be empty" in found.refusals[0]


def test_last_codes_are_counted_loaded_and_masked(shop: Shop) -> None:
    anna, jan = shop.customers("Anna", "Jan")
    shop.codes(3)
    now = shop.clock.now()
    with shop.db.write() as session:
        codes = session.scalars(select(PromoCode).order_by(PromoCode.id)).all()
        for place, code in enumerate(codes[:2]):
            code.state, code.customer_id, code.issued_at = CodeState.ISSUED, anna, now + timedelta(hours=place)
        session.get_one(PromoCodeStock, shop.group_id).active -= 2
        session.get_one(PromoCodeStock, shop.group_id).issued += 2
        last = codes[1].code
    body = "Again: {{ client.last_promocode('Summer 10%') | default('none') }}"
    draft_id, found = shop.reviewed(purpose="custom", body=body)
    assert [(each.name, each.without) for each in found.last_codes] == [("Summer 10%", 1)]
    assert "has no code of “Summer 10%” from before" in {sample.note for sample in found.samples}
    assert {sample.text for sample in found.samples} == {"Again: SUMMER-XXXXXXXXXX", "Again: none"}
    with shop.db.write() as session:
        session.add(Message(id=1, distribution_id=draft_id, customer_id=anna, phone="+48501"))
        session.add(Message(id=2, distribution_id=draft_id, customer_id=jan, phone="+48502"))
        session.add(PromoCodeRepeat(message_id=1, code_id=codes[1].id, customer_id=anna))
        session.flush()
        draft = shop.get(draft_id)
        loaded = recipients.for_messages(session, draft, [1, 2], shop.runtime.links)
        texts = [render.compile(draft.body).render(each.recipient) for each in loaded]
    assert texts == [f"Again: {last}", "Again: none"]
    assert [each.phone for each in loaded] == ["+48501", "+48502"]


def test_the_promotion_speaks_in_samples(shop: Shop) -> None:
    shop.customers("Anna")
    with shop.db.write() as session:
        promotion = promotions.create(session, "Free shipping", "from 50 EUR", by=MAYA, now=shop.clock.now())
    _, found = shop.reviewed(
        purpose="promotion", promotion_id=promotion.id, body="{{ promotion.name }} {{ promotion.terms }}"
    )
    assert found.samples[0].text == "Free shipping from 50 EUR"
    assert found.codes == ()


def test_those_reviewed_are_those_meant_whoever_joins_later(shop: Shop) -> None:
    first = shop.customers("Anna", "Jan")
    shop.codes(5)
    draft_id, _ = shop.reviewed()
    shop.customers("Late")
    with shop.db.read() as session:
        draft = shop.get(draft_id)
        assert sorted(session.scalars(audiences.members(session, draft.audience, NOON))) == first
        known = review.latest(session, draft)
    assert isinstance(known, Review)
    assert known.total == 2
    with shop.db.write() as session:
        found = review.review(session, shop.runtime, draft_id, by=MAYA, again=True)
    assert isinstance(found, Review)
    assert found.total == 3
    assert len(shop.all(SegmentMember)) == 3  # the earlier list is gone


def test_an_old_review_is_counted_again(shop: Shop) -> None:
    shop.customers("Anna")
    shop.codes(5)
    draft_id, before = shop.reviewed()
    shop.customers("Late")
    shop.clock.advance(timedelta(minutes=11))
    with shop.db.write() as session:
        found = review.review(session, shop.runtime, draft_id, by=MAYA)
    assert isinstance(found, Review)
    assert (before.total, found.total) == (1, 2)


def test_who_is_left_out_can_be_seen(shop: Shop) -> None:
    shop.customers("Anna")
    shop.customers("Out", consent="opted_out")
    shop.customers("Silent", consent="unknown")
    shop.codes(1)
    draft_id, _ = shop.reviewed()
    with shop.db.read() as session:
        rows, total = review.left_out(session, shop.get(draft_id), NOON, limit=1)
    assert total == 2
    assert [(customer.name, why) for customer, why in rows] == [("Out", "opted_out")]


def test_an_unfinished_draft_is_refused_at_its_field(shop: Shop) -> None:
    with shop.db.write() as session:
        draft = drafts.start(session, by=MAYA, channel=None, now=shop.clock.now())
        with pytest.raises(Refused) as refused:
            review.review(session, shop.runtime, draft.id, by=MAYA)
    assert refused.value.field == "group"


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recipients are many, and a chunk is one."""
    monkeypatch.setattr(review, "AT_ONCE", 1)
    monkeypatch.setattr(review, "CHUNK", 2)


def same_but_for_time(found: Review) -> Callable[..., bool]:
    """What two reviews of the same draft agree on."""
    return lambda other: {**vars(found), "made_at": None} == {**vars(other), "made_at": None}


@pytest.mark.usefixtures("small_steps")
def test_a_large_audience_is_a_job_with_the_same_result(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.customers("Anna", "D’Arcy", "", "Jan", "Ewa Maria Lis")
    shop.codes(5)
    with shop.db.write() as session:
        draft = shop.draft(session)
        started = review.review(session, shop.runtime, draft.id, by=MAYA)
        assert isinstance(started, Running)
        assert isinstance(review.review(session, shop.runtime, draft.id, by=MAYA), Running)
        assert (started.done, started.total) == (0, 5)
    run_jobs(shop.runtime)
    with shop.db.read() as session:
        by_job = review.latest(session, shop.get(draft.id))
    assert isinstance(by_job, Review)
    monkeypatch.setattr(review, "AT_ONCE", 100)
    with shop.db.write() as session:
        at_once = review.review(session, shop.runtime, draft.id, by=MAYA, again=True)
    assert isinstance(at_once, Review)
    assert same_but_for_time(by_job)(at_once)


@pytest.mark.usefixtures("small_steps")
def test_an_edit_while_it_counts_ends_the_count(shop: Shop) -> None:
    shop.customers("Anna", "Jan")
    shop.codes(5)
    with shop.db.write() as session:
        draft = shop.draft(session)
        assert isinstance(review.review(session, shop.runtime, draft.id, by=MAYA), Running)
        drafts.set_subject(session, draft, "Other", now=shop.clock.now())
    run_jobs(shop.runtime)
    with shop.db.read() as session:
        assert review.latest(session, shop.get(draft.id)) is None
