"""From what was typed at a step to the draft: keep it, check it, go on."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from commands.people import Person
from commands.send import spans, timing, triggering
from commands.send.place import AUDIENCE, MESSAGE, NUMBERS, PURPOSE, SUBJECT, TYPE, Place
from commands.uploads import Upload
from distribution import audience as audiences
from distribution import drafts, settings
from distribution.codes.taking import NEW
from distribution.customers.lists import Matched, match
from distribution.errors import Refused
from distribution.files import Row, read_table
from distribution.runtime import Runtime
from storage.tables import Distribution

# The engine's fields that are typed into inputs of another name.
FIELDS = {"mode": "type", "audience": "kind", **triggering.FIELDS, **timing.FIELDS}

# Some 40,000 numbers, a second of matching. A longer list belongs on a static segment, which a job fills.
LIST_BYTES = 512 * 1024
EXAMPLES = 5  # lines that the modal quotes of those that were not understood


def field_of(refusal: Refused, typed: Mapping[str, Any]) -> str:
    """The input of a step that a refusal is about, by what was typed; one that is not on screen perhaps."""
    return spans.typed_into(FIELDS.get(refusal.field or "", refusal.field or ""), typed)


def keep(runtime: Runtime, session: Session, place: Place, typed: Mapping[str, Any], person: Person) -> None:
    """Remember what was typed at a step, right or wrong, so that neither Back nor closing loses it.

    What belongs to another choice and is not on screen stays as it was typed.
    """
    if place.draft is None or place.step not in NAMES:
        return
    draft = drafts.locked(session, place.draft, by=person.user_id)
    kept = {field: value for field, value in typed.items() if field in KEPT}
    name = NAMES[place.step]
    if name == "audience" and draft.mode == "automatic":
        kept = triggering.put_aside(session, draft, kept)
    drafts.keep_typed(session, draft, name, {**drafts.typed(draft, name), **kept}, now=runtime.clock.now())


NAMES = {number: name for name, number in NUMBERS.items()}

# Of the inputs, those whose value can be shown again; a file cannot (`file_input` takes no initial value).
KEPT = frozenset(
    {"purpose", "group", "policy", "promotion", "kind", "segment", "customer", "pasted"}
    | {"trigger", "members", "event", "where", "delay", "delay_other", "unless", "unless_where", "reentry", "days"}
    | {"most", "most_daily", "ends_at"}
    | {"subject", "provider", "body", "lifetime", "reminders", "when_dry", "fallback_body", *timing.KEPT}
)


def matched(runtime: Runtime, place: Place, typed: Mapping[str, Any], file: Upload | None) -> Matched | None:
    """Whom a pasted or uploaded list names, found without holding up anybody who writes; None without a list.

    Raises `Refused`, fields "pasted" and "files".
    """
    pasted = str(typed.get("pasted") or "")
    if place.step != AUDIENCE or typed.get("kind") != "list" or (file is None and not pasted.strip()):
        return None
    if file is not None and pasted.strip():
        raise Refused("Paste numbers or upload a file, not both: clear one of them.", field="pasted")
    lines = _rows(file) if file is not None else pasted
    with runtime.db.read() as session:
        return match(session, lines, settings.get(session, "region.default"))


def accept(
    runtime: Runtime, session: Session, place: Place, typed: Mapping[str, Any], person: Person, found: Matched | None
) -> Place:
    """Check and store a step; returns where the wizard goes next. Raises `Refused` at the field that was typed into.

    `found`: whom its list names, as `matched` says.
    """
    now = runtime.clock.now()
    if place.draft is None:
        draft = drafts.start(session, by=person.user_id, channel=place.channel or None, now=now)
        _prefill(session, draft, place, now)
    else:
        draft = drafts.locked(session, place.draft, by=person.user_id)
    if place.step == TYPE:
        drafts.set_type(session, draft, mode=str(typed.get("type") or ""), now=now)
    elif place.step == PURPOSE:
        drafts.set_purpose(
            session,
            draft,
            purpose=str(typed.get("purpose") or ""),
            group_id=_number(typed.get("group")),
            promotion_id=_number(typed.get("promotion")),
            code_policy=str(typed.get("policy") or NEW),
            now=now,
        )
    elif place.step == AUDIENCE and draft.mode == "automatic":
        triggering.accept(session, draft, typed, now)
    elif place.step == AUDIENCE:
        return _accept_audience(session, draft, place, typed, person, found, now)
    elif place.step == SUBJECT:
        drafts.set_subject(session, draft, str(typed.get("subject") or ""), now=now)
    elif place.step == MESSAGE:
        _accept_message(session, draft, typed, now)
    return Place(draft.id, place.step, place.turn).at(place.step + 1)


def _prefill(session: Session, draft: Distribution, place: Place, now: datetime) -> None:
    """What was named after `/promo send`, as if it had been chosen already."""
    if place.segment:
        drafts.keep_typed(session, draft, "audience", {"kind": "segment", "segment": place.segment}, now=now)
    if place.group:
        drafts.keep_typed(session, draft, "purpose", {"purpose": "unique_codes", "group": place.group}, now=now)


def _accept_message(session: Session, draft: Distribution, typed: Mapping[str, Any], now: datetime) -> None:
    """Step 5, with the reminders that were written on top of it."""
    when = timing.when(typed)
    drafts.set_message(
        session,
        draft,
        provider_id=_number(typed.get("provider")),
        body=str(typed.get("body") or ""),
        send_at=when.send_at,
        local_at=when.local_at,
        repeat=when.repeat,
        lifetime_minutes=_number(typed.get("lifetime")) or None,
        reminders=drafts.typed(draft, "message").get("reminders", draft.reminders),
        when_dry=str(typed.get("when_dry") or draft.when_dry),
        fallback_body=str(typed.get("fallback_body") or ""),
        now=now,
    )


def _accept_audience(
    session: Session,
    draft: Distribution,
    place: Place,
    typed: Mapping[str, Any],
    person: Person,
    named: Matched | None,
    now: datetime,
) -> Place:
    """Step 3. A list with lines that were nobody's stays on screen, to be looked at, and goes on at the next press."""
    kind = typed.get("kind")
    here, onwards = place, place.at(SUBJECT)
    if kind == "segment":
        if not typed.get("segment"):
            raise Refused("Choose a segment.", field="segment")
        _set(session, draft, {"kind": "segment", "segment_id": _number(typed["segment"])}, "segment", now)
    elif kind == "customer":
        if not typed.get("customer"):
            raise Refused("Choose a customer: type the beginning of a name or number.", field="customer")
        _set(session, draft, {"kind": "customer", "customer_id": _number(typed["customer"])}, "customer", now)
    elif kind == "list":
        if named is None:
            if draft.audience.get("kind") != "list":
                raise Refused("Paste phone numbers here, or upload a file below.", field="pasted")
            drafts.set_audience(session, draft, draft.audience, now=now)
            return onwards
        try:
            found = audiences.from_list(session, named, None, by=person.user_id, now=now)
        except Refused as refusal:
            raise Refused(str(refusal), field="pasted" if str(typed.get("pasted") or "").strip() else "files") from None
        drafts.set_audience(session, draft, {"kind": "list", "segment_id": found.segment_id}, now=now)
        read = {
            "matched": found.matched,
            "repeated": found.repeated,
            "unmatched_count": len(found.unmatched),
            "unmatched": found.unmatched[:EXAMPLES],
            "bad_count": len(found.bad),
            "bad": [list(line) for line in found.bad[:EXAMPLES]],
        }
        draft.draft = {**draft.draft, "list": read}
        session.flush()
        return onwards if found.repeated == len(found.unmatched) == len(found.bad) == 0 else here.anew()
    else:
        raise Refused("Choose who gets it.", field="kind")
    return onwards


def _rows(file: Upload) -> Iterable[Row]:
    """The rows of an uploaded table, its heading too: a file of bare numbers has none. Raises `Refused`."""
    try:
        table = read_table(file.data, file.name)
    except Refused as refusal:
        raise Refused(str(refusal), field="files") from None
    return table.rows()


def _set(session: Session, draft: Distribution, chosen: Mapping[str, Any], field: str, now: datetime) -> None:
    """`drafts.set_audience`, its refusal at the input that was used."""
    try:
        drafts.set_audience(session, draft, chosen, now=now)
    except Refused as refusal:
        raise Refused(str(refusal), field=field) from None


def _number(value: Any) -> int | None:
    """An id out of a select's value."""
    return int(value) if value else None
