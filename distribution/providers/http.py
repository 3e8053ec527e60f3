"""The tuned HTTP client of the sender, and what its failures mean.

Tuned as measured (docs/decisions/sending.md): one session, no cookies, no decompression, no per-request header work.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import ClientRequest, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from distribution.providers.addresses import InternalAddress, guarded_socket
from distribution.providers.port import Kind, LookUpFailed, Outcome

if TYPE_CHECKING:
    from aiohttp.connector import Connection

# Seconds until an answer is given up on; the request has then ended on our side.
REQUEST_TIMEOUT = 30.0
CONNECT_TIMEOUT = 5.0

# Linux: counts the time that the machine was suspended, which CLOCK_MONOTONIC does not. macOS's monotonic clock
# stands still in sleep too, but its CLOCK_MONOTONIC_RAW goes on.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC_RAW", None))


def uptime() -> float:
    """Seconds on a clock that goes on while the process is stopped and while the machine is suspended."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


# Until when the current task's requests may start, by `uptime`; None: whenever.
DEADLINE: ContextVar[float | None] = ContextVar("DEADLINE", default=None)


class TooLate(Exception):
    """The deadline passed before the request was written: nothing left."""


class DeadlineRequest(ClientRequest):
    """A request that looks at its deadline at the last moment: connected, and not a byte written yet.

    aiohttp keeps the headers back to write them with the body, and writes the body in a task of its own: a process that
    is stopped between the two must find the deadline passed when it goes on. A fault test found that out.
    """

    async def send(self, conn: "Connection") -> ClientResponse:
        """Begin the request. Raises `TooLate`."""
        if _too_late():
            raise TooLate
        return await super().send(conn)

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: "Connection", content_length: int | None = None
    ) -> None:
        """Write headers and body; too late, the waiting request gets `TooLate` and the connection is closed."""
        if _too_late():
            if conn.protocol is not None:
                conn.protocol.set_exception(TooLate())
            conn.close()
            return
        await super().write_bytes(writer, conn, content_length)


def _too_late() -> bool:
    deadline = DEADLINE.get()
    return deadline is not None and uptime() > deadline


def open_session(*, guarded: bool = False) -> ClientSession:
    """A session for one event loop; the caller closes it. How much is in flight is the caller's to limit.

    `guarded`: it connects to the public internet only (`distribution.providers.addresses`).
    """
    return ClientSession(
        connector=TCPConnector(limit=0, ttl_dns_cache=60, socket_factory=guarded_socket if guarded else None),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        request_class=DeadlineRequest,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        timeout=ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
        trust_env=False,
    )


# What an answer means: its status, its body, and the Retry-After of one that asks for patience.
Reader = Callable[[int, bytes, str | None], Outcome]


async def post(http: ClientSession, url: URL, body: bytes, headers: Mapping[str, str], read: Reader) -> Outcome:
    """Post one text, once: what `read` makes of the answer, or what it means that there was none.

    A redirect is not followed, for that would post again.
    """
    try:
        async with http.post(url, data=body, headers=headers, allow_redirects=False) as response:
            answer = await response.read()
            status = response.status
            wait = response.headers.get("Retry-After") if status in (429, 503) else None
    except Exception as error:
        return failure(error)
    return read(status, answer, wait)


@contextmanager
def looking_up(whose: str) -> Iterator[None]:
    """Within the block, an answer that did not come or cannot be read is a `LookUpFailed`; a bug of ours stays one.

    `whose`: "Twilio's list", as the reason names it.
    """
    try:
        yield
    except LookUpFailed:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LookUpFailed(f"{whose} cannot be read: {type(error).__name__}") from error
    except Exception as error:
        failure(error)
        raise LookUpFailed(type(error).__name__) from error


def failure(error: BaseException) -> Outcome:
    """What an exception of a request means for its attempt. Raises it again when it is none of the network's."""
    if isinstance(error, TooLate):
        return Outcome(Kind.LATER, "too_late", retry_after=0.0)
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, InternalAddress):
        return Outcome(Kind.ACCOUNT, "internal_address")
    # Raised only while connecting: not a byte of the request has been written.
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Outcome(Kind.LATER, "unreachable")
    if isinstance(error, asyncio.TimeoutError):
        return Outcome(Kind.UNKNOWN, "timeout")
    if isinstance(error, aiohttp.ClientError | OSError):
        return Outcome(Kind.UNKNOWN, "connection_lost")
    raise error


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header that gives them (RFC 9110 §10.2.3); None where it gives a date or nothing."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
