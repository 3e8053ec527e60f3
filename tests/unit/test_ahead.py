"""Making the next item while the last is worked on."""

import threading
from collections.abc import Iterator

import pytest

from distribution.ahead import ahead

PATIENCE = 10.0


def test_the_items_come_in_order_and_to_the_end() -> None:
    assert list(ahead(iter(range(10)))) == list(range(10))
    assert list(ahead(iter(()))) == []


def test_the_next_is_made_while_nobody_asks_for_it() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    coming = ahead(items())
    assert next(coming) == 1
    assert made.wait(PATIENCE)
    coming.close()


def test_what_making_one_raises_is_raised_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(KeyError, match="broken"):
        next(coming)


def test_its_thread_ends_when_it_is_closed_early() -> None:
    before = threading.active_count()
    coming = ahead(iter(range(100)))
    assert next(coming) == 0
    assert threading.active_count() == before + 1
    coming.close()
    assert threading.active_count() == before
