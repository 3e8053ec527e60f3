"""Erasing: nothing personal is left in any table, the numbers still add up, and nobody is texted who was erased."""

import asyncio
import json
import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from distribution import launch as launching
from distribution.check import check
from distribution.codes.intake import hand_over
from distribution.customers import consent, erasing, importing, personal_data, profile
from distribution.customers.profile import Details
from distribution.customers.traces import Person
from distribution.errors import Refused
from distribution.runtime import Runtime
from distribution.segments import counting, looking
from storage import customer_writes, uploads
from storage.batches import lock
from storage.customers import history
from storage.rules import Condition, Rules
from storage.tables import (
    CodeState,
    Customer,
    Distribution,
    Event,
    Job,
    Message,
    MessageState,
    PromoCode,
    Reply,
    UnknownAttempt,
)
from tests.conftest import run_jobs
from tests.gateway import Gateway, serving
from tests.sending import (
    make_customers,
    make_distribution,
    make_group,
    make_provider,
    sending,
    start,
    status,
    until,
    wait_until_somebody_waits_for_a_lock,
)
from tests.unit.customers.zofia import (
    NAME,
    PHONE,
    SOURCE_ID,
    add_zofia,
    erase,
    put_everywhere,
    traces,
)


def test_nothing_personal_is_left_in_any_table(runtime: Runtime) -> None:
    customer_id = add_zofia(runtime)
    put_everywhere(runtime, customer_id)
    before = {where.partition(".")[0] for where, _ in traces(runtime)}
    assert before >= {
        "customer", "message", "reply", "event", "consent_change", "distribution", "job", "import_refusal",
        "callback_inbox", "idempotency_key", "upload",
    }  # fmt: skip
    assert erase(runtime, customer_id)
    left = {where.partition(".")[0] for where, _ in traces(runtime)}
    assert left <= {"distribution", "job", "import_refusal", "callback_inbox", "idempotency_key", "upload"}
    run_jobs(runtime)
    assert traces(runtime) == []
    with runtime.db.read() as session:
        assert session.scalars(select(Job.error).where(Job.kind == "erase_traces")).all() == [None]
        assert session.scalar(select(func.count()).select_from(Event)) == 0
        assert session.scalar(select(func.count()).select_from(customer_writes.ImportRefusal)) == 1
        assert [upload.name for upload in session.scalars(select(uploads.Upload))] == ["other.csv"]
        assert "+48 600 100 000" in json.dumps(session.scalars(select(Distribution.draft)).all())
        assert {reply.answer_state for reply in session.scalars(select(Reply))} == {None}
    assert check(runtime.db) == []


def test_codes_and_history_stay_without_a_name_and_the_customer_is_not_found(runtime: Runtime) -> None:
    customer_id = add_zofia(runtime)
    put_everywhere(runtime, customer_id)
    erase(runtime, customer_id)
    with runtime.db.read() as session:
        zofia = session.get_one(Customer, customer_id)
        assert (zofia.phone, zofia.name, zofia.source_id, zofia.attributes, zofia.consent) == (
            None,
            "",
            None,
            {},
            "unknown",
        )
        assert zofia.erased_at == runtime.clock.now()
        for query in (NAME, "zofia", PHONE, "501 234 218", SOURCE_ID):
            assert profile.find(session, query, 5) == []
        assert session.scalars(select(PromoCode.state).where(PromoCode.customer_id == customer_id)).one()
        assert [change.consent for change in history(session, customer_id)] == ["unknown", "opted_out", "given"]
        assert {change.source for change in history(session, customer_id)} == {
            "[erased]",
            "personal data erased by U0ADA",
        }
        exported = personal_data.export(session, customer_id, runtime.clock.now())
        assert (len(exported["promo_codes"]), len(exported["messages"]), exported["events"]) == (1, 1, [])
    assert not erase(runtime, customer_id)  # again: nothing more to do
    with runtime.db.write() as session, pytest.raises(Refused, match="was erased"):
        profile.edit(session, customer_id, Details(name="Zofia", phone=PHONE), now=runtime.clock.now())
    with runtime.db.write() as session:
        assert not consent.change(session, customer_id, "given", "Maya", runtime.clock.now())


def test_a_distribution_under_way_does_not_text_somebody_who_was_erased(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 10)
    zofia = add_zofia(runtime)

    async def play() -> None:
        async with serving(Gateway()) as gateway:
            provider_id = make_provider(runtime, gateway.url)
            distribution_id = make_distribution(runtime, provider_id, [zofia, *make_customers(runtime, 4)])
            start(runtime, distribution_id)  # her code is blocked, her message waits
            erase(runtime, zofia)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution_id) == "done")
            assert sum(gateway.texts_to().values()) == 4
            assert PHONE not in gateway.texts_to()

    asyncio.run(play())
    with runtime.db.read() as session:
        message = session.scalars(select(Message).where(Message.customer_id == zofia)).one()
        assert (message.state, message.reason) == (MessageState.EXCLUDED, "no_number")
        assert session.scalars(select(PromoCode).where(PromoCode.customer_id == zofia)).all() == []
        assert session.scalar(select(func.count()).where(PromoCode.state == CodeState.ACTIVE)) == 6


def test_a_launch_that_had_read_the_number_when_it_was_erased_does_not_keep_it(runtime: Runtime) -> None:
    """On PostgreSQL the launch's chunk is not committed yet: what the erasure changes does not know its message."""
    zofia = add_zofia(runtime)
    provider = make_provider(runtime, "http://127.0.0.1:9")
    distribution = make_distribution(runtime, provider, [zofia], body="Hello {{ client.first_name }}")
    with runtime.db.write() as session:
        launching.launch(session, runtime, distribution)
    run = threading.Thread(target=run_jobs, args=(runtime,))
    with runtime.db.write() as session:
        row = lock(session, distribution)
        chunk = SimpleNamespace(progress={"phase": "start"}, done=0, total=None)
        launching._start(session, runtime, chunk, row)  # type: ignore[arg-type]
        launching._audience(session, runtime, chunk, row)  # type: ignore[arg-type]
        if not runtime.db.is_sqlite:  # there nobody erases while it writes
            assert erase(runtime, zofia)
            with runtime.db.write() as other:  # the launch's own job is not what this is about
                other.execute(delete(Job).where(Job.kind == launching.KIND))
            run.start()
            wait_until_somebody_waits_for_a_lock(runtime)
    if runtime.db.is_sqlite:
        assert erase(runtime, zofia)
        run.start()
    run.join()
    with runtime.db.read() as session:
        message = session.scalars(select(Message)).one()
    assert message.phone is None
    erased = "a message keeps the number of a customer who was erased"
    assert not [line for line in check(runtime.db) if erased in line]
    with runtime.db.write() as session:
        session.get_one(Message, message.id).phone = PHONE
    assert f"{erased}: {message.id}" in check(runtime.db)


def test_what_became_of_a_text_is_asked_of_nobody_once_the_number_is_gone(runtime: Runtime) -> None:
    customer_id, now = add_zofia(runtime), runtime.clock.now()
    make_group(runtime, "Summer 10%", 1)
    start(runtime, make_distribution(runtime, make_provider(runtime, "http://127.0.0.1:9"), [customer_id]))
    with runtime.db.write() as session:
        message = session.scalars(select(Message)).one()
        session.add(
            UnknownAttempt(
                message_id=message.id, batch_id=1, distribution_id=message.distribution_id, since=now, look_at=now
            )
        )
    erase(runtime, customer_id)
    with runtime.db.read() as session:
        assert session.scalars(select(UnknownAttempt.look_at)).one() is None


def test_erasing_waits_for_an_import_that_may_bring_them_back(runtime: Runtime) -> None:
    customer_id = add_zofia(runtime)
    with runtime.db.write() as session:
        data = f"phone\n{PHONE}\n".encode()
        upload_id, _ = hand_over(session, data, "spring.csv", by="U0MAYA", now=runtime.clock.now())
        importing.import_file(
            runtime.jobs,
            session,
            upload_id,
            [{"role": "phone"}],
            region="PL",
            everyone_agreed=True,
            by="U",
            by_name="M",
        )
    with pytest.raises(Refused, match=r"'spring.csv' is being imported, and may bring them back.") as refused:
        erase(runtime, customer_id)
    assert refused.value.field == "customer"
    run_jobs(runtime)
    assert erase(runtime, customer_id)


@pytest.mark.parametrize("chunk", [1, 2])
def test_the_search_goes_on_where_it_was_after_a_restart(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(erasing, "CHUNK", chunk)
    customer_id = add_zofia(runtime)
    put_everywhere(runtime, customer_id)
    erase(runtime, customer_id)
    calls: list[str] = []
    rewrite = erasing.erasing.rewrite

    def dying(*args: Any) -> None:
        calls.append("")
        if len(calls) == 2:
            raise KeyboardInterrupt
        rewrite(*args)

    monkeypatch.setattr(erasing.erasing, "rewrite", dying)
    with pytest.raises(KeyboardInterrupt):
        run_jobs(runtime)
    assert traces(runtime)
    runtime.clock.advance(timedelta(minutes=5))  # type: ignore[attr-defined]
    run_jobs(runtime)
    assert traces(runtime) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("+48501234218", True),
        ("0048 501-234-218", True),
        ("(48) 501.234.218", True),
        ("tel. 501 234 218, Anna", True),
        ("501234218", True),
        ("1501234218", False),
        ("5012342189", False),
        ("+48501234219", False),
        ("zofia WISNIEWSKA żak rang an", True),
        ("Zofia", False),
        (" CRM-8812 ", True),
        ("CRM-88123", False),
    ],
)
def test_people_are_recognised_however_they_are_written(text: str, named: bool) -> None:
    assert Person(1, PHONE, SOURCE_ID, NAME).is_in(text) is named


def test_nobody_who_was_erased_is_in_a_segment_of_those_without_something(runtime: Runtime) -> None:
    """An erased customer has no city; "city is not set" must not bring them back."""
    customer_id, other = add_zofia(runtime), make_customers(runtime, 1)[0]
    erase(runtime, customer_id)
    with runtime.db.read() as session:
        for rules in (Rules(), Rules(negate=True, parts=(Condition("name", "is", "Ben"),))):
            where = counting.matching(session, rules, runtime.clock.now())
            found = looking.page(session, where, threading.Event(), after=0, limit=10)
            assert [customer.id for customer in found] == [other]
