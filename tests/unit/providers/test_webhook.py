"""HTTP: signed JSON both ways, as docs/providers.md promises it."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from aiohttp import web
from fastapi.testclient import TestClient
from sqlalchemy import select

from bot.web.app import build
from distribution.check import check
from distribution.providers import http as client
from distribution.providers import webhook
from distribution.providers.port import Arrival, Callback, InboundNews, Kind, LookUpFailed, NotGenuine, StatusNews
from distribution.providers.webhook import WINDOW, HttpProvider, in_time, read_answer, sign
from distribution.runtime import Runtime
from distribution.sending import callbacks
from storage.tables import CallbackInbox, Customer, Message, MessageState, Reply
from tests.sending import make_customers, make_distribution, make_group, sending, set_up, start, status, until
from tests.unit.providers.test_addresses import KEY, Scripted, serving


class Gateway(Scripted):
    """A gateway as the contract describes one; refuses what is not signed."""

    def __init__(self) -> None:
        super().__init__(201)
        self.texts: list[dict[str, Any]] = []
        self.looks: list[dict[str, Any]] = []
        self.silent = False  # takes the next text, and hangs up

    async def answer_to(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        said = request.headers["X-Promobot-Timestamp"].encode() + b"." + body
        expected = "sha256=" + hmac.new(KEY.encode(), said, hashlib.sha256).hexdigest()
        if request.headers["X-Promobot-Signature"] != expected:
            return web.json_response({"error": "bad signature"}, status=401)
        asked = json.loads(body)
        if asked["event"] == "look_up":
            self.looks.append(asked)
            found = next((text for text in self.texts if text["reference"] == asked["reference"]), None)
            return web.json_response({"found": True, "id": "T1", "status": "accepted"} if found else {"found": False})
        self.texts.append(asked)
        if self.silent:
            self.silent = False
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"id": f"T{len(self.texts)}", "segments": 1}, status=201)


def add(runtime: Runtime, url: str) -> int:
    config = {"api_base_url": f"{url}/sms", "from": "SHOP", "look_up": "yes", "validity": "600"}
    return set_up(runtime, "http", config, key=KEY)


def test_texts_receipts_and_a_stop_through_any_gateway(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose answer was lost: it is looked up and not sent again."""
    monkeypatch.setattr(webhook, "LISTED_WITHIN", 0.1)
    served = TestClient(build(runtime), base_url="http://10.0.0.7:8000")

    def call(url: str, news: dict[str, Any], *, at: float | None = None, key: str = KEY) -> int:
        body = json.dumps(news, ensure_ascii=False).encode()
        timestamp = str(int(time.time() if at is None else at))
        headers = {"X-Promobot-Timestamp": timestamp, "X-Promobot-Signature": sign(key, timestamp, body)}
        headers["Content-Type"] = "application/json"
        return served.post(url.removeprefix("https://promo.example"), content=body, headers=headers).status_code

    async def scenario() -> None:
        async with serving(gateway := Gateway()):
            gateway.silent = True
            make_group(runtime, "Summer 10%", 3)
            provider_id = add(runtime, gateway.url)
            inbound = runtime.links.callback(provider_id)
            distribution = make_distribution(runtime, provider_id, make_customers(runtime, 3))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done", "the distribution did not end")
                assert len(gateway.texts) == 3 and len(gateway.looks) == 1
                first, second, third = sorted(gateway.texts, key=lambda text: str(text["to"]))
                assert first["from"] == "SHOP" and first["validity_seconds"] == 600
                news = {"event": "status", "reference": first["reference"], "id": "T1", "status": "delivered"}
                assert call(first["callback_url"], news) == 204
                assert call(second["callback_url"], news | {"reference": second["reference"]}, key=KEY + "x") == 204
                assert call(second["callback_url"], news) == 204  # another text's news at this one's address
                assert call(third["callback_url"], news, at=time.time() - WINDOW - 5) == 400
                failed = {
                    "event": "status",
                    "reference": third["reference"],
                    "status": "undelivered",
                    "error": "Landline!",
                }
                assert call(third["callback_url"], failed) == 204
                stop = {"event": "inbound", "id": "in1", "from": first["to"], "text": "zażółć", "meaning": "stop"}
                assert call(inbound, stop) == call(inbound, stop, at=time.time() + 1) == 204
                await until(lambda: not _waiting(runtime))
            with runtime.db.read() as session:
                rows = session.scalars(select(Message).order_by(Message.phone)).all()
                assert [(row.state, row.reason) for row in rows] == [
                    (MessageState.DELIVERED, None),
                    (MessageState.ACCEPTED, None),
                    (MessageState.UNDELIVERED, "landline"),
                ]
                assert session.scalar(select(Customer.consent).where(Customer.phone == first["to"])) == "opted_out"
                (reply,) = session.scalars(select(Reply)).all()
                assert (reply.body, reply.meaning) == ("zażółć", "stop")
            assert check(runtime.db) == []

    asyncio.run(scenario())


def _waiting(runtime: Runtime) -> int:
    with runtime.db.read() as session:
        return len(session.scalars(select(CallbackInbox).where(CallbackInbox.applied_at.is_(None))).all())


@pytest.mark.parametrize(
    ("http_status", "answer", "kind", "reason"),
    [
        (201, '{"id": "T1"}', Kind.ACCEPTED, None),
        (202, '{"id": 7, "segments": "x"}', Kind.ACCEPTED, None),
        (200, "ok", Kind.UNKNOWN, "server_error"),
        (400, '{"error": "invalid_number"}', Kind.REJECTED, "invalid_number"),
        (422, '{"error": "No such <b>Number"}', Kind.REJECTED, "no_such_b_number"),
        (400, "<html>a proxy</html>", Kind.UNKNOWN, "server_error"),
        (400, '{"error": "no credit", "effect": "pause"}', Kind.ACCOUNT, "no_credit"),
        (503, '{"error": "queue_full", "effect": "later"}', Kind.LATER, "queue_full"),
        (503, '{"error": "queue_full"}', Kind.UNKNOWN, "server_error"),
        (500, '{"effect": "refused"}', Kind.REJECTED, "refused"),
        (429, "", Kind.LATER, "rate_limited"),
        (401, "", Kind.ACCOUNT, "account"),
        (404, '{"error": "x"}', Kind.ACCOUNT, "account"),
        (308, '{"id": "T1"}', Kind.ACCOUNT, "account"),
        (408, '{"error": "x"}', Kind.UNKNOWN, "server_error"),
    ],
)
def test_what_a_gateway_answers_decides_what_happens(
    http_status: int, answer: str, kind: Kind, reason: str | None
) -> None:
    outcome = read_answer(http_status, answer.encode(), "3")
    assert (outcome.kind, outcome.reason) == (kind, reason)
    assert outcome.retry_after == (3.0 if kind is Kind.LATER else None)


def callback(news: dict[str, Any], **more: Any) -> Callback:
    body = json.dumps(news)
    given = {
        "signature": sign(KEY, "1000", body.encode()),
        "timestamp": "1000",
        "body": body,
        "attempt": "12-34",
    } | more
    return Callback(news, given["attempt"], "", given["signature"], given["timestamp"], given["body"])


NEWS = {"event": "status", "reference": "12-34", "id": "T1", "status": "delivered"}


def test_a_callback_says_what_it_says() -> None:
    gateway = HttpProvider("https://x.example", KEY)
    assert gateway.read_callback(callback(NEWS)) == StatusNews("12-34", "T1", Arrival.DELIVERED, None)
    text = {"event": "inbound", "id": "i1", "from": "+48600100001", "text": "halt", "meaning": "stop", "answered": True}
    assert gateway.read_callback(callback(text)) == InboundNews("i1", "+48600100001", "halt", "stop", answered=True)


@pytest.mark.parametrize(
    "given",
    [
        callback(NEWS, signature=None),
        callback(NEWS, timestamp=None),
        callback(NEWS, timestamp="1001"),
        callback(NEWS, signature="sha256=ż"),
        callback(NEWS, body=json.dumps(NEWS | {"status": "undelivered"})),
        callback(NEWS, attempt="12-35"),
        callback(NEWS | {"event": "bill"}),
        callback(NEWS | {"status": "lost"}),
        callback({"event": "inbound", "id": "i1"}),
    ],
)
def test_what_is_not_signed_over_its_time_and_body_is_not_believed(given: Callback) -> None:
    with pytest.raises(NotGenuine):
        HttpProvider("https://x.example", KEY).read_callback(given)


def test_the_window_is_a_few_minutes_either_way() -> None:
    assert in_time("1000", 1000 + WINDOW) and in_time("1000", 1000 - WINDOW)
    assert not any(in_time(at, 1000) for at in ("1301", "699", "", "-1", "1e3", "٣", "9" * 13))


def test_a_gateway_that_cannot_be_asked_is_not_asked() -> None:
    gateway = HttpProvider("http://127.0.0.1:1", KEY)

    async def look() -> None:
        async with client.open_session() as http:
            await gateway.look_up(http, None)  # type: ignore[arg-type]

    assert gateway.listed_within is None
    with pytest.raises(LookUpFailed, match="does not answer"):
        asyncio.run(look())


def test_nobody_can_pass_for_the_envelope_by_naming_a_field_so(runtime: Runtime) -> None:
    served = TestClient(build(runtime))
    path = runtime.links.callback(3).removeprefix("https://promo.example")
    assert served.post(path, json={"_attempt": "12-34", "_body": "x", "event": "status"}).status_code == 204
    with runtime.db.read() as session:
        payload = session.scalars(select(CallbackInbox.payload)).one()
    assert payload == {"event": "status", callbacks.URL: f"https://promo.example{path}"}
