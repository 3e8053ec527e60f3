"""Somebody who is everywhere in the database, to be erased; and whatever is left of her."""

import json

from sqlalchemy import Text, cast, insert, select

from distribution import events
from distribution.customers import consent, erasing, upsert
from distribution.providers.port import InboundNews
from distribution.runtime import Runtime
from distribution.segments import editing
from distribution.sending.replies import take
from storage import customer_writes, uploads
from storage.tables import (
    ApiToken,
    Base,
    CallbackInbox,
    Distribution,
    IdempotencyKey,
    Job,
    PromoCode,
)
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    start,
)

NAME = "Zofia Wiśniewska-Żak"


PHONE = "+48501234218"


SOURCE_ID = "CRM-8812"


# What must be nowhere afterwards, as a database's text may spell it.
TRACES = ("zofia", "wiśniewska", "501234218", "501 234 218", "501-234-218", "crm-8812", "łódź", "wi\\u015bniewska")


def erase(runtime: Runtime, customer_id: int) -> bool:
    with runtime.db.write() as session:
        return erasing.erase(session, customer_id, "U0ADA", runtime.clock.now())


def add_zofia(runtime: Runtime, said: str = "given") -> int:
    with runtime.db.write() as session:
        (told,) = upsert.upsert(
            session,
            [{"source_id": SOURCE_ID, "phone": PHONE, "name": NAME, "consent": said, "attributes": {"city": "Łódź"}}],
            by="token 'CRM'",
            source="API",
            now=runtime.clock.now(),
            region=None,
        )
    assert told.customer_id
    return told.customer_id


def everything(runtime: Runtime) -> dict[str, str]:
    """Every cell of every table as small text, by table and column."""
    found: dict[str, str] = {}
    with runtime.db.read() as session:
        for table in Base.metadata.sorted_tables:
            for column in table.c:
                if table.name == "upload" and column.name == "data":
                    cells = [data.decode() for data in session.scalars(select(column))]
                else:
                    cells = [str(cell) for cell in session.scalars(select(cast(column, Text))) if cell is not None]
                found[f"{table.name}.{column.name}"] = "\n".join(cells).casefold()
    return found


def traces(runtime: Runtime) -> list[tuple[str, str]]:
    return [(where, trace) for where, text in everything(runtime).items() for trace in TRACES if trace in text]


def put_everywhere(runtime: Runtime, customer_id: int) -> None:
    """Put her wherever promobot may keep her."""
    now = runtime.clock.now()
    group_id = make_group(runtime, "Summer 10%", 5)
    provider_id = make_provider(runtime, "http://127.0.0.1:9")
    start(runtime, make_distribution(runtime, provider_id, [customer_id, *make_customers(runtime, 1)]))
    sample = {"customer_id": customer_id, "customer": NAME, "text": f"Hi {NAME}", "note": "", "encoding": "GSM-7"}
    with runtime.db.write() as session:
        code = session.scalars(select(PromoCode).where(PromoCode.customer_id == customer_id)).one()
        assert code.group_id == group_id
        events.record(session, [{"customer": PHONE, "name": "paid", "properties": {"to": NAME}}], now=now)
        take(session, provider_id, InboundNews(provider_ref="SM1", phone=PHONE, body=f"HELP, says {NAME}"), now)
        take(session, provider_id, InboundNews(provider_ref="SM2", phone=PHONE, body="HELP"), now)
        consent.change(session, customer_id, "opted_out", f"Maya (U0MAYA): {NAME} phoned from {PHONE}", now)
        editing.create_static(session, "Friends", [customer_id], by="U0MAYA", now=now)
        session.add(
            Distribution(
                subject="A draft",
                audience={"kind": "customer", "customer_id": customer_id},
                draft={
                    "typed": {"audience": {"list": f"+48 600 100 000\n501 234-218\n{SOURCE_ID}"}},
                    "list": {"unmatched": [PHONE], "bad": [[3, "0048501234218 x", "wrong"]]},
                    "review": {"audience": NAME, "samples": [sample]},
                },
                sealed={"audience": {"kind": "customer", "customer_id": customer_id, "name": NAME, "size": 1}},
                created_by="U0MAYA",
                created_at=now,
                updated_at=now,
            )
        )
        progress = {"rehearsal": {"typical": [sample], "worst": {"longest": sample}}}
        job = Job(kind="review", state="done", progress=progress, created_by="U0MAYA", created_at=now)
        session.add(job)
        session.flush()
        cells = ["", "(48) 501 234 218", "x"]
        refused = [(4, cells, "why"), (5, ["C9", "+48501234219", "y"], "why"), (6, [SOURCE_ID], "why"), (7, [NAME], "")]
        customer_writes.refuse(session, job.id, refused)
        session.execute(
            insert(CallbackInbox),
            [
                {"provider_id": 1, "key": f"k{key}", "payload": {"To": number}, "received_at": now}
                for key, number in enumerate((PHONE, "+48600100000"))
            ],
        )
        session.add(
            ApiToken(id=1, name="CRM", name_key="crm", hash="h", hint="x", scopes=[], created_at=now, created_by="U")
        )
        session.flush()
        answer = json.dumps({"customers": [{"index": 0, "customer_id": customer_id, "source_id": SOURCE_ID}]})
        session.add(IdempotencyKey(token_id=1, key="k", request="r", status=200, answer=answer, created_at=now))
        uploads.keep(session, "left.csv", f"phone,name\n{PHONE},{NAME}\n".encode(), by="U0MAYA", now=now)
        uploads.keep(session, "other.csv", b"phone\n+48600100000\n", by="U0MAYA", now=now)
