"""Who a distribution is for: one customer, a segment, or a pasted or uploaded list.

{"kind": "segment", "segment_id": 3}   {"kind": "list", "segment_id": 9}   {"kind": "customer", "customer_id": 7}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from distribution.customers import lists
from distribution.errors import Refused
from distribution.segments import counting, editing
from storage.customers import exclusion
from storage.tables import Customer, SegmentMember


@dataclass(frozen=True)
class AudienceCount:
    """total = textable + the sum of `excluded`, which is by reason: no_number, no_consent, opted_out."""

    total: int
    textable: int
    excluded: dict[str, int]


@dataclass(frozen=True)
class ListResult:
    """What became of a list: who was found, whose number is nobody's here, and what could not be read."""

    segment_id: int
    matched: int
    unmatched: list[str]  # numbers in E.164
    bad: list[tuple[int, str, str]]  # line, what it says, why not
    repeated: int


def members(session: Session, audience: Mapping[str, Any], now: datetime) -> Select[int]:
    """Ids of the customers in `audience`, as a query for set-based work. Raises `Refused`, field "audience"."""
    return select(Customer.id).where(where(session, audience, now))


def where(session: Session, audience: Mapping[str, Any], now: datetime) -> ColumnElement[bool]:
    """Whether a `Customer` is in `audience` at `now`, for WHERE. Raises `Refused`, field "audience"."""
    if fixed := audience.get("fixed"):  # a review wrote down who was in it; these are meant since
        return Customer.id.in_(select(SegmentMember.customer_id).where(SegmentMember.segment_id == fixed))
    kind = audience.get("kind")
    if kind == "customer":
        return Customer.id == _customer(session, audience).id
    if kind in ("segment", "list"):
        try:
            return counting.belongs(session, editing.get(session, int(audience.get("segment_id") or 0)), now)
        except Refused as refusal:
            raise Refused(str(refusal), field="audience") from None
    raise Refused("Choose who the message is for: a segment, one customer, or a list.", field="audience")


def count(session: Session, audience: Mapping[str, Any], now: datetime) -> AudienceCount:
    """How many are in `audience` at `now`, and why some cannot be texted: exact, one pass. Raises `Refused`."""
    why = exclusion().label("why")
    chosen = select(why).where(where(session, audience, now)).subquery()
    rows = session.execute(select(chosen.c.why, func.count()).group_by(chosen.c.why)).all()
    excluded = {str(reason): number for reason, number in rows if reason is not None}
    total = sum(number for _, number in rows)
    return AudienceCount(total, total - sum(excluded.values()), dict(sorted(excluded.items())))


def listed(session: Session, audience: Mapping[str, Any]) -> int:
    """How many customers are on the list that `audience` is."""
    on = select(func.count()).where(SegmentMember.segment_id == int(audience.get("segment_id") or 0))
    return session.scalar(on) or 0


def name(session: Session, audience: Mapping[str, Any]) -> str:
    """What `audience` is called, without quotes: "Warsaw regulars", "Anna Kowalska", "List of 40". Raises `Refused`.

    It may be shown in a channel: a customer without a name is called by their id here, not by their number.
    """
    if audience.get("kind") == "customer":
        customer = _customer(session, audience)
        return customer.name or f"customer {customer.id}"
    try:
        return editing.get(session, int(audience.get("segment_id") or 0)).name
    except Refused as refusal:
        raise Refused(str(refusal), field="audience") from None


def from_list(
    session: Session, given: lists.Lines | lists.Matched, region: str | None, *, by: str, now: datetime
) -> ListResult:
    """Make a list of the customers that pasted text, or rows of a file, name by number or source id.

    `given` may be matched already, in a transaction that only read: a long list then holds up nobody who writes.
    Numbers that are no customer's are returned, not added: nobody has said that they agreed to be texted. Raises
    `Refused`, field "list", where nobody was found, and says why for the first line.
    """
    matched = given if isinstance(given, lists.Matched) else lists.match(session, given, region)
    if not matched.customer_ids:
        raise Refused(nobody(matched), field="list")
    segment = editing.create_list(session, f"List of {len(matched.customer_ids):,}", by=by, now=now)
    editing.add_members(session, segment.id, matched.customer_ids)
    segment.counted, segment.counted_at = len(matched.customer_ids), now
    session.flush()
    return ListResult(segment.id, len(matched.customer_ids), matched.unmatched, matched.bad, matched.repeated)


def nobody(matched: lists.Matched) -> str:
    """Why a list found nobody, in a sentence."""
    if matched.bad:
        line, _, why = matched.bad[0]
        return f"Nobody on this list is a customer. Line {line}: {why}"
    if matched.unmatched:
        return f"Nobody on this list is a customer: {matched.unmatched[0]} is not known. Import them first."
    return "The list is empty. Write one phone number or source id to a line."


def _customer(session: Session, audience: Mapping[str, Any]) -> Customer:
    """The one customer that `audience` names. Raises `Refused`."""
    customer = session.get(Customer, int(audience.get("customer_id") or 0))
    if customer is None:
        raise Refused("This customer does not exist any more. Choose another.", field="audience")
    return customer
