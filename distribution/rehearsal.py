"""A rehearsal: every text of a distribution rendered and measured, and not one sent.

It goes over the recipients in id order, a chunk at a time, and remembers little: counts, and a few texts worth
showing. So it can stop after any chunk and go on from there, in another process too. Codes are *read* for it, in the
order in which they will be blocked, because their lengths count; none is taken, and none is ever shown.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution.codes.format import Format
from distribution.codes.recipe import Recipe
from distribution.links import Links
from distribution.pictures import pictures
from distribution.providers.port import NOWHERE
from distribution.providers.registry import pictures_of
from distribution.recipients import Line, Loader
from distribution.sms import MOST_SEGMENTS, Measure, measure
from distribution.templates.render import CodeText, Recipient, getter
from storage import live_codes
from storage.customers import exclusion
from storage.tables import CodeState, Customer, Distribution, PromoCode, PromoCodeGroup, SegmentMember

TYPICAL = 8  # samples spread over the audience
KINDS_OF_CHARACTER = 40  # different offenders that are told apart; names are full of surprises

# Why a text is among the samples: the first of each kind that is met, or the most extreme; "{}" is what it is about.
NOTES = {
    "longest": "the longest text",
    "unicode": "turns Unicode because of a value in it",
    "hole": "{{{{ {} }}}} is empty",
    "no_last_code": "has no code of “{}” from before",
    "empty": "the text is empty",
    "made_up": "made up: there is nobody lately",
}


@dataclass
class Rehearsal:
    """How far a rehearsal is and what it has found; plain JSON inside and out. Dictionary keys are text for its sake.

    `offenders` is by "character|where from"; `holes` by tag as written; `without_last` and `keep_theirs` (who get the
    code that they have) by a group's folded name.
    """

    total: int
    after: int = 0
    texts: int = 0
    segments: int = 0
    pictures: int = 0  # picture messages: not counted in segments
    by_segments: dict[str, int] = field(default_factory=dict)
    unicode_texts: int = 0
    offenders: dict[str, int] = field(default_factory=dict)
    holes: dict[str, int] = field(default_factory=dict)
    without_last: dict[str, int] = field(default_factory=dict)
    keep_theirs: dict[str, int] = field(default_factory=dict)
    empty: int = 0
    too_long: int = 0
    most: int = 0
    code_after: dict[str, int] = field(default_factory=dict)
    typical: list[dict[str, Any]] = field(default_factory=list)
    worst: dict[str, dict[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For a job's progress."""
        return asdict(self)


class Rehearser:
    """Runs a rehearsal's chunks within one session."""

    # By customer: what the event says that each text tells of, of an automatic distribution.
    events: Mapping[int, Mapping[str, str]] = {}

    def __init__(self, session: Session, distribution: Distribution, links: Links, now: datetime) -> None:
        """Compiles the body. Raises `Refused` (fields "body", "audience"). `now`: as of when codes are good or not."""
        self.session, self.now = session, now
        self.links = links
        self.loader = Loader(session, distribution, links)
        self.template = self.loader.template
        self.audience, self.as_of = distribution.audience, distribution.updated_at
        fixed = self.audience.get("fixed")
        self.list_id = self.audience.get("segment_id") if self.audience.get("kind") == "list" else fixed
        self.plain = set(measure(self.template.reading.plain).offenders)
        self.formats = formats_of(session, self.loader.group_keys)
        self._holes = [
            (tag.written, getter(tag)) for tag in self.template.holes if tag.kind not in ("promocode", "last_promocode")
        ]
        self._pictures = pictures_of(session, distribution.provider_id) if self.template.uses_qr else NOWHERE
        self._values = [(tag.written, getter(tag)) for tag in self.template.tags]

    def chunk(self, rehearsal: Rehearsal, size: int) -> bool:
        """Render and measure the next `size` of the audience. False when nobody is left."""
        met = self._next(rehearsal.after, size)
        if not met:
            return False
        rehearsal.after = met[-1][0]
        rows = [row for row in met if row.why is None]
        recipients = self.loader.dressed(rows, self.now)
        if self.events:
            for customer_id, recipient in recipients:
                recipient.event = self.events.get(customer_id, {})
        codes = {key: self._for_each(key, rehearsal, [row[0] for row in rows]) for key in self.template.issues_from}
        by_segments: Counter[int] = Counter()
        for customer_id, recipient in recipients:
            recipient.codes = {key: found[customer_id] for key, found in codes.items()}
            text = self.template.render(recipient)
            measured = measure(text)
            picture = bool(pictures(self._pictures, recipient.phone, recipient, text))
            if picture:
                rehearsal.pictures += 1
            else:
                by_segments[measured.segments] += 1
            self._look(rehearsal, customer_id, recipient, text, measured, picture=picture)
        for number, texts in by_segments.items():
            rehearsal.by_segments[str(number)] = rehearsal.by_segments.get(str(number), 0) + texts
            rehearsal.segments += number * texts
        return True

    def _next(self, after: int, size: int) -> Sequence[Line]:
        """The next customers in the audience, in id order, with why they are left out (NULL: they are not)."""
        query = self.loader.customers(exclusion().label("why")).order_by(Customer.id)
        if self.list_id is None:
            query = query.where(audiences.where(self.session, self.audience, self.as_of), Customer.id > after).limit(
                size
            )
            return self.session.execute(query).all()
        # The next of the list by its own key, and then their rows: an IN would read the whole list for each chunk, and
        # PostgreSQL, which knows nothing yet of a list just written, would join all of it before it stops at a limit.
        listed = (
            select(SegmentMember.customer_id)
            .where(SegmentMember.segment_id == self.list_id, SegmentMember.customer_id > after)
            .order_by(SegmentMember.customer_id)
            .limit(size)
            .subquery()
        )
        return self.session.execute(query.join(listed, listed.c.customer_id == Customer.id)).all()

    def _look(
        self,
        rehearsal: Rehearsal,
        customer_id: int,
        recipient: Recipient,
        text: str,
        measured: Measure,
        *,
        picture: bool,
    ) -> None:
        """Count what is unusual about one text, and keep it when it is worth showing."""
        note: dict[str, str] = {}  # kind → what it is about
        if measured.offenders:
            rehearsal.unicode_texts += 1
            if self._offenders(rehearsal, recipient, measured):
                note["unicode"] = ""
        for written, get in self._holes:
            if not get(recipient):
                rehearsal.holes[written] = rehearsal.holes.get(written, 0) + 1
                note.setdefault("hole", written)
        for key in self.template.repeats_from:
            if key not in recipient.last_codes:
                rehearsal.without_last[key] = rehearsal.without_last.get(key, 0) + 1
                note.setdefault("no_last_code", key)
        if not text:
            rehearsal.empty += 1
            note["empty"] = ""
        if measured.segments > MOST_SEGMENTS:
            rehearsal.too_long += 1
        size = measured.segments * 10_000 + measured.characters
        if size > rehearsal.most:
            rehearsal.most = size
            rehearsal.worst["longest"] = self._sample(customer_id, recipient, measured, "longest", picture)
        for kind, about in note.items():
            if kind not in rehearsal.worst:
                rehearsal.worst[kind] = self._sample(customer_id, recipient, measured, f"{kind}|{about}", picture)
        due = len(rehearsal.typical) * max(rehearsal.total, 1) // TYPICAL
        if rehearsal.texts >= due and len(rehearsal.typical) < TYPICAL:
            rehearsal.typical.append(self._sample(customer_id, recipient, measured, "", picture))
        rehearsal.texts += 1

    def _offenders(self, rehearsal: Rehearsal, recipient: Recipient, measured: Measure) -> bool:
        """Note where each offender comes from; True when a customer's value brought one in."""
        by_value = False
        for char in measured.offenders:
            where = "" if char in self.plain else next((tag for tag, get in self._values if char in get(recipient)), "")
            by_value = by_value or bool(where)
            key = f"{char}|{where}"
            if key in rehearsal.offenders or len(rehearsal.offenders) < KINDS_OF_CHARACTER:
                rehearsal.offenders[key] = rehearsal.offenders.get(key, 0) + 1
        return by_value

    def _sample(
        self, customer_id: int, recipient: Recipient, measured: Measure, note: str, picture: bool
    ) -> dict[str, Any]:
        """A text worth showing, with masks in place of codes. `note`: one of `NOTES`, and what it is about."""
        return {
            "customer_id": customer_id,
            "customer": recipient.name or f"customer {customer_id}",
            "text": self.template.masked(recipient, self.mask),
            "encoding": measured.encoding,
            "characters": measured.characters,
            "segments": measured.segments,
            "note": note,
            "picture": picture,
        }

    def mask(self, key: str, code: CodeText) -> CodeText:
        """A code's shape: its format's literal text and an X for the rest, and a link that leads nowhere."""
        shape = next((known.masked() for known in self.formats.get(key, ()) if known.matches(code.code)), None)
        head, slash, token = code.link.rpartition("/")
        return CodeText(shape or ANY.sub("X", code.code), f"{head}{slash}{'X' * len(token)}" if code.link else "")

    def _for_each(self, key: str, rehearsal: Rehearsal, customer_ids: Sequence[int]) -> dict[int, CodeText]:
        """A code of a group for each customer, by their id: the one that they keep, else one of the next in line."""
        group_id = next((group_id for group_id, found in self.loader.group_keys.items() if found == key), 0)
        codes: dict[int, CodeText] = {}
        if self.loader.same:
            link = self.links.qr if self.template.uses_qr else lambda _code_id: ""
            found = live_codes.of_customers(self.session, group_id, customer_ids, self.now)
            codes = {customer_id: CodeText(live.code, link(live.code_id)) for customer_id, live in found.items()}
            rehearsal.keep_theirs[key] = rehearsal.keep_theirs.get(key, 0) + len(codes)
        others = [customer_id for customer_id in customer_ids if customer_id not in codes]
        return codes | dict(zip(others, self._codes(key, group_id, rehearsal, len(others)), strict=True))

    def _codes(self, key: str, group_id: int, rehearsal: Rehearsal, count: int) -> list[CodeText]:
        """The codes that are next in the line to be blocked; where there are too few, shapes of such codes."""
        rows = self.session.execute(
            select(PromoCode.id, PromoCode.code)
            .where(
                PromoCode.group_id == group_id,
                PromoCode.state == CodeState.ACTIVE,
                PromoCode.id > rehearsal.code_after.get(key, 0),
            )
            .order_by(PromoCode.id)
            .limit(count)
        ).all()
        link = self.links.qr if self.template.uses_qr else lambda _code_id: ""
        found = [CodeText(code, link(code_id)) for code_id, code in rows]
        if rows:
            rehearsal.code_after[key] = rows[-1][0]
        if len(found) < count:
            formats = self.formats.get(key, [])
            shape = formats[0].masked() if formats else found[0].code if found else "X" * 10
            found += [CodeText(shape, link(0))] * (count - len(found))
        return found


# Letters and digits of any script: what is secret about a code.
ANY = re.compile(r"[^\W_]")


def formats_of(session: Session, keys: Mapping[int, str]) -> dict[str, list[Format]]:
    """The formats of groups, by the folded name that the text gives them (`keys`: by id)."""
    if not keys:
        return {}
    found = session.scalars(select(PromoCodeGroup).where(PromoCodeGroup.id.in_(sorted(keys))))
    return {keys[group.id]: Recipe.of(group).formats for group in found}
