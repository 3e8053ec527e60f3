"""Distributions that another system asks for: drafts made from names, all that is wrong said at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import drafts, promotions, settings
from distribution.codes import groups
from distribution.codes.taking import NEW
from distribution.customers import lists
from distribution.errors import Refused
from distribution.providers import registry
from distribution.segments import editing
from distribution.templates.analyse import analyse
from storage.tables import Distribution

MOST_CUSTOMERS = 10_000  # named one by one; more are a segment


@dataclass(frozen=True)
class Asked:
    """A distribution as a system describes it, by names.

    `provider`: None for the default one. `group`: None for the one that the body takes codes from. `segment`: a name or
    an id, or None; then `customers`, each a source id or a phone number.
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
    send_at: datetime | None = None
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
    def at(self, name: str, **others: str) -> Iterator[None]:
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
    with faults.at("purpose", group="group", promotion="promotion", policy="code_policy", body="body"):
        _set_purpose(session, draft, asked, now)
    with faults.at("segment" if asked.segment is not None else "customers"):
        drafts.set_audience(session, draft, _audience(session, asked, by, now), now=now)
    with faults.at("subject"):
        drafts.set_subject(session, draft, asked.subject, now=now)
    provider_id = None
    with faults.at("provider"):
        provider_id = _provider(session, asked.provider)
    with faults.at("body", provider="provider", send_at="send_at", lifetime="lifetime_minutes"):
        if provider_id is None or any(fault.field in ("group", "promotion") for fault in faults.found):
            analyse(session, asked.body, mode=asked.mode).refuse()  # what it lacks is said already
        else:
            drafts.set_message(
                session,
                draft,
                provider_id=provider_id,
                body=asked.body,
                send_at=asked.send_at,
                lifetime_minutes=asked.lifetime_minutes,
                now=now,
            )
    if faults.found:
        raise Unfit(list({(fault.field, str(fault)): fault for fault in faults.found}.values()))
    return draft


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
    analysis = analyse(session, asked.body, mode=asked.mode)
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
        found = (
            editing.get(session, asked.segment)
            if isinstance(asked.segment, int)
            else editing.by_name(session, asked.segment)
        )
        return {"kind": "segment", "segment_id": found.id}
    named = list(enumerate(asked.customers))
    matched = lists.match(session, named, settings.get(session, "region.default"), heading=False)
    wrong = sorted([*matched.bad, *matched.nobodys])
    if wrong:
        raise Unfit([Refused(why, field=f"customers[{at}]") for at, _, why in wrong[:20]])
    if len(matched.customer_ids) == 1:
        return {"kind": "customer", "customer_id": next(iter(matched.customer_ids))}
    found_list = audiences.from_list(session, matched, None, by=by, now=now)
    return {"kind": "list", "segment_id": found_list.segment_id}
