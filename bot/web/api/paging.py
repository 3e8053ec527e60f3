"""Lists a page at a time, by name: a page begins after a name, so that what is added meanwhile moves nothing."""

from collections.abc import Sequence
from typing import Annotated, Protocol, TypeVar
from urllib.parse import quote

from fastapi import Query

from bot.web.api.describing import PREFIX
from storage.names import fold

PAGE_MAX = 200

Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description=f"How many at most, up to {PAGE_MAX}.")]
After = Annotated[str, Query(description="Begin after the one of this name; `next` has it.")]


class Named(Protocol):
    """What a person calls by a name."""

    @property
    def name(self) -> str:
        """The name."""


N = TypeVar("N", bound=Named)


def page(path: str, named: Sequence[N], limit: int, after: str) -> tuple[list[N], str | None]:
    """Those of `named` (sorted by folded name) that are on the page after `after`, and the path of the next page."""
    left = [each for each in named if not after or fold(each.name) > fold(after)]
    if len(left) <= limit:
        return left, None
    shown = left[:limit]
    return shown, f"{PREFIX}{path}?limit={limit}&after={quote(shown[-1].name, safe='')}"
