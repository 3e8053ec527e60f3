"""Making the next while the last is worked on."""

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The items, each made in a thread of its own while whoever asks is busy with the one before.

    What making one raises is raised here, in its place. Close it where it is not asked to its end.
    """
    making = iter(items)

    def make() -> list[T]:
        return list(islice(making, 1))

    with ThreadPoolExecutor(1, "ahead") as thread:
        coming = thread.submit(make)
        while made := coming.result():
            coming = thread.submit(make)
            yield from made
