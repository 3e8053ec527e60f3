"""Lists too long for one modal: a page at a time, with buttons to turn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from slack_sdk.models.blocks import ActionsBlock, Block, ContextBlock

from commands.ui.blocks import actions, button, context
from commands.ui.text import number

T = TypeVar("T")

PAGE = 10


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of a list: `items` from `first` (0-based) on, out of `total`."""

    items: Sequence[T]
    first: int
    total: int
    size: int = PAGE

    @property
    def more(self) -> bool:
        """Whether anything comes after it."""
        return self.first + len(self.items) < self.total


def page_of(items: Sequence[T], first: int, size: int = PAGE) -> Page[T]:
    """The page of a whole list that starts at `first`; a start beyond the end gives the last page."""
    if first >= len(items):
        first = max(0, (len(items) - 1) // size * size)
    first = max(0, first)
    return Page(items[first : first + size], first, len(items), size)


def turner(page: Page[T], action_id: str) -> list[Block]:
    """What page it is ("1–10 of 34") and the buttons to turn: their value is the first item of the page they lead to.

    Nothing for a list of one page.
    """
    if page.first == 0 and not page.more:
        return []
    blocks: list[ContextBlock | ActionsBlock] = [
        context(f"{number(page.first + 1)}–{number(page.first + len(page.items))} of {number(page.total)}")
    ]
    buttons = []
    if page.first:
        buttons.append(button("Previous", f"{action_id}:previous", max(0, page.first - page.size)))
    if page.more:
        buttons.append(button("Next", f"{action_id}:next", page.first + page.size))
    blocks.append(actions(*buttons))
    return list(blocks)
