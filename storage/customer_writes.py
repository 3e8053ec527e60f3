"""Customers written by the thousand: one statement for the new, one for the changed, one for the consents."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Text, case, cast, delete, insert, null, select, update
from sqlalchemy import literal as sql_literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from storage.bulk import values
from storage.customers import search_keys
from storage.database import is_sqlite
from storage.tables import ConsentChange, Customer, ImportRefusal, Job
from storage.tables.base import UtcDateTime

_COLUMNS = ("phone", "source_id", "name", "search", "search_last", "region", "locale", "time_zone", "consent")


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
        return replace(self, attributes=dict(self.attributes))


def add(session: Session, profiles: Sequence[Profile], now: datetime) -> None:
    """Insert new customers, and set the ids that they get. Each has a number or a source id that nobody has."""
    if not profiles:
        return
    given = _given(session, profiles)
    row = {name: given.c[name] for name in _COLUMNS} | {
        "attributes": _json(session, given.c.attributes),
        "consent_at": case((given.c.consent != "unknown", sql_literal(now, UtcDateTime())), else_=null()),
        "created_at": sql_literal(now, UtcDateTime()),
        "updated_at": sql_literal(now, UtcDateTime()),
    }
    added = session.execute(
        insert(Customer)
        .from_select(list(row), select(*row.values()))
        .returning(Customer.id, Customer.phone, Customer.source_id)
    )
    ids = {(phone, source_id): customer_id for customer_id, phone, source_id in added}
    for profile in profiles:
        profile.id = ids[profile.phone, profile.source_id]


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
    if not profiles:
        return
    columns: dict[str, TypeEngine[Any]] = {"customer_id": BigInteger(), "consent": Text(), "source": Text()}
    given = values(session, columns, [(each.id, each.consent, each.source or "") for each in profiles])
    chosen = select(given.c.customer_id, given.c.consent, given.c.source, sql_literal(now, UtcDateTime()))
    session.execute(insert(ConsentChange).from_select(["customer_id", "consent", "source", "at"], chosen))


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
    columns = {"id": BigInteger()} | {name: Text() for name in _COLUMNS} | {"attributes": Text()}
    rows = []
    for each in profiles:
        search, search_last = search_keys(each.name)
        rows.append(
            (
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
                json.dumps(each.attributes, ensure_ascii=False),
            )
        )
    return values(session, columns, rows)


def _json(session: Session, text: ColumnElement[Any]) -> ColumnElement[Any]:
    """JSON text as the column `Json` stores it: as it is on SQLite, JSONB on PostgreSQL."""
    return text if is_sqlite(session) else cast(text, JSONB)
