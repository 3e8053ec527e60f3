"""A thousand customers, a few of whom break something: the others get their texts, and the report says who did not."""

import asyncio
import json
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from distribution import recipients
from distribution.check import check
from distribution.providers.twilio import TwilioProvider
from distribution.recipients import Recipient
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending.options import Options
from distribution.sending.prepare import prepare
from distribution.sending.record import Moment
from distribution.templates.render import Template
from distribution.templates.values import clean
from storage import batches
from storage.batches import lock
from storage.tables import Customer, Message, PromoCodeStock
from tests.conftest import NOON
from tests.gateway import Gateway, serving
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    sending,
    start,
    status,
    until,
)

BODY = "Hi {{ client.name }} of {{ client.attributes.city }}: {{ client.promocode('Summer 10%') }}"
CUSTOMERS = 1000
NOWHERE = "http://127.0.0.1:9"

# What names hold that people paste: marks that turn a text around, emoji of several parts, Slack's and HTML's own.
ODD = {
    "+48600100020": "\u202egro.live\u202c",
    "+48600100021": "👩‍👩‍👧‍👦 <!channel> *x* & </div>",
    "+48600100022": "עברית العربية",
    "+48600100023": "a\tb\r\nc\u2028d",
    "+48600100024": "%s {{ client.phone }} {% raw %}",
}


def rename(runtime: Runtime, phone: str, name: str) -> None:
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.phone == phone).values(name=name))


def test_a_thousand_customers_three_of_whom_cannot_be_texted(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """One text fails to render, one number is refused, one name makes the text too long: 997 are sent."""
    render = Template.render

    def failing(self: Template, recipient: Recipient) -> str:
        if recipient.phone == "+48600100004":
            raise ValueError("this customer's data breaks the template")
        return render(self, recipient)

    async def scenario() -> None:
        async with serving(Gateway(by_number={"+48600100500": "refuse"})) as gateway:
            group = make_group(runtime, "Summer 10%", CUSTOMERS)
            customers = make_customers(runtime, CUSTOMERS)
            distribution = make_distribution(runtime, make_provider(runtime, gateway.url), customers, body=BODY)
            start(runtime, distribution)
            monkeypatch.setattr(Template, "render", failing)
            rename(runtime, "+48600100009", "Wolfeschlegelsteinhausenbergerdorff " * 45)
            for phone, name in ODD.items():
                rename(runtime, phone, name)
            async with sending(runtime, Options(concurrency=100, flush=0.02, idle=0.02, chores=0.05)):
                await until(lambda: status(runtime, distribution) == "done")
            texts = gateway.texts_to()
            assert len(texts) == CUSTOMERS - 3
            assert set(texts.values()) == {1}
            with runtime.db.read() as session:
                told = report(session, distribution)
                failed = session.execute(
                    select(Message.phone, Message.reason).where(Message.state == 5).order_by(Message.phone)
                ).all()
                assert session.get_one(PromoCodeStock, group).active == 3
            assert [tuple(row) for row in failed] == [
                ("+48600100004", "render_failed"),
                ("+48600100009", "text_too_long"),
                ("+48600100500", "invalid_number"),
            ]
            assert told.failures == {"render_failed": 1, "text_too_long": 1, "invalid_number": 1}
            assert told.balance_error is None
            said = {sent["to"]: sent["body"] for sent in gateway.accepted}
            assert said["+48600100020"].startswith("Hi gro.live of")
            assert said["+48600100023"].startswith("Hi a b  c d of")
            assert said["+48600100024"].startswith("Hi %s {{ client.phone }} {% raw %} of")
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_value_that_no_encoding_has_stays_out_of_the_text(runtime: Runtime) -> None:
    """Half a surrogate pair in JSON: SQLite keeps it, and Python reads it; PostgreSQL refuses it at the door."""
    if not runtime.db.is_sqlite:
        pytest.skip("jsonb takes neither half a surrogate pair nor NUL")

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            make_group(runtime, "Summer 10%", 3)
            customers = make_customers(runtime, 3)
            with runtime.db.write() as session:
                for customer, city in zip(customers, ["\ud83d", "\x00", "Łódź"], strict=True):
                    session.execute(
                        text("UPDATE customer SET attributes = :found WHERE id = :id"),
                        {"found": json.dumps({"city": f"War{city}saw"}), "id": customer},
                    )
            distribution = make_distribution(runtime, make_provider(runtime, gateway.url), customers, body=BODY)
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            bodies = sorted(sent["body"].partition(" of ")[2].partition(":")[0] for sent in gateway.accepted)
            assert bodies == ["Warsaw", "Warsaw", "WarŁódźsaw"]

    asyncio.run(scenario())


def test_a_text_that_cannot_be_encoded_holds_up_nobody(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Should such a value ever get into a text, it is that one customer's text that fails."""
    make_group(runtime, "Summer 10%", 5)
    distribution = make_distribution(runtime, make_provider(runtime, NOWHERE), make_customers(runtime, 5), body=BODY)
    start(runtime, distribution)
    monkeypatch.setattr(recipients, "clean", lambda name: "\ud83d" if name.startswith("Anna2 ") else clean(name))
    at = Moment(NOON, NOON)
    with runtime.db.write() as session:
        row, until_ = lock(session, distribution), NOON + timedelta(seconds=20)
        lease = batches.lease_next(session, row, size=5, owner="w1", now=NOON, until=until_)
        assert lease is not None
    twilio = TwilioProvider("AC" + "0" * 32, "token", sender="+15550100200")
    with runtime.db.read() as session:
        written = prepare(session, runtime.links, twilio, "https://promo.example/c", lease, at)
    assert len(written.ready) == 4
    assert [(each.message_id, each.reason) for each in written.poison] == [(lease.message_ids[2], "render_failed")]
