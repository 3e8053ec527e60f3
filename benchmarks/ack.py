"""How long Slack waits for us: the time to ack of every kind of listener, beside a large shop.

A real sandbox, the real bot over Socket Mode. The clock runs in the bot, from an envelope's arrival to its ack: what
Slack would see on top is the network. Slack gives up after 3 s; we allow ourselves 1 s. The list of groups has 300 ms
to be read and drawn.

SHOP=1000000,10000000,200,10000000 says how large: customers, codes, groups, events. The shop is kept between runs.
"""

import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from slack_bolt.adapter.socket_mode import builtin
from sqlalchemy import select

from benchmarks.cache import shop
from benchmarks.figure import Figure, alternating
from bot.sample.size import Size
from commands.promo import VERBS
from distribution.codes.listing import listing
from sandbox.blocks import interactive
from sandbox.testing import NotOnScreen, Person, Refused, ViewScreen
from storage.database import Database
from storage.tables import PromoCode
from tests.world import World, running

SIZE = Size(*map(int, os.environ.get("SHOP", "100000,1000000,50,1000000").split(",")))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
ALLOWED_MS, LIST_MS = 1000.0, 300.0

# Words that a search is asked with: a common beginning, a number, nothing, and what nobody is called.
SEARCHED = ("an", "+48732", "", "zzz")

BODY = "Hi {{ client.first_name | default('there') }}, your code: {{ client.promocode('GROUP') }}"

Times = dict[str, list[float]]


def run() -> list[Figure]:
    """The list of groups, and each kind of listener on SQLite at its slowest; the slowest kinds first."""
    with shop(SIZE) as db:
        listed = _listing(db)
        times = measure(db)
    allowed = ("what a listener may take", ALLOWED_MS)
    figures = [Figure(f"{label} ({_told(taken)})", max(taken), "ms", *allowed) for label, taken in times.items()]
    every = [ms for taken in times.values() for ms in taken]
    return [
        Figure(f"list {SIZE.groups} groups of {SIZE.codes:,} codes", listed, "ms", "the issue's", LIST_MS),
        Figure(f"all {len(times)} kinds ({_told(every)})", max(every), "ms", *allowed),
        *sorted(figures, key=lambda figure: figure.value, reverse=True),
    ]


def _told(taken: list[float]) -> str:
    return f"{len(taken)}×, p50 {statistics.median(taken):.0f}, p99 {_p99(taken):.0f} ms"


def _listing(db: Database) -> float:
    """Milliseconds for what `/promo groups` reads."""

    def work() -> None:
        with db.read() as session:
            assert len(listing(session)) >= SIZE.groups

    return alternating([work])[0] * 1000


def measure(db: Database) -> Times:
    """Milliseconds from arrival to ack, by kind of listener."""
    with stopwatch() as times, running(_url(db)) as world:
        world.allow_errors = True
        with db.read() as session:
            code = session.scalars(select(PromoCode.code).where(PromoCode.state == 2).limit(1)).first()
            group = max(listing(session), key=lambda line: line.active).name
        for _ in range(ROUNDS):
            for verb in VERBS:
                _explore(world.ada, f"/promo {verb.name}")
            for words in ("", "help", "grops", "customers anna", "groups Summer 10%", f"codes {code}"):
                _explore(world.ada, f"/promo {words}")
            world.ada.home("Stock")
        try:
            _wizard(world, group)
        except NotOnScreen as stuck:
            print(f"The wizard was not gone through: {stuck}")
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


def _wizard(world: World, group: str) -> None:
    """All of `/promo send` to a segment of some ten thousand, as far as the request for approval, and the approval."""
    maya = world.maya
    maya.command("/promo send")
    maya.view("Step 1 of 5").submit()
    maya.view("Step 2 of 5").fill("Promo code group", group)
    maya.view("are set aside when").submit()
    maya.view("Step 3 of 5").fill("Segment", "Warsaw regulars")
    try:
        maya.view("can be texted", timeout=10).submit()
    except NotOnScreen:  # it is counted for three seconds, and then not waited for
        maya.view("longer than this step waits").submit()
    maya.view("Step 4 of 5").fill("Subject", "Measured").submit()
    maya.view("Step 5 of 5").fill("Message", BODY.replace("GROUP", group))
    maya.view("Step 5 of 5").submit()
    maya.view("Sample 1 of", timeout=300).click("Next sample")
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
