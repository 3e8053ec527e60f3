"""What a group's modal asks of the engine: parse what was typed, then create, edit or add. No Slack in here."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from commands.groups.place import GENERATE, NO_EXPIRY, PASTE, Typed, end_of, last_day
from commands.people import Person
from distribution.codes import generate, groups, importing, intake, recipe
from distribution.codes.dearer import dearer
from distribution.codes.format import Format, parse_all
from distribution.codes.groups import Facts
from distribution.codes.importing import Columns
from distribution.codes.lots import Added
from distribution.codes.recipe import Recipe
from distribution.codes.uses import Use
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import groups as rows
from storage.tables import PromoCodeGroup


def facts(typed: Typed, person: Person, group: PromoCodeGroup | None = None) -> tuple[list[Format], Facts]:
    """What was typed about a group (`group`: as it is now): formats, and the rest. Raises `Refused` at the field."""
    expires_at = end_of(typed.expires, person.time_zone)
    if group is not None and group.expires_at is not None:
        day = last_day(group.expires_at, person.time_zone)
        if day is not None and day.isoformat() == typed.expires:
            expires_at = group.expires_at  # somebody in another zone meant another midnight
    asked = typed.recipe if typed.method == GENERATE else Recipe()
    return _formats(typed) if typed.method == GENERATE else [], Facts(
        shares=asked.shares,
        prefix=asked.prefix,
        suffix=asked.suffix,
        without_lookalikes=asked.without_lookalikes,
        low_stock_level=whole(typed.low_stock or "0", "low_stock"),
        expires_at=expires_at,
        validity_days=whole(typed.validity, "validity") if typed.validity.strip() else None,
        top_up=whole(typed.top_up or "0", "top_up"),
        top_up_ceiling=whole(typed.top_up_ceiling, "top_up_ceiling") if typed.top_up_ceiling.strip() else None,
    )


def _formats(typed: Typed) -> list[Format]:
    """The formats as typed, each checked in its own line. Raises `Refused`, field "formats" or "shares"."""
    return parse_all(typed.formats, without=typed.recipe.without)


def check_new(session: Session, typed: Typed, person: Person, now: datetime) -> None:
    """Raise `Refused` where a group could not be created as typed: asked before its file is fetched."""
    formats, rest = facts(typed, person)
    groups.check(session, typed.name, formats=formats, now=now, **rest)


def create(runtime: Runtime, session: Session, typed: Typed, person: Person) -> PromoCodeGroup:
    """The new group, without codes. Raises `Refused`."""
    formats, rest = facts(typed, person)
    return groups.create(session, typed.name, formats=formats, by=person.user_id, now=runtime.clock.now(), **rest)


def edit(runtime: Runtime, session: Session, group_id: int, typed: Typed, person: Person) -> list[Use]:
    """Change a group; returns the distributions that call it by its old name. Raises `Refused`."""
    group, _ = groups.found(session, group_id)
    formats, rest = facts(typed, person, group)
    return groups.edit(
        runtime.jobs,
        session,
        group_id,
        name=typed.name,
        formats=formats,
        by=person.user_id,
        now=runtime.clock.now(),
        **rest,
    )


def add(runtime: Runtime, session: Session, group_id: int, typed: Typed, person: Person) -> Added:
    """Add codes to a group by pasting or generating. Raises `Refused`."""
    now = runtime.clock.now()
    if typed.method == PASTE:
        added = intake.add(session, group_id, typed.codes.splitlines(), by=person.user_id, now=now)
        if not added.inserted:
            raise Refused(_nothing(session, added), field="codes")
        said = dearer(typed.codes.splitlines())
        return replace(added, note=f"⚠ {said}") if said else added
    group, _ = groups.found(session, group_id)
    if not _formats(typed):
        raise Refused("Write the format that codes are made by.", field="formats")
    asked = typed.recipe
    if asked != Recipe.of(group):
        recipe.put(group, asked)
        session.flush()
    count = whole(typed.count, "count")
    return generate.generate(runtime.jobs, session, group_id, count, by=person.user_id, now=now, channel=person.user_id)


def columns(typed: Typed, person: Person) -> Columns:
    """The columns of a file, as chosen."""
    expiry = None if typed.expiry in ("", NO_EXPIRY) else int(typed.expiry)
    order = "" if typed.dates == "auto" else typed.dates
    return Columns(int(typed.column or 0), expiry, order, person.time_zone)


def import_file(
    runtime: Runtime, session: Session, group_id: int, upload_id: int, chosen: Columns, person: Person
) -> Added:
    """Add the codes of an uploaded file. Raises `Refused`."""
    return importing.import_file(
        runtime.jobs,
        session,
        group_id,
        upload_id,
        chosen,
        by=person.user_id,
        now=runtime.clock.now(),
        channel=person.user_id,
    )


def whole(text: str, field: str) -> int:
    """A whole number as typed. Raises `Refused` at `field`."""
    plain = text.strip().replace(",", "").replace(" ", "")
    if not plain.removeprefix("-").isdecimal() or len(plain) > 12:
        raise Refused(f"'{text.strip()}' is not a whole number. Write one such as 1000.", field=field)
    return int(plain)


def _nothing(session: Session, added: Added) -> str:
    """Why none of the pasted codes was taken."""
    left = list(rows.leftovers(session, added.lot_id, 1))
    if not left:
        return "There is no code here. Paste one on each line."
    line, _, why = left[0]
    many = added.duplicated + added.discarded
    return (
        f"None of the {many} lines can be added. Line {line}: {why}." if many > 1 else f"This cannot be added: {why}."
    )
