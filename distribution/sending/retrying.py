"""What failed and may be sent again: which messages, and the codes that they need for it.

Of a distribution that is done, or live: that one goes on for months, and its texts fail one by one. What was planned is
judged as when it was made: a reminder to who has used the code since is not sent again.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Select, Text, exists, func, select, update
from sqlalchemy.orm import Session

from distribution import recipients
from distribution.automatic import reminding
from distribution.automatic.texts import body_of
from distribution.codes import taking
from distribution.codes.usable import missing, unusable
from distribution.errors import Refused
from distribution.templates import render
from storage import issuing, messages, planned_reading, reminded
from storage.belonging import has_planned, messages_of
from storage.bulk import among, values
from storage.customers import exclusion
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Message,
    MessageState,
    Planned,
    PromoCode,
    PromoCodeGroup,
    Provider,
)
from storage.tables.base import BigId

MOST = 5_000  # messages that one click sends again: well under a second
FAILED = (MessageState.REJECTED, MessageState.UNDELIVERED)


class _Failed(NamedTuple):
    """A message that failed: its number then, and its customer's now."""

    message_id: int
    before: str | None
    present: str | None


def is_live(row: Distribution) -> bool:
    """Whether its texts leave one by one, so that others may have failed while some are sent again."""
    return row.mode == "automatic" and row.status == "sending"


def count(session: Session, row: Distribution, now: datetime) -> int:
    """How many messages one click on Retry sends again; 0 where it would be refused whatever the codes."""
    if not (row.status == "done" or is_live(row)) or not provider_there(session, row):
        return 0
    if has_planned(row):
        return len(_wanted(session, row, now, None))
    return session.scalar(select(func.count()).select_from(_failed(row, now).subquery())) or 0


def take(session: Session, row: Distribution, now: datetime, *, known: int | None = None) -> list[int]:
    """The messages that one click sends again, in the order of their ids, with their customers' present numbers.

    `known`: not those that were sent again since the batch of this id was the latest (somebody else clicked).
    """
    found = _wanted(session, row, now, known)
    changed = [(message_id, present) for message_id, before, present in found if before != present]
    if changed:
        new = values(session, {"id": BigId, "phone": Text}, changed)
        session.execute(update(messages.MESSAGE).where(messages.MESSAGE.c.id == new.c.id).values(phone=new.c.phone))
    return [message_id for message_id, _, _ in found]


def sent_again(session: Session, row: Distribution, known: int | None) -> bool:
    """Whether messages are being sent again now; or were, since the batch `known` was the latest."""
    again = Message.state == MessageState.QUEUED
    if known is not None:
        again |= Message.retried_after >= known
    found = select(Message.id).where(messages_of(row), Message.retried_after.is_not(None), again)
    return session.scalar(found.limit(1)) is not None


def _wanted(session: Session, row: Distribution, now: datetime, known: int | None) -> list[_Failed]:
    """Up to `MOST` of the failed messages that are worth sending again."""
    found: list[_Failed] = []
    after = 0
    while len(found) < MOST:
        page = [_Failed(*each) for each in session.execute(_failed(row, now, after=after, known=known))]
        found += _still_to_tell(session, row, page, now) if has_planned(row) else page
        if len(page) < MOST:
            break
        after = page[-1].message_id
    return found[:MOST]


def _failed(
    row: Distribution, now: datetime, *, after: int = 0, known: int | None = None
) -> Select[int, str | None, str | None]:
    """Failed messages of customers who may be texted now, and whose code was not revoked, used or past its own expiry
    since (another text may have carried it): id, number then, number now. The next `MOST` above the id `after`.
    """
    over = PromoCode.redeemed_at.is_not(None) | (PromoCode.expires_at <= now)
    query = (
        select(Message.id, Message.phone, Customer.phone.label("present"))
        .join(Customer, Customer.id == Message.customer_id)
        .where(
            messages_of(row),
            Message.id > after,
            Message.state.in_(FAILED),
            exclusion().is_(None),
            ~exists().where(PromoCode.message_id == Message.id, (PromoCode.state == CodeState.REVOKED) | over),
        )
        .order_by(Message.id)
        .limit(MOST)
    )
    return query if known is None else query.where(func.coalesce(Message.retried_after, -1) < known)


def _still_to_tell(session: Session, row: Distribution, failed: Sequence[_Failed], now: datetime) -> list[_Failed]:
    """Those whose customers have used no code that they carry since they were made; and of the reminders, such as
    would be made now."""
    ids = [each.message_id for each in failed]
    since = row.launched_at or row.started_at or row.created_at
    carried = reminded.codes(session, ids, since=since)
    used = {message_id for message_id, codes in carried.items() if any(each.used for each in codes)}
    planned = select(Planned).where(among(session, Planned.message_id, ids), Planned.message_id.is_not(None))
    later = session.scalars(planned.where(Planned.step > 0)).all()
    wanted = reminding.judge(session, row, later, now).make if later else []
    pointless = {each.message_id for each in later} - {each.message_id for each in wanted} | used
    return [each for each in failed if each.message_id not in pointless]


def provider_there(session: Session, row: Distribution) -> bool:
    """Whether its provider still exists: one may be deleted once its distributions are done."""
    provider = session.get(Provider, row.provider_id) if row.provider_id else None
    return provider is not None and provider.name_key is not None


def need_provider(session: Session, row: Distribution) -> None:
    """Raise `Refused` where nothing would ever be sent."""
    if not provider_there(session, row):
        raise Refused(f"'{row.subject}' cannot be sent again: its provider was deleted. Start a new distribution.")


def codes_for(session: Session, row: Distribution, ids: Sequence[int], now: datetime) -> None:
    """A code of each group for the messages that have none any more.

    Raises `Refused` where they are missing, and where the group's codes, also those that customers would be sent again,
    are worth nothing now.
    """
    # Reminders first: they mostly repeat codes, and what is repeated is held before any stock.
    for body, mine in sorted(_by_text(session, row, ids).items(), key=lambda text: text[0] == row.body):
        _codes_for(session, row, body, mine, now)


def _by_text(session: Session, row: Distribution, ids: Sequence[int]) -> dict[str, list[int]]:
    """The messages by the text that they are written with."""
    told = planned_reading.of_messages(session, ids) if has_planned(row) else {}
    by_text: dict[str, list[int]] = defaultdict(list)
    for each in ids:
        known = told.get(each)
        by_text[body_of(row, known.step, fallback=known.fallback) if known else row.body].append(each)
    return by_text


def _codes_for(session: Session, row: Distribution, body: str, ids: Sequence[int], now: datetime) -> None:
    """The codes of messages that are written with one text. Raises `Refused`."""
    template = render.compile(body)
    keys = recipients.group_keys(session, row, template)
    groups = sorted(group_id for group_id, key in keys.items() if key in template.issues_from)
    for group_id in groups:
        problem = unusable(session.get_one(PromoCodeGroup, group_id), now)
        if problem is not None:
            raise Refused(problem)
    have = taking.carried(session, row, ids, now)
    customers = dict(
        session.execute(select(Message.id, Message.customer_id).where(among(session, Message.id, ids))).all()
    )
    lacking = {of: [(each, customers[each]) for each in ids if (each, of) not in have] for of in groups}
    if row.code_policy == taking.SAME:  # for all groups before any stock is held
        for group_id in groups:
            kept = taking.keep(session, group_id, lacking[group_id], now)
            lacking[group_id] = [recipient for recipient in lacking[group_id] if recipient[0] not in kept]
    again = sorted(group_id for group_id, key in keys.items() if key in template.repeats_from)
    taking.repeat_last(session, again, [(each, customers[each]) for each in ids], now)  # before any stock is held, too
    for group_id in groups:
        wanted = lacking[group_id]
        bound, _ = issuing.block(session, group_id, wanted, after=0, now=now) if wanted else (0, 0)
        if bound < len(wanted):
            raise Refused(missing(len(wanted) - bound, session.get_one(PromoCodeGroup, group_id).name))
        issuing.count_taken(row, group_id, bound)
