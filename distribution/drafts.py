"""Drafts: a distribution in the making, kept after each step of the wizard, continued where it was left.

Each `set_…` checks one step and stores it, or raises `Refused` at the field that was typed into. `missing` says, at any
time, what still stands between a draft and its review: groups, segments and providers come and go meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import suited
from distribution.automatic import trigger as triggers
from distribution.codes.taking import NEW, POLICIES
from distribution.errors import Refused
from distribution.suited import When
from distribution.templates.reading import regrouped
from storage import distributions as rows
from storage import fixed_lists
from storage.names import fold
from storage.tables import Distribution, PromoCodeGroup

# In the order of the wizard; the number that people see is the place here, from 1.
STEPS = ("type", "purpose", "audience", "subject", "message")

# What a review keeps in `Distribution.draft`, and what is to be done after it; any edit drops it.
REVIEW = ("review", "reviewing", "then")

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
AUTOMATIC_WORDS = {"blocking": "is being set live", "sending": "is live", "done": "has ended"}


def stands(row: Distribution) -> str:
    """Where a distribution stands, to go on a sentence with: "it is paused", "it is live"."""
    words = STATUS_WORDS | AUTOMATIC_WORDS if row.mode == "automatic" else STATUS_WORDS
    return words.get(row.status, "is a draft")


@dataclass(frozen=True)
class Missing:
    """Something that a draft lacks, or that is wrong with it: at which step and field, and what to do."""

    step: str
    field: str | None
    text: str


def start(session: Session, *, by: str, channel: str | None, now: datetime) -> Distribution:
    """A new, empty draft. `channel`: where progress and report will go."""
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
    """A new draft with all that another distribution had but a time that was for once: to send it again, or mend it."""
    other = rows.get(session, distribution_id)
    if other is None:
        raise Refused("That distribution does not exist any more.")
    draft = start(session, by=by, channel=channel or other.channel, now=now)
    draft.mode, draft.trigger = other.mode, dict(other.trigger)
    draft.purpose, draft.group_id, draft.promotion_id = other.purpose, other.group_id, other.promotion_id
    draft.audience, draft.code_policy = rule(other.audience), other.code_policy
    draft.subject, draft.provider_id, draft.body = other.subject, other.provider_id, other.body
    draft.lifetime_minutes, draft.reminders = other.lifetime_minutes, list(other.reminders)
    draft.when_dry, draft.fallback_body = other.when_dry, other.fallback_body
    draft.ends_at = other.ends_at if other.ends_at and other.ends_at > now else None
    if other.repeat and other.repeats_id is None:
        try:
            draft.send_at, _, repeat = suited.when(session, draft, When(None, None, other.repeat), now)
            draft.repeat = dict(repeat)
        except Refused:
            draft.repeat = {}  # its last day has passed
    draft.draft = {"reached": len(STEPS)}
    session.flush()
    return draft


def get(session: Session, draft_id: int, *, by: str) -> Distribution:
    """A draft that `by` may go on with. Raises `Refused`: it is gone, somebody else's, or no draft any more."""
    return _mine(rows.get(session, draft_id), by)


def locked(session: Session, draft_id: int, *, by: str) -> Distribution:
    """As `get`, to be changed: held against others until the transaction ends."""
    return _mine(rows.locked(session, draft_id), by)


def _mine(draft: Distribution | None, by: str) -> Distribution:
    """A draft, if it is one, and `by`'s."""
    if draft is None:
        raise Refused("This draft does not exist any more. Start anew with /promo send.")
    if draft.created_by != by:
        raise Refused("This draft is somebody else's. Only they can go on with it.")
    if draft.status != "draft":
        raise Refused(f"'{draft.subject}' is no draft any more: it {stands(draft)}.")
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
    """Step 1: "manual" or "automatic". Raises `Refused`, field "mode"."""
    suited.mode(draft, mode)
    if mode == "automatic":
        draft.send_at, draft.local_at, draft.repeat = None, None, {}
    same = mode == draft.mode
    draft.mode = mode
    _accept(session, draft, "type", now, same=same)


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

    `code_policy`: "new", or "same" (`distribution.codes.taking`). When another group is chosen, tags that named the old
    one name the new one, in texts that were only typed so far, too.
    """
    group = suited.purpose(session, purpose, group_id, promotion_id, now)
    if code_policy not in POLICIES:
        raise Refused("Choose which codes customers get.", field="policy")
    before = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    if group is not None and before is not None and before.id != group.id:
        _rename(draft, fold(before.name), group.name)
    draft.purpose = purpose
    draft.group_id = group.id if group else None
    draft.code_policy = code_policy if group else NEW
    draft.promotion_id = promotion_id if purpose == "promotion" else None
    _accept(session, draft, "purpose", now)


def _rename(draft: Distribution, group: str, name: str) -> None:
    """Let every text of a draft, accepted or typed, take codes from the group `name` where it did from `group`."""
    draft.body, draft.fallback_body = (regrouped(text, group, name) for text in (draft.body, draft.fallback_body))
    draft.reminders = [{**each, "body": regrouped(each["body"], group, name)} for each in draft.reminders]
    if kept := typed(draft, "message"):
        for field in ("body", "fallback_body"):
            if kept.get(field):
                kept[field] = regrouped(kept[field], group, name)
        if "reminders" in kept:
            kept["reminders"] = [{**each, "body": regrouped(each["body"], group, name)} for each in kept["reminders"]]
        draft.draft = {**draft.draft, "typed": {**draft.draft["typed"], "message": kept}}


def set_audience(session: Session, draft: Distribution, audience: Mapping[str, Any], *, now: datetime) -> None:
    """Step 3: {"kind": "segment" | "list", "segment_id": 3} or {"kind": "customer", "customer_id": 7}.

    Raises `Refused`, field "audience".
    """
    audiences.where(session, rule(audience), now)
    unfix(session, draft)
    draft.audience, draft.trigger, draft.ends_at = rule(audience), {}, None
    _accept(session, draft, "audience", now)


def set_trigger(
    session: Session, draft: Distribution, trigger: Mapping[str, Any], *, ends_at: datetime | None = None, now: datetime
) -> None:
    """Step 3 of an automatic one: what sets it off (`distribution.automatic.trigger`), and until when.

    Raises `Refused` at a field of the trigger's, or "ends_at".
    """
    accepted = triggers.to_json(suited.trigger(session, trigger)), suited.end(ends_at, now)
    same = accepted == (draft.trigger, draft.ends_at)
    unfix(session, draft)
    draft.audience = {}
    draft.trigger, draft.ends_at = accepted
    _accept(session, draft, "audience", now, same=same)


def set_subject(session: Session, draft: Distribution, subject: str, *, now: datetime) -> None:
    """Step 4. Raises `Refused`, field "subject"."""
    accepted = suited.subject(subject)
    same = accepted == draft.subject
    draft.subject = accepted
    _accept(session, draft, "subject", now, same=same)


def set_message(
    session: Session,
    draft: Distribution,
    *,
    provider_id: int | None,
    body: str,
    send_at: datetime | None = None,
    local_at: str | None = None,
    repeat: Mapping[str, Any] | None = None,
    lifetime_minutes: int | None = None,
    reminders: Sequence[Mapping[str, Any]] = (),
    when_dry: str = "wait",
    fallback_body: str = "",
    now: datetime,
) -> None:
    """Step 5. `keep_typed` keeps what was typed and is refused.

    When a manual one is sent: at `send_at` (None: at once), at `local_at` by each customer's own clock, or by `repeat`
    (`distribution.schedule`). `lifetime_minutes`: after how long a text that could not be sent is given up; None: as
    the workspace's setting says. `reminders`: `distribution.automatic.reminders`. `when_dry`, `fallback_body`: what an
    automatic one does where its group has no active code.

    Raises `Refused`, field "provider", "body", "lifetime", "send_at", "local_at", "repeat…", "reminders",
    "reminder1.when", "reminder1.body", "when_dry" or "fallback_body".
    """
    suited.provider(session, provider_id)
    first = suited.body(session, draft, body)
    further = suited.reminders(session, draft, reminders)
    dry, fallback = suited.dry(session, draft, when_dry, fallback_body)
    when = suited.when(session, draft, When(send_at, local_at, repeat or {}), now)
    accepted: dict[str, Any] = {
        "provider_id": provider_id,
        "body": first.body,
        "reminders": further,
        "when_dry": dry,
        "fallback_body": fallback,
        "send_at": when.send_at,
        "local_at": when.local_at,
        "repeat": dict(when.repeat),
        "lifetime_minutes": suited.lifetime(lifetime_minutes),
    }
    same = all(getattr(draft, name) == value for name, value in accepted.items())
    for name, value in accepted.items():
        setattr(draft, name, value)
    _accept(session, draft, "message", now, same=same)


def missing(session: Session, draft: Distribution, *, now: datetime) -> list[Missing]:
    """Everything that keeps a draft from its review, in the order of the steps; empty when nothing does."""
    automatic = draft.mode == "automatic"
    checks: list[tuple[str, Callable[[], object]]] = [
        ("type", lambda: suited.mode(draft, draft.mode)),
        ("purpose", lambda: suited.purpose(session, draft.purpose, draft.group_id, draft.promotion_id, now)),
        (
            "audience",
            (lambda: suited.trigger(session, draft.trigger))
            if automatic
            else (lambda: audiences.where(session, rule(draft.audience), now)),
        ),
        ("audience", lambda: suited.end(draft.ends_at, now)),
        ("subject", lambda: suited.subject(draft.subject)),
        ("message", lambda: suited.provider(session, draft.provider_id)),
        ("message", lambda: suited.body(session, draft, draft.body)),
        ("message", lambda: suited.reminders(session, draft, draft.reminders)),
        ("message", lambda: suited.dry(session, draft, draft.when_dry, draft.fallback_body)),
        ("message", lambda: suited.when(session, draft, When(draft.send_at, draft.local_at, draft.repeat), now)),
        ("message", lambda: suited.lifetime(draft.lifetime_minutes)),
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
