"""What the customers whose texts a review shows would get beside the first one: reminders, and the text without a code.

Codes are never shown: each is its group's shape (`Rehearser.mask`), and so is the code that the first text issues.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import recipients
from distribution.findings import Sample
from distribution.links import Links
from distribution.rehearsal import ANY, formats_of
from distribution.sms import MOST_SEGMENTS, measure
from distribution.templates import render
from distribution.templates.render import CodeText, Recipient, Template
from distribution.templates.values import as_text, clean
from storage.last_codes import latest
from storage.tables import Customer, Distribution, PromoCode, PromoCodeGroup

NO_FORMAT = "XXXXXXXXXX"


def told(
    session: Session,
    draft: Distribution,
    links: Links,
    samples: Sequence[Sample],
    now: datetime,
    events: Mapping[int, Mapping[str, str]] | None = None,
) -> tuple[Sample, ...]:
    """Samples with their further texts. `events`: what the event says that sets an automatic one off, by customer."""
    reminders = [render.compile(each["body"]) for each in draft.reminders]
    fallback = render.compile(draft.fallback_body) if draft.fallback_body else None
    if not reminders and fallback is None:
        return tuple(samples)
    promotion = recipients.Loader(session, draft, links).promotion
    first = set(render.compile(draft.body).issues_from)
    found = []
    for sample in samples:
        event = (events or {}).get(sample.customer_id, {})

        def text(template: Template, sample: Sample = sample, event: Mapping[str, str] = event) -> str:
            return template.render(_recipient(session, draft, template, links, sample, event, promotion, first, now))

        found.append(
            replace(
                sample,
                reminders=tuple(map(text, reminders)),
                fallback=text(fallback) if fallback else "",
            )
        )
    return tuple(found)


def hints(session: Session, draft: Distribution) -> tuple[str, ...]:
    """What may keep a reminder from ever being sent, in words."""
    group = session.get(PromoCodeGroup, draft.group_id) if draft.group_id else None
    early = [step for step, each in enumerate(draft.reminders, 1) if each.get("before_expiry")]
    if not early or group is None or group.expires_at is not None or group.validity_days is not None:
        return ()
    which = f"Reminder {early[0]} goes" if len(early) == 1 else f"Reminders {early[0]} to {early[-1]} go"
    return (
        f"{which} before the code expires, and '{group.name}' has no expiry: only codes with one of their own are "
        "reminded of. Choose a time after the first text instead, or set an expiry in /promo groups.",
    )


def too_long(samples: Sequence[Sample]) -> int:
    """How many of the further texts are longer than any text may be."""
    texts = [text for sample in samples for text in (*sample.reminders, sample.fallback)]
    return sum(measure(text).segments > MOST_SEGMENTS for text in texts)


def _recipient(
    session: Session,
    draft: Distribution,
    template: Template,
    links: Links,
    sample: Sample,
    event: Mapping[str, str],
    promotion: Mapping[str, str],
    first: set[str],
    now: datetime,
) -> Recipient:
    """A sample's customer for one of its further texts. `first`: groups that the first text takes a code from."""
    keys = recipients.group_keys(session, draft, template)
    formats = formats_of(session, keys)

    def shape(key: str) -> CodeText:
        masked = formats[key][0].masked() if formats.get(key) else _masked(session, keys, key)
        return CodeText(masked, links.qr(0) if template.uses_qr else "")

    customer = session.get(Customer, sample.customer_id) if sample.customer_id else None
    had = {group_id for _, group_id in latest(session, list(keys), [sample.customer_id], now)} if customer else set()
    last = {key: shape(key) for group_id, key in keys.items() if key in first or group_id in had}
    new = {key: shape(key) for key in template.issues_from}
    if customer is None:
        attributes = {name: name.replace("_", " ") for name in template.attributes}
        return Recipient(sample.customer, "", attributes, new, last, promotion, event)
    values = {name: as_text(customer.attributes.get(name)) for name in template.attributes}
    return Recipient(clean(customer.name), customer.phone or "", values, new, last, promotion, event)


def _masked(session: Session, keys: Mapping[int, str], key: str) -> str:
    """The shape of a group's codes, where it has no format: of one that it has."""
    group_id = next(group_id for group_id, name in keys.items() if name == key)
    code = session.scalar(select(PromoCode.code).where(PromoCode.group_id == group_id).limit(1))
    return ANY.sub("X", code) if code else NO_FORMAT
