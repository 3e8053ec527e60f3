"""What goes wrong on purpose: late acks, duplicates, dropped sockets, rate limits, a phone that does not answer."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from sandbox.server import Sandbox
from sandbox.testing import Refused, Stage
from tests.scenarios.sandbox.bolt_app import BoltApp


def test_a_command_that_is_not_acked_times_out() -> None:
    """Without an ack in time the person is told, by name; without a connection too."""
    with Sandbox(ack_seconds=0.2) as sandbox:
        stage = Stage(sandbox.url)
        with pytest.raises(Refused) as refused:
            stage.maya.command("/promo help")
        assert refused.value.name == "dispatch_failed"
        with BoltApp(sandbox.api_url) as bolt:
            bolt.silent = True
            with pytest.raises(Refused, match="did not respond in 3 seconds") as refused:
                stage.maya.command("/promo help")
            assert refused.value.name == "operation_timeout"


def test_a_late_ack_times_out_though_the_work_was_done() -> None:
    """`slow_ack_ms` of 3000 makes the person see a timeout, while the app did what it was asked."""
    with Sandbox() as sandbox, BoltApp(sandbox.api_url):
        stage = Stage(sandbox.url)
        stage.behave(slow_ack_ms=3000)
        with pytest.raises(Refused) as refused:
            stage.maya.command("/promo card")
        assert refused.value.name == "operation_timeout"
        assert stage.maya.message("#marketing", "words")


def test_a_command_in_capitals_is_the_same_command(stage: Stage, bolt: BoltApp) -> None:
    stage.maya.command("/PROMO Groups")
    [heard] = bolt.wait_for("command")
    assert (heard["command"], heard["text"]) == ("/promo", "Groups")


def test_an_unknown_command_names_those_there_are(stage: Stage, bolt: BoltApp) -> None:
    """As in Slack, nothing reaches the app."""
    with pytest.raises(Refused, match=r"/prom is not a valid command\. There is: /promo\.") as refused:
        stage.maya.command("/prom help")
    assert refused.value.name == "unknown_command"
    assert bolt.payloads("command") == []


def test_everything_can_come_twice(stage: Stage, bolt: BoltApp) -> None:
    """`duplicate_events` delivers a command and an event twice."""
    stage.behave(duplicate_events=True)
    stage.maya.command("/promo nothing")
    stage.maya.say("hi", channel="@promobot")
    assert len(bolt.wait_for("command", 2)) == 2
    first, second = bolt.wait_for("message", 2)
    assert first["event_id"] == second["event_id"]


@pytest.mark.parametrize("how", [True, "warning"])
def test_a_dropped_socket_is_opened_again(stage: Stage, bolt: BoltApp, sandbox: Sandbox, how: object) -> None:
    """After a cut connection, or Slack's `disconnect` message, Bolt connects again and works on."""
    connections = sum(1 for recorded in sandbox.payloads if recorded.method == "apps.connections.open")
    stage.behave(drop_socket=how)

    def again() -> bool:
        opened = sum(1 for recorded in sandbox.payloads if recorded.method == "apps.connections.open")
        return opened > connections and sandbox.connected

    stage.maya.wait_for(again, "a new connection", timeout=30)
    stage.maya.command("/promo say back")
    assert stage.maya.message("#marketing", "said say back")


def test_each_event_goes_to_one_of_several_connections(stage: Stage, bolt: BoltApp, sandbox: Sandbox) -> None:
    """Two processes of the bot share the work: each command reaches one of them."""
    with BoltApp(sandbox.api_url) as second:
        for i in range(4):
            stage.maya.command(f"/promo say {i}")
        assert len(bolt.payloads("command")) == len(second.payloads("command")) == 2


def test_rate_limits_come_with_retry_after(bolt: BoltApp, stage: Stage) -> None:
    """429 and `Retry-After` for the next calls, for one method, or for edits of a message that come too fast."""
    stage.behave(rate_limit_next=1)
    with pytest.raises(SlackApiError, match="ratelimited") as caught:
        bolt.client.chat_postMessage(channel="#general", text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["retry-after"] == "1"
    message = bolt.client.chat_postMessage(channel="#general", text="x")
    stage.behave(chat_update_per_second=1)
    bolt.client.chat_update(channel=message["channel"], ts=message["ts"], text="y")
    with pytest.raises(SlackApiError, match="ratelimited"):
        bolt.client.chat_update(channel=message["channel"], ts=message["ts"], text="z")
    assert stage.maya.messages("#general")[0].text == "y"


def test_a_workspace_can_refuse_a_block(bolt: BoltApp, stage: Stage) -> None:
    """`refuse_blocks` is a workspace whose plan does not have charts yet."""
    segments = [{"label": "Sent", "value": 3}, {"label": "Failed", "value": 1}]
    chart = {"type": "data_visualization", "title": "Sent", "chart": {"type": "pie", "segments": segments}}
    bolt.client.chat_postMessage(channel="#general", text="x", blocks=[chart])
    stage.behave(refuse_blocks=["data_visualization"])
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        bolt.client.chat_postMessage(channel="#general", text="x", blocks=[chart])


# The phone


class Product(ThreadingHTTPServer):
    """Stands for the bot's HTTP side: takes callbacks, replies and clock hooks, and remembers them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.next_due: str | None = None


class _Handler(BaseHTTPRequestHandler):
    server: Product

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.got.append((self.path, body))
        self._answer({})

    def do_GET(self) -> None:
        self._answer({"next_due": self.server.next_due})

    def _answer(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def product() -> Iterator[Product]:
    """The product's HTTP side."""
    server = Product()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def send(sandbox: Sandbox, to: str, body: str = "Hi, SUMMER-1", **more: str) -> tuple[int, dict[str, Any]]:
    """Send a text as the product would; the status and the answer."""
    data = json.dumps({"to": to, "from": "PROMO", "body": body, "reference": "a1", **more}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{sandbox.gateway_url}/messages", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_text_reaches_the_phone_and_its_status_comes_back(sandbox: Sandbox, stage: Stage, product: Product) -> None:
    """Accepted, shown on the phone, delivered; a number that cannot be reached is undelivered."""
    status, answer = send(sandbox, "+48732100218", callback_url=product.url + "/status?attempt=a1")
    assert (status, answer["status"], answer["segments"]) == (201, "accepted", 1)
    send(sandbox, "+48732100001", body="ż" * 71, callback_url=product.url + "/status?attempt=a2")
    stage.maya.wait_for(lambda: len(product.got) == 2, "both callbacks")
    events = {event["reference"] + path[-1]: event for path, event in product.got}
    assert events["a11"]["status"] == "delivered"
    assert events["a11"]["id"] == answer["id"]
    assert (events["a12"]["status"], events["a12"]["error"]) == ("undelivered", "unreachable")
    [text] = stage.phone.texts("+48732100218")
    assert (text.body, text.status, text.reference) == ("Hi, SUMMER-1", "delivered", "a1")
    assert [t.number for t in stage.phone.log()] == ["+48732100218", "+48732100001"]


def test_numbers_that_do_not_exist_are_refused_for_good(sandbox: Sandbox, stage: Stage) -> None:
    """Numbers ending in 0000, malformed ones, and those a test names; nothing reaches a phone."""
    stage.phone.behave(refuse_numbers=["+48732100333"])
    for number in ("+48732100000", "+48732100333", "0732100218"):
        assert send(sandbox, number) == (400, {"error": "invalid_number", "permanent": True})
    assert send(sandbox, "+48732100218", body="")[0] == 400
    assert stage.phone.log() == []


def test_the_gateway_fails_as_it_is_told(sandbox: Sandbox, stage: Stage) -> None:
    """Refused, accepted with a 500, cut without an answer before or after accepting: the log says what was accepted."""
    kinds = ["429", "500", "500-after-accept", "drop", "drop-before-accept"]
    stage.phone.behave(fail_next=[{"kind": kind, "times": 1} for kind in kinds])
    assert send(sandbox, "+48732100001", "one")[0] == 429
    assert send(sandbox, "+48732100002", "two")[0] == 500
    assert send(sandbox, "+48732100003", "three")[0] == 500
    for body in ("four", "five"):
        with pytest.raises((RemoteDisconnected, ConnectionResetError, urllib.error.URLError)):
            send(sandbox, "+48732100004", body)
    assert send(sandbox, "+48732100006", "six")[0] == 201
    assert [text.body for text in stage.phone.log()] == ["three", "four", "six"]
    found = stage.phone._http.get("/gateway/messages", to="+48732100004", contains="fou")["messages"]
    assert [(m["body"], m["reference"]) for m in found] == [("four", "a1")]


def test_a_reply_reaches_the_product(sandbox: Sandbox, stage: Stage, product: Product) -> None:
    """STOP typed on a phone comes to the inbound address; without one the person is told."""
    send(sandbox, "+48732100218")
    with pytest.raises(Refused, match="without an inbound address"):
        stage.phone.reply("+48732100218", "STOP")
    sandbox.set_hooks(inbound_url=product.url + "/inbound")
    stage.phone.reply("+48732100218", "STOP")
    [(path, event)] = product.got
    assert path == "/inbound"
    assert (event["event"], event["from"], event["to"], event["body"]) == ("inbound", "+48732100218", "PROMO", "STOP")
    assert [t.direction for t in stage.phone.conversation("+48732100218")] == ["in", "out", "out"]


def test_the_clock_moves_and_tells_the_product(sandbox: Sandbox, stage: Stage, product: Product) -> None:
    """Ahead by an hour, to the next thing due, and back; each hook hears the offset."""
    with pytest.raises(Refused) as refused:
        stage.clock.to_next_due()
    assert refused.value.name == "nothing_due"
    sandbox.set_hooks(clock_hooks=[product.url + "/clock"])
    assert stage.clock.advance(hours=1)["offset_seconds"] == 3600
    product.next_due = "2099-01-01T00:00:00+00:00"
    assert stage.clock.to_next_due()["now"].startswith(("2099-01-01T00:00:00", "2098-12-31T23:59:59"))
    assert stage.clock.reset()["offset_seconds"] == 0
    offsets = [body["offset_seconds"] for _path, body in product.got]
    assert (offsets[0], offsets[-1], len(offsets)) == (3600, 0, 3)


def test_a_second_start_goes_on_where_the_first_stopped(tmp_path: Path) -> None:
    """With a folder, messages, threads, files, home tabs, texts, names and the clock survive."""
    with Sandbox(data=tmp_path, contacts={"+48732100218": "Anna K."}) as first, BoltApp(first.api_url) as bolt:
        stage = Stage(first.url)
        parent = bolt.client.chat_postMessage(channel="#marketing", text="Report")
        bolt.client.files_upload_v2(channel="C0MARKETING", thread_ts=parent["ts"], filename="a.csv", content="x,y")
        bolt.client.chat_update(channel="C0MARKETING", ts=parent["ts"], text="Report, edited")
        gone = bolt.client.chat_postMessage(channel="#marketing", text="Gone")
        bolt.client.chat_delete(channel="C0MARKETING", ts=gone["ts"])
        stage.ada.home("Good morning")
        send(first, "+48732100218")
        stage.clock.advance(days=2)
        later = bolt.client.chat_postMessage(channel="#general", text="Later")["ts"]
    with Sandbox(data=tmp_path) as second:
        stage = Stage(second.url)
        [message] = stage.maya.messages("#marketing")
        assert message.text == "Report, edited"
        [reply] = message.replies()
        assert stage.maya.download(reply.files[0] | {"url_private": _moved(reply, second)}) == b"x,y"
        assert "Good morning" in stage.ada.home().text
        assert [t.body for t in stage.phone.texts("+48732100218")] == ["Hi, SUMMER-1"]
        assert stage.phone._http.get("/sandbox/phones", q="anna")["phones"][0]["number"] == "+48732100218"
        assert stage.maya._http.get("/sandbox/clock")["offset_seconds"] == 2 * 86400
        assert stage.maya.say("after", channel="#general").ts > later


def _moved(reply: Any, sandbox: Sandbox) -> str:
    file = reply.files[0]
    return f"{sandbox.url}/files/{file['id']}/{file['name']}"
