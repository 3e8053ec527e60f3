"""What a launch did, taken back in chunks: too few codes, a change since the seal, a person who calls it back.

Nothing has left by then: nothing of it was ever dispatched, and nothing can be while its status is `blocking`.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.orm import Session

from distribution import seal
from storage import batches, distributions, issuing, live_codes, reminded
from storage.batches import lock
from storage.bulk import among
from storage.tables import Distribution, DistributionTally, Message, PromoCodeRepeat

if TYPE_CHECKING:
    from distribution.jobs import JobRun
    from distribution.runtime import Runtime

CHUNK = 25_000  # messages
BATCHES = 1_000


def called_back(row: Distribution) -> bool:
    """Whether a distribution is being called back: what was launched had a seal, and lost it there and then."""
    return row.status == "blocking" and row.seal is None


def undo(session: Session, runtime: "Runtime", run: "JobRun", row: Distribution) -> None:
    """A chunk of a launch's job: take back the last messages with their codes; when none is left, say why.

    `row` is locked. In the end it is a draft again where it was called back, else `refused`, or `stopped` as it was.
    """
    if _messages(session, row, runtime.clock.now()):
        return
    if batches.close_unsent(session, row.id, limit=BATCHES):  # leased inside the hold's last moment: nothing has left
        return
    if reminded.forget(session, row.id, limit=CHUNK):
        return
    session.execute(delete(DistributionTally).where(DistributionTally.distribution_id == row.id))
    row.first_message_id = row.last_message_id = row.claimed_to = None
    row.codes_taken = {}
    row.held_until = row.started_at = row.time_counts_from = row.gives_up_at = None
    now, reason = runtime.clock.now(), run.progress.get("reason")
    if called_back(row):
        seal.back_to_draft(session, row, row.status_reason or "", now)
        run.progress = {"phase": "over", "result": {"called_back": row.status_reason}}
        return
    row.finished_at = now
    session.flush()
    distributions.move(session, row.id, was=("blocking",), to="refused", reason=reason, at=now)
    run.progress = {"phase": "over", "result": {"refused": reason}}


def _messages(session: Session, row: Distribution, now: datetime) -> bool:
    """Take back the last messages; False when there is none left."""
    first, last = row.first_message_id or 0, row.last_message_id or -1
    cut = max(first, last - CHUNK + 1)
    ids = list(range(cut, last + 1)) if first else []
    if not ids:
        return False
    for other in live_codes.carriers(session, ids):
        lock(session, other)
    issuing.move(session, issuing.Codes(returned=ids), now)
    for (other, group_id), n in live_codes.hand_over(session, ids).items():
        # Locked here too: a launch may have begun to repeat them while this one waited for their codes.
        issuing.count_taken(lock(session, other), group_id, n)
    session.execute(delete(PromoCodeRepeat).where(among(session, PromoCodeRepeat.message_id, ids)))
    session.execute(delete(Message).where(Message.id >= cut, Message.id <= last, Message.distribution_id == row.id))
    row.last_message_id = cut - 1
    return True
