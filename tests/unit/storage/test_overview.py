"""What the home tab reads."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from storage.database import Database
from storage.overview import sent_by_day
from storage.tables import Distribution, DistributionTally, MessageState


def test_a_day_is_the_readers_day(db: Database) -> None:
    """23:30 UTC on the 14th is the 15th in Warsaw, and that is where a reader in Warsaw looks for it."""
    late = datetime(2026, 6, 14, 23, 30, tzinfo=UTC)
    with db.write() as session:
        sent = Distribution(created_by="U0MAYA", created_at=late, updated_at=late, started_at=late, status="done")
        session.add(sent)
        session.flush()
        session.add(DistributionTally(distribution_id=sent.id, state=MessageState.DELIVERED, n=3))
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    with db.read() as session:
        warsaw = sent_by_day(session, now=now, zone=ZoneInfo("Europe/Warsaw"))
        utc = sent_by_day(session, now=now, zone=UTC)
    assert warsaw[date(2026, 6, 15)] == 3 and sum(warsaw.values()) == 3
    assert utc[date(2026, 6, 14)] == 3 and len(utc) == 7
