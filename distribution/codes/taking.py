"""Which code each message of a distribution carries: a new one, the one that its customer has, or their last.

Used at launch, chunk by chunk, and again where failed messages are retried. By "the same code until it is redeemed"
(`Distribution.code_policy`) a customer who can still use a code of the group gets that one again, recorded as repeated;
two distributions that are launched at once find each other's (docs/decisions/the-same-code-until-redeemed.md).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from storage import live_codes
from storage.bulk import among, values
from storage.last_codes import latest
from storage.plain import table_of
from storage.tables import Distribution, Message, MessageState, PromoCode, PromoCodeGroup, PromoCodeRepeat
from storage.tables.base import BigId

NEW, SAME = "new", "same"
POLICIES = (NEW, SAME)

Recipient = tuple[int, int]  # message id, customer id


def keep(session: Session, group_id: int, recipients: Sequence[Recipient], now: datetime) -> set[int]:
    """Plan to send again the codes of the group that these recipients can still use; the messages that do.

    Their codes are held until the transaction ends, before any stock: see `storage.live_codes`.
    """
    live_codes.turn(session, group_id)
    found = live_codes.of_customers(session, group_id, [each[1] for each in recipients], now, hold=True)
    planned = [
        (message_id, found[customer_id].code_id, customer_id)
        for message_id, customer_id in recipients
        if customer_id in found
    ]
    _plan(session, planned)
    return {message_id for message_id, _, _ in planned}


def carried(session: Session, row: Distribution, message_ids: Collection[int], now: datetime) -> set[tuple[int, int]]:
    """Messages of a distribution that failed and have a code of a group to take again all the same: (message, group).

    It is bound to them, or, by "the same code", planned to be sent again and live. Other plans are forgotten.
    """
    bound = select(PromoCode.message_id, PromoCode.group_id).where(among(session, PromoCode.message_id, message_ids))
    found = {(message_id or 0, group_id) for message_id, group_id in session.execute(bound)}
    if row.code_policy != SAME:
        return found
    mine = among(session, PromoCodeRepeat.message_id, message_ids)
    live = (
        select(PromoCodeRepeat.message_id, PromoCode.group_id)
        .join(PromoCode, PromoCode.id == PromoCodeRepeat.code_id)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(mine, live_codes.is_live(now))
    )
    found |= {(message_id, group_id) for message_id, group_id in session.execute(live)}
    still = select(PromoCode.id).join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
    still = still.where(PromoCode.id == PromoCodeRepeat.code_id, live_codes.is_live(now))
    session.execute(
        delete(PromoCodeRepeat)
        .where(mine, PromoCodeRepeat.issued_at.is_(None), ~still.correlate(PromoCodeRepeat).exists())
        .execution_options(synchronize_session=False)
    )
    return found


def needed(session: Session, row: Distribution, group_id: int, now: datetime) -> int:
    """How many messages that are to be sent go to customers without a live code of the group."""
    waiting = (
        Message.id >= row.first_message_id,
        Message.id <= row.last_message_id,
        Message.state == MessageState.QUEUED,
    )
    query = select(func.count()).select_from(Message).where(*waiting, live_codes.lacking(group_id, now))
    return session.scalar(query) or 0


def repeat_last(session: Session, group_ids: Collection[int], recipients: Sequence[Recipient], now: datetime) -> None:
    """Plan to send again the code that each recipient got last from each group, if any.

    Not where the message sends one of that group again anyway: that is the last one then. The codes are held until the
    transaction ends, so this comes before any stock (`storage.live_codes` tells the order).
    """
    found = latest(session, group_ids, [customer_id for _, customer_id in recipients], now, hold=True)
    there = select(PromoCodeRepeat.message_id, PromoCode.group_id).join(
        PromoCode, PromoCode.id == PromoCodeRepeat.code_id
    )
    mine = among(session, PromoCodeRepeat.message_id, [message_id for message_id, _ in recipients])
    planned = {(message_id, group_id) for message_id, group_id in session.execute(there.where(mine))}
    _plan(
        session,
        [
            (message_id, found[customer_id, group_id].code_id, customer_id)
            for message_id, customer_id in recipients
            for group_id in group_ids
            if (customer_id, group_id) in found and (message_id, group_id) not in planned
        ],
    )


def forget(session: Session, message_ids: Collection[int]) -> None:
    """Forget what was planned to be sent again with messages that are not made after all."""
    if message_ids:
        session.execute(delete(PromoCodeRepeat).where(among(session, PromoCodeRepeat.message_id, message_ids)))


def _plan(session: Session, planned: Sequence[tuple[int, int, int]]) -> None:
    if planned:
        rows = values(session, {"message_id": BigId, "code_id": BigId, "customer_id": BigId}, planned)
        columns = ["message_id", "code_id", "customer_id"]
        session.execute(insert(table_of(PromoCodeRepeat)).from_select(columns, select(rows)))
