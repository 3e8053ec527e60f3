"""The promo code that a customer got last from a group: what `client.last_promocode` sends again."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.bulk import among
from storage.database import is_sqlite
from storage.tables import CodeState, PromoCode, PromoCodeGroup

_FIRST = datetime.min.replace(tzinfo=UTC)


class LastCode(NamedTuple):
    """A code that its customer has."""

    code_id: int
    code: str


def latest(
    session: Session,
    group_ids: Collection[int],
    customer_ids: Collection[int],
    now: datetime,
    *,
    hold: bool = False,
) -> dict[tuple[int, int], LastCode]:
    """By (customer id, group id): the code issued last, redeemed or not; revoked and expired ones do not count.

    A repetition sends the code that was issued last anyway, so the first issues alone decide. `hold`: the customers'
    issued codes of these groups are held until the transaction ends, in the order of their ids, and are as they are
    now: whoever revokes one waits, and then sees what was planned.
    """
    if not group_ids or not customer_ids:
        return {}
    expiry = func.coalesce(PromoCode.expires_at, PromoCodeGroup.expires_at)
    query = (
        select(PromoCode.customer_id, PromoCode.group_id, PromoCode.id, PromoCode.code, PromoCode.issued_at)
        .join(PromoCodeGroup, PromoCodeGroup.id == PromoCode.group_id)
        .where(
            among(session, PromoCode.customer_id, customer_ids),
            PromoCode.group_id.in_(sorted(group_ids)),
            PromoCode.state == CodeState.ISSUED,
            expiry.is_(None) | (expiry > now),
        )
        .order_by(PromoCode.id)
    )
    if hold and not is_sqlite(session):
        query = query.with_for_update(of=PromoCode)
    rows = sorted(session.execute(query), key=lambda row: (row[4] or _FIRST, row[2]))
    return {(row[0] or 0, row[1]): LastCode(row[2], row[3]) for row in rows}
