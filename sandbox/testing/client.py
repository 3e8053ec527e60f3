"""A small HTTP client of the browser API, and waiting for a condition without polling."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.blocks import Json

T = TypeVar("T")
WAIT_SECONDS = 15.0


class Refused(AssertionError):
    """The sandbox refused what a person did: `name` is the error (operation_timeout…), `detail` a sentence."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


class Client:
    """JSON over HTTP to one sandbox."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def get(self, path: str, **query: Any) -> Json:
        """GET; raises Refused."""
        query = {key: value for key, value in query.items() if value is not None}
        return self._json("GET", f"{path}?{urllib.parse.urlencode(query)}", None, None)

    def post(self, path: str, body: Json) -> Json:
        """POST; raises Refused."""
        return self._json("POST", path, json.dumps(body).encode(), "application/json")

    def put(self, path: str, body: Json) -> Json:
        """PUT; raises Refused."""
        return self._json("PUT", path, json.dumps(body).encode(), "application/json")

    def upload(self, user: str, name: str, content: bytes) -> Json:
        """Upload a file as a person; returns Slack's file object."""
        edge = uuid.uuid4().hex
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="user"\r\n\r\n{user}\r\n'
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        file: Json = self._json("POST", "/sandbox/upload", body, f"multipart/form-data; boundary={edge}")["file"]
        return file

    def download(self, url: str) -> bytes:
        """What an address answers, as it is."""
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - the sandbox's own address
            content: bytes = response.read()
            return content

    def wait_for(self, look: Callable[[], T | None], failed: Callable[[], str], timeout: float = WAIT_SECONDS) -> T:
        """What `look` returns once it is true; raises NotOnScreen with `failed()` after `timeout` seconds.

        Looks again whenever something changed in the sandbox.
        """
        deadline = time.monotonic() + timeout
        version = int(self.get("/sandbox/changes", timeout=0)["version"])
        while True:
            found = look()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotOnScreen(f"Waited {timeout:g} s in vain. {failed()}")
            # Half a second at most: the condition may also depend on something outside the sandbox.
            version = int(self.get("/sandbox/changes", after=version, timeout=min(left, 0.5))["version"])

    def _json(self, verb: str, path: str, body: bytes | None, content_type: str | None) -> Json:
        headers = {"Content-Type": content_type} if content_type else {}
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=verb)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer: Json = json.loads(response.read())
                return answer
        except urllib.error.HTTPError as error:
            said = error.read()
            try:
                refusal = json.loads(said)
            except ValueError:
                raise AssertionError(f"{verb} {path}: {error.code} {said[:300]!r}") from None
            raise Refused(refusal.get("error", str(error.code)), refusal.get("detail", "")) from None


class NotOnScreen(AssertionError):
    """What a test looked for is not there; the message shows what is."""
