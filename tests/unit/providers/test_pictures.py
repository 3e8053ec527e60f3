"""Picture messages: a code's QR picture goes with its text where Twilio is to send it and the number can take it."""

import asyncio
import io
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import select, update

from bot.web.app import build
from distribution.check import check
from distribution.pictures import pictures
from distribution.providers import registry
from distribution.providers.port import Kind, Outcome, Outgoing
from distribution.providers.twilio import PICTURES_IN, TwilioProvider
from distribution.report import report
from distribution.runtime import Runtime
from distribution.templates.render import CodeText, Recipient
from storage.tables import Customer, Message, PromoCode
from tests.sending import make_customers
from tests.unit.providers.fake_twilio import FakeTwilio, serving
from tests.unit.providers.on_twilio import CALLBACK, error, make_twilio, official, on_twilio, sent, twilio

QR = "Hi {{ client.first_name }}, show this: {{ client.promocode('Summer 10%') | qr }}"
SHOWN = ("https://promo.example/q/0abc.png", "https://promo.example/q/0abd.png")
AMERICAN = "+12015550123"


@pytest.mark.parametrize("media", [SHOWN[:1], SHOWN])
def test_a_picture_message_is_the_request_of_twilios_own_client_byte_for_byte(media: tuple[str, ...]) -> None:
    more: dict[str, Any] = {"from_": "+15550100200", "status_callback": CALLBACK, "media_url": list(media)}
    theirs = official(FakeTwilio(), lambda it: it.messages.create(to=AMERICAN, body="Zoé & co", **more))
    fake = FakeTwilio()
    body = twilio().encode(Outgoing("12-34", AMERICAN, "Zoé & co", CALLBACK, None, media))
    outcome = on_twilio(fake, lambda it, http: it.send(http, body))
    (ours,) = fake.asked
    assert (ours.path, ours.body) == (theirs.path, theirs.body)
    assert outcome == Outcome(Kind.ACCEPTED, None, "MM" + "0" * 32, 0)  # no SMS segments


def test_twilio_takes_ten_pictures_at_most() -> None:
    many = tuple(f"https://promo.example/q/{n}.png" for n in range(12))
    form = parse_qs(twilio().encode(Outgoing("1-2", AMERICAN, "Hi", None, None, many)).decode())
    assert form["MediaUrl"] == list(many[:10])


@pytest.mark.parametrize(
    ("code", "status", "kind"), [(21620, 400, Kind.ACCOUNT), (21670, 400, Kind.ACCOUNT), (63019, 400, Kind.ACCOUNT)]
)
def test_what_holds_for_every_picture_pauses_and_does_not_cost_each_customer_a_code(
    code: int, status: int, kind: Kind
) -> None:
    fake = FakeTwilio(answers=[error(code, status)])
    text = Outgoing("1-2", AMERICAN, "Hi", None, None, SHOWN)
    assert on_twilio(fake, lambda it, http: it.send(http, it.encode(text))).kind is kind


@pytest.mark.parametrize(
    ("phone", "text", "expected"),
    [
        (AMERICAN, "show https://x/q/a1", ("https://x/q/a1.png",)),
        ("+16135550123", "show https://x/q/a1", ("https://x/q/a1.png",)),  # Canada
        ("+61491570156", "show https://x/q/a1", ("https://x/q/a1.png",)),  # Australia
        ("+18765550123", "show https://x/q/a1", ()),  # Jamaica, which has +1 too
        ("+48600100001", "show https://x/q/a1", ()),
        ("nobody", "show https://x/q/a1", ()),
        (AMERICAN, "second https://x/q/b2 first https://x/q/a1", ("https://x/q/b2.png", "https://x/q/a1.png")),
        (AMERICAN, "https://x/q/a1 https://x/q/a1", ("https://x/q/a1.png",)),
        (AMERICAN, "its code is S-1", ()),
        (AMERICAN, "cut short https://x/q/a", ()),
    ],
)
def test_a_picture_goes_with_each_link_in_the_text_where_the_number_takes_one(
    phone: str, text: str, expected: tuple[str, ...]
) -> None:
    codes = {"summer": CodeText("S-1", "https://x/q/a1")}
    recipient = Recipient("Anna", codes=codes, last_codes={"winter": CodeText("W-2", "https://x/q/b2")})
    assert pictures(PICTURES_IN, phone, recipient, text) == expected
    assert pictures(frozenset(), phone, recipient, text) == ()


def one_in_america(runtime: Runtime, count: int = 3) -> list[int]:
    """Customers, the last of them with an American number; their ids."""
    customers = make_customers(runtime, count)
    with runtime.db.write() as session:
        session.execute(update(Customer).where(Customer.id == customers[-1]).values(phone=AMERICAN))
    return customers


def test_a_distribution_sends_the_picture_of_each_code_and_counts_it_apart(runtime: Runtime) -> None:
    """To one of three numbers, the picture of its own code, which scans; the text keeps its link."""

    async def scenario() -> None:
        async with serving(FakeTwilio()) as fake:
            distribution = await sent(runtime, fake, one_in_america(runtime), QR, pictures="yes")
            (american,) = [text for text in fake.texts if text["media"]]
            (media,) = american["media"]
            assert american["to"] == AMERICAN and media.removesuffix(".png") in american["body"]
            with runtime.db.read() as session:
                of = select(Message).where(Message.phone == AMERICAN)
                code = session.scalars(select(PromoCode).where(PromoCode.message_id == session.scalars(of).one().id))
                found = report(session, distribution)
                assert (found.segments, found.pictures) == (2, 1)
                assert scanned(runtime, media) == code.one().code
            assert check(runtime.db) == []

    asyncio.run(scenario())


def scanned(runtime: Runtime, url: str) -> str:
    """What the picture at a public address says, as whoever fetches it finds it."""
    web, path = TestClient(build(runtime)), urlsplit(url).path
    about, picture = web.head(path), web.get(path)
    assert (about.status_code, about.headers["content-type"], about.content) == (200, "image/png", b"")
    assert "no-store" in picture.headers["cache-control"] and "noindex" in picture.headers["x-robots-tag"]
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)).convert("L"))[0].text


def test_without_the_option_nothing_but_the_link_leaves(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(FakeTwilio()) as fake:
            await sent(runtime, fake, one_in_america(runtime), QR)
            assert [text["media"] for text in fake.texts] == [[], [], []]

    asyncio.run(scenario())


def test_a_picture_message_that_left_without_an_answer_is_found_by_its_link_and_not_sent_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where Twilio put its own link to the picture behind the words, as its converter does."""
    monkeypatch.setattr(TwilioProvider, "listed_within", 0.1)

    async def scenario() -> None:
        async with serving(FakeTwilio(answers=["drop-after-accept"], behind=" https://mms.example/x")) as fake:
            await sent(runtime, fake, one_in_america(runtime, 1), QR, pictures="yes")
            assert [asked.method for asked in fake.asked] == ["POST", "GET"]
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_pictures_are_what_the_provider_is_set_up_for(runtime: Runtime) -> None:
    with_, without = make_twilio(runtime, "http://127.0.0.1:1", pictures="yes"), 99
    with runtime.db.read() as session:
        assert registry.pictures_of(session, with_) == {"AU", "CA", "US"}
        assert registry.pictures_of(session, without) == registry.pictures_of(session, None) == frozenset()
