"""Segments made, renamed, cloned, changed and deleted."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BigInteger, delete, insert, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.customers import clean
from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.segments.including import asked_by, include
from distribution.segments.names import check
from distribution.segments.rules import parse, to_json
from distribution.segments.using import refuse_if_used
from storage import segments as rows
from storage.bulk import values
from storage.database import is_sqlite
from storage.names import fold
from storage.rules import Rules
from storage.tables import Segment, SegmentMember

NAME_LIMIT = 60
ID_LIMIT = 2**31  # no id is that large, and PostgreSQL cannot look for one


def by_name(session: Session, name: str) -> Segment:
    """The segment called `name`. Raises `Refused` with the nearest name, field "segment"."""
    segment = rows.by_name_key(session, fold(name))
    if segment:
        return segment
    hint = did_you_mean(name, [each.name for each in rows.live(session)])
    raise Refused(f"Segment '{name.strip()}' does not exist.{hint}", field="segment")


def get(session: Session, segment_id: int) -> Segment:
    """A segment that was not deleted. Raises `Refused`, field "segment"."""
    segment = session.get(Segment, segment_id) if segment_id < ID_LIMIT else None
    if segment is None:
        raise Refused("This segment does not exist. Choose another.", field="segment")
    if segment.deleted_at:
        raise Refused(f"Segment '{segment.name}' was deleted. Choose another.", field="segment")
    return segment


def create(session: Session, name: str, rules: Rules, *, by: str, now: datetime) -> Segment:
    """A dynamic segment. Raises `Refused`, fields "name" and "rules"."""
    check(session, rules)
    return _add(session, name, "dynamic", rules, by=by, now=now)


def create_static(session: Session, name: str, customer_ids: Iterable[int], *, by: str, now: datetime) -> Segment:
    """A static segment of these customers. Raises `Refused`, field "name"."""
    segment = _add(session, name, "static", Rules(), by=by, now=now)
    add_members(session, segment.id, customer_ids)
    return segment


def create_list(session: Session, name: str, *, by: str, now: datetime) -> Segment:
    """A list without members yet: the audience of one distribution, under no name of its own."""
    segment = Segment(name=clean.text(name)[:NAME_LIMIT], kind="list", rules={}, created_at=now, created_by=by)
    session.add(segment)
    session.flush()
    return segment


def add_members(session: Session, segment_id: int, customer_ids: Iterable[int]) -> None:
    """Put customers on a static segment or list; those who are on it stay once."""
    insert_unless = sqlite.insert if is_sqlite(session) else postgresql.insert
    given = values(
        session,
        {"segment_id": BigInteger(), "customer_id": BigInteger()},
        [(segment_id, each) for each in customer_ids],
    )
    # The WHERE keeps SQLite from reading ON CONFLICT as the ON of a join.
    chosen = select(given.c.segment_id, given.c.customer_id).where(given.c.customer_id.is_not(None))
    session.execute(
        insert_unless(SegmentMember).from_select(["segment_id", "customer_id"], chosen).on_conflict_do_nothing()
    )


def change_rules(session: Session, segment_id: int, rules: Rules, *, now: datetime) -> Segment:
    """Give a dynamic segment other rules; its remembered count is forgotten. Raises `Refused`, field "rules"."""
    segment = get(session, segment_id)
    if segment.kind != "dynamic":
        raise Refused(f"'{segment.name}' is a fixed list and has no rules.", field="rules")
    check(session, rules, of=segment_id)
    segment.rules, segment.counted, segment.counted_at = to_json(rules), None, None
    segment.updated_at = now
    session.flush()
    for other in asked_by(session, segment_id):
        try:
            include(session, parse(other.rules), of=other.id)
        except Refused as refusal:
            raise Refused(f"'{other.name}' asks about '{segment.name}'. {refusal}", field="rules") from None
    return segment


def rename(session: Session, segment_id: int, name: str, *, now: datetime) -> Segment:
    """Call a segment something else. Raises `Refused`, field "name"."""
    segment = get(session, segment_id)
    shown, key = _free_name(session, name, but=segment_id)
    if shown != segment.name:
        segment.name, segment.name_key, segment.updated_at = shown, key, now
    session.flush()
    return segment


def check_name(session: Session, name: str) -> None:
    """Raise `Refused`, field "name", where a new segment cannot be called that."""
    _free_name(session, name)


def clone(session: Session, segment_id: int, *, by: str, now: datetime) -> Segment:
    """The same segment again, called "… copy" or "… copy 2", with the rules or members that it has now."""
    original = get(session, segment_id)
    copy = _add(session, _copy_name(session, original.name), original.kind, parse(original.rules or {}), by=by, now=now)
    copy.counted, copy.counted_at = original.counted, original.counted_at
    members = select(literal(copy.id), SegmentMember.customer_id).where(SegmentMember.segment_id == segment_id)
    session.execute(insert(SegmentMember).from_select(["segment_id", "customer_id"], members))
    return copy


def delete_segment(session: Session, segment_id: int, *, now: datetime) -> Segment:
    """Delete a segment; its name is free again.

    Raises `Refused`, reason "in_use", while a live distribution or another segment uses it, which it names.
    """
    segment = get(session, segment_id)
    refuse_if_used(session, segment)
    segment.name_key, segment.deleted_at = None, now
    session.execute(delete(SegmentMember).where(SegmentMember.segment_id == segment_id))
    session.flush()
    return segment


def _add(session: Session, name: str, kind: str, rules: Rules, *, by: str, now: datetime) -> Segment:
    """A new row under a name that is free."""
    shown, key = _free_name(session, name)
    segment = Segment(name=shown, name_key=key, kind=kind, rules=to_json(rules), created_at=now, created_by=by)
    session.add(segment)
    try:
        session.flush()
    except IntegrityError:
        raise Refused(f"Somebody made a segment '{shown}' a moment ago. Choose another name.", field="name") from None
    return segment


def _free_name(session: Session, name: str, *, but: int | None = None) -> tuple[str, str]:
    """`name` cleaned, and folded. Raises `Refused`, field "name", where it is empty, too long or another segment's."""
    shown = clean.text(name, limit=NAME_LIMIT, field="name")
    if not shown:
        raise Refused("Give the segment a name.", field="name")
    taken = rows.by_name_key(session, fold(shown))
    if taken and taken.id != but:
        raise Refused(f"There is a segment '{taken.name}' already. Choose another name.", field="name", reason="taken")
    return shown, fold(shown)


def _copy_name(session: Session, name: str) -> str:
    """A name for a copy that nothing has yet."""
    number = 1
    while True:
        tail = " copy" if number == 1 else f" copy {number}"
        candidate = f"{name[: NAME_LIMIT - len(tail)]}{tail}"
        if rows.by_name_key(session, fold(candidate)) is None:
            return candidate
        number += 1
