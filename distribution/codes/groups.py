"""The life of a promo code group: create, find, edit, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.codes import recipe as recipes
from distribution.codes.expiry import REVIVE_KIND
from distribution.codes.format import Format
from distribution.codes.recipe import Recipe
from distribution.codes.rules import CHUNK, INLINE
from distribution.codes.uses import Use, calling, subjects, uses
from distribution.errors import Refused
from distribution.search import did_you_mean
from storage import codes, groups, reminded
from storage.names import fold
from storage.tables import PromoCodeGroup, PromoCodeStock

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

DELETE_KIND = "delete_codes"
NAME_MAX = 60  # leaves room beside it in Slack's options (75 characters)
LOW_STOCK_MAX = 10_000_000
TOP_UP_MAX = 1_000_000
CEILING_MAX = 1_000_000_000
VALIDITY_MAX = 3650  # days

# A template names a group in quotes inside of braces (`{{ client.promocode('Summer 10%') }}`).
_NOT_IN_NAMES = '"{}\\'


class Facts(TypedDict, total=False):
    """What people decide about a group beside its name and its formats; what is not given stays as it is.

    `shares`, `prefix`, `suffix`, `without_lookalikes`: see `Recipe`. `low_stock_level`: warn when so few are active (0:
    never). `expires_at`: when codes that nobody has got expire. `validity_days`: an issued code is good for so long.
    `top_up`: how many codes are made each time that the stock becomes low (0: none), up to `top_up_ceiling` codes in
    the whole group (None: no limit).
    """

    shares: Sequence[int]
    prefix: str
    suffix: str
    without_lookalikes: bool
    low_stock_level: int
    expires_at: datetime | None
    validity_days: int | None
    top_up: int
    top_up_ceiling: int | None


@dataclass(frozen=True)
class Deleted:
    """A deleted group: how many codes went at once, and the job that removes the rest."""

    name: str
    removed: int
    job_id: int | None


def create(
    session: Session, name: str, *, formats: Sequence[Format] = (), by: str, now: datetime, **facts: Unpack[Facts]
) -> PromoCodeGroup:
    """A new group without codes.

    Raises `Refused` at "name", "formats", "shares", "prefix", "suffix", "low_stock", "expires", "validity", "top_up" or
    "top_up_ceiling".
    """
    group = _blank(by, now)
    _describe(group, name, formats, facts, now)
    _take_name(session, group)
    try:
        with session.begin_nested():
            return groups.add(session, group)
    except IntegrityError:  # somebody else took the name at this very moment
        raise _taken(group.name) from None


def check(
    session: Session, name: str, *, formats: Sequence[Format] = (), now: datetime, **facts: Unpack[Facts]
) -> None:
    """Raise `Refused` where `create` would."""
    group = _blank("", now)
    _describe(group, name, formats, facts, now)
    _check_name(session, group)


def edit(
    jobs: "Jobs",
    session: Session,
    group_id: int,
    *,
    name: str | None = None,
    formats: Sequence[Format] | None = None,
    by: str,
    now: datetime,
    **facts: Unpack[Facts],
) -> list[Use]:
    """Change what is given; formats and what goes with them hold for codes made from now on.

    A group that is renamed is found by its old name too: returns the distributions whose text calls it so. With a later
    expiry its expired codes become active again (a job). Raises `Refused` as `create` does.
    """
    group, stock = found(session, group_id, lock=True)
    before, key = group.expires_at, str(group.name_key)
    with session.no_autoflush:
        _describe(group, group.name if name is None else name, formats, facts, now)
        renamed = group.name_key != key
        if renamed:
            _take_name(session, group)
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise _taken(group.name) from None
    if group.expires_at != before and stock.expired and (group.expires_at is None or group.expires_at > now):
        jobs.enqueue(session, REVIVE_KIND, {"group_id": group_id}, by=by)
    if group.expires_at != before:
        reminded.wake(session, now)
    if not renamed:
        return []
    groups.remember_name(session, group_id, key, now)
    return calling(session, [key])


def delete(jobs: "Jobs", session: Session, group_id: int, *, by: str, now: datetime) -> Deleted:
    """Delete a group: its names are free again, its active codes go, its issued ones keep their history.

    Raises `Refused` while codes are blocked or a distribution counts on the group, naming it.
    """
    group, stock = found(session, group_id, lock=True)
    why = why_not_delete(session, group, stock)
    if why:
        raise Refused(why)
    group.deleted_at, group.name_key = now, None
    groups.forget_names(session, group_id=group_id)
    session.flush()
    removed = codes.remove_active(session, group_id, INLINE)
    job_id = None
    if removed == INLINE:
        job_id = jobs.enqueue(session, DELETE_KIND, {"group_id": group_id}, by=by, total=stock.active - removed)
    return Deleted(group.name, removed, job_id)


def why_not_delete(session: Session, group: PromoCodeGroup, stock: PromoCodeStock) -> str | None:
    """Why a group cannot be deleted now and what to do, or None."""
    using = [use for use in uses(session, group) if use.status != "draft"]
    if stock.blocked:
        holders = using or [
            Use(held.id, held.subject, held.status) for held in codes.blocked_for(session, group.id, limit=3)
        ]
        for_whom = f" for {subjects(holders)}" if holders else ""
        some = "1 code is" if stock.blocked == 1 else f"{stock.blocked:,} codes are"
        return f"'{group.name}' cannot be deleted: {some} blocked{for_whom}. Let it finish, or stop it."
    if using:
        return (
            f"'{group.name}' cannot be deleted: {subjects(using)} {'takes' if len(using) == 1 else 'take'} codes "
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
    """The group that a person calls `name`, or called so before it was renamed.

    Raises `Refused` (field "group") with the nearest name there is.
    """
    group = groups.by_name(session, name)
    if group is None:
        raise Refused(f"Group '{name}' does not exist.{did_you_mean(name, groups.names(session))}", field="group")
    return group


def _blank(by: str, now: datetime) -> PromoCodeGroup:
    """A group about which nothing is decided yet."""
    return PromoCodeGroup(
        formats=[],
        shares=[],
        prefix="",
        suffix="",
        without_lookalikes=False,
        low_stock_level=0,
        top_up=0,
        created_by=by,
        created_at=now,
    )


def _describe(group: PromoCodeGroup, name: str, formats: Sequence[Format] | None, facts: Facts, now: datetime) -> None:
    """Put what a person decided into a group's row. Raises `Refused` at its field, and for an expiry that is over."""
    group.name = _name(name)
    group.name_key = fold(group.name)
    was = Recipe.of(group)
    texts = was.texts if formats is None else recipes.texts_of(formats)
    shares = tuple(facts.get("shares", was.shares if len(was.shares) == len(texts) else ()))
    recipes.put(
        group,
        Recipe(
            texts,
            shares,
            facts.get("prefix", was.prefix).strip(),
            facts.get("suffix", was.suffix).strip(),
            facts.get("without_lookalikes", was.without_lookalikes),
        ),
    )
    group.low_stock_level = _within(facts.get("low_stock_level", group.low_stock_level), 0, LOW_STOCK_MAX, "low_stock")
    expires_at = facts.get("expires_at", group.expires_at)
    # An expiry that has passed already may stay as it is.
    if expires_at is not None and expires_at != group.expires_at and expires_at <= now:
        raise Refused("This day is over already. Choose one to come, or none.", field="expires")
    group.expires_at = expires_at
    days = facts.get("validity_days", group.validity_days)
    if days is not None and not 1 <= days <= VALIDITY_MAX:
        raise Refused(f"Write a number of days from 1 to {VALIDITY_MAX:,}, or nothing.", field="validity")
    group.validity_days = days
    _describe_top_up(group, facts)


def _describe_top_up(group: PromoCodeGroup, facts: Facts) -> None:
    """The automatic top-up: it must bring the stock back above its level, or it would never become low again."""
    top_up = facts.get("top_up", group.top_up)
    ceiling = facts.get("top_up_ceiling", group.top_up_ceiling)
    if top_up and not 0 < top_up <= TOP_UP_MAX:
        raise Refused(f"Write a number from 1 to {TOP_UP_MAX:,}, or nothing for no top-up.", field="top_up")
    if top_up and not group.formats:
        raise Refused("Codes are topped up by format, and this group has none. Write a format.", field="top_up")
    if top_up and not group.low_stock_level:
        raise Refused("Write the low-stock level too: codes are topped up when it is reached.", field="low_stock")
    if top_up and top_up <= group.low_stock_level:
        raise Refused(
            f"Top up by more than {group.low_stock_level:,}, the low-stock level, or the group could stay low.",
            field="top_up",
        )
    if ceiling is not None and not 1 <= ceiling <= CEILING_MAX:
        raise Refused(f"Write a number from 1 to {CEILING_MAX:,}, or nothing for no limit.", field="top_up_ceiling")
    group.top_up, group.top_up_ceiling = top_up, ceiling


def _within(value: int, least: int, most: int, field: str) -> int:
    if not least <= value <= most:
        raise Refused(f"Write a number from {least} (no warning) to {most:,}.", field=field)
    return value


def _name(text: str) -> str:
    """A group's name as typed, spaces tidied. Raises `Refused` (field "name")."""
    name = " ".join(text.split())
    if not name:
        raise Refused("Give the group a name.", field="name")
    if len(name) > NAME_MAX:
        raise Refused(f"The name has {len(name)} characters; {NAME_MAX} fit.", field="name")
    odd = next((char for char in name if char in _NOT_IN_NAMES or not (char.isprintable() or char == "\u200d")), None)
    if odd is not None:
        shown = f"'{odd}'" if odd.isprintable() else "an invisible character"
        raise Refused(f"A group's name cannot hold {shown}: messages call the group by its name.", field="name")
    return name


def _check_name(session: Session, group: PromoCodeGroup) -> None:
    """Raises `Refused` (field "name") when messages would find another group by the same name."""
    key = str(group.name_key)
    with session.no_autoflush:
        other = groups.by_keys(session, [key]).get(key)
        if other is None or other is group:
            return
        if other.name_key == key:
            raise _taken(other.name)
        if callers := calling(session, [key]):
            raise Refused(
                f"'{other.name}' was called so before, and {subjects(callers)} still "
                f"{'calls' if len(callers) == 1 else 'call'} it by that name. Choose another name.",
                field="name",
            )


def _take_name(session: Session, group: PromoCodeGroup) -> None:
    """Make a group's name its own: nothing is found by it as a former name any more. Raises as `_check_name` does."""
    _check_name(session, group)
    groups.forget_names(session, key=str(group.name_key))


def _taken(name: str) -> Refused:
    return Refused(
        f"There is a group '{name}' already. Choose another name, or add the codes to that group.",
        field="name",
        reason="taken",
    )
