"""How long Slack waits for us: the time to ack of every kind of listener, beside 100,000 customers and 1,000,000 codes.

A real sandbox, the real bot over Socket Mode. The clock runs in the bot, from an envelope's arrival to its ack: what
Slack would see on top is the network. Slack gives up after 3 s; we allow ourselves 1 s.
"""

import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from slack_bolt.adapter.socket_mode import builtin

from benchmarks.databases import databases
from benchmarks.figure import Figure
from bot import sample
from bot.sample.size import Size
from commands.promo import VERBS
from sandbox.blocks import interactive
from sandbox.testing import NotOnScreen, Person, Refused, ViewScreen
from storage.database import Database
from tests.world import World, running

CUSTOMERS, CODES = 100_000, 1_000_000
ROUNDS = 5
ALLOWED_MS = 1000.0

# Words that a search is asked with: a common beginning, a number, nothing, and what nobody is called.
SEARCHED = ("an", "+48732", "", "zzz")

BODY = "Hi {{ client.first_name | default('there') }}, your code: {{ client.promocode('Summer 10%') }}"

Times = dict[str, list[float]]


def run() -> list[Figure]:
    """Each kind of listener on SQLite: its slowest ack against the second that is allowed; the slowest kinds first."""
    times = measure()
    figures = [
        Figure(
            f"{label} ({len(taken)}×, p50 {statistics.median(taken):.0f}, p99 {_p99(taken):.0f} ms)",
            max(taken),
            "ms",
            "what a listener may take",
            ALLOWED_MS,
        )
        for label, taken in times.items()
    ]
    every = [ms for taken in times.values() for ms in taken]
    whole = Figure(
        f"all {len(times)} kinds ({len(every)}×, p50 {statistics.median(every):.0f}, p99 {_p99(every):.0f} ms)",
        max(every),
        "ms",
        "what a listener may take",
        ALLOWED_MS,
    )
    return [whole, *sorted(figures, key=lambda figure: figure.value, reverse=True)]


def measure(customers: int = CUSTOMERS, codes: int = CODES) -> Times:
    """Milliseconds from arrival to ack, by kind of listener."""
    with databases("sqlite") as (db,), stopwatch() as times, running(_url(db)) as world:
        world.allow_errors = True
        sample.load(world.runtime, Size(customers, codes))
        for _ in range(ROUNDS):
            for verb in VERBS:
                _explore(world.ada, f"/promo {verb.name}")
            for words in ("", "help", "grops", "customers anna", "groups Summer 10%"):
                _explore(world.ada, f"/promo {words}")
            world.ada.home("Stock")
            _wizard(world)
        return {label: list(taken) for label, taken in times.items()}


@contextmanager
def stopwatch() -> Iterator[Times]:
    """Take the time of every envelope that Bolt answers within the block."""
    times: Times = defaultdict(list)
    lock = threading.Lock()
    original = builtin.run_bolt_app

    def timed(app: Any, request: Any) -> Any:
        started = time.perf_counter()
        try:
            return original(app, request)
        finally:
            with lock:
                times[_label(request.payload)].append((time.perf_counter() - started) * 1000)

    builtin.run_bolt_app = timed
    try:
        yield times
    finally:
        builtin.run_bolt_app = original


def _label(payload: dict[str, Any]) -> str:
    """What kind of listener a payload goes to."""
    if "command" in payload:
        return f"command {payload['command']} {payload['text'].partition(' ')[0]}".strip()
    if "event" in payload:
        return f"event {payload['event']['type']}"
    if payload["type"] == "block_actions":
        return f"action {payload['actions'][0]['action_id']}"
    if payload["type"] == "block_suggestion":
        return f"options {payload['action_id']}"
    return f"{payload['type']} {payload['view']['callback_id']}"


def _explore(person: Person, command: str) -> None:
    """Type a command, and then use everything on the modal that it opens: each button and select once, and submit."""
    person.command(command)
    view = _opened(person)
    if view is None:
        return
    for placed in list(interactive(view.blocks)):
        name, kind = f"{placed.block_id}/{placed.action_id}", placed.element["type"]
        with suppress(NotOnScreen, Refused, AssertionError, StopIteration):
            if kind.endswith("external_select"):
                for typed in SEARCHED:
                    view.search(name, typed)
            elif kind == "button" and "url" not in placed.element:
                view.click(name, confirm=False)  # nothing is deleted
            elif kind in ("static_select", "radio_buttons"):
                view.fill(name, view.value(name) or view.choices(name)[-1])
            elif kind == "overflow":
                view.click(placed.element["options"][0]["value"])
        person.close(everything=True)
        person.command(command)
        again = _opened(person)
        if again is None:
            return
        view = again
    with suppress(NotOnScreen, Refused, AssertionError):
        view.submit()
    if person.modal() is not None:
        person.close(everything=True)


def _opened(person: Person) -> ViewScreen | None:
    """The modal that came, if one came within two seconds."""
    with suppress(NotOnScreen):
        return person.view(timeout=2)
    return None


def _wizard(world: World) -> None:
    """All of `/promo send` to a segment of some ten thousand, as far as the request for approval, and the approval."""
    maya = world.maya
    maya.command("/promo send")
    maya.view("Step 1 of 5").submit()
    maya.view("Step 2 of 5").fill("Promo code group", "Summer 10%")
    maya.view("are set aside when").submit()
    maya.view("Step 3 of 5").fill("Segment", "Warsaw regulars")
    maya.view("can be texted", timeout=30).submit()
    maya.view("Step 4 of 5").fill("Subject", "Measured").submit()
    maya.view("Step 5 of 5").fill("Message", BODY)
    maya.view("Step 5 of 5").submit()
    maya.view("Sample 1 of", timeout=120).click("Next sample")
    maya.view("Sample 2 of").submit()
    card = world.lee.message("#promo-approvals", "Approval requested", timeout=30)
    card.click("See details")
    world.lee.view().close()
    card.click("Approve")
    world.lee.message("#promo-approvals", "Approved by", timeout=30)


def _p99(taken: list[float]) -> float:
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))]


def _url(db: Database) -> str:
    return db.url.render_as_string(hide_password=False)
