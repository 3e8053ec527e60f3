"""The HTTP service: QR pages, provider callbacks, health, metrics."""

import io
from datetime import timedelta

import pytest
import zxingcpp
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import select, text

from bot.web import qr
from bot.web.app import build
from bot.web.misses import MISSES
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.database import Database
from storage.tables import CallbackInbox, CodeState, PromoCode, PromoCodeGroup, PromoCodeLot


@pytest.fixture
def web(runtime: Runtime) -> TestClient:
    return TestClient(build(runtime))


def add_code(runtime: Runtime, code: str, state: CodeState, **more: object) -> str:
    """Store a code; returns the path of its page."""
    now = runtime.clock.now()
    with runtime.db.write() as session:
        group = PromoCodeGroup(name="Summer", name_key=None, created_at=now, created_by="U0MAYA")
        session.add(group)
        session.flush()
        lot = PromoCodeLot(group_id=group.id, method="paste", created_at=now, created_by="U0MAYA")
        session.add(lot)
        session.flush()
        held = {} if state == CodeState.ACTIVE else {"customer_id": 1, "message_id": 1}
        session.add(PromoCode(id=7, code=code, group_id=group.id, lot_id=lot.id, state=state, **held, **more))
    return f"/q/{runtime.links.token(7)}"


def scan(png: bytes) -> str:
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))[0].text


@pytest.mark.parametrize("code", ["A", "SUMMER-4821kQwPzTbaLm", "x" * 64, "ŻÓŁĆ-€%&+ 1"])
def test_the_picture_scans_to_the_very_code(runtime: Runtime, web: TestClient, code: str) -> None:
    path = add_code(runtime, code, CodeState.ISSUED)
    answer = web.get(f"{path}.png")
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert scan(answer.content) == code


def test_the_page_shows_the_code_as_text_and_as_a_picture_and_loads_nothing(runtime: Runtime, web: TestClient) -> None:
    page = web.get(add_code(runtime, "<SUMMER&1>", CodeState.ISSUED))
    assert page.status_code == 200
    assert "<output>&lt;SUMMER&amp;1&gt;</output>" in page.text and "<svg" in page.text
    assert "src=" not in page.text and "http" not in page.text.replace("http-equiv", "")
    assert "no-store" in page.headers["cache-control"] and "noindex" in page.headers["x-robots-tag"]


def test_the_drawing_on_the_page_is_the_same_as_the_picture() -> None:
    """The SVG's strokes, drawn again module by module."""
    rows = qr.matrix("SUMMER-1")
    drawn = [[False] * len(rows) for _ in rows]
    for stroke in qr.svg("SUMMER-1", "").split('d="')[1].split('"')[0].split("M")[1:]:
        start, length = stroke.split("h")[0], int(stroke.split("h")[1].split("v")[0])
        x, y = map(int, start.split())
        drawn[y][x : x + length] = [True] * length
    assert drawn == rows


def test_a_blocked_code_shows_for_its_text_may_be_on_its_way(runtime: Runtime, web: TestClient) -> None:
    assert web.get(add_code(runtime, "SUMMER-1", CodeState.BLOCKED)).status_code == 200


@pytest.mark.parametrize("state", [CodeState.ACTIVE, CodeState.REVOKED, CodeState.EXPIRED])
def test_a_code_that_is_nobodys_or_no_longer_valid_is_not_shown(
    runtime: Runtime, web: TestClient, state: CodeState
) -> None:
    path = add_code(runtime, "SUMMER-1", state)
    for answer in (web.get(path), web.get(f"{path}.png")):
        assert answer.status_code == 404
        assert "SUMMER-1" not in answer.text


def test_a_code_past_its_day_says_so(runtime: Runtime, web: TestClient, clock: ManualClock) -> None:
    path = add_code(runtime, "SUMMER-1", CodeState.ISSUED, expires_at=clock.now() + timedelta(days=1))
    assert web.get(path).status_code == 200
    clock.advance(timedelta(days=1))
    assert "expired" in web.get(path).text


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t[:-1] + "8", lambda t: "0" + t[1:], lambda t: "x" * 500]
)
def test_a_link_that_was_not_made_here_shows_nothing(runtime: Runtime, web: TestClient, change: object) -> None:
    path = add_code(runtime, "SUMMER-1", CodeState.ISSUED)
    assert web.get(f"/q/{change(path.removeprefix('/q/'))}").status_code == 404  # type: ignore[operator]


def test_whoever_guesses_is_refused_after_a_while_even_when_right(runtime: Runtime, web: TestClient) -> None:
    path = add_code(runtime, "SUMMER-1", CodeState.ISSUED)
    for _ in range(MISSES):
        assert web.get("/q/guess").status_code == 404
    assert web.get("/q/guess").status_code == 429
    assert web.get(path).status_code == 429


def inbox(runtime: Runtime) -> list[CallbackInbox]:
    with runtime.db.read() as session:
        return list(session.scalars(select(CallbackInbox).order_by(CallbackInbox.id)))


def test_a_callback_is_on_disk_when_it_is_answered(runtime: Runtime, web: TestClient) -> None:
    path = runtime.links.callback(3).removeprefix("https://promo.example")
    assert web.post(f"{path}/12-34", json={"event": "status", "status": "delivered"}).status_code == 204
    assert web.post(path, data={"From": "+48732100218", "Body": "STOP"}).status_code == 204
    first, second = inbox(runtime)
    assert first.provider_id == second.provider_id == 3
    assert first.payload["status"] == "delivered" and first.payload["_attempt"] == "12-34"
    assert first.payload["_url"] == f"https://promo.example{path}/12-34"
    assert second.payload["Body"] == "STOP" and "_attempt" not in second.payload


def test_the_same_callback_twice_is_kept_once(runtime: Runtime, web: TestClient) -> None:
    path = runtime.links.callback(3).removeprefix("https://promo.example")
    for _ in range(2):
        assert web.post(path, json={"id": "SM1", "status": "delivered"}).status_code == 204
    assert len(inbox(runtime)) == 1


@pytest.mark.parametrize(
    ("token", "body", "status"),
    [("3-wrong", b"{}", 404), ("x", b"{}", 404), (None, b"[1]", 400), (None, b"\xff\xfe", 400), (None, b"", 400)],
)
def test_what_is_no_callback_is_refused_and_not_kept(
    runtime: Runtime, web: TestClient, token: str | None, body: bytes, status: int
) -> None:
    path = f"/callbacks/{token or runtime.links.callback(3).rpartition('/')[2]}"
    assert web.post(path, content=body, headers={"content-type": "application/json"}).status_code == status
    assert inbox(runtime) == []


def test_a_callback_that_cannot_be_stored_is_asked_for_again(
    runtime: Runtime, web: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("bot.web.callbacks.receive", fail)
    path = runtime.links.callback(3).removeprefix("https://promo.example")
    assert web.post(path, json={"id": "SM1"}).status_code == 503


def test_health_and_metrics(runtime: Runtime, web: TestClient) -> None:
    assert web.get("/healthz").text == "ok"
    assert web.get("/readyz").json() == {"ready": True}
    add_code(runtime, "SUMMER-1", CodeState.ISSUED)
    assert "promobot_jobs" in web.get("/metrics").text


def test_metrics_tell_how_long_jobs_wait_and_who_is_there_to_run_them(
    runtime: Runtime, web: TestClient, clock: ManualClock
) -> None:
    assert "promobot_jobs_waiting_seconds 0.0" in web.get("/metrics").text
    with runtime.db.write() as session:
        runtime.jobs.enqueue(session, "export_codes", {}, by="U0MAYA")
        if not runtime.db.is_sqlite:
            session.execute(text("INSERT INTO procrastinate_workers DEFAULT VALUES"))
            session.execute(
                text("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
            )
    clock.advance(timedelta(seconds=90))
    said = web.get("/metrics").text
    assert 'promobot_jobs{state="queued"} 1.0' in said and "promobot_jobs_waiting_seconds 90.0" in said
    if not runtime.db.is_sqlite:
        assert "promobot_job_processes 1.0" in said


def test_a_database_without_the_schema_is_not_ready(runtime: Runtime, tmp_path: object) -> None:
    empty = Database(f"sqlite:///{tmp_path}/empty.db")
    answer = TestClient(build(Runtime(empty, runtime.clock, runtime.jobs, runtime.links, runtime.vault))).get("/readyz")
    assert answer.status_code == 503 and "promobot db upgrade" in answer.json()["database"]
    empty.close()
