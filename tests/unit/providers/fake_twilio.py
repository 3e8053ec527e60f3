"""A Twilio on this machine: takes texts, lists them, and signs callbacks as the real one does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from twilio.request_validator import RequestValidator

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "f00dfeed" * 4
SERVICE = "MG" + "0123456789abcdef" * 2


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeTwilio:
    """Keeps what it was asked and the texts that it took.

    `answers`: what the coming sends get instead of a 201; `behind`: what it puts behind the words of a picture message.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    answers: list[tuple[int, str] | str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    page: int = 1000
    behind: str = ""

    async def send(self, request: web.Request) -> web.StreamResponse:
        """POST Messages.json."""
        body = await self._note(request)
        answer = self.answers.pop(0) if self.answers else "ok"
        if answer == "drop":
            return self._cut(request)
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], text=answer[1], content_type="application/json", headers=self.headers)
        fields = parse_qsl(body.decode())
        form = dict(fields)
        media = [value for name, value in fields if name == "MediaUrl"]
        text = {
            "sid": f"{'MM' if media else 'SM'}{len(self.texts):032x}",
            "status": "queued",
            "direction": "outbound-api",
            "to": form["To"],
            "body": form["Body"] + (self.behind if media else ""),
            "num_segments": "0" if "MessagingServiceSid" in form else "1",
            "date_created": format_datetime(datetime.now(UTC)),
            "date_sent": None,
            "num_media": str(len(media)),
            "media": media,
            "callback": form.get("StatusCallback"),
        }
        self.texts.append(text)
        if answer == "drop-after-accept":
            return self._cut(request)
        return web.json_response(text, status=201)

    async def list(self, request: web.Request) -> web.Response:
        """GET Messages.json, newest first."""
        await self._note(request)
        found = [text for text in reversed(self.texts) if text["to"] == request.query.get("To", text["to"])]
        start = int(request.query.get("Page", "0")) * self.page
        more = start + self.page < len(found)
        following = request.rel_url.update_query(Page=str(start // self.page + 1)) if more else None
        page = {"messages": found[start : start + self.page], "next_page_uri": str(following) if following else None}
        return web.json_response(page | {"page": 0, "page_size": self.page, "uri": str(request.rel_url)})

    async def _note(self, request: web.Request) -> bytes:
        body = await request.read()
        query = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
        self.asked.append(Asked(request.method, request.path, query, dict(request.headers), body))
        return body

    def _cut(self, request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def status_form(self, text: dict[str, Any], status: str, code: int | None = None) -> dict[str, str]:
        """The form of a status callback about a text."""
        form = {
            "AccountSid": SID,
            "ApiVersion": "2010-04-01",
            "From": "+15550100200",
            "MessageSid": text["sid"],
            "MessageStatus": status,
            "SmsSid": text["sid"],
            "SmsStatus": status,
            "To": text["to"],
        }
        return form | ({"ErrorCode": str(code)} if code else {})


def inbound_form(sid: str, phone: str, body: str, **more: str) -> dict[str, str]:
    """The form of a customer's text."""
    form = {"AccountSid": SID, "Body": body, "From": phone, "MessageSid": sid, "NumMedia": "0", "NumSegments": "1"}
    return form | {"SmsMessageSid": sid, "SmsSid": sid, "SmsStatus": "received", "To": "+15550100200"} | more


def sign(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    """X-Twilio-Signature."""
    return str(RequestValidator(token).compute_signature(url, form))


@asynccontextmanager
async def serving(fake: FakeTwilio) -> AsyncIterator[FakeTwilio]:
    """The double on a free port."""
    app = web.Application()
    path = f"/2010-04-01/Accounts/{SID}/Messages.json"
    app.router.add_post(path, fake.send)
    app.router.add_get(path, fake.list)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await asyncio.wait_for(runner.cleanup(), 10)
