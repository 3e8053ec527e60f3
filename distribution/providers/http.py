"""The sender's HTTP: a deadline that is checked with the first byte, and what its failures mean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from yarl import URL

from distribution.providers import connections
from distribution.providers.addresses import InternalAddress, guarded_socket
from distribution.providers.connections import Client, ConnectionBroken, NotConnected
from distribution.providers.port import Kind, LookUpFailed, Outcome

# Until when the current task's requests may start, by `connections.uptime`; None: whenever.
DEADLINE: ContextVar[float | None] = ContextVar("DEADLINE", default=None)


class TooLate(Exception):
    """The deadline passed before the request was written: nothing left."""


def _in_time() -> None:
    """Raise `TooLate` when the current task's deadline has passed."""
    deadline = DEADLINE.get()
    if deadline is not None and connections.uptime() > deadline:
        raise TooLate


def open_session(*, guarded: bool = False) -> Client:
    """Connections for the running event loop; the caller closes them. How much is in flight is the caller's to limit.

    A request looks at its deadline at the last moment: connected, and its bytes are handed to the socket in the same
    breath. A process that is stopped before must find the deadline passed when it goes on.

    `guarded`: it connects to the public internet only (`distribution.providers.addresses`).
    """
    return Client(_in_time, guarded_socket if guarded else None)


# What an answer means: its status, its body, and the Retry-After of one that asks for patience.
Reader = Callable[[int, bytes, str | None], Outcome]


async def post(http: Client, url: URL, body: bytes, headers: bytes, read: Reader) -> Outcome:
    """Post one text, once: what `read` makes of the answer, or what it means that there was none.

    `headers`: as `connections.lines` makes them. A redirect is not followed, for that would post again.
    """
    try:
        status, said, answer = await http.request("POST", url, headers=headers, body=body)
    except Exception as error:
        return failure(error)
    wait = said.get(b"retry-after") if status in (429, 503) else None
    return read(status, answer, None if wait is None else wait.decode("latin-1"))


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
    if isinstance(error, NotConnected):  # not a byte of the request has been written
        if isinstance(error.__cause__, InternalAddress):
            return Outcome(Kind.ACCOUNT, "internal_address")
        return Outcome(Kind.LATER, "unreachable")
    if isinstance(error, TimeoutError):
        return Outcome(Kind.UNKNOWN, "timeout")
    if isinstance(error, ConnectionBroken | OSError):
        return Outcome(Kind.UNKNOWN, "connection_lost")
    raise error


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header that gives them (RFC 9110 §10.2.3); None where it gives a date or nothing."""
    try:
        return max(0.0, float(value)) if value is not None else None
    except ValueError:
        return None
