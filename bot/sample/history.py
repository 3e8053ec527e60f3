"""Two distributions of the last days, so that reports, profiles and the home tab have something to tell.

They are played through the engine itself, with a clock in the past; only the texts were never sent.
"""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import approvals, audience, drafts, review
from distribution.clock import ManualClock
from distribution.codes import generate, groups, redemptions
from distribution.kinds import jobs_for
from distribution.runtime import Runtime
from distribution.sending.status import finish_if_over
from storage import issuing, messages
from storage.messages import Settled
from storage.tables import Approval, Distribution, Message, MessageState, PromoCode, Segment

MARKETER, APPROVER = "U0MAYA", "U0LEE"
TOOK = timedelta(seconds=14)
# Older than what is followed in Slack (`commands.distributions.progress`), or the bot would post their reports now.
FIRST, AGAIN = 6, 4  # days ago
# One text in so many did not arrive, and one code in so many has been used: counted, not drawn, so that all runs agree.
LOST, USED = 23, 6


class Lee:
    """The approver, as the engine asks for one."""

    user_id = APPROVER

    def must(self, action: str) -> None:
        """He may."""


def play(runtime: Runtime, *, group: str, segment: str, provider_id: int) -> None:
    """A first message with a code of their own for everybody in a segment, and the same code again two days later.

    Leaves the group the active codes that it had.
    """
    with runtime.db.write() as session:
        group_id = groups.by_name(session, group).id
        segment_id = session.scalars(select(Segment.id).where(Segment.name == segment)).one()
        whom: dict[str, object] = {"kind": "segment", "segment_id": segment_id}
        needed = audience.count(session, whom, runtime.clock.now()).textable
        generate.generate_into(session, group_id, needed, by=MARKETER, now=runtime.clock.now())
    first = (
        "Hi {{ client.first_name | default('there') }}, good to have you back: "
        f"{{{{ client.promocode('{group}') }}}}. Reply STOP to opt out."
    )
    again = f"Your code still waits for you: {{{{ client.last_promocode('{group}') }}}}. Reply STOP to opt out."
    _play(runtime, FIRST, "Good to have you back", first, whom, provider_id, group_id)
    _play(runtime, AGAIN, "Good to have you back, once more", again, whom, provider_id, None)
    with runtime.db.write() as session:
        _redeem(session, runtime, group_id)


def _play(
    runtime: Runtime,
    days_ago: int,
    subject: str,
    body: str,
    whom: dict[str, object],
    provider_id: int,
    group_id: int | None,
) -> None:
    """One distribution, from its draft to its report."""
    clock = ManualClock(runtime.clock.now() - timedelta(days=days_ago))
    past = Runtime(runtime.db, clock, jobs_for(clock), runtime.links, runtime.vault)
    now = clock.now()
    with past.db.write() as session:
        draft = drafts.start(session, by=MARKETER, channel=None, now=now)
        drafts.set_type(session, draft, mode="manual", now=now)
        purpose = "unique_codes" if group_id else "custom"
        drafts.set_purpose(session, draft, purpose=purpose, group_id=group_id, now=now)
        drafts.set_audience(session, draft, whom, now=now)
        drafts.set_subject(session, draft, subject, now=now)
        drafts.set_message(session, draft, provider_id=provider_id, body=body, send_at=None, now=now)
        review.review(session, past, draft.id, by=MARKETER)
        approvals.submit(session, past, draft.id, by=MARKETER)
        asked = session.scalars(select(Approval).where(Approval.distribution_id == draft.id)).one_or_none()
        if asked is not None:
            approvals.approve(session, past, asked.id, Lee())
            asked.shown = asked.state  # no card is posted for what was decided days ago
    while past.jobs.run_next(past):
        pass
    clock.advance(TOOK)
    with past.db.write() as session:
        _arrive(session, session.get_one(Distribution, draft.id), clock)


def _arrive(session: Session, distribution: Distribution, clock: ManualClock) -> None:
    """Every text was taken, and nearly every one arrived."""
    sent = select(Message.id).where(Message.distribution_id == distribution.id, Message.state == MessageState.QUEUED)
    ids = list(session.scalars(sent.order_by(Message.id)))
    taken = [Settled(key, MessageState.ACCEPTED, None, f"SAMPLE{key}", 1) for key in ids]
    messages.settle(session, distribution.id, taken, clock.now())
    issuing.move(session, issuing.Codes(issued=ids), clock.now())
    clock.advance(TOOK)
    receipts = [
        Settled(key, MessageState.UNDELIVERED, "phone_unreachable")
        if at % LOST == LOST - 1
        else Settled(key, MessageState.DELIVERED)
        for at, key in enumerate(ids)
    ]
    messages.advance(session, distribution.id, receipts, clock.now())
    distribution.claimed_to = distribution.last_message_id
    finish_if_over(session, distribution, clock.now())


def _redeem(session: Session, runtime: Runtime, group_id: int) -> None:
    """Some customers have used their code since."""
    issued = select(PromoCode.code).where(PromoCode.group_id == group_id, PromoCode.message_id.is_not(None))
    used = list(session.scalars(issued.order_by(PromoCode.message_id)))[::USED]
    now = runtime.clock.now()
    uses = [redemptions.Use(code, at=now - timedelta(days=1), place="the shop in Warsaw") for code in used]
    redemptions.redeem_many(session, uses, by=MARKETER, now=now)
