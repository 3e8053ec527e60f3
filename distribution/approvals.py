"""Approvals: a second pair of eyes on exactly what will be sent.

The life of a request: a reviewed draft is sealed (`submit`); where the workspace wants no approval it goes on at once,
else it waits. `approve` and `reject` are decided by one conditional update, so two clicks cannot both count. Whatever
changed after the seal makes the approval void: on the click, when it is launched later
(`seal.void_if_changed`), and when its author takes it back to edit it (`reopen`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from distribution import drafts, launch, seal, settings
from distribution.automatic import live
from distribution.drafts import stands
from distribution.errors import Refused
from distribution.limits import zone_of
from distribution.review import Review, Running, latest
from distribution.runtime import Runtime
from distribution.schedule import local, repeat
from distribution.templates.values import clean
from storage import approvals as rows
from storage import distributions
from storage.tables import Approval, Distribution

# A time that passed while its approval was waited for: up to here it is sent at once, later it would surprise.
LATE = timedelta(hours=1)

# Reviews older than this are counted again before anything is asked for or sent.
REVIEW_AGE = timedelta(hours=24)


# `distributions.locked` for who decides, `distributions.get` for who only looks.
Find = Callable[[Session, int], Distribution | None]


class Decider(Protocol):
    """Who decides: `commands.people.Person`, or what the API knows of a token's owner."""

    @property
    def user_id(self) -> str:
        """Their id."""
        ...

    def must(self, action: str) -> None:
        """Raise `Refused` unless they may do `action` ("approve")."""
        ...


@dataclass(frozen=True)
class Submitted:
    """What became of a submitted draft: it waits for approval, for its time, is on its way, or live ("sending")."""

    status: Literal["pending", "scheduled", "blocking", "sending"]
    approval: Approval | None


@dataclass(frozen=True)
class Decision:
    """What became of a click on Approve: "approved", or "void" because something changed; then `changes` says what."""

    outcome: Literal["approved", "void"]
    approval: Approval
    distribution: Distribution
    changes: tuple[str, ...] = ()


def needed(session: Session, recipients: int | None) -> bool:
    """Whether a distribution to so many recipients needs a second person (setting "approvals.required").

    None: nobody knows how many it will be, so it may be more than any limit.
    """
    policy, _, limit = str(settings.get(session, "approvals.required")).partition(":")
    return policy == "always" or (policy == "above" and (recipients is None or recipients > int(limit)))


def reach(draft: Distribution, reviewed: int) -> int | None:
    """How many customers a draft will text at most, `reviewed` by its review; None: nobody knows.

    An automatic one texts as many as its total ceiling allows, one that is repeated whoever is there each time.
    """
    if draft.mode == "automatic":
        return draft.trigger.get("most")
    return None if draft.repeat else reviewed


def submit(session: Session, runtime: Runtime, distribution_id: int, *, by: str) -> Submitted:
    """Seal a reviewed draft, and ask for its approval or go on, as the workspace's policy has it.

    Raises `Refused` when it cannot go on: a step is missing, it was not reviewed as it is now, codes are missing.
    """
    now = runtime.clock.now()
    draft = drafts.locked(session, distribution_id, by=by)
    for lacking in drafts.missing(session, draft, now=now):
        raise Refused(lacking.text, field=lacking.field)
    found = _reviewed(session, draft, now)
    if found.refusals:
        raise Refused(" ".join(found.refusals))
    sealed = seal.put(session, draft)
    if sealed != found.seal:
        seal.lift(session, draft)
        raise Refused("Something changed since this was reviewed. Check the review again, then go on.")
    draft.status_reason = None
    if not needed(session, reach(draft, found.recipients)):
        return Submitted(_go(session, runtime, draft, was="draft"), None)
    approval = Approval(
        distribution_id=draft.id,
        seal=sealed,
        state="pending",
        requested_by=by,
        requested_at=now,
        channel=settings.get(session, "approvals.channel") or draft.channel,
    )
    session.add(approval)
    draft.status, draft.updated_at = "pending", now
    session.flush()
    return Submitted("pending", approval)


def check(session: Session, approval_id: int, person: Decider) -> Distribution:
    """What a request is about, before `person` is asked why they reject it. Raises `Refused` unless they may now."""
    return _waiting(session, approval_id, person, distributions.get)[1]


def approve(session: Session, runtime: Runtime, approval_id: int, person: Decider) -> Decision:
    """Approve a request; the distribution is launched, or scheduled for its time.

    When something changed since it was sealed, the approval becomes void instead and the distribution a draft again:
    that is an outcome to be committed and told, not an error. Raises `Refused`: not theirs to decide, or decided.
    """
    now = runtime.clock.now()
    approval, distribution = _waiting(session, approval_id, person, distributions.locked)
    changed = _changes(session, approval, distribution, now)
    if changed:
        seal.void(session, approval, distribution, changed, now)
        return Decision("void", approval, distribution, tuple(changed))
    if not rows.decide(session, approval_id, state="approved", by=person.user_id, reason=None, at=now):
        raise _decided(session, approval_id)
    _go(session, runtime, distribution, was="pending")
    return Decision("approved", approval, distribution)


def reject(session: Session, approval_id: int, person: Decider, reason: str, *, now: datetime) -> Approval:
    """Reject a request and say why. Raises `Refused`, field "reason" without one, else as `approve` does."""
    reason = clean(" ".join(reason.split()))
    if not reason:
        raise Refused("Say why, so that it can be mended.", field="reason")
    if len(reason) > 500:
        raise Refused(f"The reason has {len(reason)} characters. It may have 500.", field="reason")
    approval, distribution = _waiting(session, approval_id, person, distributions.locked)
    if not rows.decide(session, approval_id, state="rejected", by=person.user_id, reason=reason, at=now):
        raise _decided(session, approval_id)
    words = f"Rejected by {rows.name_of(session, person.user_id)}: {reason}"
    distributions.move(session, distribution.id, was=("pending",), to="refused", reason=words, at=now)
    return approval


def reopen(session: Session, distribution_id: int, *, by: str, now: datetime) -> Distribution:
    """Take a distribution that waits (for its approval or its time) back to a draft, to edit or discard it.

    A request or an approval that it had is void. Raises `Refused`: it is somebody else's, or does not wait any more.
    """
    distribution = distributions.locked(session, distribution_id)
    if distribution is None:
        raise Refused("That distribution does not exist any more.")
    if distribution.created_by != by:
        raise Refused("Only the person who made this can take it back. An approver can reject it.")
    if distribution.status not in ("pending", "scheduled"):
        raise Refused(f"'{distribution.subject}' cannot be taken back: it {stands(distribution)}.")
    seal.void(session, rows.latest_of(session, distribution_id), distribution, ["it was taken back to be edited"], now)
    return distribution


def _reviewed(session: Session, draft: Distribution, now: datetime) -> Review:
    """The review of a draft as it is. Raises `Refused` without one."""
    found = latest(session, draft)
    if isinstance(found, Running):
        raise Refused("The review is still counting. It will be ready in a moment.")
    if found is None or found.made_at < now - REVIEW_AGE:
        raise Refused("Review it first: who is in the audience was not counted since it was changed.")
    return found


def _waiting(session: Session, approval_id: int, person: Decider, find: Find) -> tuple[Approval, Distribution]:
    """A request that `person` may decide, and its distribution, by `find`. Raises `Refused`."""
    person.must("approve")
    approval = rows.get(session, approval_id)
    distribution = find(session, approval.distribution_id) if approval else None
    if approval is None or distribution is None:
        raise Refused("This request does not exist any more.")
    session.refresh(approval)
    if approval.state != "pending" or distribution.status != "pending":
        raise _decided(session, approval_id)
    if person.user_id in (approval.requested_by, distribution.created_by):
        raise Refused("You asked for this approval yourself, so a colleague has to decide.")
    return approval, distribution


def _decided(session: Session, approval_id: int) -> Refused:
    """Why a request cannot be decided any more."""
    approval = rows.get(session, approval_id)
    if approval is None:
        return Refused("This request does not exist any more.")
    if approval.state == "void":
        return Refused(f"This request is void: {approval.reason}.")
    who = rows.name_of(session, approval.decided_by) if approval.decided_by else "somebody"
    return Refused(f"{who} {approval.state} this already.")


def _changes(session: Session, approval: Approval, distribution: Distribution, now: datetime) -> list[str]:
    """Why an approval cannot hold any more, in words."""
    if approval.seal != distribution.seal:
        return ["it was sealed again since"]
    changed = seal.broken(session, distribution)
    if not distribution.repeat and (at := _latest(session, distribution)) and at < now - LATE:
        changed.append("the time that it was to be sent at has passed")
    if distribution.ends_at and distribution.ends_at <= now:
        changed.append("the time that it was to end at has passed")
    if live.superseded(session, distribution):
        changed.append("another edit of it is live by now")
    return changed


def _latest(session: Session, distribution: Distribution) -> datetime | None:
    """When it is to be sent; by each customer's own clock: when the workspace's shows that time."""
    if distribution.local_at is None:
        return distribution.send_at
    return local.moment(local.parse(distribution.local_at), _zone(session))


def _zone(session: Session) -> ZoneInfo:
    return zone_of(None, settings.get(session, "time_zone"))


def _go(
    session: Session, runtime: Runtime, distribution: Distribution, *, was: str
) -> Literal["scheduled", "blocking", "sending"]:
    """Sealed, and approved where that is needed: set live, wait for its time, or launch.

    Raises `Refused`, field "repeat_until", where a repeated one has no time to come any more.
    """
    now = runtime.clock.now()
    if distribution.mode == "automatic":
        launch.launch(session, runtime, distribution.id)
        session.refresh(distribution)
        return "sending"
    if rule := repeat.parse(distribution.repeat):  # while it waited for its approval, its first time may have passed
        distribution.send_at = repeat.first(rule, now, _zone(session))
    if distribution.send_at and distribution.send_at > now:
        distributions.move(session, distribution.id, was=(was,), to="scheduled", reason=None, at=now)
        return "scheduled"
    launch.launch(session, runtime, distribution.id, hold=launch.hold_left(session, distribution))
    return "blocking"
