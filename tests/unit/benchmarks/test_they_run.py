"""Every benchmark runs, at a size that takes a second, and gives figures; what they are is not looked at."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import ack, blocking, cache, codes, others, texts
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
    monkeypatch.setattr(codes, "WINDOW", 1_000)
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


def test_an_unknown_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 2
    assert "codes" in capsys.readouterr().out
    assert {"ack", "blocking", "codes", "customers", "segments", "sending", "texts"} <= set(modules())
