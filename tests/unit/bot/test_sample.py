"""Sample data: believable, valid, the same at every run."""

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import phonenumbers
import pytest
from sqlalchemy import func, select

from bot import sample
from bot.demo import add_phone
from bot.sample import history, scale
from bot.sample.people import customers
from bot.sample.size import Size
from distribution import audience, settings
from distribution.check import check
from distribution.clock import ManualClock
from distribution.codes.listing import listing
from distribution.errors import Refused
from distribution.report import report
from distribution.runtime import Runtime
from storage.database import Database
from storage.groups import all_with_stock
from storage.tables import (
    ConsentChange,
    Customer,
    Distribution,
    Event,
    EventName,
    Message,
    MessageState,
    PromoCode,
    PromoCodeRepeat,
    Redemption,
    Segment,
)


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
        stock = {line.name: line for line in listing(session)}
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
        welcome = {line.name: line for line in listing(session)}[sample.WELCOME]
        assert welcome.active == 12 and welcome.blocked == 0 and welcome.issued > 50 > welcome.redeemed > 5
        told = [report(session, key) for key in session.scalars(select(Distribution.id).order_by(Distribution.id))]
        assert [each.balance_error for each in told] == [None, None]
        statuses = session.scalars(select(Distribution.status)).all()
        assert set(statuses) == {"done"}
        repeated = session.scalar(select(func.count()).select_from(PromoCodeRepeat))
        assert repeated == welcome.issued


def test_it_is_for_an_empty_database(runtime: Runtime) -> None:
    sample.load(runtime, Size(customers=30, codes=10))
    with pytest.raises(Refused, match="for an empty database"):
        sample.load(runtime)
    with runtime.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Customer)) == 30


def test_phones_have_their_customers_names(runtime: Runtime) -> None:
    sample.load(runtime, Size(customers=30, codes=10))
    names = sample.contacts(runtime)
    assert names["+46701740697"] == "Maya Lindqvist"
    assert len(names) == 3 + sum(person["phone"] is not None for person in customers(30))


LARGE = Size(customers=300, codes=4_000, groups=12, events=1_000)


def told(runtime: Runtime) -> list[tuple[object, ...]]:
    """Whose codes are in which state, and who did what: what must not differ from run to run."""
    with runtime.db.read() as session:
        codes = session.execute(select(PromoCode.code, PromoCode.state, PromoCode.customer_id).order_by(PromoCode.id))
        done = session.execute(select(Event.source_id, Event.name, Event.customer_id, Event.properties))
        # The base shop's own codes are made by its formats, which no seed foretells.
        drawn = [tuple(row) for row in codes if not row[0].startswith(("SUMMER-", "SCHOOL30-", "HELLO-"))]
        return [*drawn, *sorted((source, name, who, sorted(what.items())) for source, name, who, what in done)]


def test_a_large_shop_has_codes_in_every_state_and_everything_adds_up(runtime: Runtime) -> None:
    said: list[tuple[str, int, int]] = []
    sample.load(runtime, LARGE, say=lambda *told: said.append(told))
    assert check(runtime.db) == []
    with runtime.db.read() as session:
        lines = all_with_stock(session)
        assert len(lines) == LARGE.groups
        sums = Counter[str]()
        for _, stock in lines:
            sums.update({name: getattr(stock, name) for name in ("total", "active", "blocked", "issued", "revoked")})
            sums.update({name: getattr(stock, name) for name in ("expired", "redeemed")})
        assert all(sums[name] > 0 for name in ("active", "blocked", "issued", "revoked", "expired", "redeemed")), sums
        assert sums["total"] == LARGE.codes + sample.CODES + 512
        states = Counter(session.scalars(select(Message.state)))
        assert set(states) == set(MessageState) - {MessageState.UNKNOWN, MessageState.CANCELLED}
        assert session.scalar(select(func.count()).select_from(Redemption)) == sums["redeemed"]
        assert session.scalars(select(PromoCodeRepeat.issued_at).where(PromoCodeRepeat.issued_at.is_not(None))).first()
        assert session.scalar(select(func.count()).select_from(Event)) == LARGE.events
        assert set(session.scalars(select(EventName.name))) == set(session.scalars(select(Event.name)))
        for key in session.scalars(select(Distribution.id)):
            assert report(session, key).balance_error is None
    for what, total in (("customers", LARGE.customers), ("promo codes", LARGE.codes), ("events", LARGE.events)):
        assert [entry for entry in said if entry[0] == what][-1] == (what, total, total)


def test_the_same_seed_gives_the_same_shop(
    runtime: Runtime, sqlite_template: Path, tmp_path: Path, clock: ManualClock
) -> None:
    """On the other database too."""
    (tmp_path / "other.db").write_bytes(sqlite_template.read_bytes())
    other = replace(runtime, db=Database(f"sqlite:///{tmp_path / 'other.db'}"))
    sample.load(runtime, LARGE)
    sample.load(other, LARGE)
    assert told(runtime) == told(other)
    other.db.close()


def test_groups_of_all_sizes_add_up_to_what_was_asked() -> None:
    for size in (LARGE, Size(codes=10_000_000, groups=200), Size(codes=7, groups=5)):
        found = scale.plans(size)
        assert sum(plan.codes for plan in found) == size.codes
        assert len({plan.name for plan in found}) == len({plan.prefix for plan in found}) == size.groups - 3
        assert all(0 <= plan.sent <= plan.codes for plan in found)
