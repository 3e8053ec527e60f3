"""What is planned, written down without the wizard, and what the calendar makes of it."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from distribution.runtime import Runtime
from distribution.schedule import calendar, conflicts
from distribution.schedule.calendar import Entry
from storage.tables import Distribution

WARSAW = ZoneInfo("Europe/Warsaw")
UTC_ = ZoneInfo("UTC")
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
BODY = "Hi, your code: {{ client.promocode('Summer 10%') }}"
MONDAYS = {"every": "week", "weekdays": [0], "at": "09:00"}


def plan(
    runtime: Runtime, subject: str, at: datetime | None, *, group: int | None = None, needed: int = 0, **more: Any
) -> int:
    """A distribution that is scheduled, reviewed for so many codes; its id."""
    codes = [{"group_id": group, "name": "", "needed": needed, "active": 0, "can_generate": False}] if group else []
    given = {"status": "scheduled", "mode": "manual", "body": BODY, **more}
    with runtime.db.write() as session:
        row = Distribution(
            subject=subject,
            send_at=at,
            draft={"review": {"codes": codes, "recipients": needed}},
            created_by="U0MAYA",
            created_at=NOON,
            updated_at=NOON,
            **given,
        )
        session.add(row)
        session.flush()
        return row.id


def entries(runtime: Runtime, zone: ZoneInfo = UTC_, now: datetime = NOON) -> list[Entry]:
    with runtime.db.read() as session:
        return calendar.entries(session, now, zone)


def found(runtime: Runtime, row: int | None = None, now: datetime = NOON) -> list[conflicts.Conflict]:
    with runtime.db.read() as session:
        asked = session.get_one(Distribution, row) if row else None
        return calendar.conflicts(session, asked, now)


def said(runtime: Runtime, row: int | None = None) -> list[str]:
    return [conflicts.words(each, UTC_) for each in found(runtime, row)]
