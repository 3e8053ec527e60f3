"""How the gateway of `tests.gateway` answers, by whose language it is asked in."""

from datetime import datetime
from email.utils import format_datetime
from typing import Any, Protocol

from aiohttp import web

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2


class Dialect(Protocol):
    """Answers to a text that was taken, and to one that was not."""

    def taken(self, text: dict[str, Any]) -> web.Response:
        """It has the text."""
        ...

    def refusal(self, what: str) -> web.Response:
        """It has not, or does not say so: "refuse", "account", "429" or "500"."""
        ...


class Phone:
    """How the sandbox's phone answers."""

    def taken(self, text: dict[str, Any]) -> web.Response:
        """It has the text."""
        return web.json_response({"id": text["id"], "status": "accepted", "segments": 1}, status=201)

    def refusal(self, what: str) -> web.Response:
        """It has not, or does not say so."""
        status, error = {
            "refuse": (400, "invalid_number"),
            "account": (401, "unauthorized"),
            "429": (429, "rate_limited"),
            "500": (500, "server_error"),
        }[what]
        headers = {"Retry-After": "0.05"} if status == 429 else {}
        return web.json_response({"error": error, "permanent": status == 400}, status=status, headers=headers)


class Twilio:
    """How Twilio answers (twilio.com/docs/api/errors; `rest/api/v2010/account/message` of its package)."""

    @staticmethod
    def text(text: dict[str, Any]) -> dict[str, Any]:
        """A text as the API shows it."""
        pictures = text.get("pictures") or []
        return {
            "sid": text["id"].replace("SM", "MM") if pictures else text["id"],
            "account_sid": ACCOUNT_SID,
            "status": "queued",
            "direction": "outbound-api",
            "to": text["to"],
            "body": text["body"],
            "num_segments": "1",
            "num_media": str(len(pictures)),
            "date_created": format_datetime(datetime.fromisoformat(text["time"])),
            "date_sent": None,
        }

    def taken(self, text: dict[str, Any]) -> web.Response:
        """It has the text."""
        return web.json_response(self.text(text), status=201)

    def refusal(self, what: str) -> web.Response:
        """It has not, or does not say so."""
        status, code = {"refuse": (400, 21211), "account": (401, 20003), "429": (429, 20429), "500": (500, 20500)}[what]
        headers = {"Retry-After": "0.05"} if status == 429 else {}
        said = {"code": code, "message": what, "more_info": "", "status": status}
        return web.json_response(said, status=status, headers=headers)


class Webhook:
    """How a webhook answers the HTTP provider (docs/providers.md)."""

    def taken(self, text: dict[str, Any]) -> web.Response:
        """It has the text."""
        return web.json_response({"id": text["id"]}, status=202)

    def refusal(self, what: str) -> web.Response:
        """It has not, or does not say so."""
        status, said = {
            "refuse": (400, {"effect": "refused", "error": "invalid_number"}),
            "account": (403, {"effect": "pause", "error": "no_credit"}),
            "429": (429, {}),
            "500": (500, {}),
        }[what]
        return web.json_response(said, status=status, headers={"Retry-After": "0.05"} if status == 429 else {})
