"""A gateway that accepts everything as fast as a bare asyncio protocol can, in a process of its own.

python -m benchmarks.sink 80        # answers after 80 ms; prints its port
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

JSON = b'{"id": "SM0123456789abcdef0123456789abcdef", "status": "accepted", "segments": 1}'
# As long as Twilio's own (twilio.com/docs/messaging/api/message-resource, "Create a Message").
TWILIO = json.dumps(
    {
        "account_sid": "AC" + "0" * 32,
        "api_version": "2010-04-01",
        "body": "Hi Anna0, your 10% code: SUMMER-00000000000000. Reply STOP to opt out.",
        "date_created": "Thu, 24 Aug 2023 05:01:45 +0000",
        "date_sent": None,
        "date_updated": "Thu, 24 Aug 2023 05:01:45 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": "+15550100200",
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": "SM" + "0" * 32,
        "status": "queued",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/AC{'0' * 32}/Messages/SM{'0' * 32}/Media.json"},
        "to": "+48600000000",
        "uri": f"/2010-04-01/Accounts/AC{'0' * 32}/Messages/SM{'0' * 32}.json",
    }
).encode()


def answer(status: bytes, body: bytes) -> bytes:
    """A whole answer."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


# By how an address begins; what is in none of them is the sandbox's or the webhook's.
ANSWERS = {
    b"POST /2010-04-01": answer(b"201 Created", TWILIO),
    b"POST /cgi-bin/se": answer(b"202 Accepted", b"0: Accepted for delivery"),
}
ANSWER = answer(b"201 Created", JSON)
BEGINNING = 16


class Sink(asyncio.Protocol):
    """Counts requests by their heads and bodies, and answers each."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._data = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            said = ANSWERS.get(self._data[:BEGINNING], ANSWER)
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            self._data = self._data[end + 4 + length :]
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._answer, said)
            else:
                self._answer(said)

    def _answer(self, said: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(said)


async def serve(latency: float) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Sink(latency), "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def sink(latency_ms: int) -> Iterator[str]:
    """The address of a sink that runs during the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sink", str(latency_ms)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    with suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(serve(int(sys.argv[1]) / 1000))
