"""Every benchmark runs, at a size that takes a second, and gives figures; what they are is not looked at."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import (
    ack,
    blocking,
    cache,
    codes,
    databases,
    happening,
    lateness,
    others,
    providers,
    scale,
    segments,
    sending,
    texts,
    triggers,
    workers,
)
from benchmarks.__main__ import main, modules
from benchmarks.figure import Figure
from bot.sample.size import Size


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite only, and nothing from a registry."""
    for module in (codes, blocking):
        monkeypatch.setattr(module, "kinds", lambda: ["sqlite"])
        monkeypatch.setattr(module, "ROUNDS", 1)
    monkeypatch.setattr(codes, "MILLION", 2_000)
    monkeypatch.setattr(codes, "THERE", 3_000)
    monkeypatch.setattr(codes, "INLINE", 100)
    monkeypatch.setattr(others, "voucher_codes", lambda count: None)
    monkeypatch.setattr(others, "smsutil", lambda: None)


def tell(figures: Sequence[Figure]) -> set[str]:
    assert figures and all(figure.value >= 0 and figure.ceiling_value > 0 and figure.ratio > 0 for figure in figures)
    return {figure.name for figure in figures}


def test_codes_are_made_stored_and_loaded() -> None:
    assert {"make unique codes", "sqlite: make and store unique codes", "sqlite: load codes"} <= tell(codes.run())


def test_codes_are_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "CODES", 500)
    monkeypatch.setattr(blocking, "RECIPIENTS", 50)
    assert "sqlite: block 50 of 500" in tell(blocking.run())


def test_texts_are_rendered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "TIMES", 10)
    assert tell(texts.run()) == {"render a text"}


def test_a_large_shop_is_made_once_and_each_has_a_copy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    size = Size(customers=30, codes=60, groups=4, events=20)
    with cache.shop(size) as first:
        made = cache.folder("shops").glob("*.db")
        before = {path: path.stat().st_mtime_ns for path in made}
        with first.write() as session:
            session.connection().exec_driver_sql("DELETE FROM event")
    with cache.shop(size) as second, second.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM event").scalar() == 20
    assert {path: path.stat().st_mtime_ns for path in cache.folder("shops").glob("*.db")} == before
    assert len(list(cache.folder("shops").iterdir())) == 1, "the copies are gone"


def test_the_list_of_groups_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(ack, "SIZE", Size(customers=30, codes=60, groups=4, events=0))
    monkeypatch.setattr(ack, "measure", lambda db: {"command /promo": [12.0, 15.0]})
    assert len(tell(ack.run())) == 3


def test_triggers_fire_and_segments_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"CUSTOMERS": 400, "CODES": 900, "EVENTS": 3000, "MESSAGES": 800}.items():
        monkeypatch.setattr(segments, name, size)
    monkeypatch.setattr(triggers, "kinds", lambda: ["sqlite"])
    monkeypatch.setattr(triggers, "EVENTS", 200)
    monkeypatch.setattr(triggers, "ROUNDS", 1)
    assert "sqlite: events recorded and fired, 20 live" in tell(triggers.run())


def test_an_unknown_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "codes" in capsys.readouterr().out
    assert {
        "ack",
        "blocking",
        "codes",
        "customers",
        "scale",
        "segments",
        "sending",
        "texts",
        "triggers",
        "workers",
    } <= set(modules())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending in one slice of some hundred."""
    for module in (sending, workers):
        monkeypatch.setattr(module, "PAIRS", 1)
        monkeypatch.setattr(module, "MESSAGES", 100)


def test_sending_is_measured_beside_bare_clients(few: None) -> None:
    told = tell(sending.sending("sqlite", 0, 10))
    assert told == {"sending, sqlite, gateway 0 ms, 10 at once", "… CPU, sqlite, gateway 0 ms, 10 at once"}


@pytest.mark.parametrize("kind", ["http", "kannel", "twilio"])
def test_sending_through_each_kind_is_measured(few: None, kind: str) -> None:
    figures = providers.through(kind)
    tell(figures)
    assert len(figures) == (6 if kind == "twilio" else 2)


def test_two_workers_are_measured_beside_one(few: None) -> None:
    if "postgresql" in databases.kinds():
        assert tell([workers.two_workers()]) == {"two workers, postgresql, gateway 80 ms, 100 at once each"}


def test_what_a_large_distribution_does_to_the_process_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "RECIPIENTS", 300)
    assert scale.acks()
    assert scale.memory(200) > 10


def test_events_are_taken_in_while_somebody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, little in (("SECONDS", 0.2), ("QUIET", 2), ("BREATH", 0.01), ("LOOK_EVERY", 0.1)):
        monkeypatch.setattr(happening, name, little)
    monkeypatch.setenv("BENCH_SECONDS", "0.2")  # of the process that posts
    assert len(tell(happening.sustained("sqlite"))) == 4


def test_due_texts_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness, "kinds", lambda: ["sqlite"])
    monkeypatch.setattr(lateness, "LOOK_EVERY", 0.1)
    for name, little in (("TEXTS", 5), ("BESIDE", 10), ("SECONDS", 0.1), ("LATENCY", 0)):
        monkeypatch.setattr(lateness, name, little)
    assert any(name.endswith("beside 10 others, p99 late") for name in tell(lateness.run()))
