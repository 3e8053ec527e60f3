"""What failed and may be sent again: which messages, and the codes that they need for it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, Text, exists, func, select, update
from sqlalchemy.orm import Session

from distribution import recipients
from distribution.automatic.texts import body_of
from distribution.codes import taking
from distribution.codes.usable import missing, unusable
from distribution.errors import Refused
from distribution.templates import render
from storage import issuing, messages, planned_reading
from storage.belonging import has_planned, messages_of
from storage.bulk import among, values
from storage.customers import exclusion
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeGroup,
    Provider,
)
from storage.tables.base import BigId

MOST = 5_000  # messages that one click sends again: well under a second
FAILED = (MessageState.REJECTED, MessageState.UNDELIVERED)


def count(session: Session, row: Distribution, now: datetime) -> int:
    """How many messages one click on Retry sends again; 0 where it would be refused whatever the codes."""
    if row.status != "done" or not provider_there(session, row):
        return 0
    return session.scalar(select(func.count()).select_from(_failed(row, now).subquery())) or 0


def take(session: Session, row: Distribution, now: datetime) -> list[int]:
    """The messages that one click sends again, in the order of their ids, with their customers' present numbers."""
    found = session.execute(_failed(row, now)).all()
    changed = [(message_id, present) for message_id, before, present in found if before != present]
    if changed:
        new = values(session, {"id": BigId, "phone": Text}, changed)
        session.execute(update(messages.MESSAGE).where(messages.MESSAGE.c.id == new.c.id).values(phone=new.c.phone))
    return [message_id for message_id, _, _ in found]


def _failed(row: Distribution, now: datetime) -> Select[int, str | None, str | None]:
    """Failed messages of customers who may be texted now, and whose code was not revoked, used or past its own expiry
    since (another text may have carried it): id, number then, number now.
    """
    over = PromoCode.redeemed_at.is_not(None) | (PromoCode.expires_at <= now)
    return (
        select(Message.id, Message.phone, Customer.phone.label("present"))
        .join(Customer, Customer.id == Message.customer_id)
        .where(
            messages_of(row),
            Message.state.in_(FAILED),
            exclusion().is_(None),
            ~exists().where(PromoCode.message_id == Message.id, (PromoCode.state == CodeState.REVOKED) | over),
        )
        .order_by(Message.id)
        .limit(MOST)
    )


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
