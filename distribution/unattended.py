"""Distributions sent on a system's word, without anybody looking: reviewed, then sent, or put before a colleague.

A few thousand recipients are reviewed at once, more of them in the review's job, after which it goes on by itself
("reviewing" meanwhile). What the review refuses is `refused` and says why; mended (codes were loaded, say), it may be
sent again.

The approval policy holds here too. A token is nobody's second pair of eyes: what needs an approval waits for a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from distribution import approvals, drafts, seal, settings
from distribution import audience as audiences
from distribution.errors import Refused
from distribution.findings import Review, Running
from distribution.jobs import JobRun
from distribution.requests import Unfit
from distribution.review import latest, review, review_job
from distribution.runtime import Runtime
from distribution.sending import control
from storage import approvals as approval_rows
from storage import distributions as rows
from storage import team
from storage.tables import Distribution, Job

Step = Literal["send", "approval"]

APPROVERS = ("approver", "admin")

# Sent already, or on its way: to send it again changes nothing.
UNDER_WAY = ("scheduled", "blocking", "sending", "paused", "done")


@dataclass(frozen=True)
class Gone:
    """A distribution that was sent on; `refusal` is why its review did not let it go, None where it did."""

    distribution: Distribution
    refusal: Refused | None = None


def send(session: Session, runtime: Runtime, distribution_id: int, *, by: str) -> Gone:
    """Review a draft of `by`'s and send it, at once or at its time. One that is on its way or was sent stays as it is.

    Raises `Refused`, with a reason: "approval_required", "pending", "not_yours", or its status.
    """
    return _go(session, runtime, distribution_id, "send", by)


def request_approval(session: Session, runtime: Runtime, distribution_id: int, *, by: str) -> Gone:
    """Review a draft of `by`'s and ask for its approval; when somebody approves, it goes out. Asked twice, it is asked
    once.

    Raises `Refused`, with a reason: "approval_not_needed", "no_approver", "not_yours", or its status.
    """
    return _go(session, runtime, distribution_id, "approval", by)


def call_back(
    session: Session, runtime: Runtime, distribution_id: int, *, by: str, called: str, now: datetime
) -> Distribution:
    """Make a draft again of what has not left: while it is reviewed, waits, or is held. Raises `Refused`.

    `called`: what people know `by` by, at the beginning of a sentence.
    """
    row = rows.locked(session, distribution_id)
    if row is None:
        raise _gone()
    if row.status == "draft":
        row.draft = {key: value for key, value in row.draft.items() if key not in ("then", "reviewing")}
        session.flush()
        return row
    if row.status == "pending":
        return approvals.reopen(session, distribution_id, by=by, now=now)
    return control.call_back(session, runtime, distribution_id, by=called, now=now)


def standing(session: Session, row: Distribution) -> tuple[str, str | None]:
    """The status of a distribution and its reason, as a system is told: "reviewing" while its audience is counted."""
    if row.status != "draft" or "then" not in row.draft:
        return row.status, row.status_reason
    if isinstance(latest(session, row), Running):
        return "reviewing", None
    job = session.get(Job, row.draft.get("reviewing") or 0)
    return row.status, job.error if job else row.status_reason


def review_and_go_on(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job "review": see `distribution.review`. What a system asked for goes on in the transaction that ends it."""
    return review_job(runtime, run, after=_after)


def _after(session: Session, runtime: Runtime, draft: Distribution, notes: Mapping[str, Any], found: Review) -> None:
    """A review is done: go on with what was asked for, if that was more than to see it."""
    if step := notes.get("then"):
        _release(session, runtime, draft, step, found)


def _go(session: Session, runtime: Runtime, distribution_id: int, step: Step, by: str) -> Gone:
    row = _mine(session, distribution_id, by)
    asked = approval_rows.latest_of(session, row.id)
    rejected = asked is not None and asked.state == "rejected"
    if row.status in UNDER_WAY and (step == "send" or asked is not None):
        return Gone(row)
    if row.status == "pending" and step == "approval":
        return Gone(row)
    if row.status == "refused" and not rejected:
        seal.lift(session, row)
        row.status, row.status_reason, row.finished_at = "draft", None, None
    if row.status != "draft":
        raise _cannot(row, step)
    now = runtime.clock.now()
    lacking = drafts.missing(session, row, now=now)
    if lacking:
        raise Unfit([Refused(each.text, field=each.field) for each in lacking])
    if standing(session, row)[0] == "reviewing":
        row.draft = {**row.draft, "then": step}
        return Gone(row)
    automatic = row.mode == "automatic"
    textable = 0 if automatic else audiences.count(session, drafts.rule(row.audience), now).textable
    _hold_to_policy(session, row, step, approvals.reach(row, textable))
    if step == "approval" and row.channel is None:
        row.channel = settings.get(session, "approvals.channel") or None
    found = review(session, runtime, row.id, by=by, again=True)
    if isinstance(found, Running):
        row.draft = {**row.draft, "then": step}
        session.flush()
        return Gone(row)
    return _release(session, runtime, row, step, found)


def _release(session: Session, runtime: Runtime, row: Distribution, step: Step, found: Review) -> Gone:
    """Go on with what was reviewed just now, or refuse it and say why."""
    try:
        if found.refusals:
            raise Refused(" ".join(found.refusals), reason=_why(found))
        _hold_to_policy(session, row, step, approvals.reach(row, found.recipients))
        approvals.submit(session, runtime, row.id, by=row.created_by)
    except Refused as refusal:
        row.status, row.status_reason, row.updated_at = "refused", str(refusal), runtime.clock.now()
        session.flush()
        return Gone(row, refusal)
    return Gone(row)


def _why(found: Review) -> str:
    """What stands in the way, as a word."""
    if found.foreseen is not None:
        return "texts"
    if not found.recipients:
        return "nobody"
    return "codes_missing" if any(need.missing for need in found.codes) else "texts"


def _hold_to_policy(session: Session, row: Distribution, step: Step, recipients: int | None) -> None:
    """Raise `Refused` where the approval policy is against a step, and say what to do instead.

    `recipients`: how many at most; None where nobody knows.
    """
    policy = settings.get(session, "approvals.required")
    needed = approvals.needed(session, recipients)
    if step == "send" and needed:
        whom = "nobody knows how many customers" if recipients is None else f"{recipients:,} customers"
        raise Refused(
            f"'{row.subject}' goes to {whom}, and a second person must approve that: approvals.required is {policy}.",
            reason="approval_required",
        )
    if step == "approval" and not needed:
        raise Refused(
            f"'{row.subject}' needs no approval: approvals.required is {policy}.", reason="approval_not_needed"
        )
    approvable = team.has_any(session, APPROVERS) or settings.get(session, "approvals.channel")
    if step == "approval" and not approvable:
        raise Refused(
            "Nobody could approve it: promobot has met no approver in Slack yet, and a token is no second person.",
            reason="no_approver",
        )


def _mine(session: Session, distribution_id: int, by: str) -> Distribution:
    """A distribution of `by`'s, held against others. Raises `Refused`."""
    row = rows.locked(session, distribution_id)
    if row is None:
        raise _gone()
    if row.created_by != by:
        raise Refused(f"'{row.subject}' is somebody else's. Only who made it can send it on.", reason="not_yours")
    return row


def _gone() -> Refused:
    return Refused("This distribution does not exist any more.")


def _cannot(row: Distribution, step: Step) -> Refused:
    """Why a distribution that is no draft cannot be sent on."""
    what = "sent" if step == "send" else "approved"
    said = f"'{row.subject}' cannot be {what}: it {drafts.stands(row)}."
    if row.status == "pending":
        said += " It goes out by itself when somebody in Slack approves it."
    elif row.status == "refused" and row.status_reason:
        said += f" {row.status_reason.rstrip('.')}. Make a new one that mends it."
    return Refused(said, reason=row.status)
