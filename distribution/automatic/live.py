"""Setting an automatic distribution live, and editing one that is: the edit is another one that takes over.

Live is: `automatic`, and being sent or paused. One that `ends_at` has passed of, or that another took over from, fires
no more; what it has planned and under way goes on with its own texts, and then it is done.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import drafts, seal
from distribution.automatic import entering
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import distributions
from storage.batches import lock
from storage.tables import Distribution

LIVE = ("sending", "paused")


def go_live(session: Session, runtime: Runtime, row: Distribution) -> bool:
    """Set a sealed automatic distribution live; its row is locked. False where something changed since it was sealed:
    then it is a draft again and says why.

    In one transaction: where it is the edit of a live one, that fires until this commits, and this one from then on.
    Raises `Refused` where that cannot be, field "ends_at" where it would be over already.
    """
    now = runtime.clock.now()
    if row.ends_at is not None and row.ends_at <= now:
        raise Refused("It would end before it begins. Choose a later end.", field="ends_at")
    late = superseded(session, row)
    if late is not None:
        raise Refused(late)
    if seal.void_if_changed(session, row, now=now):
        return False
    was = row.status
    row.launched_at = row.started_at = now
    row.held_until = row.gives_up_at = None
    session.flush()
    distributions.move(session, row.id, was=(was,), to="sending", reason=None, at=now)
    old = lock(session, row.replaces_id) if row.replaces_id is not None else None
    if old is not None and fires(old, now):
        entering.hand_over(session, old, row, now)
        old.ends_at = now
        row.first_texts = dict(old.first_texts)
    else:
        entering.remember(session, row, now)
    session.flush()
    return True


def fires(row: Distribution, now: datetime) -> bool:
    """Whether a distribution is live, and fires."""
    return row.mode == "automatic" and row.status in LIVE and (row.ends_at is None or row.ends_at > now)


def superseded(session: Session, row: Distribution) -> str | None:
    """Why an edit cannot take over any more: another edit of the same one did. None where it can."""
    if row.replaces_id is None:
        return None
    other = distributions.replaced_by(session, row.replaces_id)
    if other is None or other == row.id:
        return None
    return f"'{row.subject}' was edited meanwhile, and that edit is live. Edit that one instead."


def edit(session: Session, distribution_id: int, *, by: str, now: datetime, channel: str | None = None) -> Distribution:
    """A draft with all that a live distribution has, which takes over from it when it is set live; until then that one
    goes on. Asked again, `by` gets the draft that they have.

    Raises `Refused`: it is not live, it fires no more, or an edit of it waits for its approval.
    """
    row = lock(session, distribution_id)
    if row.mode != "automatic" or row.status not in LIVE:
        said = drafts.stands(row)
        raise Refused(f"'{row.subject}' is not live, so there is nothing to edit while it runs: it {said}.")
    if not fires(row, now):
        raise Refused(f"'{row.subject}' has ended: what it planned still goes out. Clone it to begin anew.")
    mine = [other for other in _open_edits(session, row) if other.created_by == by]
    return mine[0] if mine else _edit(session, row, row.id, by=by, channel=channel, now=now)


def edited_again(session: Session, distribution_id: int, now: datetime) -> int | None:
    """The live distribution that a refused edit was of, where it is live still: whoever mends the edit means that one.
    None for all else, of which a copy is a distribution by itself.

    Raises `Refused` where another edit took over since.
    """
    row = distributions.get(session, distribution_id)
    if row is None or row.status != "refused" or row.replaces_id is None:
        return None
    old, late = distributions.get(session, row.replaces_id), superseded(session, row)
    if late is not None and _newest_fires(session, row.replaces_id, now):
        raise Refused(late)
    return row.replaces_id if old is not None and fires(old, now) else None


def again(session: Session, distribution_id: int, *, by: str, channel: str | None, now: datetime) -> Distribution:
    """A new draft with all that another distribution had. An edit that was refused stays an edit of the live one:
    as one by itself it would be live beside it, and customers would be texted by both.

    Raises `Refused` as `edited_again` does, and where an edit of it waits for its approval.
    """
    edits = edited_again(session, distribution_id, now)
    old = lock(session, edits) if edits is not None else None
    if old is None:
        return drafts.copy(session, distribution_id, by=by, channel=channel, now=now)
    _open_edits(session, old)
    return _edit(session, old, distribution_id, by=by, channel=channel, now=now)


def _open_edits(session: Session, row: Distribution) -> list[Distribution]:
    """The drafts that are edits of a live one. Raises `Refused` where one waits for its approval."""
    is_open = (Distribution.replaces_id == row.id, Distribution.status.in_(("draft", "pending")))
    found = list(session.scalars(select(Distribution).where(*is_open).order_by(Distribution.id)))
    if any(other.status == "pending" for other in found):
        raise Refused(f"An edit of '{row.subject}' waits for its approval. Take that back to change it.")
    return found


def _edit(
    session: Session, row: Distribution, source_id: int, *, by: str, channel: str | None, now: datetime
) -> Distribution:
    """A draft with all that `source_id` has, which takes over from the live `row`."""
    draft = drafts.copy(session, source_id, by=by, channel=channel, now=now)
    draft.replaces_id, draft.family_id = row.id, row.family_id or row.id
    session.flush()
    return draft


def _newest_fires(session: Session, distribution_id: int, now: datetime) -> bool:
    """Whether what took over from a distribution, at last, is live."""
    newest = distribution_id
    while (later := distributions.replaced_by(session, newest)) is not None:
        newest = later
    found = distributions.get(session, newest)
    return found is not None and fires(found, now)
