"""Segments that the rules of others ask about: found, and kept from going round in a circle or growing without end."""

from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.segments.rules import conditions, parse
from storage import segments as rows
from storage.rules import Rules
from storage.tables import Segment

# A segment of segments of segments… is one statement: it may be so deep, and have so many rules with all of theirs.
DEEP = 10
ALL_RULES = 300


def include(session: Session, rules: Rules, *, of: int | None = None) -> dict[int, Rules | None]:
    """Every segment that `rules` ask about, themselves or through another: its rules, None for a static one.

    `of`: the segment whose rules they are. Raises `Refused`, field "rules": one is deleted, they go round in a circle
    (which it names), or there is too much of them.
    """
    found: dict[int, Rules | None] = {}
    sizes: dict[int, int] = {}
    size = _visit(session, rules, () if of is None else (of,), found, sizes)
    if size > ALL_RULES:
        raise Refused(
            f"With the rules of the segments in it, this has {size:,} rules; {ALL_RULES} is the limit.", field="rules"
        )
    return found


def asked_by(session: Session, segment_id: int) -> list[Segment]:
    """The segments whose rules ask about this one, themselves or through another, by name."""
    dynamic = [each for each in rows.live(session) if each.kind == "dynamic"]
    asks = {each.id: direct(each) for each in dynamic}
    reached, new = {segment_id}, {segment_id}
    while new:
        new = {each for each, asked in asks.items() if asked & new} - reached
        reached |= new
    return [each for each in dynamic if each.id in reached and each.id != segment_id]


def direct(segment: Segment) -> set[int]:
    """Ids of the segments that this one's own rules name."""
    return {each.segment_id for each in conditions(parse(segment.rules)) if each.segment_id is not None}


def _visit(
    session: Session, rules: Rules, path: tuple[int, ...], found: dict[int, Rules | None], sizes: dict[int, int]
) -> int:
    """Find what `rules` ask about; returns how many rules they are with all of that. `path`: what led here."""
    asked = conditions(rules, properties=True)
    size = len(asked)
    for segment_id in (each.segment_id for each in asked if each.segment_id is not None):
        segment = _segment(session, segment_id)
        if segment_id in path:
            raise Refused(_circle(session, [*path[path.index(segment_id) :], segment_id]), field="rules")
        if len(path) >= DEEP:
            raise Refused(f"Segments are in segments {DEEP} deep here. Name '{segment.name}' directly.", field="rules")
        if segment_id not in sizes:
            found[segment_id] = parse(segment.rules) if segment.kind == "dynamic" else None
            inner = found[segment_id]
            sizes[segment_id] = _visit(session, inner, (*path, segment_id), found, sizes) if inner else 1
        size += sizes[segment_id]
    return size


def _segment(session: Session, segment_id: int) -> Segment:
    """A segment that rules may ask about. Raises `Refused`."""
    segment = session.get(Segment, segment_id)
    if segment is None or segment.kind == "list":
        raise Refused(f"Segment {segment_id} does not exist. Choose another.", field="rules")
    if segment.deleted_at:
        raise Refused(f"Segment '{segment.name}' was deleted. Choose another, or remove the rule.", field="rules")
    return segment


def _circle(session: Session, path: list[int]) -> str:
    """A circle, in words."""
    names = [f"'{_segment(session, each).name}'" for each in path]
    if len(names) == 2:
        return f"{names[0]} cannot ask about itself. Choose another segment."
    uses = f"{names[0]} asks about {', which asks about '.join(names[1:])}"
    return f"That goes round in a circle: {uses}. Choose another segment."
