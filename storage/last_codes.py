"""The promo code that a customer got last from a group: what `client.last_promocode` sends again."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.tables import CodeState, PromoCode, PromoCodeGroup


class LastCode(NamedTuple):
    """A code that its customer has."""

    code_id: int
    code: str


def latest(
    session: Session, group_ids: Collection[int], customer_ids: Collection[int], now: datetime
) -> dict[tuple[int, int], LastCode]:
    """By (customer id, group id): the code issued last, redeemed or not; revoked and expired ones do not count.

    A repetition sends the code that was issued last anyway, so the first issues alone decide.
    """
    if not group_ids or not customer_ids:
        return {}
    expiry = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    rows = session.execute(
        select(PromoCode.customer_id, PromoCode.group_id, PromoCode.id, PromoCode.code)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(
            among(session, PromoCode.customer_id, customer_ids),
            PromoCode.group_id.in_(sorted(group_ids)),
            PromoCode.state == CodeState.ISSUED,
            expiry.is_(None) | (expiry > now),
        )
        .order_by(PromoCode.issued_at, PromoCode.id)
    )
    return {(customer_id or 0, group_id): LastCode(code_id, code) for customer_id, group_id, code_id, code in rows}
