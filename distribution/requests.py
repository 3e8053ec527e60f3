"""Distributions that another system asks for: drafts made from names, all that is wrong said at once."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import drafts, promotions, settings, suited
from distribution.automatic.reminders import MOST
from distribution.codes import groups
from distribution.codes.taking import NEW
from distribution.customers import lists
from distribution.errors import Refused
from distribution.providers import registry
from distribution.schedule import local
from distribution.segments import editing
from distribution.segments.names import with_ids
from distribution.suited import When
from distribution.templates.analyse import analyse
from storage.tables import Distribution

MOST_CUSTOMERS = 10_000  # named one by one; more are a segment

# How fields that the engine refuses are called in what is asked for, by the step that refuses them.
PURPOSE = {"policy": "code_policy", **{name: name for name in ("group", "promotion", "body")}}
TRIGGER = {
    "ends_at": "ends_at",
    "unless_where": "trigger.unless.where",
    **{
        name: f"trigger.{name}"
        for name in ("event", "where", "segment", "members", "delay", "unless", "reentry", "days", "most", "most_daily")
    },
}
REMINDERS = {
    f"reminder{step}.{part}": f"reminders[{step - 1}].{name}"
    for step in range(1, MOST + 1)
    for part, name in (("when", "after"), ("body", "body"))
}
TIMES = {
    "local_at": "local_at",
    "repeat": "repeat",
    **{f"repeat_{name}": f"repeat.{name}" for name in ("weekdays", "day", "at", "until")},
}


@dataclass(frozen=True)
class Asked:
    """A distribution as a system describes it, by names.

    `provider`: None for the default one. `group`: None for the one that the body takes codes from. `segment`: a name or
    an id, or None; then `customers`, each a source id or a phone number. An automatic one has a `trigger` instead, as
    `distribution.automatic.trigger` has it, with "segment" (a name or an id) for "segment_id", and without the types of
    properties that are known. `when_dry`: None for "wait".
    """

    mode: str
    purpose: str
    subject: str
    body: str
    provider: str | None = None
    group: str | None = None
    promotion: str | None = None
    code_policy: str = NEW
    segment: str | int | None = None
    customers: Sequence[str] = ()
    trigger: Mapping[str, Any] | None = None
    ends_at: datetime | None = None
    send_at: datetime | None = None
    local_at: str | None = None
    repeat: Mapping[str, Any] | None = None
    reminders: Sequence[Mapping[str, Any]] = ()
    when_dry: str | None = None
    fallback_body: str | None = None
    lifetime_minutes: int | None = None
    channel: str | None = None


class Unfit(Refused):
    """What was asked for is wrong in one place or in several: `faults` has each, its field as the asker calls it."""

    def __init__(self, faults: Sequence[Refused]) -> None:
        super().__init__(str(faults[0]), field=faults[0].field, reason=faults[0].reason)
        self.faults = tuple(faults)


@dataclass
class _Faults:
    """Every refusal of the blocks within `at`, each at the field that was asked for."""

    found: list[Refused] = field(default_factory=list)

    @contextmanager
    def at(self, name: str, others: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
        """Note what the block refuses at `name`, or at what `others` has for the engine's field."""
        try:
            yield
        except Unfit as several:
            self.found += several.faults
        except Refused as refusal:
            self.found.append(Refused(str(refusal), field=others.get(refusal.field or "", name), reason=refusal.reason))


def create(session: Session, asked: Asked, *, by: str, now: datetime) -> Distribution:
    """A draft of `by`'s that lacks nothing. Raises `Unfit`: then nothing is made."""
    faults = _Faults()
    draft = drafts.start(session, by=by, channel=asked.channel, now=now)
    with faults.at("mode"):
        drafts.set_type(session, draft, mode=asked.mode, now=now)
    with faults.at("purpose", PURPOSE):
        _set_purpose(session, draft, asked, now)
    _set_whom(session, draft, asked, faults, by, now)
    with faults.at("subject"):
        drafts.set_subject(session, draft, asked.subject, now=now)
    _set_message(session, draft, asked, faults, now)
    if faults.found:
        raise Unfit(list({(fault.field, str(fault)): fault for fault in faults.found}.values()))
    return draft


def _set_whom(session: Session, draft: Distribution, asked: Asked, faults: _Faults, by: str, now: datetime) -> None:
    """The audience of a manual one, the trigger of an automatic one; each without what only the other has."""
    if asked.mode == "automatic":
        for name in ("segment", "customers"):
            if getattr(asked, name):
                with faults.at(name):
                    raise Refused("An automatic one goes to whoever sets it off: say in trigger what does.")
        with faults.at("trigger", TRIGGER):
            if asked.trigger is None:
                raise Refused("Say what sets it off: an event, or entering a segment.")
            # Whatever else is wrong with it, texts may tell of its event.
            draft.trigger = {"event": asked.trigger.get("event")}
            drafts.set_trigger(session, draft, _trigger(session, asked.trigger), ends_at=asked.ends_at, now=now)
        return
    for name in ("trigger", "ends_at", "when_dry", "fallback_body"):
        if getattr(asked, name) is not None:
            with faults.at(name):
                raise Refused('Only an automatic one has this: "mode": "automatic".')
    with faults.at("segment" if asked.segment is not None else "customers"):
        drafts.set_audience(session, draft, _audience(session, asked, by, now), now=now)


def _set_message(session: Session, draft: Distribution, asked: Asked, faults: _Faults, now: datetime) -> None:
    """Provider, texts and times: each is looked at by itself, so that all that is wrong is said at once."""
    lost = {fault.field for fault in faults.found}
    provider_id = None
    with faults.at("provider"):
        provider_id = suited.provider(session, _provider(session, asked.provider)).id
    with faults.at("body"):
        if {"group", "promotion"} & lost:  # what the text lacks is said already
            suited.analysed(session, draft, asked.body).refuse()
        else:
            suited.body(session, draft, asked.body)
    with faults.at("reminders", REMINDERS):
        suited.reminders(session, draft, asked.reminders)
    with faults.at("when_dry", {"fallback_body": "fallback_body"}):
        _dry(session, draft, asked)
    with faults.at("send_at", TIMES):
        if sum(each is not None for each in (asked.send_at, asked.local_at, asked.repeat)) > 1:
            raise Refused("Choose one: send_at, local_at or repeat.")
        if asked.local_at is not None:
            local.parse(asked.local_at)  # an empty one would be sent at once
        suited.when(session, draft, When(asked.send_at, asked.local_at, asked.repeat or {}), now)
    with faults.at("lifetime_minutes"):
        suited.lifetime(asked.lifetime_minutes)
    if not faults.found:
        drafts.set_message(
            session,
            draft,
            provider_id=provider_id,
            body=asked.body,
            send_at=asked.send_at,
            local_at=asked.local_at,
            repeat=asked.repeat,
            lifetime_minutes=asked.lifetime_minutes,
            reminders=asked.reminders,
            when_dry=asked.when_dry or suited.DRY[0],
            fallback_body=asked.fallback_body or "",
            now=now,
        )


def _dry(session: Session, draft: Distribution, asked: Asked) -> None:
    """What happens without codes, said where there is something to say. Raises `Refused`, field "when_dry", …"""
    if asked.mode != "automatic":
        return
    if asked.when_dry is not None and asked.purpose != "unique_codes":
        raise Refused("It takes no codes, so none can be missing.", field="when_dry")
    if asked.fallback_body is not None and asked.when_dry != "fallback":
        raise Refused('This text is sent in place of a code: say "when_dry": "fallback".', field="fallback_body")
    suited.dry(session, draft, asked.when_dry or suited.DRY[0], asked.fallback_body or "")


def _trigger(session: Session, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A trigger with ids for names, and the types of known properties. Raises `Refused` at the trigger's fields."""
    found = dict(asked)
    if "segment" in found:
        found["segment_id"] = _segment(session, found.pop("segment"))
    found |= _typed(session, found, "where")
    if found.get("unless") is not None:
        found["unless"] = _typed(session, found["unless"], "unless_where")
    return found


def _typed(session: Session, happening: Mapping[str, Any], at: str) -> dict[str, Any]:
    """An event with the types of properties that are known in its conditions. Raises `Refused` at the field `at`."""
    rule = {name: happening[name] for name in ("event", "where") if name in happening}
    try:
        return {**happening, **with_ids(session, {"rules": [rule]})["rules"][0]}
    except Refused as refusal:
        raise Refused(str(refusal), field=at) from None


def _segment(session: Session, named: str | int) -> int:
    """A segment by its name or its id. Raises `Refused`, field "segment"."""
    try:
        found = editing.get(session, named) if isinstance(named, int) else editing.by_name(session, named)
    except Refused as refusal:
        raise Refused(str(refusal), field="segment") from None
    return found.id


def _set_purpose(session: Session, draft: Distribution, asked: Asked, now: datetime) -> None:
    """Purpose, and what it is about. Raises `Refused`, fields "group", "promotion", "policy", "body", "purpose"."""
    group_id = promotion_id = None
    if asked.group is not None and asked.purpose != "unique_codes":
        raise Refused("Only the purpose unique_codes takes codes from a group.", field="group")
    if asked.promotion is not None and asked.purpose != "promotion":
        raise Refused("Only the purpose promotion tells about a promotion.", field="promotion")
    if asked.purpose == "unique_codes":
        group_id = groups.by_name(session, asked.group).id if asked.group is not None else _group(session, asked)
    if asked.promotion is not None:
        promotion_id = promotions.by_name(session, asked.promotion).id
    drafts.set_purpose(
        session,
        draft,
        purpose=asked.purpose,
        group_id=group_id,
        promotion_id=promotion_id,
        code_policy=asked.code_policy,
        now=now,
    )


def _group(session: Session, asked: Asked) -> int:
    """The group that the body takes codes from. Raises `Refused`, field "body"."""
    event = (asked.trigger or {}).get("event")
    analysis = analyse(session, asked.body, mode=asked.mode, event=event if asked.mode == "automatic" else None)
    analysis.refuse()
    if not analysis.issues_from:
        raise Refused(
            "The message gives no code. Write {{ client.promocode('<group>') }} where it goes, with a group's name.",
            field="body",
        )
    return analysis.issues_from[0].id


def _provider(session: Session, name: str | None) -> int:
    """The provider of that name, or the default one. Raises `Refused`, field "provider"."""
    if name is not None:
        return registry.by_name(session, name).id
    default = registry.default(session)
    if default is None:
        known = [row.name for row in registry.listing(session)]
        there = f"There are: {', '.join(known)}." if known else "There is none yet: promobot provider add makes one."
        raise Refused(f"Name the provider that it is sent through. {there}", field="provider")
    return default.id


def _audience(session: Session, asked: Asked, by: str, now: datetime) -> dict[str, Any]:
    """Who it is for. Raises `Refused`, and `Unfit` that names each customer who is none."""
    if (asked.segment is None) == (not asked.customers):
        raise Refused("Say who gets it: a segment, or customers by source id or phone number, and not both.")
    if asked.segment is not None:
        return {"kind": "segment", "segment_id": _segment(session, asked.segment)}
    named = list(enumerate(asked.customers))
    matched = lists.match(session, named, settings.get(session, "region.default"), heading=False)
    wrong = sorted([*matched.bad, *matched.nobodys])
    if wrong:
        raise Unfit([Refused(why, field=f"customers[{at}]") for at, _, why in wrong[:20]])
    if len(matched.customer_ids) == 1:
        return {"kind": "customer", "customer_id": next(iter(matched.customer_ids))}
    found_list = audiences.from_list(session, matched, None, by=by, now=now)
    return {"kind": "list", "segment_id": found_list.segment_id}
