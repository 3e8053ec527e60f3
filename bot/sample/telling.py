"""How far the sample data is, on the terminal: a bar while it grows, and a line with the rate for what is there."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Telling:
    """A context manager that is called with what is being made, how many are there, and how many there will be."""

    def __init__(self, console: Console | None = None) -> None:
        self._bar = Progress(
            TextColumn("{task.description:12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(highlight=False),
            transient=True,
        )
        self._under_way: tuple[str, TaskID] | None = None
        self._began = time.monotonic()

    def __enter__(self) -> "Telling":
        """Begin; time counts from here, and anew for each kind of thing."""
        self._bar.start()
        self._began = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """`done` of `total` are there."""
        if self._under_way is None or self._under_way[0] != what:
            self._under_way = what, self._bar.add_task(what, total=total)
        _, task = self._under_way
        self._bar.update(task, completed=done)
        if done >= total:
            took = time.monotonic() - self._began
            rate = f"{took:,.0f} s, {done / max(took, 0.001):,.0f} a second"
            self._bar.remove_task(task)
            self._bar.console.print(f"{done:,} {what} ({rate})")
            self._began = time.monotonic()
