"""Which distributions take codes from a group: by the group that they chose, or by a name in their text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from distribution.templates.reading import read
from storage import groups
from storage.tables import Distribution, PromoCodeGroup

# From the request for approval on, a distribution counts on its groups; before, it is a draft that can be changed.
COUNTS_ON = ("pending", "scheduled", "blocking", "sending", "paused")


@dataclass(frozen=True)
class Use:
    """A distribution that takes codes from a group, by its choice or by its text."""

    distribution_id: int
    subject: str
    status: str


def uses(session: Session, group: PromoCodeGroup) -> list[Use]:
    """Drafts and distributions under way that take codes from a group, under any name that it ever had."""
    keys = {str(group.name_key), *groups.aliases(session, group.id)}
    return [
        Use(row.id, row.subject, row.status)
        for row in _open(session)
        if row.group_id == group.id or not keys.isdisjoint(named_in(row.body))
    ]


def calling(session: Session, keys: Collection[str]) -> list[Use]:
    """Drafts and distributions under way whose text calls a group by one of these folded names."""
    return [Use(row.id, row.subject, row.status) for row in _open(session) if not named_in(row.body).isdisjoint(keys)]


def named_in(body: str) -> set[str]:
    """The folded names of the groups that a message takes codes from, or repeats codes of."""
    return {tag.key for tag in read(body).tags if tag.kind in ("promocode", "last_promocode")}


def subjects(using: Sequence[Use]) -> str:
    """The first few subjects, for a sentence."""
    shown = [f"'{use.subject}'" if use.subject else "a distribution without a subject" for use in using[:3]]
    if len(using) > 3:
        return f"{', '.join(shown)} and {len(using) - 3} more"
    return " and ".join(shown)


def _open(session: Session) -> Sequence[Row[int, str, str, int | None, str]]:
    """Distributions that are not over, oldest first: id, subject, status, the group chosen, the text."""
    return session.execute(
        select(Distribution.id, Distribution.subject, Distribution.status, Distribution.group_id, Distribution.body)
        .where(Distribution.status.in_(("draft", *COUNTS_ON)))
        .order_by(Distribution.id)
    ).all()
