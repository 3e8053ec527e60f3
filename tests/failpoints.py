"""Places where a test can kill or hold the pipeline: before and after each commit and each socket call.

Nothing of this is in the code that is tested. Within `watched(hook)`, every `Database.write()` and every call of a
provider says where it is, and the places are found in the sources themselves: so none can be forgotten.

A place reads `lane.Lane._transact`: the module and the function of the pipeline that commits, or that asks a provider.
A second one in a function ends in `#2`. A chunk of a job belongs to the function that opened it.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from sqlalchemy.orm import Session

from distribution.providers import registry
from distribution.providers.port import Provider
from storage.database import Database

ROOT = Path(__file__).parents[1]
# Where texts are decided on, written down and posted. What people do (`control`) commits in the function that asks.
PIPELINE = (
    "distribution/launch.py",
    "distribution/jobs.py",
    "distribution/sending",
    "distribution/automatic",
    "distribution/schedule",
    "bot/web/callbacks.py",
)
COMMITS, SOCKETS = frozenset({"write", "chunk"}), frozenset({"send", "look_up"})
# The chunk's own transaction: its place is whoever opened the chunk.
PASSED_THROUGH = ("distribution/jobs.py", "JobRun.chunk")
BEFORE, AFTER = "before", "after"

Hook = Callable[[str, str], None]  # the place; before or after


@cache
def places() -> dict[tuple[str, int], str]:
    """Every place there is, by file and line."""
    found: dict[tuple[str, int], str] = {}
    for path in sorted(path for part in PIPELINE for path in _files(ROOT / part)):
        for lines, name in _in_file(path):
            found |= {(str(path), line): name for line in lines}
    return found


def _files(part: Path) -> list[Path]:
    return sorted(part.rglob("*.py")) if part.is_dir() else [part]


def _in_file(path: Path) -> Iterator[tuple[range, str]]:
    """The lines of each commit and socket call of a file, and its name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {
        name.asname or name.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names
    }
    seen: dict[str, int] = {}
    for owner, call in _calls(tree, ()):
        if isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", None) in modules:
            continue  # a function of ours that is named so
        if (path.relative_to(ROOT).as_posix(), owner) == PASSED_THROUGH:
            continue
        place = f"{path.stem}.{owner}"
        seen[place] = seen.get(place, 0) + 1
        number = f"#{seen[place]}" if seen[place] > 1 else ""
        yield range(call.lineno, (call.end_lineno or call.lineno) + 1), place + number


def _calls(node: ast.AST, inside: tuple[str, ...]) -> Iterator[tuple[str, ast.Call]]:
    """Commits (`with ….write()`, `with ….chunk(…)`) and socket calls (`await ….send(…)`), with who they are of."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inside = (*inside, node.name)
    calls: list[ast.expr] = []
    if isinstance(node, ast.With | ast.AsyncWith):
        calls = [item.context_expr for item in node.items if _named(item.context_expr, COMMITS)]
    elif isinstance(node, ast.Await) and _named(node.value, SOCKETS):
        calls = [node.value]
    yield from ((".".join(inside), call) for call in calls if isinstance(call, ast.Call))
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, inside)


def _named(call: ast.expr, names: frozenset[str]) -> bool:
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in names


def _here() -> str | None:
    """The place that the running code is at: the innermost one of the pipeline on the stack."""
    known = places()
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        place = known.get((frame.f_code.co_filename, frame.f_lineno))
        if place is not None:
            return place
        frame = frame.f_back
    return None


@contextmanager
def watched(hook: Hook) -> Iterator[None]:
    """Within the block, `hook` is called at each place; it may raise (a kill) or wait (a process that is held)."""
    write, opened = Database.write, registry.opened

    @contextmanager
    def writing(db: Database, **how: Any) -> Iterator[Session]:
        place = _here()
        with write(db, **how) as session:
            yield session
            if place is not None:
                session.flush()
                hook(place, BEFORE)
        if place is not None:
            hook(place, AFTER)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "write", writing)
        patch.setattr(registry, "opened", lambda vault, row: _Watched(opened(vault, row), hook))
        yield


class _Watched:
    """A provider that says when it is about to be asked, and when it has answered."""

    def __init__(self, provider: Provider, hook: Hook) -> None:
        self._provider, self._hook = provider, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    async def send(self, *args: Any) -> Any:
        return await self._asked(_here(), self._provider.send, *args)

    async def look_up(self, *args: Any) -> Any:
        return await self._asked(_here(), self._provider.look_up, *args)

    async def _asked(self, place: str | None, ask: Callable[..., Any], *args: Any) -> Any:
        if place is not None:
            self._hook(place, BEFORE)
        answer = await ask(*args)
        if place is not None:
            self._hook(place, AFTER)
        return answer
