"""Kept connections to a provider: one request after another on each, nothing sent twice, nothing hidden.

A general client spends 80 µs of Python on a text, as much as all the rest of sending it takes. This one does what a
sender needs (docs/decisions/sending.md): a check right before a whole request is written, and whole answers. HTTP is
read by httptools (llhttp, Node's parser), addresses are tried by aiohappyeyeballs, TLS is Python's.

Nothing here repeats a request, follows a redirect, or keeps cookies.
"""

import asyncio
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Self, cast

from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpResponseParser
from yarl import URL

# Seconds until an answer is given up on, from the moment the request is written; it has then ended on our side.
REQUEST_TIMEOUT = 30.0
LAST_LOOK = 1.0  # seconds of those, the last, in which the loop certainly reads: see `Connection._nearly_over`
CONNECT_TIMEOUT = 5.0  # for the name, the connection and TLS together
IDLE = 15.0  # seconds after which a kept connection is not used again: the other side may be about to close it
NAMES = 60.0  # seconds that a name's addresses are remembered
NEXT_ADDRESS = 0.25  # seconds after which the next address of a name is tried as well (RFC 8305 §5)
LARGEST = 32 * 2**20  # bytes of an answer: a list of a thousand texts has one or two million

# Linux: counts the time that the machine was suspended, which CLOCK_MONOTONIC does not. macOS's monotonic clock
# stands still in sleep too, but its CLOCK_MONOTONIC_RAW goes on.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC_RAW", None))


def uptime() -> float:
    """Seconds on a clock that goes on while the process is stopped and while the machine is suspended."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class NotConnected(Exception):
    """There is no connection, so nothing of the request has left; `__cause__` says why."""


class ConnectionBroken(Exception):
    """The connection ended, or spoke no HTTP, after the request was written and before its answer was whole."""


class Answer(NamedTuple):
    """A whole answer. `headers`: by name in small letters; of one that comes twice, the last."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class Origin(NamedTuple):
    """Whom a connection is with."""

    host: str
    port: int
    tls: bool


def lines(headers: Mapping[str, str]) -> bytes:
    """Headers as they are sent. Raises `ValueError` for one that would break out of its line."""
    for name, value in headers.items():
        if not name.isascii() or any(char in "\r\n\0" for char in name + value):
            raise ValueError(f"the header {name!r} cannot be sent")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


class Connection(asyncio.Protocol):
    """One connection, and what is read on it. One request at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None  # for the answer of the request that is out
        self._timer: asyncio.TimerHandle | None = None  # until it is given up
        self._parser = HttpResponseParser(self)
        self._status = 0
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._keep = False  # the other side keeps the connection after this answer
        self.idle_since = 0.0  # by `uptime`: who slept for an hour finds them all cut

    @property
    def usable(self) -> bool:
        """Whether another request may be written to it."""
        transport = self._transport
        return transport is not None and not transport.is_closing() and self._waiting is None

    async def exchange(self, request: bytes) -> Answer:
        """Write a request, and read its answer. Raises `ConnectionBroken`, `TimeoutError`."""
        if self._transport is None:  # it is connected before anybody has it
            raise ConnectionBroken("it is not connected")
        waiting = self._waiting = self._loop.create_future()
        self._size = 0
        self._timer = self._loop.call_later(REQUEST_TIMEOUT - LAST_LOOK, self._nearly_over)
        try:
            self._transport.write(request)
            answer: Answer = await waiting
            return answer
        except BaseException:  # also who is cancelled: the answer would be taken for the next request's
            self.close()
            raise
        finally:
            self._timer.cancel()

    def close(self) -> None:
        """Close it at once; who waits gets `ConnectionBroken`."""
        self._fail(ConnectionBroken("it was closed"))
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self._transport = cast(asyncio.Transport, transport)  # as TCP and TLS have them

    def data_received(self, data: bytes) -> None:
        """Read a piece of the answer."""
        self._size += len(data)
        if self._size > LARGEST:
            self._fail(ConnectionBroken("it said too much"))
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(ConnectionBroken(f"it spoke no HTTP: {error}"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end: of an answer that has no other, or of the hope for one."""
        if exc is None and self._waiting is not None and self._ends_with_the_connection():
            self._finish()
        self._fail(ConnectionBroken("it was cut"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins. One that follows another unasked ends the connection."""
        self._status, self._headers, self._body = 0, {}, []
        if self._waiting is None:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of the answer (or of the end of a chunked one)."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """The status is known, and whether the connection is kept."""
        self._status = self._parser.get_status_code()
        self._keep = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole. One of 100 to 199 only announces the real one (RFC 9110 §15.2)."""
        if self._status >= 200:
            self._finish()

    def _ends_with_the_connection(self) -> bool:
        """Whether the answer's end is the connection's (RFC 9112 §6.3): it says neither its length nor its chunks."""
        return self._status >= 200 and not {b"content-length", b"transfer-encoding"} & self._headers.keys()

    def _nearly_over(self) -> None:
        """Give up soon, but not at once: a process that was stopped wakes to its timers, and only then to its sockets.

        Without it, whatever was in flight ended in a time-out though its answer had long arrived.
        """
        self._timer = self._loop.call_later(LAST_LOOK, self._fail, TimeoutError())

    def _finish(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            body = self._body
            waiting.set_result(Answer(self._status, self._headers, body[0] if len(body) == 1 else b"".join(body)))
        if not self._keep and self._transport is not None:
            self._transport.close()

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)


class Client:
    """The connections of one event loop; close it, or use it as a context. How much is in flight is the caller's to
    limit.

    `check` is called right before a request is written; what it raises ends the request, and nothing has left.
    `new_socket`: makes the socket for an address of `getaddrinfo`, or raises `OSError`.
    """

    def __init__(
        self,
        check: Callable[[], None] = lambda: None,
        new_socket: Callable[[tuple[Any, ...]], socket.socket] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._check, self._new_socket = check, new_socket
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._busy: set[Connection] = set()
        self._names: dict[Origin, tuple[float, list[Any]]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; who still waits for an answer gets `ConnectionBroken`."""
        for connection in [*self._busy, *(each for idle in self._idle.values() for each in idle)]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the loop closes the sockets

    async def request(self, method: str, url: URL, *, headers: bytes = b"", body: bytes = b"") -> Answer:
        """The whole answer to one request. `headers`: as `lines` makes them.

        Raises `NotConnected`, whatever `check` raises, `ConnectionBroken` and `TimeoutError`; of the last two alone the
        request may have arrived.
        """
        origin, start = _start(method, url)
        connection = self._kept(origin) or await self._connect(origin)
        self._busy.add(connection)
        try:
            self._check()
            return await connection.exchange(b"%b%b%b\r\n%b" % (start, headers, _length(method, body), body))
        finally:
            self._busy.discard(connection)
            if connection.usable:
                connection.idle_since = uptime()
                self._idle[origin].append(connection)

    def _kept(self, origin: Origin) -> Connection | None:
        """The connection that was used last, where it is still good."""
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if connection.usable:
                if uptime() - connection.idle_since < IDLE:
                    return connection
                connection.close()
        return None

    async def _connect(self, origin: Origin) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                sock = await start_connection(
                    await self._addresses(origin),
                    happy_eyeballs_delay=NEXT_ADDRESS,
                    loop=self._loop,
                    socket_factory=self._new_socket,
                )
                # Or the end of a long text waits until its beginning is acknowledged.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop),
                    sock=sock,
                    ssl=_tls() if origin.tls else None,
                    server_hostname=origin.host if origin.tls else None,
                )
        except (OSError, RuntimeError) as error:  # uvloop's sockets raise the latter, too
            self._names.pop(origin, None)
            raise NotConnected(f"{origin.host}: {error or type(error).__name__}") from error
        return connection

    async def _addresses(self, origin: Origin) -> list[Any]:
        """A name's addresses, as `getaddrinfo` gives them."""
        until, found = self._names.get(origin, (0.0, []))
        if self._loop.time() >= until:
            found = list(await self._loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM))
            self._names[origin] = self._loop.time() + NAMES, found
        return found


def _length(method: str, body: bytes) -> bytes:
    """How long the body is; nothing where a method has none (RFC 9110 §8.6)."""
    return b"Content-Length: %d\r\n" % len(body) if body or method == "POST" else b""


@lru_cache(256)
def _start(method: str, url: URL) -> tuple[Origin, bytes]:
    """Whom a request goes to, and how it begins."""
    tls = url.scheme == "https"
    origin = Origin(url.raw_host or "", url.port or (443 if tls else 80), tls)
    start = f"{method} {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
    return origin, start.encode("ascii")


@lru_cache(1)
def _tls() -> ssl.SSLContext:
    """Certificates and names are checked, as Python does by default."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
