"""The review and what surrounds it, at 100,000 recipients and 120,000 codes: `python -m benchmarks.review [URL]`.

What a listener waits for must take well under a second (Slack gives it three): a review of 5,000, submit, approve.
The floor is the two queries that any review needs (read the customers, read the codes), in the same run.
"""

import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import insert, select, update

from distribution import approvals, drafts, review
from distribution.clock import SystemClock
from distribution.codes import groups
from distribution.codes.format import Format
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.recipients import Loader
from distribution.runtime import Runtime
from distribution.segments import editing
from distribution.sms import measure
from distribution.templates import render
from distribution.vault import Vault
from storage import code_writes
from storage.database import Database
from storage.rules import Condition, Rules
from storage.tables import Customer, CustomerAttribute, Distribution, Job, PromoCode, PromoCodeLot, Provider

RECIPIENTS = 100_000
BODY = (
    "Hi {{ client.first_name | default('there') }} from {{ client.attributes.city }}, your 10% code: "
    "{{ client.promocode('Summer 10%') }}. Reply STOP to opt out."
)


class Approver:
    """Somebody who may."""

    user_id = "U0LEE"

    def must(self, action: str) -> None:
        """They may do anything."""


def main(url: str) -> None:
    """Fill a database, and time each step."""
    db = Database(url)
    db.upgrade()
    clock, vault = SystemClock(), Vault("a secret key for benchmarks")
    runtime = Runtime(db, clock, jobs_for(clock), Links("https://promo.example", vault.derive("qr links")), vault)
    segment_id, group_id, provider_id = fill(runtime)
    now = clock.now()
    for size in (5_000, RECIPIENTS):
        with db.write() as session:
            draft = drafts.start(session, by="U0MAYA", channel="C1", now=now)
            drafts.set_purpose(session, draft, purpose="unique_codes", group_id=group_id, now=now)
            drafts.set_audience(session, draft, {"kind": "segment", "segment_id": segment_id[size]}, now=now)
            drafts.set_subject(session, draft, f"To {size}", now=now)
            drafts.set_message(session, draft, provider_id=provider_id, body=BODY, send_at=None, now=now)
            draft_id = draft.id
        label = f"{size:,} recipients"
        report(f"review, what the listener waits for, {label}", partial(shown, runtime, draft_id))
        report(f"review, the job, {label}", partial(run_jobs, runtime), per=size)
        report(f"submit (seal, ask), {label}", partial(submitted, runtime, draft_id))
        approval_id = approval_of(runtime, draft_id)
        report(f"approve (check the seal, decide), {label}", partial(approved, runtime, approval_id))
        with db.write() as session:
            session.execute(update(Job).values(state="cancelled"))
    report("floor: read the customers and the codes", partial(floor, db), per=RECIPIENTS)
    report("sender: load 500 recipients", partial(load_batch, runtime), per=500)
    text()


def fill(runtime: Runtime) -> tuple[dict[int, int], int, int]:
    """Customers, codes, two segments, a provider."""
    now = datetime.now(UTC)
    with runtime.db.write() as session:
        session.add(CustomerAttribute(name="city", type="text", created_at=now))
        session.add(CustomerAttribute(name="few", type="text", created_at=now))
        session.execute(
            insert(Customer),
            [
                {
                    "name": f"Anna{n} Kowalska",
                    "phone": f"+48{500_000_000 + n}",
                    "consent": "given",
                    "attributes": {"city": "Warsaw", "few": "yes" if n < 5_000 else "no", "points": n},
                    "created_at": now,
                    "updated_at": now,
                }
                for n in range(RECIPIENTS)
            ],
        )
        form = Format.parse("SUMMER-{string('0-9', 4)}{string('a-Z', 10)}")
        group = groups.create(session, "Summer 10%", formats=[form], by="U0MAYA", now=now)
        lot = PromoCodeLot(group_id=group.id, method="generate", created_at=now, created_by="U0MAYA")
        session.add(lot)
        session.flush()
        code_writes.insert(session, list(set(form.codes(120_000))), group_id=group.id, lot_id=lot.id)
        provider = Provider(name="S", name_key="s", kind="sandbox", config={}, created_at=now, created_by="U0MAYA")
        session.add(provider)
        segments = {}
        for size, field, value in ((5_000, "few", "yes"), (RECIPIENTS, "city", "Warsaw")):
            rules = Rules(parts=(Condition("attribute", "is", value, attribute=field, type="text"),))
            segments[size] = editing.create(session, f"Segment {size}", rules, by="U0MAYA", now=now).id
        return segments, group.id, provider.id


def shown(runtime: Runtime, draft_id: int) -> None:
    """The review as the listener asks for it."""
    with runtime.db.write() as session:
        review.review(session, runtime, draft_id, by="U0MAYA")


def run_jobs(runtime: Runtime) -> None:
    """Every job that waits."""
    while runtime.jobs.run_next(runtime):
        pass


def submitted(runtime: Runtime, draft_id: int) -> None:
    """Ask for approval."""
    with runtime.db.write() as session:
        approvals.submit(session, runtime, draft_id, by="U0MAYA")


def approval_of(runtime: Runtime, draft_id: int) -> int:
    """The approval asked for."""
    with runtime.db.read() as session:
        return session.execute(
            select(approvals.Approval.id).where(approvals.Approval.distribution_id == draft_id)
        ).scalar_one()


def approved(runtime: Runtime, approval_id: int) -> None:
    """The click."""
    with runtime.db.write() as session:
        approvals.approve(session, runtime, approval_id, Approver())


def floor(db: Database) -> None:
    """Only read what has to be read."""
    with db.read() as session:
        session.execute(select(Customer.id, Customer.name, Customer.attributes, Customer.phone)).all()
        session.execute(select(PromoCode.id, PromoCode.code).limit(RECIPIENTS)).all()


def load_batch(runtime: Runtime) -> None:
    """500 recipients for the sender, without their messages: the queries are of the same shape."""
    with runtime.db.read() as session:
        draft = session.scalars(select(Distribution).order_by(Distribution.id.desc()).limit(1)).one()
        Loader(session, draft, runtime.links).for_customers(range(1, 501), runtime.clock.now())


def text() -> None:
    """Rendering and measuring alone."""
    template = render.compile(BODY)
    someone = render.Recipient(
        "Anna Kowalska", "+48", {"city": "Warsaw"}, {"summer 10%": render.CodeText("SUMMER-4821kQwPzTbaLm")}
    )
    written = template.render(someone)
    for name, work in (("render", partial(template.render, someone)), ("measure", partial(measure, written))):
        best = min(timeit.repeat(work, number=20_000, repeat=5))
        print(f"{name:60} {best / 20_000 * 1e6:8.2f} µs each")


def report(name: str, work: Callable[[], object], *, per: int | None = None) -> None:
    """Print how long it takes."""
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    rate = f"{seconds / per * 1e6:8.1f} µs each" if per else ""
    print(f"{name:60} {seconds:8.3f} s {rate}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/bench.db")
