"""`promobot demo`, as `make demo` runs it: a process of its own, stopped by Ctrl-C."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.testing import Stage
from tests.ports import free_ports
from tests.world import ROOT

START_WITHIN = 60.0


def demo(folder: Path, port: int, *words: str) -> "subprocess.Popen[str]":
    """Start it with nothing of our environment but the path; no network is needed."""
    command = [sys.executable, "-c", "from bot.cli import main; main()", "demo", "--port", str(port), *words]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def running(folder: Path, port: int, *words: str) -> Iterator[str]:
    """The demo, from when it has said where it is; what it said. At the end Ctrl-C, and it must stop within seconds."""
    process = demo(folder, port, *words)
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "Ctrl-C stops" in line:
                break
        yield said
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0, said
        assert time.monotonic() - started < 10
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def as_if_off_for_hours(folder: Path) -> None:
    """Let the last note that the clock runs be of five hours ago."""
    with closing(sqlite3.connect(folder / "var/demo/promobot.db")) as database, database:
        database.execute("UPDATE clock_mark SET machine_at = datetime(machine_at, '-5 hours') || '.000000'")


def first_note(folder: Path) -> timedelta:
    """How far ahead of the machine's the clock is that is noted first after these hours."""
    deadline = time.monotonic() + 20
    while True:
        with closing(sqlite3.connect(folder / "var/demo/promobot.db")) as database:
            found = database.execute("SELECT machine_at, business_at FROM clock_mark").fetchone()
        machine, business = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in found)
        if datetime.now(UTC) - machine < timedelta(hours=1):
            return business - machine
        assert time.monotonic() < deadline, "nobody looked what is due"
        time.sleep(0.05)


def test_it_starts_from_nothing_goes_on_and_starts_afresh(tmp_path: Path) -> None:
    port = free_ports(2)
    with running(tmp_path, port) as said:
        assert f"http://localhost:{port}" in said and "You are Maya" in said
        assert answers(f"http://localhost:{port}/healthz") and answers(f"http://localhost:{port + 1}/readyz")
        stage = Stage(f"http://127.0.0.1:{port}")
        stage.maya.command("/promo")
        assert "Summer 10%  1,000 active of 1,000" in stage.maya.message(containing="Stock", timeout=20).text
        stage.maya.command("/promo team")
        stage.maya.view("Team").fill("Your own number", "+48 501 234 218").submit()
        stage.clock.advance(hours=1)
    assert not answers(f"http://localhost:{port}/healthz"), "the sandbox stopped too"
    as_if_off_for_hours(tmp_path)
    with running(tmp_path, port) as said:
        assert "It goes on where you left it" in said
        assert first_note(tmp_path) > timedelta(minutes=59), "it looked what is due before it knew of the moved clock"
        stage = Stage(f"http://127.0.0.1:{port}")
        stage.maya.command("/promo team")
        assert stage.maya.view("Team", timeout=20).value("Your own number") == "+48501234218"
    with running(tmp_path, port, "--reset") as said:
        assert "You are Maya" in said


def test_a_demo_that_is_killed_leaves_no_sandbox_behind(tmp_path: Path) -> None:
    port = free_ports(2)
    process = demo(tmp_path, port)
    with process:
        assert process.stdout is not None
        assert any("Ctrl-C stops" in line for line in process.stdout)
        process.kill()
    deadline = time.monotonic() + 10
    while answers(f"http://localhost:{port}/healthz"):
        assert time.monotonic() < deadline, "the sandbox still listens"
        time.sleep(0.05)


def test_a_port_that_is_taken_is_named_with_a_way_out(tmp_path: Path) -> None:
    port = free_ports(2)
    with socket.create_server(("127.0.0.1", port + 1)):
        process = demo(tmp_path, port)
        said, _ = process.communicate(timeout=START_WITHIN)
    assert process.returncode == 2
    assert f"Port {port + 1} is taken" in said and "make demo PORT=" in said and "Traceback" not in said
