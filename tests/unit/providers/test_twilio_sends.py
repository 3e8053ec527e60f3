"""A distribution sent through Twilio, from the launch to the receipts."""

import asyncio
from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from bot.web.app import build
from distribution.check import check
from distribution.providers.twilio import TwilioProvider
from distribution.runtime import Runtime
from storage.tables import CallbackInbox, CodeState, ConsentChange, Customer, Message, MessageState, PromoCode, Reply
from storage.tables import Provider as Row
from tests.sending import make_customers, make_distribution, make_group, sending, start, status, until
from tests.unit.providers.fake_twilio import FakeTwilio, inbound_form, serving, sign
from tests.unit.providers.on_twilio import FROM, error, make_twilio, sent


def test_three_texts_through_twilio_their_receipts_and_a_stop(runtime: Runtime) -> None:
    """Launched, sent, called back over HTTP with a signature: by a proxy, at an address that is not the public one."""
    web = TestClient(build(runtime), base_url="http://10.0.0.7:8000")

    def call(url: str, form: dict[str, str], *, signed: bool = True) -> int:
        headers = {"X-Twilio-Signature": sign(url, form)} if signed else {}
        return web.post(urlsplit(url).path, data=form, headers=headers).status_code

    def states() -> list[tuple[MessageState, str | None]]:
        with runtime.db.read() as session:
            return [(row.state, row.reason) for row in session.scalars(select(Message).order_by(Message.id))]

    async def scenario() -> None:
        async with serving(FakeTwilio()) as fake:
            make_group(runtime, "Summer 10%", 5)
            provider_id = make_twilio(runtime, fake.url)
            distribution = make_distribution(runtime, provider_id, make_customers(runtime, 3))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
                assert len(fake.texts) == 3 and len({text["body"].rsplit(" ", 1)[1] for text in fake.texts}) == 3
                assert dict(parse_qsl(fake.asked[0].body.decode()))["From"] == FROM
                by_phone = sorted(fake.texts, key=lambda text: str(text["to"]))
                assert all(text["callback"].startswith("https://promo.example/callbacks/") for text in by_phone)

                # Nobody else may say that it was not delivered.
                forged = fake.status_form(by_phone[0], "undelivered", 30005)
                assert call(by_phone[0]["callback"], forged, signed=False) == 204
                for text, form in zip(
                    by_phone,
                    (
                        fake.status_form(by_phone[0], "delivered"),
                        fake.status_form(by_phone[1], "delivered"),
                        fake.status_form(by_phone[2], "undelivered", 30003),
                    ),
                    strict=True,
                ):
                    assert call(text["callback"], form) == 204
                    assert call(text["callback"], form) == 204  # Twilio repeats itself
                stop = inbound_form("SM9", by_phone[0]["to"], "arret", OptOutType="STOP")
                inbound = runtime.links.callback(provider_id)
                assert call(inbound, stop) == call(inbound, stop) == 204
                await until(lambda: MessageState.UNDELIVERED in dict(states()))
                await until(lambda: not _waiting(runtime))
            assert states() == [
                (MessageState.DELIVERED, None),
                (MessageState.DELIVERED, None),
                (MessageState.UNDELIVERED, "phone_unreachable"),
            ]
            with runtime.db.read() as session:
                assert session.scalars(select(PromoCode.state)).all().count(CodeState.ISSUED) == 3
                assert session.scalar(select(Customer.consent).where(Customer.phone == stop["From"])) == "opted_out"
                (reply,) = session.scalars(select(Reply)).all()
                assert (reply.provider_ref, reply.body, reply.meaning) == ("SM9", "arret", "stop")
                assert reply.answer_state is None, "Twilio has answered"
                assert len(session.scalars(select(CallbackInbox)).all()) == 5, "each once, and the forged one"
                assert session.scalars(select(Message.provider_ref)).all().count(None) == 0
            assert check(runtime.db) == []

    asyncio.run(scenario())


def _waiting(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return len(session.scalars(select(CallbackInbox).where(CallbackInbox.applied_at.is_(None))).all())


def test_a_text_that_left_without_an_answer_is_found_in_the_list_and_not_sent_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TwilioProvider, "listed_within", 0.1)

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=["drop-after-accept"])) as fake:
            await sent(runtime, fake, make_customers(runtime, 1))
            assert [asked.method for asked in fake.asked] == ["POST", "GET"]
            with runtime.db.read() as session:
                assert session.scalar(select(Message.state)) is MessageState.ACCEPTED
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        "Hi {{ client.first_name }}, show this: {{ client.promocode('Summer 10%') | qr }}",  # its code is not in it
        "Hi {{ client.first_name }}, we moved",  # no code at all: known by its words
    ],
)
def test_a_text_is_found_by_the_link_to_its_code_or_by_its_words(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    """Searching a text with a link for the code itself found nothing, twice, and texted the customer again."""
    monkeypatch.setattr(TwilioProvider, "listed_within", 0.1)

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=["drop-after-accept"])) as fake:
            await sent(runtime, fake, make_customers(runtime, 1), body)
            assert [asked.method for asked in fake.asked] == ["POST", "GET"]
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_who_opted_out_at_twilio_is_opted_out_here_too(runtime: Runtime) -> None:
    """21610: the code is active again, and nobody asks Twilio about this customer a second time."""

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=[error(21610)])) as fake:
            await sent(runtime, fake, make_customers(runtime, 1))
            with runtime.db.read() as session:
                assert session.scalar(select(Customer.consent)) == "opted_out"
                change = session.scalars(select(ConsentChange)).one()
                assert (change.source, change.consent) == ("opted out at the provider", "opted_out")
                assert session.scalars(select(PromoCode.state)).all().count(CodeState.ACTIVE) == 5
                assert session.scalar(select(Row.last_success_at)) is not None, "refusing one customer is no failure"
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_refused_account_pauses_and_nothing_is_lost(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(FakeTwilio(answers=[error(20003, 401)] * 20)) as fake:
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_twilio(runtime, fake.url), make_customers(runtime, 5))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "paused")
            assert fake.texts == []
            with runtime.db.read() as session:
                assert set(session.scalars(select(Message.state))) == {MessageState.QUEUED}
            assert check(runtime.db) == []

    asyncio.run(scenario())
