"""Counting while somebody looks: shown when it is ready, stopped by a newer change, a button, or closing the modal."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt import Ack
from slack_sdk import WebClient
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from commands import later, modals
from commands.segments.views import FIRST_MEMBERS, Shown
from commands.ui.text import mask
from distribution.runtime import Runtime
from distribution.segments.looking import LONGEST, Look, look
from storage.patience import TooSlow
from storage.tables import Customer

# Seconds that a modal waits for its count before it is shown without: nobody sees a delay that short.
QUICK = 0.2

KEPT = 500  # modals that are remembered: more than are open at a time

Where = Callable[[Session], ColumnElement[bool]]
Draw = Callable[[Shown], dict[str, Any]]


@dataclass
class _Running:
    at: float
    stopped: threading.Event


class Counts:
    """Which count runs for which modal in this process.

    Where Slack gives a modal's next press to another process, the older count there runs to its end, and its result is
    refused: the modal shows something newer by then (`hash`).
    """

    def __init__(self) -> None:
        self._running: OrderedDict[str, _Running] = OrderedDict()
        self._guard = threading.Lock()

    def begin(self, view_id: str, at: float = 0.0) -> threading.Event:
        """What stops a count that begins for a modal now; an older one is stopped. `at`: the `action_ts` of the press
        that asks for it. Where a newer press is known, it is stopped from the beginning."""
        mine = _Running(at, threading.Event())
        with self._guard:
            other = self._running.get(view_id)
            if other is not None and other.at > at > 0:
                mine.stopped.set()
                return mine.stopped
            if other is not None:
                other.stopped.set()
                mine.at = max(at, other.at)
            self._running[view_id] = mine
            self._running.move_to_end(view_id)
            while len(self._running) > KEPT:
                self._running.popitem(last=False)
        return mine.stopped

    def stop(self, view_id: str) -> None:
        """Stop what is counted for a modal."""
        with self._guard:
            running = self._running.pop(view_id, None)
        if running is not None:
            running.stopped.set()


@dataclass(frozen=True)
class Placed:
    """A modal as it was shown: its id; `again` shows it anew, False where it was closed or shows something newer."""

    id: str
    again: Callable[[dict[str, Any]], bool]


Put = Callable[[dict[str, Any]], Placed | None]


def opening(client: WebClient, body: Mapping[str, Any]) -> Put:
    """Shows a modal to who pressed something."""
    return lambda view: _placed(client, modals.show(client, body, view))


def replacing(client: WebClient, view_id: str) -> Put:
    """Shows a modal in place of an open one."""
    return lambda view: _placed(client, modals.refresh(client, view_id, view))


def redrawing(client: WebClient, body: Mapping[str, Any]) -> Put:
    """Shows a modal as something that was pressed in it leaves it."""
    return lambda view: _placed(client, modals.redraw(client, body, view))


def answering(ack: Ack, client: WebClient, view_id: str) -> Put:
    """Shows a modal as the answer to a submit, in the place of the form."""

    def put(view: dict[str, Any]) -> Placed:
        waiting, mark = later.meanwhile(view)
        ack(response_action="update", view=waiting)
        return _marked(client, view_id, mark)

    return put


def after(client: WebClient, view_id: str, mark: str) -> Put:
    """Shows a modal in the place of one that answered a submit (`commands.later`)."""

    def put(view: dict[str, Any]) -> Placed | None:
        placed = _marked(client, view_id, mark)
        return placed if placed.again(view) else None

    return put


def _marked(client: WebClient, view_id: str, mark: str) -> Placed:
    """A modal that answered a submit: found by its mark, which it keeps."""
    return Placed(view_id, lambda newer: later.replace(client, mark, {**newer, "external_id": mark}))


def _placed(client: WebClient, view: Mapping[str, Any] | None) -> Placed | None:
    """A modal as Slack has it."""
    if view is None:
        return None
    seen = {"hash": view.get("hash")}

    def again(newer: dict[str, Any]) -> bool:
        shown = modals.refresh(client, str(view["id"]), newer, seen=seen["hash"])
        seen["hash"] = shown.get("hash") if shown else None
        return shown is not None

    return Placed(str(view["id"]), again)


def counted(runtime: Runtime, where: Where, stopped: threading.Event, seconds: float = LONGEST) -> Look | None:
    """Who matches; None where it took longer, or was stopped."""
    with runtime.db.read() as session:
        try:
            return look(session, where(session), stopped, members=FIRST_MEMBERS, seconds=seconds)
        except TooSlow:
            return None


@dataclass(frozen=True)
class Counted:
    """What came of `show`: who matches, None where nothing was found; where it is shown, None where it was closed; and
    what stops what goes on."""

    found: Look | None
    placed: Placed | None
    stopped: threading.Event


def show(
    runtime: Runtime, counts: Counts, where: Where, draw: Draw, put: Put, stopped: threading.Event | None = None
) -> Counted:
    """Show a modal with who matches: with the count where that is quick, else with "Counting…", and again when it is
    done. `stopped`: of the press that asks for it (`Counts.begin`)."""
    found = counted(runtime, where, threading.Event(), QUICK)
    placed = put(draw(shown(found) if found else Shown("counting")))
    if placed is None:
        return Counted(found, None, stopped or threading.Event())
    stopped = stopped or counts.begin(placed.id)
    if found:
        return Counted(found, placed, stopped)
    found = counted(runtime, where, stopped)
    if stopped.is_set():
        return Counted(None, None, stopped)
    late = f"It takes more than {LONGEST:.0f} seconds. It can be saved all the same; a review counts exactly."
    again = placed.again(draw(shown(found) if found else Shown("refused", why_not=late)))
    return Counted(found, placed if again else None, stopped)


def shown(found: Look) -> Shown:
    """A look for a view: names, and numbers masked."""
    return Shown("counted", found.size, found.of_all, found.textable, [member(each) for each in found.members])


def member(customer: Customer) -> tuple[str, str]:
    """A customer for a list that many may see: what they are called, and their number masked."""
    name = customer.name or customer.source_id or f"Customer {customer.id}"
    return name, mask(customer.phone) if customer.phone else ""
