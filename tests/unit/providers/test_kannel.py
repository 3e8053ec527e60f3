"""Kannel: its words, its reports, its replies; and the real one, where Debian's package is installed."""

import asyncio
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
import uvicorn
from fastapi.testclient import TestClient
from sqlalchemy import select

from bot.web.app import build
from distribution import providers
from distribution.check import check
from distribution.errors import Refused
from distribution.links import Links
from distribution.providers.kannel import KannelKind, KannelProvider, read_answer, reason_of
from distribution.providers.port import Arrival, Callback, InboundNews, Kind, NotGenuine, Outgoing, StatusNews
from distribution.runtime import Runtime
from storage.tables import Customer, Message, MessageState, Reply
from tests.ports import free_ports
from tests.sending import make_customers, make_distribution, make_group, sending, set_up, start, status, until

# What it answers: the words and statuses of 1.4.5, as it gave them.


@pytest.mark.parametrize(
    ("http_status", "said", "kind", "reason"),
    [
        (202, "0: Accepted for delivery", Kind.ACCEPTED, None),
        (202, "3: Queued for later delivery", Kind.ACCEPTED, None),
        (202, "Sent.", Kind.ACCEPTED, None),
        (202, "", Kind.UNKNOWN, "server_error"),
        (200, "<html>", Kind.UNKNOWN, "server_error"),
        (403, "Authorization failed for sendsms", Kind.ACCOUNT, "credentials"),
        (400, "Sender missing and no global set, rejected", Kind.ACCOUNT, "sender_not_usable"),
        (400, "Missing receiver(s) number(s), rejected", Kind.REJECTED, "invalid_number"),
        (400, "Number(s) has/have been denied by white- and/or black-lists.", Kind.REJECTED, "blocked_by_list"),
        (403, "Not routable. Do not try again.", Kind.REJECTED, "no_route"),
        (400, "Charset or body misformed, rejected", Kind.REJECTED, "refused"),
        (400, "Invalid content-type", Kind.ACCOUNT, "account"),
        (404, "Unknown request.", Kind.ACCOUNT, "account"),
        (403, "<html>a proxy</html>", Kind.ACCOUNT, "account"),
        (301, "", Kind.ACCOUNT, "account"),
        (400, "<html>a proxy</html>", Kind.UNKNOWN, "server_error"),
        (503, "Temporal failure, try again later.", Kind.LATER, "queue_full"),
        (503, "<html>a proxy</html>", Kind.UNKNOWN, "server_error"),
        (500, "Sending failed.", Kind.UNKNOWN, "server_error"),
    ],
)
def test_what_kannel_answers_decides_what_happens(http_status: int, said: str, kind: Kind, reason: str | None) -> None:
    outcome = read_answer(http_status, said.encode())
    assert (outcome.kind, outcome.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("text", "coding"), [("Hi {Anna} €", b"0"), ("żółć", b"2"), ("Line\nline", b"0"), ("😀", b"2")]
)
def test_a_text_keeps_its_words_and_says_its_coding(text: str, coding: bytes) -> None:
    """Kannel makes '?' of what GSM-7 lacks unless it is told to send UCS-2."""
    lines = KannelProvider("http://k", "u", "p").encode(
        Outgoing("1-2", "+48600100001", text, "https://p.example/c/1-2")
    )
    assert lines.split(b"\n", 4) == [
        b"+48600100001",
        coding,
        b"",
        b"https://p.example/c/1-2?type=%d&answer=%A&ref=%F",
        text.encode(),
    ]


@pytest.mark.parametrize(
    ("own", "left", "minutes"),
    [("", None, b""), ("60", None, b"60"), ("", 7259, b"120"), ("60", 119, b"1"), ("", 3, b"1")],
)
def test_a_carrier_tries_no_longer_than_the_text_is_worth_sending(own: str, left: int | None, minutes: bytes) -> None:
    """Kannel counts in minutes, and takes 0 for no limit."""
    text = Outgoing("1-2", "+48600100001", "Hi", None, left)
    assert KannelProvider("http://k", "u", "p", validity=own).encode(text).split(b"\n")[2] == minutes


@pytest.mark.parametrize(
    ("given", "arrival", "reason"),
    [
        ({"type": "1", "answer": "id:1 stat:DELIVRD err:000"}, Arrival.DELIVERED, None),
        ({"type": "8", "answer": "ACK/"}, Arrival.ACCEPTED, None),
        ({"type": "4", "answer": ""}, Arrival.ACCEPTED, None),
        ({"type": "2", "answer": "id:1 stat:EXPIRED err:001"}, Arrival.UNDELIVERED, "phone_unreachable"),
        ({"type": "2", "answer": ""}, Arrival.UNDELIVERED, "undelivered"),
        ({"type": "16", "answer": "NACK/0x0000000b/Invalid Destination"}, Arrival.UNDELIVERED, "invalid_number"),
        ({"type": "16", "answer": "NACK/"}, Arrival.UNDELIVERED, "blocked_by_carrier"),
    ],
)
def test_a_report_says_what_became_of_the_attempt(given: dict[str, str], arrival: Arrival, reason: str | None) -> None:
    news = KannelProvider("http://k", "u", "p").read_callback(Callback(given | {"ref": "r1"}, "12-34"))
    assert news == StatusNews("12-34", "r1", arrival, reason)


def test_a_reason_is_found_where_carriers_put_it() -> None:
    assert reason_of("NACK/0x00000033/Invalid", "16") == "invalid_number"
    assert reason_of("id:7 sub:001 stat:REJECTD err:0a", "2") == "blocked_by_carrier"


@pytest.mark.parametrize(
    ("given", "attempt"),
    [
        ({"type": "64"}, "12-34"),
        ({"type": "1"}, None),
        ({}, "12-34"),
        ({"event": "inbound", "from": "+486", "id": ""}, None),
    ],
)
def test_what_is_no_report_is_not_believed(given: dict[str, str], attempt: str | None) -> None:
    with pytest.raises(NotGenuine):
        KannelProvider("http://k", "u", "p").read_callback(Callback(given, attempt, "https://p.example/c"))


@pytest.mark.parametrize(("charset", "coded"), [("UTF-8", "utf-8"), ("UTF-16BE", "utf-16-be"), ("", "utf-8")])
def test_a_reply_is_read_in_the_charset_that_kannel_names(runtime: Runtime, charset: str, coded: str) -> None:
    """Kannel asks with GET, passes bytes on as a phone sent them, and takes only a 200 for "received"."""
    query = (
        f"event=inbound&from=%2B48600100001&id=i1&charset={charset}&text={quote('zażółć 😀'.encode(coded), safe='')}"
    )
    path = runtime.links.callback(3).removeprefix("https://promo.example")
    answer = TestClient(build(runtime)).get(f"{path}?{query}")
    assert (answer.status_code, answer.content) == (200, b"")
    fields = {"event": "inbound", "from": "+48600100001"}
    news = KannelProvider("http://k", "u", "p").read_callback(
        Callback(fields, None, f"https://p.example{path}?{query}")
    )
    assert news == InboundNews("i1", "+48600100001", "zażółć 😀")


@pytest.mark.parametrize(
    ("config", "secret", "at"),
    [
        ({"api_base_url": "kannel:13013"}, {}, "api_base_url"),
        ({"api_base_url": "http://k?x"}, {}, "api_base_url"),
        ({"username": ""}, {}, "username"),
        ({"from": "X\r\nX-Kannel-To: 1"}, {}, "from"),
        ({"from": "Café"}, {}, "from"),
        ({"validity": "1 day"}, {}, "validity"),
        ({}, {"password": ""}, "password"),
        ({}, {"password": "a\nb"}, "password"),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(config: dict[str, str], secret: dict[str, str], at: str) -> None:
    with pytest.raises(Refused) as refused:
        KannelKind().check({"api_base_url": "http://k:13013", "username": "u"} | config, {"password": "p"} | secret)
    assert refused.value.field == at


# The real one.

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = x
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
host = 127.0.0.1
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}

group = sendsms-user
username = promobot
password = s3cret
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
max-messages = 0
get-url = "{inbound}?event=inbound&from=%q&id=%I&charset=%C&text=%b"
"""


@dataclass
class Carrier:
    """Kannel's fake SMSC, from the other side: what it was handed, and a way to send in."""

    port: int
    lines: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Connect, and read until the bearerbox goes."""
        self._socket = _connected(self.port)
        with self._socket.makefile(encoding="utf-8", newline="\n") as lines:
            self.lines += []
            for line in lines:
                self.lines.append(line.rstrip("\n"))

    def send(self, line: str) -> None:
        """A customer's text, as `number receiver text words`."""
        self._socket.sendall(f"{line}\n".encode())


def _connected(port: int, within: float = 10.0) -> socket.socket:
    end = time.monotonic() + within
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def whole(phone: str, lines: list[str]) -> str:
    """The text that a phone puts together from its parts, which the carrier got as UCS-2."""
    parts = [line.rpartition(" ")[2].replace("+", "%20") for line in lines if line.startswith(f"PROMO {phone} udh ")]
    return b"".join(map(unquote_to_bytes, parts)).decode("utf-16-be")


@contextmanager
def kannel(folder: Path, inbound: str, port: int) -> Iterator[tuple[str, Carrier]]:
    """A bearerbox with the fake SMSC and a smsbox; its address, and the carrier. `port`: of four free ones."""
    admin, box, smsc, sendsms = range(port, port + 4)
    written = CONFIGURATION.format(admin=admin, box=box, smsc=smsc, sendsms=sendsms, inbound=inbound)
    (folder / "kannel.conf").write_text(written)
    started = []
    try:
        for program, its_port in (("bearerbox", box), ("smsbox", sendsms)):
            with (folder / f"{program}.log").open("wb") as output:
                command = [_program(program) or program, "kannel.conf"]
                started.append(subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT))
            _connected(its_port).close()
        carrier = Carrier(smsc)
        threading.Thread(target=carrier.run, daemon=True).start()
        yield f"http://127.0.0.1:{sendsms}", carrier
    finally:
        for process in reversed(started):
            process.kill()  # a polite end takes it seconds
            process.wait(10)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def served(runtime: Runtime, port: int) -> Iterator[None]:
    """The HTTP service on a real port: Kannel calls it."""
    server = uvicorn.Server(uvicorn.Config(build(runtime), "127.0.0.1", port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    _connected(port).close()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.mark.skipif(
    _program("bearerbox") is None or _program("smsbox") is None,
    reason="Kannel is not installed (Debian: apt-get install kannel)",
)
def test_the_real_kannel_takes_texts_reports_them_and_passes_a_stop_on(runtime: Runtime, tmp_path: Path) -> None:
    """A long text and one beyond GSM-7 whole at the carrier, delivery reports applied, a STOP that opts out."""
    port = free_ports(5)
    runtime = replace(runtime, links=Links(f"http://127.0.0.1:{port}", runtime.vault.derive("qr links")))
    body = "Cześć {{ client.first_name }} 😀 " + "a" * 100 + " {{ client.promocode('Summer 10%') }}"

    def add(url: str, password: str) -> int:
        config = {"api_base_url": url, "username": "promobot", "from": "PROMO", "validity": "60"}
        return set_up(runtime, "kannel", config, name=f"Kannel {password}", password=password)

    async def scenario(url: str, carrier: Carrier, provider_id: int) -> None:
        make_group(runtime, "Summer 10%", 3)
        distribution = make_distribution(runtime, provider_id, make_customers(runtime, 3), body=body)
        start(runtime, distribution)
        async with sending(runtime):
            await until(lambda: status(runtime, distribution) == "done", "the distribution did not end")
            await until(lambda: states() == {MessageState.DELIVERED}, "the reports did not come")
            carrier.send("+48600100000 12345 text STOP")
            carrier.send("+48600100001 12345 ucs2 " + quote("Ile za żółte?".encode("utf-16-be"), safe=""))
            await until(lambda: len(replies()) == 2, "the replies did not come")
            await until(lambda: any("no more texts" in line for line in carrier.lines), "the STOP was not answered")

    def states() -> set[MessageState]:
        with runtime.db.read() as session:
            return set(session.scalars(select(Message.state)))

    def replies() -> dict[str, str]:
        with runtime.db.read() as session:
            return {reply.body: reply.meaning for reply in session.scalars(select(Reply))}

    with served(runtime, port):
        provider_id = 1  # the first of an empty database: its callback link goes into Kannel's configuration
        with kannel(tmp_path, runtime.links.callback(provider_id), port + 1) as (url, carrier):
            assert add(url, "s3cret") == provider_id
            with pytest.raises(Refused, match="does not accept the credentials"):
                providers.send_test(runtime, add(url, "wrong"), "+48600100009", "Hi")
            asyncio.run(scenario(url, carrier, provider_id))
    assert whole("+48600100002", carrier.lines) == f"Cześć Anna2 😀 {'a' * 100} S1-2"
    assert replies() == {"STOP": "stop", "Ile za żółte?": "other"}
    with runtime.db.read() as session:
        assert session.scalar(select(Customer.consent).where(Customer.phone == "+48600100000")) == "opted_out"
    assert check(runtime.db) == []
