"""Erasing a customer: everything personal goes, what they were sent and what it cost stays, without a name.

At once and in one transaction: their row, their number on every message (so that nothing that still waits is sent),
events, replies, places on static segments, the words of their consents. Then a job looks through what names people
only in passing: drafts and reviews, results of jobs, callbacks, files and their refused rows, kept answers of the API.

`docs/decisions/erasing.md` says what is kept and why.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import InstrumentedAttribute, Session

from distribution.customers.traces import Person
from distribution.errors import Refused
from distribution.files import read_table
from storage import customers, erasing, events, suppressions, uploads
from storage.tables import CallbackInbox, Customer, Distribution, IdempotencyKey, ImportRefusal, Job

if TYPE_CHECKING:
    from distribution.jobs import JobRun
    from distribution.runtime import Runtime

KIND = "erase_traces"
CHUNK = 2_000
# An import that is under way would bring them back from its file.
IMPORTS = ("import_customers", "import_events")

Columns = Sequence[InstrumentedAttribute[Any]]
# What is looked through, in this order: the columns, of which the first so many are the key.
SEARCHED: dict[str, tuple[Columns, int]] = {
    "distributions": ((Distribution.id, Distribution.draft, Distribution.sealed), 1),
    "jobs": ((Job.id, Job.args, Job.progress, Job.result), 1),
    "callbacks": ((CallbackInbox.id, CallbackInbox.payload), 1),
    "answers": ((IdempotencyKey.token_id, IdempotencyKey.key, IdempotencyKey.answer), 2),
    "refused rows": ((ImportRefusal.job_id, ImportRefusal.line, ImportRefusal.cells), 2),
}


def erase(session: Session, customer_id: int, by: str, now: datetime) -> bool:
    """Erase a customer; False where they were erased already. `by`: who does it, as their id or a token's name.

    Cannot be undone. Raises `Refused`, field "customer": there is none; or an import is under way, which may hold them.
    """
    customer = erasing.locked(session, customer_id)
    if customer is None:
        raise Refused("This customer does not exist.", field="customer", reason="unknown")
    if customer.erased_at is not None:
        return False
    running = erasing.under_way(session, IMPORTS)
    if running is not None:
        raise Refused(
            f"'{running.args.get('filename', 'A file')}' is being imported, and may bring them back. "
            "Erase them when it is done.",
            field="customer",
            reason="import_under_way",
        )
    person = Person(customer.id, customer.phone, customer.source_id, customer.name)
    if customer.phone and customer.consent == "opted_out":
        suppressions.add(session, customer.phone, now)
    events.hold(session)
    erasing.by_id(session, customer.id, customer.phone)
    for column, row_id, text in erasing.remarks(session, customer.id):
        if (kept := person.without(text)) != text:
            erasing.rewrite(session, (column.class_.id, column), 1, (row_id, kept))
    erasing.empty(session, customer, now)
    customers.note_consent(session, customer.id, "unknown", source=f"personal data erased by {by}", at=now)
    session.add(Job(kind=KIND, args=asdict(person), created_by=by, created_at=now))
    session.flush()
    return True


def erase_traces(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: what names the erased customer in passing, some rows at a time. Its own arguments go last."""
    person = Person(**run.args) if run.args else None
    if person and not run.progress:
        with run.chunk(runtime) as session:
            erasing.where_being_made(session, person.customer_id)
    parts = list(SEARCHED)
    at = parts.index(run.progress["part"]) if run.progress else 0
    while person and at < len(parts):
        after = run.progress.get("after") or []
        with run.chunk(runtime) as session:
            last = _search(session, person, parts[at], after, run.id)
            at += last is None
            run.progress = {"part": parts[min(at, len(parts) - 1)], "after": last}
    if person:
        _files(runtime, person)
        with run.chunk(runtime) as session:
            erasing.forget_args(session, run.id)
    return {}


def _search(session: Session, person: Person, part: str, after: Sequence[Any], own_job: int) -> list[Any] | None:
    """Clean the next rows of a table; returns the key of the last, None where there are no more."""
    columns, keys = SEARCHED[part]
    rows = erasing.some(session, columns, keys, after, CHUNK)
    for row in rows:
        if part == "jobs" and row[0] == own_job:
            continue
        if part == "refused rows":
            if any(person.is_in(cell) for cell in row[2]):
                erasing.drop_refusal(session, row[0], row[1])
            continue
        cleaned = [_CLEAN.get(part, Person.without)(person, value) for value in row[keys:]]
        if cleaned != list(row[keys:]):
            erasing.rewrite(session, columns, keys, (*row[:keys], *cleaned))
    return list(rows[-1][:keys]) if len(rows) == CHUNK else None


def _answer(person: Person, text: str) -> str:
    """An answer of the API, which is JSON's text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    cleaned = person.without(value)
    return text if cleaned == value else json.dumps(cleaned)


_CLEAN: dict[str, Callable[[Person, Any], Any]] = {"answers": _answer}


def _files(runtime: "Runtime", person: Person) -> None:
    """Drop the files that hold them, which people handed over and then did nothing with."""
    with runtime.db.read() as session:
        ids = sorted(set(erasing.upload_ids(session)) - erasing.uploads_in_use(session))
    for upload_id in ids:
        with runtime.db.read() as session:
            kept = uploads.read(session, upload_id)
        if kept is not None and _holds(kept[1], kept[0], person):
            with runtime.db.write() as session:
                uploads.drop(session, upload_id)


def _holds(data: bytes, filename: str, person: Person) -> bool:
    """Whether a file names somebody; one that cannot be read to its end is taken to."""
    try:
        return any(person.is_in(cell) for row in read_table(data, filename).rows() for cell in row.values)
    except Refused:
        return True


def not_erased(customer: Customer) -> Customer:
    """The customer. Raises `Refused`, field "customer", for one who was erased."""
    if customer.erased_at is not None:
        raise Refused("This customer was erased: there is nothing left to change.", field="customer", reason="erased")
    return customer
