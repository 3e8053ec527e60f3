"""Who counts on a segment, and what a change of its rules would do to them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, func, select
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.segments import counting
from distribution.segments.including import asked_by, direct
from storage import segments as rows
from storage.rules import Rules
from storage.tables import Customer, Distribution, Segment

# Of these somebody still expects something; the others are over.
LIVE = ("draft", "pending", "scheduled", "blocking", "sending", "paused")
# Until then an audience is counted anew; afterwards those are meant who were in it at the review.
UNFIXED = ("draft",)


@dataclass(frozen=True)
class Uses:
    """The live distributions whose audience or trigger a segment is, and the segments whose own rules name it."""

    distributions: list[Distribution]
    segments: list[Segment]

    @property
    def automatic(self) -> list[Distribution]:
        """Those that text whoever enters the segment, by themselves."""
        return [each for each in self.distributions if each.mode == "automatic"]


@dataclass(frozen=True)
class Effects:
    """What other rules would do: how many come into the segment, how many go; and who is told.

    `automatic`: live ones, which would text those who come in. `drafts` are counted anew at their review. `fixed` were
    reviewed: their audience stays as it is. `segments` ask about this one, and change with it.
    """

    entering: int
    leaving: int
    automatic: list[Distribution]
    drafts: list[Distribution]
    fixed: list[Distribution]
    segments: list[Segment]


def uses(session: Session, segment_id: int) -> Uses:
    """What counts on a segment, in the order that it was made."""
    live = select(Distribution).where(Distribution.status.in_(LIVE)).order_by(Distribution.id)
    distributions = [
        each
        for each in session.scalars(live)
        if segment_id in (each.audience.get("segment_id"), each.trigger.get("segment_id"))
    ]
    dynamic = [each for each in rows.live(session) if each.kind == "dynamic" and each.id != segment_id]
    return Uses(distributions, [each for each in dynamic if segment_id in direct(each)])


def refuse_if_used(session: Session, segment: Segment) -> None:
    """Raise `Refused`, reason "in_use", naming what counts on a segment that is to be deleted."""
    found = uses(session, segment.id)
    if found.distributions:
        first = found.distributions[0]
        live = first.mode == "automatic" and first.status == "sending"
        what = {"draft": "a draft: discard it", "paused": "paused: stop it"}.get(
            first.status, f"{'live' if live else first.status}: stop it"
        )
        used = "the audience or the trigger of" if found.automatic else "the audience of"
        named = _and_more([f"'{each.subject or 'a draft without a subject'}'" for each in found.distributions])
        raise Refused(
            f"'{segment.name}' is {used} {named}. That is {what} first, or choose another segment for it."
            if len(found.distributions) == 1
            else f"'{segment.name}' is {used} {named}. Stop or discard those first.",
            field="segment",
            reason="in_use",
        )
    if found.segments:
        named = _and_more([f"'{each.name}'" for each in found.segments])
        raise Refused(
            f"The rules of {named} ask about '{segment.name}'. Take it out of those rules first.",
            field="segment",
            reason="in_use",
        )


def effects(session: Session, segment: Segment, rules: Rules, now: datetime) -> Effects:
    """What giving a dynamic segment `rules` would do at `now`. It counts twice: not for a listener to wait for.

    Raises `Refused`, field "rules".
    """
    old = counting.belongs(session, segment, now)
    new = counting.matching(session, rules, now)
    entering, leaving = (
        session.scalar(select(func.count()).select_from(Customer).where(those, ~func.coalesce(others, false()))) or 0
        for those, others in ((new, old), (old, new))
    )
    found = uses(session, segment.id)
    manual = [each for each in found.distributions if each.mode != "automatic"]
    return Effects(
        entering,
        leaving,
        found.automatic,
        [each for each in manual if each.status in UNFIXED],
        [each for each in manual if each.status not in UNFIXED],
        asked_by(session, segment.id),
    )


def _and_more(named: list[str]) -> str:
    """ "'A', 'B' and 3 more"."""
    shown = ", ".join(named[:3])
    return f"{shown} and {len(named) - 3} more" if len(named) > 3 else shown
