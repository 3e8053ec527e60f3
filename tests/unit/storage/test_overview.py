"""What the home tab reads."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from storage.database import Database
from storage.overview import sent_by_day, sent_by_day_live
from storage.tables import Distribution, DistributionTally, Message, MessageState


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


def test_texts_of_a_live_one_count_each_on_its_own_day(db: Database) -> None:
    """It was set live weeks ago, and texted yesterday and today; what nobody got does not count."""
    began, now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC), datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    with db.write() as session:
        live = Distribution(
            created_by="U0MAYA",
            created_at=began,
            updated_at=began,
            started_at=began,
            status="sending",
            mode="automatic",
        )
        session.add(live)
        session.flush()
        session.add(DistributionTally(distribution_id=live.id, state=MessageState.DELIVERED, n=3))
        texts = (
            (datetime(2026, 6, 14, 21, 59, tzinfo=UTC), MessageState.DELIVERED),  # 23:59 in Warsaw
            (datetime(2026, 6, 14, 22, 0, tzinfo=UTC), MessageState.ACCEPTED),
            (datetime(2026, 6, 15, 9, 0, tzinfo=UTC), MessageState.DELIVERED),
            (datetime(2026, 6, 15, 9, 0, tzinfo=UTC), MessageState.REJECTED),
            (began, MessageState.DELIVERED),
        )
        session.add_all(
            Message(id=n, distribution_id=live.id, customer_id=n, state=state, settled_at=at)
            for n, (at, state) in enumerate(texts, 1)
        )
    warsaw = ZoneInfo("Europe/Warsaw")
    with db.read() as session:
        assert sent_by_day_live(session, now=now, zone=warsaw) == {date(2026, 6, 14): 1, date(2026, 6, 15): 2}
        assert sum(sent_by_day(session, now=now, zone=warsaw).values()) == 0
