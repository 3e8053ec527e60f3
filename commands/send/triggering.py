"""From what is typed in step 3 of an automatic distribution to its trigger, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from commands.people import Person
from commands.segments.translating import whole
from commands.send import conditions, spans
from commands.send.views.trigger import TriggerStep
from distribution import drafts
from distribution.segments import asking
from distribution.segments.asking import Known
from storage import segments
from storage.tables import Distribution

# The trigger's fields that are typed into inputs of another name.
FIELDS = conditions.ROWS

# Under which the rows of events that are not chosen any more are kept: "where cart_abandoned".
ASIDE = "aside"


def known_events(session: Session) -> Known:
    """What conditions may ask about: events and their properties, and nothing else."""
    return Known(events=asking.events(session))


def facts(session: Session, draft: Distribution, person: Person) -> TriggerStep:
    """What step 3 shows of a draft, what was typed last before what was accepted; without a count."""
    known = known_events(session)
    typed = {**_accepted(draft), **drafts.typed(draft, "audience")}
    event = str(typed.get("event") or "")
    delay = str(typed.get("delay") or "0")
    segment_id = typed.get("segment")
    return TriggerStep(
        kind=typed.get("trigger") or ("segment" if typed.get("segment") else "event"),
        known=known,
        segments=[(found.id, found.name) for found in segments.live(session)],
        segment_id=int(segment_id) if segment_id else None,
        members=typed.get("members") or "new",
        event=event,
        where=conditions.shown(event, typed.get("where") or [], known),
        delay=delay,
        delay_other=typed.get("delay_other") or "",
        unless=typed.get("unless") or "",
        unless_where=conditions.shown(str(typed.get("unless") or ""), typed.get("unless_where") or [], known),
        reentry=typed.get("reentry") or "once",
        days=str(typed.get("days") or ""),
        most=str(typed.get("most") or ""),
        most_daily=str(typed.get("most_daily") or ""),
        ends_at=typed.get("ends_at"),
        time_zone=person.time_zone,
    )


def accept(session: Session, draft: Distribution, typed: Mapping[str, Any], now: datetime) -> None:
    """Check and store step 3. Raises `Refused` at the field that was typed into."""
    known = known_events(session)
    ends_at = datetime.fromtimestamp(int(typed["ends_at"]), UTC) if typed.get("ends_at") else None
    drafts.set_trigger(session, draft, _trigger(typed, known), ends_at=ends_at, now=now)


def put_aside(session: Session, draft: Distribution, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What was typed, with the rows of an event that was just chosen: those that it had before, else those that make
    sense for it, too. Those of the event before are put aside, in case it is chosen again."""
    before = {**_accepted(draft), **drafts.typed(draft, "audience")}
    found, aside = dict(typed), dict(before.get(ASIDE) or {})
    for name, event in conditions.ROWS.items():
        was, now = str(before.get(event) or ""), str(typed.get(event) or "")
        if event in typed and was != now:
            rows = typed.get(name) or []
            aside[f"{name} {was}"] = rows
            found[name] = aside.get(f"{name} {now}") or conditions.carried(now, rows, known_events(session))
    return {**found, ASIDE: aside} if aside else found


def event_names(session: Session, typed: str) -> list[str]:
    """Events to choose from: what is typed, as a name may be written, then those that came in and fit."""
    words = typed.casefold().split()
    fitting = [name for name in asking.events(session) if all(word in name.casefold() for word in words)]
    own = "_".join(typed.split())
    return [own, *(name for name in fitting if name != own)] if own.isidentifier() and len(own) <= 60 else fitting


def _trigger(typed: Mapping[str, Any], known: Known) -> dict[str, Any]:
    """What was typed, as a trigger. Raises `Refused`, field "delay_other" or a condition's."""
    kind = typed.get("trigger")
    delay = spans.minutes(typed.get("delay"), typed.get("delay_other"), "delay_other")
    found: dict[str, Any] = {"kind": kind, "delay": delay, "reentry": typed.get("reentry")}
    if kind == "event":
        event = typed.get("event")
        found["event"] = event
        if event:
            found["where"] = conditions.to_json(event, typed.get("where") or [], known, "where")
    elif kind == "segment":
        found |= {"segment_id": whole(str(typed.get("segment") or "")), "members": typed.get("members") or "new"}
    if delay and (unless := typed.get("unless")):
        where = conditions.to_json(unless, typed.get("unless_where") or [], known, "unless_where")
        found["unless"] = {"event": unless, "where": where}
    if typed.get("reentry") == "days":
        found["days"] = whole(str(typed.get("days") or ""))
    return found | {name: whole(str(typed[name])) for name in ("most", "most_daily") if typed.get(name)}


def _accepted(draft: Distribution) -> dict[str, Any]:
    """A trigger as it would be typed."""
    trigger = draft.trigger
    if not trigger:
        return {}
    event, unless = trigger.get("event", ""), trigger.get("unless") or {}
    return {
        "trigger": trigger["kind"],
        "segment": trigger.get("segment_id"),
        "members": trigger.get("members"),
        "event": event,
        "where": conditions.from_json(trigger.get("where") or []),
        "delay": str(trigger.get("delay", 0)),
        "unless": unless.get("event"),
        "unless_where": conditions.from_json(unless.get("where") or []),
        "reentry": trigger.get("reentry"),
        "days": trigger.get("days"),
        "most": trigger.get("most"),
        "most_daily": trigger.get("most_daily"),
        "ends_at": int(draft.ends_at.timestamp()) if draft.ends_at else None,
    }
