"""`promobot demo`: the whole thing on this machine, with nothing but a browser. No network, no account.

The sandbox runs as a child process on PORT, the bot in this one, its pages on PORT + 1; everything they keep is in
`var/demo/`. The bot does not know that it is not talking to Slack.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from sqlalchemy import select

from bot import hook, log, sample
from bot.runner import Bot, only_instance, stop_signals, wait_for_end
from bot.sample import history
from bot.settings import Settings, Unset
from distribution.providers import registry
from distribution.runtime import Runtime
from sandbox.people import APP_TOKEN, BOT_TOKEN
from storage.tables import Customer, Provider

FOLDER = Path("var/demo")
MANIFEST = Path(__file__).parents[1] / "manifest.yml"
START_WITHIN = 20.0  # seconds
STOP_WITHIN = 5.0  # seconds

# SMS segments a second: quick, and slow enough to see the progress.
RATE = 20.0

# The demo talks to this machine only, and slack_sdk heeds a proxy without heeding its exceptions.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy")


def run(port: int, *, reset: bool = False) -> None:
    """Run the demo until Ctrl-C. Raises `Unset` with what to do where it cannot start."""
    console = Console(highlight=False, soft_wrap=True)
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    if not 0 < port < 65535:
        raise Unset(f"Port {port} is not possible.\n  Choose one from 1024 to 65534: make demo PORT=9000")
    for needed in (port, port + 1):
        _check_free(needed)
    with _only_demo():
        if reset:
            shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        with (FOLDER / "promobot.log").open("a", encoding="utf-8") as lines:
            log.configure("INFO", stream=lines)
            bot = Bot(_settings(port), extend_web=hook.mount)
            first = _prepare(bot.runtime, port)
            with stop_signals(bot.ended), _sandbox(port, bot):
                hook.follow(bot, _offset(port))
                bot.start()
                _say(console, port, first)
                try:
                    wait_for_end(bot.ended)
                finally:
                    console.print("\nStopping. What you did is kept: make demo goes on, make demo-reset starts afresh.")
                    bot.stop()
            if bot.failure is not None:
                raise bot.failure


def _say(console: Console, port: int, first: bool) -> None:
    """Where to look, and what to type first."""
    console.print()
    console.print(f"  [bold]promobot[/] is running. Open  [bold cyan]http://localhost:{port}[/]")
    console.print()
    if first:
        console.print(
            "  You are Maya, a marketer. Type  [bold]/promo send[/]  in #marketing and send a code to a segment,"
        )
        console.print("  approve it as Lee in #promo-approvals, and read the texts on the phone at the right.")
    else:
        console.print(
            "  It goes on where you left it. Type  [bold]/promo send[/]  or  [bold]/promo help[/]  in #marketing."
        )
    console.print(f"  [dim]QR pages: port {port + 1} · log: {FOLDER / 'promobot.log'} · Ctrl-C stops[/]")
    console.print()


def _settings(port: int) -> Settings:
    """The demo's own settings; none of them comes from the environment."""
    return Settings(
        _env_file=None,
        slack_bot_token=BOT_TOKEN,
        slack_app_token=APP_TOKEN,
        slack_api_url=f"http://127.0.0.1:{port}/api/",
        database_url=f"sqlite:///{FOLDER / 'promobot.db'}",
        host="127.0.0.1",
        port=port + 1,
        public_url=f"http://localhost:{port + 1}",
        secret_key=None,
    )


def _prepare(runtime: Runtime, port: int) -> bool:
    """Migrate, and fill an empty database; whether it was empty. The sandbox's phone follows the port."""
    runtime.db.upgrade()
    with runtime.db.read() as session:
        first = session.scalar(select(Customer.id).limit(1)) is None
    if first:
        sample.load(runtime)
    phone = add_phone(runtime, f"http://127.0.0.1:{port}")
    if first:
        history.play(runtime, group=sample.WELCOME, segment=sample.REGULARS, provider_id=phone)
    return first


def add_phone(runtime: Runtime, base_url: str, *, rate: float = RATE) -> int:
    """The sandbox's phone as the default provider, at `base_url` now; its id."""
    with runtime.db.write() as session:
        phone = session.scalar(select(Provider).where(Provider.kind == "sandbox"))
        if phone is None:
            phone = registry.add(
                session,
                runtime.vault,
                name="Sandbox phone",
                kind="sandbox",
                config={"base_url": base_url},
                rate=rate,
                by=sample.BY,
                now=runtime.clock.now(),
            )
        phone.config = {**phone.config, "base_url": base_url}
        return phone.id


@contextmanager
def _sandbox(port: int, bot: Bot) -> Iterator[None]:
    """The sandbox as a child process. Raises `Unset` when it does not come up."""
    contacts = FOLDER / "contacts.json"
    contacts.write_text(json.dumps(sample.contacts(bot.runtime), ensure_ascii=False), encoding="utf-8")
    phone = add_phone(bot.runtime, f"http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--data", str(FOLDER / "sandbox")]
    command += ["--manifest", str(MANIFEST), "--contacts", str(contacts)]
    command += ["--clock-hook", f"http://127.0.0.1:{port + 1}{hook.PATH}"]
    command += ["--inbound-url", bot.runtime.links.callback(phone), "--until-eof"]
    log_path = FOLDER / "sandbox.log"
    with log_path.open("a", encoding="utf-8") as lines:
        # A session of its own: Ctrl-C reaches only us, and the bot leaves the workspace before it closes. Its standard
        # input ends when this process does, even killed: it would keep the port otherwise.
        child = subprocess.Popen(  # noqa: S603 - our own module, our own arguments
            command, stdin=subprocess.PIPE, stdout=lines, stderr=lines, start_new_session=True
        )
    stopping = threading.Event()
    try:
        _wait_until_up(child, f"http://127.0.0.1:{port}/healthz", log_path)
        threading.Thread(target=_watch, args=(child, bot, stopping, log_path), daemon=True).start()
        yield
    finally:
        stopping.set()
        if child.stdin is not None:  # its end tells the child to stop
            child.stdin.close()
        child.terminate()
        try:
            child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_up(child: "subprocess.Popen[bytes]", url: str, log_path: Path) -> None:
    """Return once `url` answers. Raises `Unset` when the child ends before, or takes too long."""
    deadline = time.monotonic() + START_WITHIN
    while child.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        time.sleep(0.05)
    raise Unset(f"The sandbox did not start.\n  Why is in {log_path}")


def _offset(port: int) -> float:
    """How far the sandbox's clock was moved, in seconds. The bot knows it from its first look on: the sandbox tells it
    only once they are connected, and by then what fell due while the demo was not running would have left as if it had.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/sandbox/clock", timeout=5) as answer:
        return float(json.load(answer)["offset_seconds"])


def _watch(child: "subprocess.Popen[bytes]", bot: Bot, stopping: threading.Event, log_path: Path) -> None:
    """End the demo when the sandbox ends by itself."""
    child.wait()
    if not stopping.is_set():
        bot.fail(Unset(f"The sandbox ended.\n  Why is in {log_path}"))


def _check_free(port: int) -> None:
    """Raise `Unset` when somebody listens on `port`."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        raise Unset(
            f"Port {port} is taken; the demo needs two in a row.\n  Choose others: make demo PORT={port + 100}"
        ) from None


@contextmanager
def _only_demo() -> Iterator[None]:
    """One demo in this folder. Raises `Unset`."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(only_instance(FOLDER))
        except Unset:
            raise Unset(
                f"A demo is running in {FOLDER} already.\n  Stop it first, with Ctrl-C where it runs."
            ) from None
        yield
