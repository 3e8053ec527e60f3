"""From a draft to the modal of one of its steps: what there is to choose from, and what was typed before."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from commands.customers.views import customer_option
from commands.people import Person
from commands.send import live, tags, timing, triggering
from commands.send.place import AUDIENCE, PURPOSE, STEPS, SUBJECT, TYPE, Place
from commands.send.views import audience, merge_tags, message, purpose, subject, trigger, type
from commands.ui import blocks as ui
from commands.ui.text import clip
from commands.ui.text import when as ui_when
from distribution import audience as audiences
from distribution import drafts, promotions, providers, reasons, settings
from distribution.automatic import trigger as triggers
from distribution.automatic.describing import sets_off
from distribution.codes.listing import listing
from distribution.codes.taking import NEW, SAME
from distribution.errors import Refused
from distribution.limits import span
from distribution.runtime import Runtime
from storage import customers, segments
from storage.patience import TooSlow, at_most
from storage.tables import Customer, Distribution, EventName, PromoCodeGroup

# Seconds that step 3 waits for its count, where Slack waits three for the step.
PATIENCE = 1.5


def view(runtime: Runtime, session: Session, place: Place, person: Person, *, note: str = "") -> dict[str, Any]:
    """The modal that belongs to `place`. `note`: a word on what was typed or done, in mrkdwn.

    Raises `Refused` when the draft is somebody else's, was sent, or is gone.
    """
    if place.draft is None:
        return type.view(place, type.TypeStep("manual", _drafts(runtime, session, person), note))
    draft = drafts.get(session, place.draft, by=person.user_id)
    shown = _step(runtime, session, place, draft, person)
    if note:
        shown["blocks"].insert(1, ui.section(note).to_dict())
    return shown


def _step(runtime: Runtime, session: Session, place: Place, draft: Distribution, person: Person) -> dict[str, Any]:
    """The modal of one step of a draft."""
    said = decided(session, draft, before=place.step)
    if place.step == TYPE:
        return type.view(place, type.TypeStep(draft.mode, _drafts(runtime, session, person, but=draft.id)))
    if place.step == PURPOSE:
        return purpose.view(place, purpose_facts(session, draft), said)
    if place.step == AUDIENCE and draft.mode == "automatic":
        return trigger.view(place, trigger_facts(session, draft, person, runtime.clock.now()), said)
    if place.step == AUDIENCE:
        return audience.view(place, audience_facts(session, draft, runtime.clock.now()), said)
    if place.step == SUBJECT:
        return subject.view(place, drafts.typed(draft, "subject").get("subject", draft.subject) or "", said)
    return message.view(place, message_facts(runtime, session, draft, person), said)


def decided(session: Session, draft: Distribution, *, before: int) -> list[str]:
    """What the steps before `before` decided, in words."""
    words: list[str] = []
    replaced = session.get(Distribution, draft.replaces_id) if draft.replaces_id else None
    if replaced is not None:
        words.append(f"takes the place of the live “{clip(replaced.subject, 40)}” when it is set live")
    if before > PURPOSE:
        words.append(purpose_words(session, draft))
    if before > AUDIENCE and draft.mode == "automatic" and draft.trigger:
        words.append(clip(sets_off(session, triggers.parse(draft.trigger)).removesuffix("."), 150))
    elif before > AUDIENCE and draft.audience:
        words.append(f"to {audience_words(session, draft)}")
    if before > SUBJECT and draft.subject:
        words.append(f"“{clip(draft.subject, 40)}”")
    return words


def purpose_words(session: Session, draft: Distribution) -> str:
    """What customers get: "unique codes from “Summer 10%”"."""
    if draft.purpose == "unique_codes" and draft.group_id:
        group = session.get(PromoCodeGroup, draft.group_id)
        same = ", the same until redeemed" if draft.code_policy == SAME else ""
        return f"unique codes from “{group.name}”{same}" if group else "unique codes"
    if draft.purpose == "promotion" and draft.promotion_id:
        try:
            return f"promotion “{promotions.get(session, draft.promotion_id).name}”"
        except Refused:
            return "a promotion that was deleted"
    return "custom message"


def audience_words(session: Session, draft: Distribution) -> str:
    """Who gets it: "Warsaw regulars"; what was deleted since is said so."""
    try:
        return audiences.name(session, draft.audience)
    except Refused:
        return "an audience that was deleted"


def purpose_facts(session: Session, draft: Distribution) -> purpose.PurposeStep:
    """What step 2 shows of a draft."""
    kept = drafts.typed(draft, "purpose")
    return purpose.PurposeStep(
        kept.get("purpose", draft.purpose),
        all_groups(session),
        _number(kept.get("group", draft.group_id)),
        all_promotions(session),
        _number(kept.get("promotion", draft.promotion_id)),
        kept.get("policy", draft.code_policy) or NEW,
    )


def all_groups(session: Session) -> list[purpose.Group]:
    """Every group with its stock."""
    return [purpose.Group(line.id, line.name, line.active, line.total) for line in listing(session)]


def all_promotions(session: Session) -> list[purpose.Promotion]:
    """Every promotion."""
    return [purpose.Promotion(found.id, found.name, found.terms) for found in promotions.listing(session)]


def all_segments(session: Session) -> list[tuple[int, str]]:
    """Every segment that has a name, by id and name."""
    return [(found.id, found.name) for found in segments.live(session)]


def audience_facts(session: Session, draft: Distribution, now: datetime) -> audience.AudienceStep:
    """What step 3 shows of a draft, with the count of what is chosen."""
    kept, accepted = drafts.typed(draft, "audience"), drafts.rule(draft.audience)
    kind = kept.get("kind") or accepted.get("kind") or "segment"
    own = accepted if accepted.get("kind") == kind else {}
    chosen: dict[str, Any] = {}
    segment_id = _number(kept.get("segment", own.get("segment_id"))) if kind == "segment" else None
    customer_id = _number(kept.get("customer", own.get("customer_id"))) if kind == "customer" else None
    if segment_id:
        chosen = {"kind": "segment", "segment_id": segment_id}
    elif customer_id:
        chosen = {"kind": "customer", "customer_id": customer_id}
    elif kind == "list" and own:
        chosen = dict(own)
    person = session.get(Customer, customer_id) if customer_id else None
    read = draft.draft.get("list") if kind == "list" and own else None
    return audience.AudienceStep(
        kind=kind,
        segments=all_segments(session),
        segment_id=segment_id,
        customer=customer_option(person) if person else None,
        count=counted(session, chosen, now) if chosen else None,
        pasted=kept.get("pasted") or "",
        read=audience.ListRead(**read) if read else None,
    )


def trigger_facts(session: Session, draft: Distribution, person: Person, now: datetime) -> trigger.TriggerStep:
    """What step 3 shows of an automatic draft, with the count of its segment."""
    step = triggering.facts(session, draft, person)
    if step.kind != "segment" or step.segment_id is None:
        return step
    return replace(step, count=counted(session, {"kind": "segment", "segment_id": step.segment_id}, now))


def counted(session: Session, chosen: Mapping[str, Any], now: datetime) -> audience.Count | None:
    """How many an audience has; None when it is gone, or when finding out takes longer than anybody waits here."""
    try:
        with at_most(session, PATIENCE):
            found = audiences.count(session, chosen, now)
    except (Refused, TooSlow):
        return None
    left_out = {reasons.words(reason): n for reason, n in found.excluded.items()}
    return audience.Count(found.total, found.textable, left_out)


def message_facts(runtime: Runtime, session: Session, draft: Distribution, person: Person) -> message.MessageStep:
    """What step 5 shows of a draft."""
    kept = drafts.typed(draft, "message")
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    group_name = group.name if group and group.deleted_at is None else None
    if "body" in kept or draft.body:
        body = kept["body"] or "" if "body" in kept else draft.body
    else:
        body = tags.first_text(draft.purpose, group_name)
    known = [provider for provider in providers.listing(session) if provider.enabled]
    chosen = _number(kept.get("provider", draft.provider_id))
    default = next((provider.id for provider in known if provider.is_default), known[0].id if known else None)
    workspace = settings.get(session, "time_zone")
    automatic = draft.mode == "automatic"
    return message.MessageStep(
        providers=[(provider.id, provider.name) for provider in known],
        provider_id=chosen if any(provider.id == chosen for provider in known) else default,
        body=body,
        tags=offered(session, draft),
        live=live.measure(runtime, session, draft, body),
        reminders=kept.get("reminders", draft.reminders),
        timing=None if automatic else timing.facts(draft, kept, time_zone=person.time_zone, workspace_zone=workspace),
        when_dry=str(kept.get("when_dry") or draft.when_dry) if automatic and draft.purpose == "unique_codes" else None,
        fallback_body=str(kept.get("fallback_body", draft.fallback_body) or ""),
        can_make=bool(group and group.formats),
        lifetime=_number(kept.get("lifetime", draft.lifetime_minutes)) or 0,
        usual=span(settings.get(session, "sending.lifetime") * 60),
    )


def offered(session: Session, draft: Distribution) -> Mapping[str, Sequence[merge_tags.Tag]]:
    """The merge tags that a text of a draft may use."""
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    event = str(draft.trigger.get("event") or "") if draft.mode == "automatic" else ""
    seen = session.get(EventName, event) if event else None
    return tags.offered(
        draft.purpose,
        group.name if group and group.deleted_at is None else None,
        [found.name for found in all_groups(session)],
        list(customers.attributes(session)),
        event,
        sorted(seen.properties) if seen else sorted({each["property"] for each in draft.trigger.get("where", [])}),
    )


def _drafts(runtime: Runtime, session: Session, person: Person, *, but: int | None = None) -> list[type.Draft]:
    """A person's drafts, the newest first, and how far each is."""
    now = runtime.clock.now()
    found = []
    for draft in drafts.open_of(session, person.user_id):
        if draft.id != but:
            step = drafts.reached(draft)
            changed = ui_when(draft.updated_at, person.time_zone, now=now)
            found.append(type.Draft(draft.id, title(draft), f"Step {step} · {STEPS[step]} · changed {changed}"))
    return found


def title(draft: Distribution) -> str:
    """A draft as its owner knows it: the subject, typed or accepted, else the beginning of the text."""
    subject_ = drafts.typed(draft, "subject").get("subject") or draft.subject
    body = drafts.typed(draft, "message").get("body") or draft.body
    return subject_ or clip(" ".join(body.split()), 60) or drafts.title(draft)


def _number(value: Any) -> int | None:
    """An id out of a select's value."""
    return int(value) if value else None
