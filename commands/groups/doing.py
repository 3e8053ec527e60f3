"""What a group's modal asks of the engine: parse what was typed, then create, edit or add. No Slack in here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from commands.groups.place import GENERATE, PASTE, Typed, end_of, last_day
from commands.people import Person
from distribution.codes import generate, groups, importing, intake
from distribution.codes.format import Format, parse_all
from distribution.codes.importing import Columns
from distribution.codes.lots import Added
from distribution.codes.uses import Use
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import groups as rows
from storage.tables import PromoCodeGroup


@dataclass(frozen=True)
class Facts:
    """A group's own facts, parsed."""

    name: str
    formats: list[Format]
    low_stock_level: int
    expires_at: datetime | None


def facts(typed: Typed, person: Person, group: PromoCodeGroup | None = None) -> Facts:
    """What was typed about a group (`group`: as it is now). Raises `Refused` at the field."""
    expires_at = end_of(typed.expires, person.time_zone)
    if group is not None and group.expires_at is not None:
        day = last_day(group.expires_at, person.time_zone)
        if day is not None and day.isoformat() == typed.expires:
            expires_at = group.expires_at  # somebody in another zone meant another midnight
    return Facts(
        typed.name,
        parse_all(typed.formats) if typed.method == GENERATE else [],
        whole(typed.low_stock or "0", "low_stock"),
        expires_at,
    )


def check_new(session: Session, typed: Typed, person: Person, now: datetime) -> None:
    """Raise `Refused` where a group could not be created as typed: asked before its file is fetched."""
    found = facts(typed, person)
    groups.check(session, found.name, low_stock_level=found.low_stock_level, expires_at=found.expires_at, now=now)


def create(runtime: Runtime, session: Session, typed: Typed, person: Person) -> PromoCodeGroup:
    """The new group, without codes. Raises `Refused`."""
    found = facts(typed, person)
    return groups.create(
        session,
        found.name,
        formats=found.formats,
        low_stock_level=found.low_stock_level,
        expires_at=found.expires_at,
        by=person.user_id,
        now=runtime.clock.now(),
    )


def edit(runtime: Runtime, session: Session, group_id: int, typed: Typed, person: Person) -> list[Use]:
    """Change a group; returns the drafts that call it by its old name. Raises `Refused`."""
    group, _ = groups.found(session, group_id)
    found = facts(typed, person, group)
    return groups.edit(
        runtime.jobs,
        session,
        group_id,
        name=found.name,
        formats=found.formats,
        low_stock_level=found.low_stock_level,
        expires_at=found.expires_at,
        by=person.user_id,
        now=runtime.clock.now(),
    )


def add(runtime: Runtime, session: Session, group_id: int, typed: Typed, person: Person) -> Added:
    """Add codes to a group by pasting or generating. Raises `Refused`."""
    now = runtime.clock.now()
    if typed.method == PASTE:
        added = intake.add(session, group_id, typed.codes.splitlines(), by=person.user_id, now=now)
        if not added.inserted:
            raise Refused(_nothing(session, added), field="codes")
        return added
    group, _ = groups.found(session, group_id)
    formats = parse_all(typed.formats)
    if not formats:
        raise Refused("Write the format that codes are made by.", field="formats")
    texts = [form.text for form in formats]
    if texts != group.formats:
        group.formats = texts
        session.flush()
    count = whole(typed.count, "count")
    return generate.generate(runtime.jobs, session, group_id, count, by=person.user_id, now=now, channel=person.user_id)


def import_file(
    runtime: Runtime, session: Session, group_id: int, upload_id: int, column: int, person: Person
) -> Added:
    """Add the codes of an uploaded file's column. Raises `Refused`."""
    return importing.import_file(
        runtime.jobs,
        session,
        group_id,
        upload_id,
        Columns(column, time_zone=person.time_zone),
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
