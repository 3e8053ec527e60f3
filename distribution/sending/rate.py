"""The provider's rate: a token bucket in the database, counted in SMS segments and shared by all workers.

The bucket is one moment, `provider.reserved_until`. A batch reserves the stretch of time that its segments take at the
provider's rate and spreads them over it, so neither a burst of one worker nor the sum of all exceeds the rate.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage.database import is_sqlite
from storage.tables import Provider

# A moment further ahead than any reservation can be was written under a clock that has since been set back.
ABSURD = timedelta(minutes=2)


def reserve(
    session: Session, provider_id: int, segments: int, *, now: datetime, ahead: float
) -> tuple[float, float] | None:
    """Reserve `segments`; returns in how many seconds the first may leave, and the rate to go on at.

    None when the time until then is longer than `ahead` seconds: nothing is reserved. `now` is a machine's own time.
    """
    row = select(Provider.rate, Provider.reserved_until).where(Provider.id == provider_id)
    rate, until = session.execute(row if is_sqlite(session) else row.with_for_update(key_share=True)).one()
    start = now if until is None or until < now or until > now + ABSURD else until
    wait = (start - now).total_seconds()
    if wait > ahead:
        return None
    session.execute(
        update(Provider)
        .where(Provider.id == provider_id)
        .values(reserved_until=start + timedelta(seconds=segments / rate))
        .execution_options(synchronize_session=False)
    )
    return wait, float(rate)
