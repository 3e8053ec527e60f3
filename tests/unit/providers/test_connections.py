"""The sender's HTTP client, against a server that says byte by byte what it is told to."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from yarl import URL

from distribution.providers import connections, http
from distribution.providers.connections import Answer, Client, ConnectionBroken, NotConnected, lines
from distribution.sending.worker import new_loop

T = TypeVar("T")
CUT = b""  # in a script: the connection is closed here
KEPT = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request with the pieces of bytes that come next; `seen`: the requests, by connection."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.answers = list(answers)
        self.seen: list[list[bytes]] = []
        self.url = URL()
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[bytes] = []
        self.seen.append(mine)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
                mine.append(head + await reader.readexactly(length))
                for piece in self.answers.pop(0):
                    if piece == CUT:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.005)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone.set()
            writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = URL(f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/sms?shop=1")
    try:
        yield server
    finally:
        running.close()


def run(server: Server, work: Callable[[Client, URL], Awaitable[T]]) -> T:
    """Run `work` on the sender's own loop, with a client and the server's address."""

    async def within() -> T:
        async with serving(server), Client() as client:
            return await asyncio.wait_for(work(client, server.url), 10)

    loop = new_loop()
    try:
        return loop.run_until_complete(within())
    finally:
        loop.close()


def post(client: Client, url: URL, body: bytes = b"Hi") -> Awaitable[Answer]:
    return client.request("POST", url, headers=lines({"X-To": "1"}), body=body)


def test_a_request_is_one_whole_post_and_the_connection_is_kept_for_the_next() -> None:
    server = Server([KEPT], [KEPT])

    async def work(client: Client, url: URL) -> list[Answer]:
        return [await post(client, url), await post(client, url, "ż".encode())]

    first, second = run(server, work)
    assert first == Answer(201, {b"content-length": b"2"}, b"ok") == second
    (requests,) = server.seen
    port = server.url.port
    start = f"POST /sms?shop=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-To: 1\r\nContent-Length: 2\r\n\r\n".encode()
    assert requests == [start + b"Hi", start + "ż".encode()]


def test_a_get_has_no_body() -> None:
    server = Server([KEPT])
    run(server, lambda client, url: client.request("GET", url.with_query({"to": "+48 1"})))
    assert server.seen[0][0].startswith(b"GET /sms?to=%2B48+1 HTTP/1.1\r\n") and b"Length" not in server.seen[0][0]


@pytest.mark.parametrize(
    ("pieces", "body"),
    [
        ([bytes([byte]) for byte in KEPT], b"ok"),
        (
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"3\r\n+++\r\n", b"0\r\n\r\n"],
            b"ok+++",
        ),
        ([b"HTTP/1.1 200 OK\r\n\r\nas long", b" as it lasts", CUT], b"as long as it lasts"),
        ([b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", CUT], b"ok"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", KEPT], b"ok"),
        ([b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + KEPT], b"ok"),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"], b""),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", CUT], b""),
    ],
    ids=["byte by byte", "chunked", "until the end", "HTTP/1.0", "100", "102 and 103", "no body", "busy", "closed"],
)
def test_every_way_to_end_an_answer_is_read_and_the_next_request_is_answered_by_its_own(
    pieces: list[bytes], body: bytes
) -> None:
    server = Server(pieces, [KEPT])

    async def work(client: Client, url: URL) -> tuple[Answer, Answer]:
        return await post(client, url), await post(client, url)

    first, second = run(server, work)
    assert first.body == body and second.body == b"ok"
    assert [request.count(b"POST") for requests in server.seen for request in requests] == [1, 1]


@pytest.mark.parametrize(
    "pieces",
    [
        [CUT],
        [b"HTTP/1.1 200 OK\r\nContent-Le", CUT],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", CUT],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", CUT],
        [b"HTTP/1.1 100 Continue\r\n\r\n", CUT],
        [b"220 mail.example.com ESMTP\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ],
    ids=["nothing", "half a head", "half a body", "half the chunks", "only 100", "SMTP", "two lengths", "101"],
)
def test_what_is_no_whole_answer_is_none_and_is_not_asked_for_again(pieces: list[bytes]) -> None:
    server = Server(pieces)

    async def work(client: Client, url: URL) -> None:
        with pytest.raises(ConnectionBroken):
            await post(client, url)
        await asyncio.wait_for(server.gone.wait(), 5)

    run(server, work)
    assert [len(requests) for requests in server.seen] == [1]


def test_what_comes_unasked_is_nobodys_answer() -> None:
    """A second answer to one request, in the same breath or later: the next request must not take it for its own."""
    for late in ([KEPT + KEPT], [KEPT, KEPT]):
        server = Server(late, [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"])

        async def work(client: Client, url: URL, server: Server = server) -> bytes:
            await post(client, url)
            await asyncio.wait_for(server.gone.wait(), 5)  # it was closed on our side
            return (await post(client, url)).body

        assert run(server, work) == b"mine" and len(server.seen) == 2


def test_a_connection_that_the_other_side_closed_meanwhile_is_not_used() -> None:
    server = Server([KEPT, CUT], [KEPT])

    async def work(client: Client, url: URL) -> None:
        await post(client, url)
        await asyncio.wait_for(server.gone.wait(), 5)
        await asyncio.sleep(0.02)
        await post(client, url)

    run(server, work)
    assert [len(requests) for requests in server.seen] == [1, 1]


def test_a_connection_from_before_the_machine_slept_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server([KEPT], [KEPT])

    async def work(client: Client, url: URL) -> None:
        await post(client, url)
        real = connections.uptime
        monkeypatch.setattr(connections, "uptime", lambda: real() + connections.IDLE)
        await post(client, url)

    run(server, work)
    assert [len(requests) for requests in server.seen] == [1, 1]


def test_many_at_once_have_a_connection_each_and_keep_them() -> None:
    server = Server(*[[KEPT]] * 40)

    async def work(client: Client, url: URL) -> None:
        for _ in range(2):
            await asyncio.gather(*(post(client, url) for _ in range(20)))

    run(server, work)
    assert [len(requests) for requests in server.seen] == [2] * 20


def test_an_answer_that_does_not_come_is_given_up_with_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_TIMEOUT", 0.05)
    monkeypatch.setattr(connections, "LAST_LOOK", 0.02)
    server = Server([], [KEPT])

    async def work(client: Client, url: URL) -> None:
        with pytest.raises(TimeoutError):
            await post(client, url)
        assert (await post(client, url)).body == b"ok"

    run(server, work)
    assert [len(requests) for requests in server.seen] == [1, 1]


POSTS_ONE = """
import sys
from yarl import URL
from distribution.providers import connections
from distribution.sending.worker import new_loop

async def main():
    async with connections.Client() as client:
        print((await client.request("POST", URL(sys.argv[1]), body=b"Hi")).status)

connections.REQUEST_TIMEOUT, connections.LAST_LOOK = 1.0, 0.5
new_loop().run_until_complete(main())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="nobody can be stopped here")
def test_who_was_stopped_reads_what_came_meanwhile_before_giving_it_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        words = [sys.executable, "-c", POSTS_ONE, url]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as stopped:
            taken, _ = listening.accept()
            with taken:
                assert taken.recv(1000).endswith(b"Hi")
                stopped.send_signal(signal.SIGSTOP)
                os.waitpid(stopped.pid, os.WUNTRACED)  # it stands
                taken.sendall(KEPT)
                time.sleep(1.2)  # for longer than the whole request may take, by its own clock
                stopped.send_signal(signal.SIGCONT)
                said, _ = stopped.communicate(timeout=30)
    assert said == "201\n"


def test_who_is_cancelled_leaves_no_answer_behind_for_the_next() -> None:
    server = Server([], [KEPT])

    async def work(client: Client, url: URL) -> bytes:
        lost = asyncio.ensure_future(post(client, url))
        while not (server.seen and server.seen[0]):
            await asyncio.sleep(0.005)
        lost.cancel()
        with pytest.raises(asyncio.CancelledError):
            await lost
        return (await post(client, url)).body

    assert run(server, work) == b"ok" and len(server.seen) == 2


def test_closing_ends_what_is_out() -> None:
    server = Server([])

    async def work(client: Client, url: URL) -> None:
        out = asyncio.ensure_future(post(client, url))
        while not (server.seen and server.seen[0]):
            await asyncio.sleep(0.005)
        await client.close()
        with pytest.raises(ConnectionBroken):
            await out

    run(server, work)


def test_what_the_check_forbids_is_not_written_and_the_connection_is_still_good() -> None:
    server = Server([KEPT], [KEPT])

    async def work(client: Client, url: URL) -> None:
        client = http.open_session()
        await post(client, url)
        http.DEADLINE.set(connections.uptime() - 1)
        with pytest.raises(http.TooLate):
            await post(client, url)
        http.DEADLINE.set(connections.uptime() + 60)
        await post(client, url)
        await client.close()

    run(server, work)
    assert [len(requests) for requests in server.seen] == [2]


def test_where_nobody_listens_nothing_has_left() -> None:
    async def nowhere(client: Client, _url: URL) -> None:
        for url in ("http://127.0.0.1:1/", "https://127.0.0.1:1/", "http://nobody.invalid/"):
            with pytest.raises(NotConnected):
                await post(client, URL(url))

    run(Server(), nowhere)


def test_who_speaks_no_tls_or_never_answers_its_greeting_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:

        async def work(client: Client, url: URL) -> None:
            for port in (url.port, silent.getsockname()[1]):
                with pytest.raises(NotConnected):
                    await post(client, URL(f"https://127.0.0.1:{port}/"))

        run(Server([]), work)


@pytest.mark.parametrize("headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "a\0"}, {"Ż": "a"}])
def test_a_header_cannot_break_out_of_its_line(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        lines(headers)
