"""Whether what was chosen at a step suits its draft: each function accepts it, or raises `Refused` at its field.

`drafts` asks when a step is done, and again before anything is sent: groups, segments and providers come and go.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from distribution import promotions, settings
from distribution.automatic import reminders as reminding
from distribution.automatic import trigger as triggers
from distribution.automatic.reminders import Reminder
from distribution.automatic.trigger import Trigger
from distribution.errors import Refused
from distribution.limits import span, zone_of
from distribution.schedule import local, repeat
from distribution.segments import editing
from distribution.templates.analyse import Analysis, analyse
from distribution.templates.tags import literal
from distribution.templates.values import clean
from storage.tables import Distribution, PromoCodeGroup, Provider

MODES = ("manual", "automatic")
DRY = ("wait", "top_up", "fallback", "pause")

SUBJECT_MAX = 100
FURTHEST = timedelta(days=366)
FURTHEST_END = timedelta(days=3_653)
SHORTEST_LIFETIME, LONGEST_LIFETIME = 5, 10_080  # minutes: a week at most


class When(NamedTuple):
    """When a manual one is sent: `send_at` is the moment that it begins, None for at once; the others say by what rule,
    as `Distribution` keeps them."""

    send_at: datetime | None = None
    local_at: str | None = None
    repeat: Mapping[str, Any] = {}


def mode(draft: Distribution, chosen: str) -> str:
    """Raises `Refused`, field "mode"."""
    if chosen not in MODES:
        raise Refused("Choose what to send: a manual or an automatic message.", field="mode")
    if draft.replaces_id is not None and chosen != "automatic":
        raise Refused("This replaces a live distribution, so it is an automatic one, too.", field="mode")
    return chosen


def purpose(
    session: Session, chosen: str, group_id: int | None, promotion_id: int | None, now: datetime
) -> PromoCodeGroup | None:
    """The group that was chosen, where the purpose is one. Raises `Refused`, field "purpose", "group", "promotion"."""
    if chosen == "unique_codes":
        group = session.get(PromoCodeGroup, group_id) if group_id else None
        if group is None:
            raise Refused("Choose the group that the codes come from.", field="group")
        if group.deleted_at:
            raise Refused(f"Group '{group.name}' was deleted. Choose another.", field="group")
        if group.expires_at and group.expires_at <= now:
            raise Refused(f"The codes of '{group.name}' have expired. Choose another group.", field="group")
        return group
    if chosen == "promotion":
        if promotion_id is None:
            raise Refused("Choose the promotion that the message tells about.", field="promotion")
        promotion = promotions.get(session, promotion_id)
        if promotions.standing(promotion, now) == "ended":
            raise Refused(f"'{promotion.name}' has ended. Choose another promotion.", field="promotion")
    elif chosen != "custom":
        raise Refused("Choose what customers get.", field="purpose")
    return None


def trigger(session: Session, data: Mapping[str, Any]) -> Trigger:
    """What sets an automatic one off. Raises `Refused` at the fields of `triggers.parse`."""
    found = triggers.parse(data)
    if found.segment_id is not None:
        try:
            editing.get(session, found.segment_id)
        except Refused as refusal:
            raise Refused(str(refusal), field="segment") from None
    return found


def end(ends_at: datetime | None, now: datetime) -> datetime | None:
    """Until when an automatic one fires; None for no end. Raises `Refused`, field "ends_at"."""
    if ends_at is not None and ends_at <= now:
        raise Refused("That time has passed. Pick one to come, or none.", field="ends_at")
    if ends_at is not None and ends_at > now + FURTHEST_END:
        raise Refused("That is more than 10 years ahead. Pick a nearer time, or none.", field="ends_at")
    return ends_at


def subject(typed: str) -> str:
    """The subject as it is kept: on one line. Raises `Refused`, field "subject"."""
    kept = clean(" ".join(typed.split()))
    if not kept:
        raise Refused("Give it a subject: approvers and reports show it, customers never see it.", field="subject")
    if len(kept) > SUBJECT_MAX:
        raise Refused(f"The subject has {len(kept)} characters. It may have {SUBJECT_MAX}.", field="subject")
    return kept


def provider(session: Session, provider_id: int | None) -> Provider:
    """The provider to send through. Raises `Refused`, field "provider"."""
    found = session.get(Provider, provider_id) if provider_id else None
    if found is None:
        raise Refused("Choose the provider that it is sent through.", field="provider")
    if found.name_key is None or not found.enabled:
        raise Refused(f"Provider '{found.name}' is not in use any more. Choose another.", field="provider")
    return found


def analysed(session: Session, draft: Distribution, body: str) -> Analysis:
    """A text of a draft's, analysed for what this draft can tell: its event, its promotion."""
    return analyse(
        session,
        body,
        mode=draft.mode,
        has_promotion=draft.promotion_id is not None,
        event=draft.trigger.get("event") if draft.mode == "automatic" else None,
    )


def body(session: Session, draft: Distribution, text: str) -> Analysis:
    """The first text, which gives what the purpose says. Raises `Refused`, field "body"."""
    analysis = _text(session, draft, text, "Write the message.")
    if draft.purpose != "unique_codes":
        _no_new_code(draft, analysis)
        return analysis
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    if group is not None and group.id not in {found.id for found in analysis.issues_from}:
        tag = f"{{{{ client.promocode({literal(group.name)}) }}}}"
        raise Refused(f"The message gives no code of '{group.name}'. Write {tag} where it goes.", field="body")
    return analysis


def reminders(session: Session, draft: Distribution, data: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reminders as they are kept. Raises `Refused` at the fields of `reminding.parse`, and "reminder1.tags"."""
    found = []
    for step, each in enumerate(reminding.parse(data), 1):
        try:
            found.append(reminder(session, draft, each))
        except Refused as refusal:
            what = "when" if refusal.field == "when" else "body"
            raise Refused(f"Reminder {step}: {refusal}", field=f"reminder{step}.{what}") from None
    return reminding.to_json(found)


def reminder(session: Session, draft: Distribution, each: Reminder) -> Reminder:
    """One reminder that suits its draft. Raises `Refused`, field "when" or "body"."""
    if each.before_expiry is not None and draft.purpose != "unique_codes":
        raise Refused("No code is sent with this message, so none expires: choose a time after it.", field="when")
    analysis = _text(session, draft, each.body, "Write its text.")
    if draft.purpose != "unique_codes":
        _no_new_code(draft, analysis)
    return Reminder(analysis.body, each.after, each.before_expiry)


def dry(session: Session, draft: Distribution, when_dry: str, fallback_body: str) -> tuple[str, str]:
    """What an automatic one does where its group has no active code, and the text that it sends instead of one.

    Raises `Refused`, field "when_dry" or "fallback_body".
    """
    if draft.mode != "automatic" or draft.purpose != "unique_codes":
        return "wait", ""
    if when_dry not in DRY:
        raise Refused("Choose what happens when the group has no active code.", field="when_dry")
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    if when_dry == "top_up" and group is not None and not group.formats:
        raise Refused(
            f"'{group.name}' has no format to make codes by. Choose another way, or give it a format in /promo groups.",
            field="when_dry",
        )
    if when_dry != "fallback":
        return when_dry, ""
    try:
        analysis = _text(session, draft, fallback_body, "Write the text that they get instead.")
        if analysis.issues_from:
            raise Refused("This text is for when there is no code: it cannot give one. Take the tag out.", field="body")
    except Refused as refusal:
        raise Refused(str(refusal), field="fallback_body") from None
    return when_dry, analysis.body


def when(session: Session, draft: Distribution, chosen: When, now: datetime) -> When:
    """When it is sent, with the moment at which that begins.

    Raises `Refused`, field "send_at", "local_at", or those of `schedule.repeat.parse`.
    """
    if draft.mode == "automatic":
        if chosen.send_at or chosen.local_at or chosen.repeat:
            raise Refused("An automatic message goes out when it is set off: it has no time to send.", field="send_at")
        return When()
    zone = zone_of(None, settings.get(session, "time_zone"))
    if chosen.repeat:
        if chosen.local_at:
            raise Refused("Repeated sends go by the workspace's clock: choose one of the two.", field="local_at")
        if draft.audience.get("kind") == "customer":
            raise Refused("Only what goes to a segment or a list can be repeated.", field="repeat")
        rule = repeat.parse(chosen.repeat, today=now.astimezone(zone).date())
        if rule is not None:
            return When(repeat.first(rule, now, zone), None, repeat.to_json(rule))
    if chosen.local_at:
        wall = local.parse(chosen.local_at)
        _to_come(local.moment(wall, zone), now, "local_at")
        return When(local.first(wall), local.to_text(wall))
    if chosen.send_at is not None:
        _to_come(chosen.send_at, now, "send_at")
    return When(chosen.send_at)


def lifetime(minutes: int | None) -> int | None:
    """After how long a text is given up. Raises `Refused`, field "lifetime"."""
    if minutes is not None and not SHORTEST_LIFETIME <= minutes <= LONGEST_LIFETIME:
        raise Refused(
            f"Texts are given up after {span(SHORTEST_LIFETIME)} to {span(LONGEST_LIFETIME)}. "
            "Choose a time between, or leave it to the workspace's setting.",
            field="lifetime",
        )
    return minutes


def _text(session: Session, draft: Distribution, text: str, empty: str) -> Analysis:
    """Any text of a draft's. Raises `Refused`, field "body"."""
    analysis = analysed(session, draft, text)
    if not analysis.body:
        raise Refused(empty, field="body")
    analysis.refuse()
    return analysis


def _no_new_code(draft: Distribution, analysis: Analysis) -> None:
    """Raise `Refused`, field "body", where a text takes a code that its purpose has not."""
    if analysis.issues_from:
        what = "A promotion needs no code" if draft.purpose == "promotion" else "A custom message gives no new code"
        raise Refused(
            f"{what}, but the message takes one from '{analysis.issues_from[0].name}'. Take the tag out, or choose "
            "'Unique codes from a group' in step 2.",
            field="body",
        )


def _to_come(at: datetime, now: datetime, field: str) -> None:
    if at <= now:
        raise Refused("That time has passed. Pick one to come, or send now.", field=field)
    if at > now + FURTHEST:
        raise Refused("That is more than a year ahead. Pick a nearer time.", field=field)
