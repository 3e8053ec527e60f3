"""From an approval and its distribution to what a card says."""

from sqlalchemy.orm import Session

from commands.approvals.views import Card, Codes
from commands.send import words
from commands.send.views import foreseen
from commands.send.views.review import cost, sizes
from distribution import promotions
from distribution import review as reviews
from distribution.codes.taking import SAME
from distribution.errors import Refused
from distribution.findings import Review
from distribution.limits import span
from distribution.undoing import called_back
from storage import leaving_now
from storage.tables import Approval, Distribution, PromoCodeGroup

PURPOSES = {"unique_codes": "Unique codes", "promotion": "Promotion", "custom": "Custom message"}


def card(session: Session, approval: Approval) -> Card:
    """What a card says of an approval: the sealed facts, and the numbers of the review that was sealed."""
    distribution = session.get_one(Distribution, approval.distribution_id)
    sealed = distribution.sealed
    found = reviews.latest(session, distribution)
    review = found if isinstance(found, Review) else None
    automatic = distribution.mode == "automatic"
    provider = sealed.get("provider") or {}
    audience = sealed.get("audience") or {}
    replaces, different = words.replaces(session, distribution)
    return Card(
        approval_id=approval.id,
        distribution_id=distribution.id,
        subject=distribution.subject,
        state=approval.state,
        requested_by=approval.requested_by,
        requested_at=approval.requested_at,
        purpose=what(session, distribution),
        when=words.until(distribution) if automatic else words.when(session, distribution) or "at once, when approved",
        sets_off=words.sets_off(session, distribution) if automatic else "",
        lately=foreseen.lately(review.foreseen, reminders=bool(distribution.reminders))
        if review and review.foreseen
        else "",
        days=review.foreseen.days if review and review.foreseen else 0,
        reminders=words.reminders(distribution),
        further=words.further(distribution),
        dry=words.dry(distribution),
        replaces=replaces,
        different=different,
        conflicts=review.conflicts if review else (),
        given_up=span(sealed["lifetime_minutes"]) if sealed.get("lifetime_minutes") else "",
        provider=provider.get("name", "–"),
        recipients=review.recipients if review else audience.get("size", 0),
        total=review.total if review else audience.get("size", 0),
        audience=audience.get("name") or (review.audience if review else "–"),
        codes=[Codes(need.name, need.needed, need.active, need.kept) for need in review.codes] if review else [],
        texts=sizes(review.segments, review.pictures) if review else "",
        cost=cost(review) if review else "",
        sample=review.samples[0].text if review and review.samples else "",
        body=distribution.body,
        repeats=bool(distribution.repeat),
        goes_out=words.goes_out(session, distribution),
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        reason=approval.reason,
        may_call_back=approval.state == "approved" and not automatic and _nothing_left(session, distribution),
    )


def _nothing_left(session: Session, distribution: Distribution) -> bool:
    """Whether it was sent off, and nothing of it has left yet."""
    if called_back(distribution) or distribution.status not in ("scheduled", "blocking", "sending", "paused"):
        return False
    return not leaving_now.dispatched(session, distribution.id)


def what(session: Session, distribution: Distribution) -> str:
    """What customers get, in words: "Unique codes from “Summer 10%”"."""
    said = PURPOSES[distribution.purpose]
    if distribution.group_id:
        same = ", the same until redeemed" if distribution.code_policy == SAME else ""
        return f"{said} from “{session.get_one(PromoCodeGroup, distribution.group_id).name}”{same}"
    if distribution.promotion_id:
        try:
            return f"{said} “{promotions.get(session, distribution.promotion_id).name}”"
        except Refused:
            return said
    return said
