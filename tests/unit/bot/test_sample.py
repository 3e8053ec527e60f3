"""Sample data: believable, valid, the same at every run."""

from collections import Counter
from itertools import islice

import phonenumbers
import pytest
from sqlalchemy import func, select

from bot import sample
from bot.demo import add_phone
from bot.sample import history
from bot.sample.people import customers
from distribution import audience, settings
from distribution.check import check
from distribution.codes import groups
from distribution.errors import Refused
from distribution.report import report
from distribution.runtime import Runtime
from storage.tables import ConsentChange, Customer, Distribution, PromoCodeRepeat, Segment


def test_the_same_people_at_every_run_and_the_first_ones_whatever_their_number() -> None:
    assert list(customers(200)) == list(customers(200))
    assert list(islice(customers(5000), 200)) == list(customers(200))


def test_numbers_are_valid_different_and_from_ranges_of_fiction_where_there_are() -> None:
    people = list(customers(3000))
    phones = [person["phone"] for person in people if person["phone"]]
    assert len(phones) == len(set(phones))
    for phone in phones:
        assert phonenumbers.is_valid_number(phonenumbers.parse(phone)), phone
    outside = [
        p
        for p in phones
        if not p.startswith(("+48", "+491713920", "+46701740", "+1212555", "+1312555", "+1718555", "+1773555"))
    ]
    assert not outside


def test_some_cannot_be_texted_and_the_sandbox_phone_fails_two() -> None:
    people = list(customers(sample.CUSTOMERS))
    consent = Counter(person["consent"] for person in people)
    assert consent["given"] > consent["unknown"] > 0 and consent["opted_out"] > 0
    assert sum(person["phone"] is None for person in people) > 0
    endings = Counter(person["phone"][-4:] for person in people if person["phone"])
    assert endings["0000"] == endings["0001"] == 1


def test_an_empty_database_becomes_a_shop(runtime: Runtime) -> None:
    sample.load(runtime)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == sample.CUSTOMERS
        stock = {line.name: line for line in groups.listing(session)}
        assert set(stock) == {sample.SUMMER, sample.SCHOOL, sample.WELCOME}
        for segment in session.scalars(select(Segment)):
            count = audience.count(session, {"kind": "segment", "segment_id": segment.id}, runtime.clock.now())
            assert 20 < count.textable < count.total < 250, segment.name
            assert set(count.excluded) == {"no_number", "no_consent", "opted_out"}
        assert settings.get(session, "approvals.required") == "above:10"
        known = select(func.count()).select_from(Customer).where(Customer.consent != "unknown")
        assert session.scalar(select(func.count()).select_from(ConsentChange)) == session.scalar(known)


def test_the_last_days_are_told_as_if_they_had_been(runtime: Runtime) -> None:
    """The demo's two past distributions hold every invariant, and leave the group nearly used up."""
    sample.load(runtime)
    phone = add_phone(runtime, "http://127.0.0.1:1")
    history.play(runtime, group=sample.WELCOME, segment=sample.REGULARS, provider_id=phone)
    assert check(runtime.db) == []
    with runtime.db.read() as session:
        welcome = {line.name: line for line in groups.listing(session)}[sample.WELCOME]
        assert welcome.active == 12 and welcome.blocked == 0 and welcome.issued > 50 > welcome.redeemed > 5
        told = [report(session, key) for key in session.scalars(select(Distribution.id).order_by(Distribution.id))]
        assert [each.balance_error for each in told] == [None, None]
        statuses = session.scalars(select(Distribution.status)).all()
        assert set(statuses) == {"done"}
        repeated = session.scalar(select(func.count()).select_from(PromoCodeRepeat))
        assert repeated == welcome.issued


def test_it_is_for_an_empty_database(runtime: Runtime) -> None:
    sample.load(runtime, total=30, codes=10)
    with pytest.raises(Refused, match="for an empty database"):
        sample.load(runtime)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 30


def test_phones_have_their_customers_names(runtime: Runtime) -> None:
    sample.load(runtime, total=30, codes=10)
    names = sample.contacts(runtime)
    assert names["+46701740697"] == "Maya Lindqvist"
    assert len(names) == 3 + sum(person["phone"] is not None for person in customers(30))
