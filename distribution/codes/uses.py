"""Which distributions take codes from a group: by the group that they chose, or by a name in their text."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.templates.reading import read
from storage import groups
from storage.reminded import to_come
from storage.tables import Distribution, PromoCodeGroup

# From the request for approval on, a distribution counts on its groups; before, it is a draft that can be changed.
COUNTS_ON = ("pending", "scheduled", "blocking", "sending", "paused")


@dataclass(frozen=True)
class Use:
    """A distribution that takes codes from a group, by its choice or by its text."""

    distribution_id: int
    subject: str
    status: str


class _Line(NamedTuple):
    """A distribution that is not over, and its texts."""

    id: int
    subject: str
    status: str
    group_id: int | None
    body: str
    fallback_body: str
    reminders: list[dict[str, Any]]


def uses(session: Session, group: PromoCodeGroup) -> list[Use]:
    """Drafts and distributions under way that take codes from a group, under any name that it ever had."""
    keys = {str(group.name_key), *groups.aliases(session, group.id)}
    return [
        Use(row.id, row.subject, row.status)
        for row in _open(session)
        if row.group_id == group.id or not keys.isdisjoint(_named(row))
    ]


def calling(session: Session, keys: Collection[str]) -> list[Use]:
    """Drafts and distributions under way whose text calls a group by one of these folded names."""
    return [Use(row.id, row.subject, row.status) for row in _open(session) if not _named(row).isdisjoint(keys)]


def _named(row: _Line) -> set[str]:
    """The folded names of the groups that any text of a distribution means."""
    texts = [row.body, row.fallback_body, *(str(each.get("body", "")) for each in row.reminders)]
    return set().union(*map(named_in, texts))


def named_in(body: str) -> set[str]:
    """The folded names of the groups that a message takes codes from, or repeats codes of."""
    return {tag.key for tag in read(body).tags if tag.kind in ("promocode", "last_promocode")}


def subjects(using: Sequence[Use]) -> str:
    """The first few subjects, for a sentence."""
    shown = [f"'{use.subject}'" if use.subject else "a distribution without a subject" for use in using[:3]]
    if len(using) > 3:
        return f"{', '.join(shown)} and {len(using) - 3} more"
    return " and ".join(shown)


def _open(session: Session) -> list[_Line]:
    """Distributions that are not over, oldest first; one that is done but for its reminders is not."""
    columns = (Distribution.id, Distribution.subject, Distribution.status, Distribution.group_id)
    texts = (Distribution.body, Distribution.fallback_body, Distribution.reminders)
    going = Distribution.status.in_(("draft", *COUNTS_ON)) | to_come()
    return [_Line(*row) for row in session.execute(select(*columns, *texts).where(going).order_by(Distribution.id))]
