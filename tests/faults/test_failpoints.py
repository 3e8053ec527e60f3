"""Somebody is killed, or held for minutes, before and after each commit and each socket call; others take over.

After each: no customer was texted twice, each was texted, the gateway's log agrees, and every invariant holds.
`make test` has each place in one of its eight ways, another one in each run; `make test-faults` has some of the rest,
or all (`FAULTS=long`).
"""

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from distribution.clock import SystemClock
from distribution.runtime import Runtime
from tests import failpoints
from tests.faults import test_clock
from tests.faults.choices import LONG, SEED
from tests.faults.day import Day, poisoned
from tests.faults.workers import Crew, Fault, crew, machine
from tests.gateway import Gateway, gateway_in_thread

__all__ = ["crew", "machine"]

# They wait for a busy machine, and fail where nothing changes. One after another: each is a shop at work, beside which
# a browser would have to wait.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("attacks")]

# Every commit and every socket call: a new one belongs here, and the day of `tests.faults.day` must come by it.
COMMITS = (
    "launch.due",
    "launch.due#2",
    "launch.run_launch",
    "launch.run_launch#2",
    "jobs.Jobs.run",
    "jobs.Jobs._run_to_end.finish",
    "lane.Lane._transact",
    "lane.Lane._release",
    "callbacks.Inbox._store",
    "callbacks._apply",
    "callbacks.apply",
    "replies.intend_answers",
    "replies.record_answers",
    "settle.sweep",
    "settle.claim",
    "settle.conclude",
    "worker.Sender._close_stopped",
    "control.run_stop",
    "lifetime.sweep",
)
SOCKETS = ("lane.Lane._send", "settle.look_up.ask", "replies.post_answers.post")
# Nobody comes by here on that day; why that may be.
ELSEWHERE = {
    "jobs.Jobs.hold": "says that a process lives, and nothing else",
    "jobs.Jobs._give_back": "undoes a claim; that it is not reached is what a kill is",
    "control.run_resume": "drops what it finds, in chunks that a job begins again: what is dropped is not found again",
    "held_up.hold": "pauses what cannot go on; killed there, the next look finds the same and pauses it",
}
# What people do is committed by whoever asks for it.
VERBS = tuple(f"person.{each}" for each in ("pause", "resume", "call_back", "arrived", "lost", "stop", "retry"))


def test_every_commit_and_socket_call_of_the_pipeline_is_in_the_table() -> None:
    """Those of what happens by itself are attacked in `test_clock.py`."""
    attacked_there = [*test_clock.COMMITS, *test_clock.ELSEWHERE]
    assert sorted(set(failpoints.places().values())) == sorted([*COMMITS, *SOCKETS, *ELSEWHERE, *attacked_there])


SAMPLE = 12  # of those that `make test` leaves out


def runs() -> Iterator[Any]:
    """Each place in one of its eight ways in `make test`, another one for the next place; of the others some or all."""
    others: list[Any] = []
    for number, place in enumerate([*COMMITS, *SOCKETS, *VERBS]):
        ways = list(product(["sqlite", "postgresql"], ["before", "after"], [False, True]))
        for way, (db, moment, hold) in enumerate(ways):
            name = f"{db}-{'held' if hold else 'killed'}-{moment}-{place}"
            if way == (number + SEED) * 3 % len(ways):
                yield pytest.param(db, place, moment, hold, id=name)
            else:
                others.append(pytest.param(db, place, moment, hold, id=name, marks=pytest.mark.faults))
    yield from others if LONG else random.Random(SEED).sample(others, SAMPLE)


@pytest.mark.parametrize(("db_url", "place", "moment", "hold"), list(runs()), indirect=["db_url"])
def test_whoever_is_killed_or_held_nobody_is_texted_twice_and_nothing_is_lost(
    runtime: Runtime,
    machine: SystemClock,
    crew: Crew,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    place: str,
    moment: str,
    hold: bool,
) -> None:
    poisoned(monkeypatch)
    fault = Fault(place, moment, hold=hold)
    with gateway_in_thread() as gateway, gateway_in_thread(Gateway(url="")) as slow:
        day = Day(runtime, gateway, slow, machine, crew)
        day.live(fault)
        assert fault.struck.is_set(), "nobody came by"
        day.right(tmp_path)
