"""Customers written by the thousand: one statement for the new, one for the changed, one for the consents."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, case, cast, delete, insert, select, update
from sqlalchemy import literal as sql_literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from storage.bulk import values
from storage.customers import search_keys
from storage.database import is_sqlite
from storage.loading import ids, load, moment
from storage.tables import Customer, ImportRefusal, Job
from storage.tables.base import UtcDateTime

_COLUMNS = ("phone", "source_id", "name", "search", "search_last", "region", "locale", "time_zone", "consent")
_ROW = ("id", *_COLUMNS, "attributes")
_CONSENT = _ROW.index("consent")


@dataclass
class Profile:
    """A customer's row as it shall be; `id` None: a new one. `source` is whose word a change of consent goes by."""

    id: int | None = None
    phone: str | None = None
    source_id: str | None = None
    name: str = ""
    region: str | None = None
    locale: str | None = None
    time_zone: str | None = None
    consent: str = "unknown"
    attributes: dict[str, Any] = field(default_factory=dict)
    source: str | None = None

    def copy(self) -> "Profile":
        """Another one that is equal; attributes are values of JSON, so theirs need no copies."""
        return Profile(
            self.id,
            self.phone,
            self.source_id,
            self.name,
            self.region,
            self.locale,
            self.time_zone,
            self.consent,
            dict(self.attributes),
            self.source,
        )


def add(session: Session, profiles: Sequence[Profile], now: datetime) -> None:
    """Insert new customers, and set the ids that they get. Each has a number or a source id that nobody has."""
    if not profiles:
        return
    at = moment(session, now)
    for profile, customer_id in zip(profiles, ids(session, "customer", len(profiles)), strict=True):
        profile.id = customer_id
    rows = [(*row, at if row[_CONSENT] != "unknown" else None, at, at) for row in map(_row, profiles)]
    load(session, "customer", (*_ROW, "consent_at", "created_at", "updated_at"), rows)


def change(session: Session, profiles: Sequence[Profile], now: datetime) -> None:
    """Write customers that exist as they are now. No two may trade numbers in one call: each is unique at each row."""
    if not profiles:
        return
    given = _given(session, profiles)
    row: dict[Any, Any] = {name: given.c[name] for name in _COLUMNS} | {
        "attributes": _json(session, given.c.attributes),
        "consent_at": case(
            (given.c.consent != Customer.consent, sql_literal(now, UtcDateTime())), else_=Customer.consent_at
        ),
        "updated_at": sql_literal(now, UtcDateTime()),
    }
    session.execute(
        update(Customer).where(Customer.id == given.c.id).values(row).execution_options(synchronize_session=False)
    )


def note_consents(session: Session, profiles: Sequence[Profile], now: datetime) -> None:
    """Write down, for each of `profiles`, what its consent became and on whose word."""
    at = moment(session, now)
    rows = [(each.id, each.consent, each.source or "", at) for each in profiles]
    load(session, "consent_change", ("customer_id", "consent", "source", "at"), rows)


def refuse(session: Session, job_id: int, rows: Sequence[tuple[int, Sequence[str], str]]) -> None:
    """Keep the rows of a file that were not taken: line, cells, reason."""
    if rows:
        session.execute(
            insert(ImportRefusal),
            [{"job_id": job_id, "line": line, "cells": list(cells), "reason": why} for line, cells, why in rows],
        )


def refused(session: Session, job_id: int) -> Iterator[tuple[int, list[str], str]]:
    """The rows that a job did not take, in the order of the file, read as they are asked for."""
    rows = select(ImportRefusal.line, ImportRefusal.cells, ImportRefusal.reason).where(ImportRefusal.job_id == job_id)
    for row in session.execute(rows.order_by(ImportRefusal.line).execution_options(yield_per=5_000)):
        yield row.line, row.cells, row.reason


def forget_refused(session: Session, before: datetime) -> None:
    """Drop what jobs that ended before a moment did not take."""
    ended = select(Job.id).where(Job.finished_at < before)
    session.execute(delete(ImportRefusal).where(ImportRefusal.job_id.in_(ended)))


def _given(session: Session, profiles: Sequence[Profile]) -> FromClause:
    """Profiles as a table: `_COLUMNS`, `id`, and `attributes` as JSON text."""
    columns = {"id": BigInteger()} | {name: Text() for name in (*_COLUMNS, "attributes")}
    return values(session, columns, [_row(each) for each in profiles])


def _row(each: Profile) -> tuple[Any, ...]:
    """A profile's cells, in the order of `_ROW`."""
    search, search_last = search_keys(each.name)
    attributes = json.dumps(each.attributes, ensure_ascii=False) if each.attributes else "{}"
    return (
        each.id,
        each.phone,
        each.source_id,
        each.name,
        search,
        search_last,
        each.region,
        each.locale,
        each.time_zone,
        each.consent,
        attributes,
    )


def _json(session: Session, text: ColumnElement[Any]) -> ColumnElement[Any]:
    """JSON text as the column `Json` stores it: as it is on SQLite, JSONB on PostgreSQL."""
    return text if is_sqlite(session) else cast(text, JSONB)
