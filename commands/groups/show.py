"""From the database to what is shown of groups."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from slack_sdk.models.blocks import Block
from sqlalchemy.orm import Session

from commands.groups import table, views
from commands.groups.place import FIRST_ORDER, TABLE, Value, last_day
from commands.people import Person
from commands.ui import paging
from commands.ui.text import roughly
from distribution.codes import groups
from distribution.codes.forecast import runs_out
from distribution.codes.listing import ORDERS, GroupLine, line, listing
from distribution.codes.uses import uses
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.search import containing, did_you_mean
from storage import groups as rows
from storage.names import fold

LOTS_SHOWN = 5

Message = tuple[str, Sequence[Block | dict[str, Any]]]


def message(
    runtime: Runtime,
    session: Session,
    person: Person,
    words: str = "",
    first: int = 0,
    note: str = "",
    order: str = FIRST_ORDER,
) -> Message:
    """The list, or the one group that `words` name or are part of: plain text and blocks.

    `order`: one of `ORDERS`, or `TABLE`. Raises `Refused`, with the nearest name, when `words` are in none.
    """
    lines = listing(session, runtime.clock.now(), order if order in ORDERS else FIRST_ORDER)
    if words:
        lines = _matching(lines, words)
        if len(lines) == 1:
            only = lines[0]
            found = detail(runtime, session, person, only.id)
            return f"Promo code group {only.name}", views.detail_blocks(found, Value(only.id, 0, only.name), note)
    shown = [_shown(runtime, person, each) for each in lines]
    if order == TABLE:
        return table.listing(paging.page_of(shown, first, table.ROWS), words, may_edit=person.may("edit"), note=note)
    return views.listing(paging.page_of(shown, first), words, order, may_edit=person.may("edit"), note=note)


def detail(runtime: Runtime, session: Session, person: Person, group_id: int) -> views.Detail:
    """All about one group. Raises `Refused` when it was deleted."""
    group, stock = groups.found(session, group_id)
    lots = [
        views.Lot(lot.id, lot.method, lot.created_by, lot.created_at, lot.inserted, lot.duplicated, lot.discarded)
        for lot in rows.lots(session, group_id, LOTS_SHOWN)
    ]
    now = runtime.clock.now()
    shown = _shown(runtime, person, line(group, stock, runs_out(session, group, now)))
    return views.Detail(shown, lots, uses(session, group), person.may("edit"))


def _shown(runtime: Runtime, person: Person, each: GroupLine) -> views.Shown:
    now = runtime.clock.now()
    today = now.astimezone(ZoneInfo(person.time_zone)).date()
    said = roughly(each.runs_out, person.time_zone, now=now) if each.runs_out else ""
    return views.Shown(each, last_day(each.expires_at, person.time_zone), today, said)


def _matching(lines: list[GroupLine], words: str) -> list[GroupLine]:
    """The group called exactly so, else those whose names hold all the words. Raises `Refused` when there is none."""
    exact = [each for each in lines if fold(each.name) == fold(words)]
    if exact:
        return exact
    names = [each.name for each in lines]
    within = set(containing(words, names))
    if not within:
        raise Refused(f"Group '{words}' does not exist.{did_you_mean(words, names)} All groups: /promo groups.")
    return [each for each in lines if each.name in within]
