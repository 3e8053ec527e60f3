"""The life of a promo code group: create, find, list, edit, delete."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.codes.format import Format
from distribution.codes.rules import CHUNK, INLINE
from distribution.errors import Refused
from distribution.search import did_you_mean
from storage import codes, groups
from storage.names import fold
from storage.tables import Distribution, PromoCodeGroup, PromoCodeStock

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

DELETE_KIND = "delete_codes"
NAME_MAX = 60  # leaves room beside it in Slack's options (75 characters)
LOW_STOCK_MAX = 10_000_000

# A template names a group in quotes inside of braces (`{{ client.promocode('Summer 10%') }}`).
_NOT_IN_NAMES = '"{}\\'
_NAMED = re.compile(r"promocode\(\s*(?:'([^']*)'|\"([^\"]*)\")")

# From the request for approval on, a distribution counts on its groups; before, it is a draft that can be changed.
COUNTS_ON = ("pending", "scheduled", "blocking", "sending", "paused")


@dataclass(frozen=True)
class GroupLine:
    """A group and its stock, as lists show it."""

    id: int
    name: str
    formats: tuple[str, ...]
    low_stock_level: int
    expires_at: datetime | None
    total: int
    active: int
    blocked: int
    issued: int
    revoked: int
    expired: int
    redeemed: int

    @property
    def low(self) -> bool:
        """Whether its active codes are at or below the level that somebody set."""
        return 0 < self.low_stock_level >= self.active


@dataclass(frozen=True)
class Use:
    """A distribution that takes codes from a group, by its choice or by its text."""

    distribution_id: int
    subject: str
    status: str


@dataclass(frozen=True)
class Deleted:
    """A deleted group: how many codes went at once, and the job that removes the rest."""

    name: str
    removed: int
    job_id: int | None


def create(
    session: Session,
    name: str,
    *,
    formats: Sequence[Format] = (),
    low_stock_level: int = 0,
    expires_at: datetime | None = None,
    by: str,
    now: datetime,
) -> PromoCodeGroup:
    """A new group without codes. Raises `Refused` at "name", "low_stock" or "expires"."""
    group = PromoCodeGroup(created_by=by, created_at=now)
    _describe(group, name, formats, low_stock_level, expires_at, now)
    _check_free(session, group)
    try:
        with session.begin_nested():
            return groups.add(session, group)
    except IntegrityError:  # somebody else took the name at this very moment
        raise _taken(group.name) from None


def check(session: Session, name: str, *, low_stock_level: int, expires_at: datetime | None, now: datetime) -> None:
    """Raise `Refused` where `create` would."""
    group = PromoCodeGroup()
    _describe(group, name, (), low_stock_level, expires_at, now)
    _check_free(session, group)


def edit(
    session: Session,
    group_id: int,
    *,
    name: str,
    formats: Sequence[Format],
    low_stock_level: int,
    expires_at: datetime | None,
    now: datetime,
) -> list[Use]:
    """Change a group; its formats hold for codes made from now on.

    Returns the drafts that call it by the name it had, for their owners to change. Raises `Refused` as `create` does,
    and at "name" while a distribution that is approved, waiting or sending calls the group by its name.
    """
    group, _ = found(session, group_id, lock=True)
    calls = uses(session, group, by_name=True) if fold(name) != group.name_key else []
    fixed = [use for use in calls if use.status in COUNTS_ON]
    if fixed:
        raise Refused(
            f"{_subjects(fixed)} {'calls' if len(fixed) == 1 else 'call'} the group '{group.name}' and cannot be "
            "changed any more. Rename it once that is sent or stopped.",
            field="name",
        )
    # An expiry that has passed already may stay as it is.
    unchanged = expires_at == group.expires_at
    _describe(group, name, formats, low_stock_level, expires_at, None if unchanged else now)
    _check_free(session, group)
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise _taken(name) from None
    return calls


def delete(jobs: "Jobs", session: Session, group_id: int, *, by: str, now: datetime) -> Deleted:
    """Delete a group: its name is free again, its active codes go, its issued ones keep their history.

    Raises `Refused` while codes are blocked or a distribution counts on the group, naming it.
    """
    group, stock = found(session, group_id, lock=True)
    why = why_not_delete(session, group, stock)
    if why:
        raise Refused(why)
    group.deleted_at, group.name_key = now, None
    session.flush()
    removed = codes.remove_active(session, group_id, INLINE)
    job_id = None
    if removed == INLINE:
        job_id = jobs.enqueue(session, DELETE_KIND, {"group_id": group_id}, by=by, total=stock.active - removed)
    return Deleted(group.name, removed, job_id)


def why_not_delete(session: Session, group: PromoCodeGroup, stock: PromoCodeStock) -> str | None:
    """Why a group cannot be deleted now and what to do, or None."""
    using = [use for use in uses(session, group) if use.status in COUNTS_ON]
    if stock.blocked:
        holders = using or [
            Use(held.id, held.subject, held.status) for held in codes.blocked_for(session, group.id, limit=3)
        ]
        for_whom = f" for {_subjects(holders)}" if holders else ""
        some = "1 code is" if stock.blocked == 1 else f"{stock.blocked:,} codes are"
        return f"'{group.name}' cannot be deleted: {some} blocked{for_whom}. Let it finish, or stop it."
    if using:
        return (
            f"'{group.name}' cannot be deleted: {_subjects(using)} {'takes' if len(using) == 1 else 'take'} codes "
            "from it. Let it finish, or stop it."
        )
    return None


def delete_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: the active codes of a deleted group, a chunk at a time."""
    while True:
        with run.chunk(runtime) as session:
            removed = codes.remove_active(session, run.args["group_id"], CHUNK)
            run.done += removed
        if removed < CHUNK:
            return {"removed": run.done}


def found(session: Session, group_id: int, *, lock: bool = False) -> tuple[PromoCodeGroup, PromoCodeStock]:
    """A group and its stock by id. Raises `Refused` when it was deleted."""
    row = groups.get(session, group_id, lock=lock)
    if row is None:
        raise Refused("This promo code group was deleted.")
    return row


def by_name(session: Session, name: str) -> PromoCodeGroup:
    """The group that a person calls `name`. Raises `Refused` (field "group") with the nearest name there is."""
    group = groups.by_name(session, name)
    if group is None:
        raise Refused(f"Group '{name}' does not exist.{did_you_mean(name, groups.names(session))}", field="group")
    return group


def listing(session: Session) -> list[GroupLine]:
    """All groups with their stock, by name."""
    return [line(group, stock) for group, stock in groups.all_with_stock(session)]


def line(group: PromoCodeGroup, stock: PromoCodeStock) -> GroupLine:
    """A group's row and its stock's as one line."""
    return GroupLine(
        group.id,
        group.name,
        tuple(group.formats),
        group.low_stock_level,
        group.expires_at,
        stock.total,
        stock.active,
        stock.blocked,
        stock.issued,
        stock.revoked,
        stock.expired,
        stock.redeemed,
    )


def uses(session: Session, group: PromoCodeGroup, *, by_name: bool = False) -> list[Use]:
    """Drafts and distributions under way that take codes from a group; with `by_name`, those whose text names it."""
    rows = session.scalars(select(Distribution).where(Distribution.status.in_(("draft", *COUNTS_ON))))
    return [
        Use(row.id, row.subject, row.status)
        for row in rows
        if (not by_name and row.group_id == group.id) or group.name_key in _names_in(row.body)
    ]


def _names_in(body: str) -> set[str]:
    """The groups that a message's text names, folded."""
    return {fold(single or double) for single, double in _NAMED.findall(body)}


def _subjects(using: Sequence[Use]) -> str:
    """The first few subjects, for a sentence."""
    shown = [f"'{use.subject}'" if use.subject else "a distribution without a subject" for use in using[:3]]
    if len(using) > 3:
        return f"{', '.join(shown)} and {len(using) - 3} more"
    return " and ".join(shown)


def _describe(
    group: PromoCodeGroup,
    name: str,
    formats: Sequence[Format],
    low_stock_level: int,
    expires_at: datetime | None,
    now: datetime | None,
) -> None:
    """Put what a person typed into a group's row. Raises `Refused`; given `now`, also for an expiry before it."""
    name = " ".join(name.split())
    if not name:
        raise Refused("Give the group a name.", field="name")
    if len(name) > NAME_MAX:
        raise Refused(f"The name has {len(name)} characters; {NAME_MAX} fit.", field="name")
    odd = next((char for char in name if char in _NOT_IN_NAMES or not (char.isprintable() or char == "\u200d")), None)
    if odd is not None:
        shown = f"'{odd}'" if odd.isprintable() else "an invisible character"
        raise Refused(f"A group's name cannot hold {shown}: messages call the group by its name.", field="name")
    if not 0 <= low_stock_level <= LOW_STOCK_MAX:
        raise Refused(f"Write a number from 0 (no warning) to {LOW_STOCK_MAX:,}.", field="low_stock")
    if now is not None and expires_at is not None and expires_at <= now:
        raise Refused("This day is over already. Choose one to come, or none.", field="expires")
    group.name, group.name_key = name, fold(name)
    group.formats = [form.text for form in formats]
    group.low_stock_level, group.expires_at = low_stock_level, expires_at


def _check_free(session: Session, group: PromoCodeGroup) -> None:
    """Raises `Refused` (field "name") when another group is called the same."""
    with session.no_autoflush:
        other = groups.by_name(session, group.name)
    if other is not None and other is not group:
        raise _taken(other.name)


def _taken(name: str) -> Refused:
    return Refused(
        f"There is a group '{name}' already. Choose another name, or add the codes to that group.", field="name"
    )
