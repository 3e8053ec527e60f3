"""Promo code groups as lists show them: from their stock, which is kept, so that no list counts codes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution.codes.forecast import forecasts
from distribution.codes.recipe import Recipe
from storage import groups
from storage.names import fold
from storage.tables import PromoCodeGroup, PromoCodeStock

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class GroupLine:
    """A group and its stock, as lists show it. `runs_out`: when its codes do at the present pace, None if unknown."""

    id: int
    name: str
    recipe: Recipe
    low_stock_level: int
    expires_at: datetime | None
    validity_days: int | None
    top_up: int
    top_up_ceiling: int | None
    total: int
    active: int
    blocked: int
    issued: int
    revoked: int
    expired: int
    redeemed: int
    runs_out: datetime | None = None

    @property
    def low(self) -> bool:
        """Whether its active codes are at or below the level that somebody set; without any codes yet it is empty."""
        return self.total > 0 and 0 < self.low_stock_level >= self.active


# How a list can be sorted: what a person calls it, and by what.
ORDERS: dict[str, tuple[str, Callable[[GroupLine], Any]]] = {
    "name": ("Sorted by name", lambda line: fold(line.name)),
    "low": ("Low stock first", lambda line: (not line.low, line.runs_out or _NEVER, line.active)),
    "runs_out": ("Runs out first", lambda line: (line.runs_out or _NEVER, line.active)),
    "active": ("Fewest active first", lambda line: line.active),
    "expires": ("Expires first", lambda line: line.expires_at or _NEVER),
    "newest": ("Newest first", lambda line: -line.id),
    "largest": ("Most codes first", lambda line: -line.total),
}


def listing(session: Session, now: datetime | None = None, order: str = "name") -> list[GroupLine]:
    """All groups with their stock, in one of `ORDERS`; with their forecasts where `now` is given."""
    rows = groups.all_with_stock(session)
    runs_out = forecasts(session, [(group.id, stock.active) for group, stock in rows], now) if now else {}
    lines = [line(group, stock, runs_out.get(group.id)) for group, stock in rows]
    return sorted(lines, key=ORDERS[order][1])


def line(group: PromoCodeGroup, stock: PromoCodeStock, runs_out: datetime | None = None) -> GroupLine:
    """A group's row and its stock's as one line."""
    return GroupLine(
        group.id,
        group.name,
        Recipe.of(group),
        group.low_stock_level,
        group.expires_at,
        group.validity_days,
        group.top_up,
        group.top_up_ceiling,
        stock.total,
        stock.active,
        stock.blocked,
        stock.issued,
        stock.revoked,
        stock.expired,
        stock.redeemed,
        runs_out,
    )
