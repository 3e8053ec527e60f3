"""Turns: in the order of asking, whoever asks most often; and a wait that ends."""

import threading
import time

import pytest

from storage.database import Database
from storage.tables import Setting
from storage.turns import Turns


def test_the_turn_goes_to_whoever_waits_longest() -> None:
    turns, got = Turns(), []

    def ask(name: int) -> None:
        with turns.take(10):
            got.append(name)

    with turns.take(10):
        threads = []
        for name in range(5):
            threads.append(threading.Thread(target=ask, args=(name,)))
            threads[-1].start()
            while len(turns._waiting) <= name:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert got == list(range(5))


def test_a_thread_that_has_the_turn_may_take_it_again() -> None:
    turns = Turns()
    with turns.take(10), turns.take(0):
        pass
    with turns.take(0):
        assert turns._holder is not None
    assert not turns._taken


def test_whoever_waited_too_long_goes_on_and_the_turn_is_not_lost() -> None:
    turns, went = Turns(), threading.Event()

    def impatient() -> None:
        with turns.take(0.01):
            went.set()

    with turns.take(10):
        thread = threading.Thread(target=impatient)
        thread.start()
        assert went.wait(10)
        thread.join(10)
        assert turns._taken
    assert not turns._taken and not turns._waiting


def test_a_block_that_raises_hands_the_turn_on() -> None:
    turns = Turns()
    with pytest.raises(RuntimeError), turns.take(10):
        raise RuntimeError
    assert not turns._taken


@pytest.mark.parametrize("db_url", ["sqlite"], indirect=True)
def test_one_write_among_many_that_never_pause_comes_soon(db: Database) -> None:
    """Two threads write again and again; a third comes in between, each time after two of theirs at most."""
    stop, done = threading.Event(), [0, 0]

    def greedy(place: int) -> None:
        while not stop.is_set():
            with db.write() as session:
                session.merge(Setting(key=f"k{place}", value=done[place]))
                session.flush()
            done[place] += 1

    threads = [threading.Thread(target=greedy, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    waited = []
    for turn in range(10):
        before = sum(done)
        with db.write() as session:
            session.merge(Setting(key="mine", value=turn))
            session.flush()
            waited.append(sum(done) - before)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert max(waited) <= 4
