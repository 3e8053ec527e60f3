"""Drafts: a distribution in the making, kept after each step of the wizard, continued where it was left.

Each `set_…` checks one step and stores it, or raises `Refused` at the field that was typed into. `missing` says, at any
time, what still stands between a draft and its review: groups, segments and providers come and go meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import promotions
from distribution.codes.taking import NEW, POLICIES
from distribution.errors import Refused
from distribution.limits import span
from distribution.templates.analyse import Analysis, analyse
from distribution.templates.reading import regrouped
from distribution.templates.tags import literal
from distribution.templates.values import clean
from storage import distributions as rows
from storage import fixed_lists
from storage.names import fold
from storage.tables import Distribution, PromoCodeGroup, Provider

# In the order of the wizard; the number that people see is the place here, from 1.
STEPS = ("type", "purpose", "audience", "subject", "message")

# What a review keeps in `Distribution.draft`, and what is to be done after it; any edit drops it.
REVIEW = ("review", "reviewing", "then")

SUBJECT_MAX = 100
FURTHEST = timedelta(days=366)
SHORTEST_LIFETIME, LONGEST_LIFETIME = 5, 10_080  # minutes: a week at most

STATUS_WORDS = {
    "pending": "waits for its approval",
    "scheduled": "waits for its time",
    "blocking": "is being sent",
    "sending": "is being sent",
    "paused": "is paused",
    "done": "was sent",
    "stopped": "was stopped",
    "refused": "was refused",
    "discarded": "was discarded",
}


@dataclass(frozen=True)
class Missing:
    """Something that a draft lacks, or that is wrong with it: at which step and field, and what to do."""

    step: str
    field: str | None
    text: str


def start(session: Session, *, by: str, channel: str | None, now: datetime) -> Distribution:
    """A new, empty draft of a manual distribution. `channel`: where progress and report will go."""
    draft = Distribution(
        status="draft",
        mode="manual",
        channel=channel,
        created_by=by,
        created_at=now,
        updated_at=now,
        audience={},
        draft={},
    )
    session.add(draft)
    session.flush()
    return draft


def copy(session: Session, distribution_id: int, *, by: str, channel: str | None, now: datetime) -> Distribution:
    """A new draft with all that another distribution had but its time: to send it again, or mend a refused one."""
    other = rows.get(session, distribution_id)
    if other is None:
        raise Refused("That distribution does not exist any more.")
    draft = start(session, by=by, channel=channel or other.channel, now=now)
    draft.purpose, draft.group_id, draft.promotion_id = other.purpose, other.group_id, other.promotion_id
    draft.audience, draft.code_policy = rule(other.audience), other.code_policy
    draft.subject, draft.provider_id, draft.body = other.subject, other.provider_id, other.body
    draft.lifetime_minutes = other.lifetime_minutes
    draft.draft = {"reached": len(STEPS)}
    session.flush()
    return draft


def get(session: Session, draft_id: int, *, by: str) -> Distribution:
    """A draft that `by` may go on with. Raises `Refused`: it is gone, somebody else's, or no draft any more."""
    draft = rows.locked(session, draft_id)
    if draft is None:
        raise Refused("This draft does not exist any more. Start anew with /promo send.")
    if draft.created_by != by:
        raise Refused("This draft is somebody else's. Only they can go on with it.")
    if draft.status != "draft":
        raise Refused(f"'{draft.subject}' is no draft any more: it {STATUS_WORDS[draft.status]}.")
    return draft


def open_of(session: Session, user_id: str) -> list[Distribution]:
    """A person's drafts, the one changed last first."""
    return rows.list_for(session, user_id, statuses=("draft",))


def title(draft: Distribution) -> str:
    """What a draft is called: its subject, or what is known of it."""
    return draft.subject or (f"Draft {draft.id}" if draft.id else "New draft")


def reached(draft: Distribution) -> int:
    """The step, from 1, that a draft is continued at: the one after the last that was accepted."""
    return min(int(draft.draft.get("reached", 0)) + 1, len(STEPS))


def discard(session: Session, draft_id: int, *, by: str, now: datetime) -> None:
    """Throw a draft away. Raises `Refused` as `get` does."""
    draft = get(session, draft_id, by=by)
    unfix(session, draft)
    draft.status, draft.updated_at, draft.draft = "discarded", now, {}
    session.flush()


def keep_typed(session: Session, draft: Distribution, step: str, typed: Mapping[str, Any], *, now: datetime) -> None:
    """Remember what was typed at a step and not accepted yet, for when its modal is closed and opened again."""
    kept = {name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in typed.items()}
    draft.draft = {**draft.draft, "typed": {**draft.draft.get("typed", {}), step: kept}}
    draft.updated_at = now
    session.flush()


def typed(draft: Distribution, step: str) -> dict[str, Any]:
    """What `keep_typed` remembered; empty when the step was accepted since."""
    return dict(draft.draft.get("typed", {}).get(step, {}))


def set_type(session: Session, draft: Distribution, *, mode: str, now: datetime) -> None:
    """Step 1. Raises `Refused`, field "mode"."""
    _check_mode(mode)
    draft.mode = mode
    _accept(session, draft, "type", now)


def set_purpose(
    session: Session,
    draft: Distribution,
    *,
    purpose: str,
    group_id: int | None = None,
    promotion_id: int | None = None,
    code_policy: str = NEW,
    now: datetime,
) -> None:
    """Step 2. Raises `Refused`, field "purpose", "group", "policy" or "promotion".

    `code_policy`: "new", or "same" (`distribution.codes.taking`). When another group is chosen, tags in the body that
    named the old one name the new one.
    """
    group = _check_purpose(session, purpose, group_id, promotion_id, now)
    if code_policy not in POLICIES:
        raise Refused("Choose which codes customers get.", field="policy")
    before = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    if group is not None and before is not None and before.id != group.id:
        draft.body = regrouped(draft.body, fold(before.name), group.name)
    draft.purpose = purpose
    draft.group_id = group.id if group else None
    draft.code_policy = code_policy if group else NEW
    draft.promotion_id = promotion_id if purpose == "promotion" else None
    _accept(session, draft, "purpose", now)


def set_audience(session: Session, draft: Distribution, audience: Mapping[str, Any], *, now: datetime) -> None:
    """Step 3: {"kind": "segment" | "list", "segment_id": 3} or {"kind": "customer", "customer_id": 7}.

    Raises `Refused`, field "audience".
    """
    audiences.where(session, rule(audience), now)
    unfix(session, draft)
    draft.audience = rule(audience)
    _accept(session, draft, "audience", now)


def set_subject(session: Session, draft: Distribution, subject: str, *, now: datetime) -> None:
    """Step 4. Raises `Refused`, field "subject"."""
    accepted = _check_subject(subject)
    same = accepted == draft.subject
    draft.subject = accepted
    _accept(session, draft, "subject", now, same=same)


def set_message(
    session: Session,
    draft: Distribution,
    *,
    provider_id: int | None,
    body: str,
    send_at: datetime | None,
    lifetime_minutes: int | None = None,
    now: datetime,
) -> None:
    """Step 5. Raises `Refused`, field "provider", "body", "send_at" or "lifetime"; `keep_typed` keeps what was typed.

    `lifetime_minutes`: after how long a text that could not be sent is given up; None: as the workspace's setting says.
    """
    _check_provider(session, provider_id)
    analysis = check_body(session, draft, body)
    _check_time(send_at, now)
    _check_lifetime(lifetime_minutes)
    accepted = (provider_id, analysis.body, send_at, lifetime_minutes)
    same = accepted == (draft.provider_id, draft.body, draft.send_at, draft.lifetime_minutes)
    draft.provider_id, draft.body, draft.send_at, draft.lifetime_minutes = accepted
    _accept(session, draft, "message", now, same=same)


def check_body(session: Session, draft: Distribution, body: str) -> Analysis:
    """A body that suits a draft's purpose. Raises `Refused`, field "body"."""
    analysis = analyse(session, body, mode=draft.mode, has_promotion=draft.promotion_id is not None)
    if not analysis.body:
        raise Refused("Write the message.", field="body")
    analysis.refuse()
    if draft.purpose == "unique_codes":
        group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
        if group is not None and group.id not in {found.id for found in analysis.issues_from}:
            tag = f"{{{{ client.promocode({literal(group.name)}) }}}}"
            raise Refused(f"The message gives no code of '{group.name}'. Write {tag} where it goes.", field="body")
    elif analysis.issues_from:
        what = "A promotion needs no code" if draft.purpose == "promotion" else "A custom message gives no new code"
        raise Refused(
            f"{what}, but the message takes one from '{analysis.issues_from[0].name}'. Take the tag out, or choose "
            "'Unique codes from a group' in step 2.",
            field="body",
        )
    return analysis


def missing(session: Session, draft: Distribution, *, now: datetime) -> list[Missing]:
    """Everything that keeps a draft from its review, in the order of the steps; empty when nothing does."""
    checks: list[tuple[str, Callable[[], object]]] = [
        ("type", lambda: _check_mode(draft.mode)),
        ("purpose", lambda: _check_purpose(session, draft.purpose, draft.group_id, draft.promotion_id, now)),
        ("audience", lambda: audiences.where(session, rule(draft.audience), now)),
        ("subject", lambda: _check_subject(draft.subject)),
        ("message", lambda: _check_provider(session, draft.provider_id)),
        ("message", lambda: check_body(session, draft, draft.body)),
        ("message", lambda: _check_time(draft.send_at, now)),
        ("message", lambda: _check_lifetime(draft.lifetime_minutes)),
    ]
    found: list[Missing] = []
    for step, check in checks:
        try:
            check()
        except Refused as refusal:
            found.append(Missing(step, refusal.field, str(refusal)))
    return found


def rule(audience: Mapping[str, Any]) -> dict[str, Any]:
    """An audience as it was chosen, without what a review wrote down about who was in it."""
    return {key: value for key, value in audience.items() if key != "fixed"}


def unfix(session: Session, draft: Distribution) -> None:
    """Forget whom the last review counted: the audience is its rule again."""
    if fixed := draft.audience.get("fixed"):
        draft.audience = rule(draft.audience)
        fixed_lists.forget(session, fixed)


def _accept(session: Session, draft: Distribution, step: str, now: datetime, *, same: bool = False) -> None:
    """A step is done: what was typed is in the row, and what a review said may no longer hold.

    `same`: the step was accepted as it is before. Then it is a second delivery, or a look back, and a review stands.
    """
    number, reached = STEPS.index(step) + 1, int(draft.draft.get("reached", 0))
    stands = same and reached >= number
    still_typed = {name: kept for name, kept in draft.draft.get("typed", {}).items() if name != step}
    kept = {key: value for key, value in draft.draft.items() if key != "typed" and (stands or key not in REVIEW)}
    kept["reached"] = max(reached, number)
    draft.draft = {**kept, **({"typed": still_typed} if still_typed else {})}
    if not stands:
        unfix(session, draft)
    draft.updated_at = now
    session.flush()


def _check_mode(mode: str) -> None:
    if mode != "manual":
        raise Refused("Automatic messages cannot be set up here yet. Choose a manual one.", field="mode")


def _check_purpose(
    session: Session, purpose: str, group_id: int | None, promotion_id: int | None, now: datetime
) -> PromoCodeGroup | None:
    """The group that was chosen, where the purpose is one."""
    if purpose == "unique_codes":
        group = session.get(PromoCodeGroup, group_id) if group_id else None
        if group is None:
            raise Refused("Choose the group that the codes come from.", field="group")
        if group.deleted_at:
            raise Refused(f"Group '{group.name}' was deleted. Choose another.", field="group")
        if group.expires_at and group.expires_at <= now:
            raise Refused(f"The codes of '{group.name}' have expired. Choose another group.", field="group")
        return group
    if purpose == "promotion":
        if promotion_id is None:
            raise Refused("Choose the promotion that the message tells about.", field="promotion")
        promotion = promotions.get(session, promotion_id)
        if promotions.standing(promotion, now) == "ended":
            raise Refused(f"'{promotion.name}' has ended. Choose another promotion.", field="promotion")
    elif purpose != "custom":
        raise Refused("Choose what customers get.", field="purpose")
    return None


def _check_subject(subject: str) -> str:
    """The subject as it is kept: on one line."""
    kept = clean(" ".join(subject.split()))
    if not kept:
        raise Refused("Give it a subject: approvers and reports show it, customers never see it.", field="subject")
    if len(kept) > SUBJECT_MAX:
        raise Refused(f"The subject has {len(kept)} characters. It may have {SUBJECT_MAX}.", field="subject")
    return kept


def _check_provider(session: Session, provider_id: int | None) -> None:
    provider = session.get(Provider, provider_id) if provider_id else None
    if provider is None:
        raise Refused("Choose the provider that it is sent through.", field="provider")
    if provider.name_key is None or not provider.enabled:
        raise Refused(f"Provider '{provider.name}' is not in use any more. Choose another.", field="provider")


def _check_time(send_at: datetime | None, now: datetime) -> None:
    if send_at is None:
        return
    if send_at <= now:
        raise Refused("That time has passed. Pick one to come, or send now.", field="send_at")
    if send_at > now + FURTHEST:
        raise Refused("That is more than a year ahead. Pick a nearer time.", field="send_at")


def _check_lifetime(minutes: int | None) -> None:
    if minutes is not None and not SHORTEST_LIFETIME <= minutes <= LONGEST_LIFETIME:
        raise Refused(
            f"Texts are given up after {span(SHORTEST_LIFETIME)} to {span(LONGEST_LIFETIME)}. "
            "Choose a time between, or leave it to the workspace's setting.",
            field="lifetime",
        )
