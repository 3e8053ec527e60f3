"""What providers call back about, and what customers write: in any order, twice, early."""

import asyncio

import pytest
from sqlalchemy import func, select

from distribution.check import check
from distribution.clock import ManualClock
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending import callbacks
from distribution.sending.replies import meaning
from storage.tables import (
    CallbackInbox,
    CodeState,
    ConsentChange,
    Customer,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeStock,
    Reply,
)
from tests.gateway import Gateway, callback_of, serving
from tests.sending import sending, status, until
from tests.unit.sending.running import ready, states


def test_callbacks_move_only_forward_in_any_order_and_twice(runtime: Runtime, clock: ManualClock) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 3)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            first, second, third = gateway.accepted
            now = clock.now()
            news = [
                callback_of(first, "delivered", now),
                callback_of(first, "delivered", now),
                callback_of(first, "accepted", now),
                callback_of(second, "undelivered", now, "landline"),
                callback_of(third, "delivered", now),
                callback_of(third, "undelivered", now),
            ]
            with runtime.db.read() as session:
                provider = session.scalar(select(Distribution.provider_id)) or 0
            with runtime.db.write() as session:
                assert callbacks.receive(session, provider, news, now) == 5
            with runtime.db.write() as session:
                assert callbacks.receive(session, provider, news, now) == 0
            assert callbacks.apply(runtime) == 5
            assert callbacks.apply(runtime) == 0
            assert states(runtime, distribution) == {MessageState.DELIVERED: 2, MessageState.UNDELIVERED: 1}
            with runtime.db.read() as session:
                told = report(session, distribution)
                # An undelivered text left the house: its code stays its customer's.
                assert session.scalars(select(PromoCodeStock.issued)).one() == 3
            assert told.failures == {"landline": 1}
            assert told.balance_error is None
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_callback_before_the_response_is_committed_counts_and_is_not_taken_back(
    runtime: Runtime, clock: ManualClock
) -> None:
    async def scenario() -> None:
        async with serving(Gateway(always="hang-after-accept")) as gateway:
            distribution = ready(runtime, gateway, 1)
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) == 1)
                with runtime.db.write() as session:
                    provider = session.scalar(select(Distribution.provider_id)) or 0
                    news = callback_of(gateway.accepted[0], "delivered", clock.now())
                    callbacks.receive(session, provider, [news], clock.now())
                await until(lambda: states(runtime, distribution) == {MessageState.DELIVERED: 1})
                gateway.hanging.set()
                await until(lambda: status(runtime, distribution) == "done")
            assert states(runtime, distribution) == {MessageState.DELIVERED: 1}
            with runtime.db.read() as session:
                assert session.scalars(select(PromoCode.state)).one() is CodeState.ISSUED
                # The answer came second, and what it says is kept all the same: the report adds segments up.
                message = session.scalars(select(Message)).one()
                assert message.segments == 1 and message.provider_ref
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_a_callback_of_another_provider_or_about_nothing_changes_nothing(runtime: Runtime, clock: ManualClock) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 1)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            bad = [
                callback_of(gateway.accepted[0] | {"reference": "9-999"}, "delivered", clock.now()),
                callback_of(gateway.accepted[0] | {"reference": "x"}, "delivered", clock.now()),
                {"event": "status"},
                {"hello": "world"},
            ]
            with runtime.db.write() as session:
                provider = session.scalar(select(Distribution.provider_id)) or 0
                callbacks.receive(session, provider, bad, clock.now())
                callbacks.receive(
                    session, provider + 1, [callback_of(gateway.accepted[0], "delivered", clock.now())], clock.now()
                )
            assert callbacks.apply(runtime) == 5
            assert states(runtime, distribution) == {MessageState.ACCEPTED: 1}
            with runtime.db.read() as session:
                assert session.scalar(select(func.count()).where(CallbackInbox.applied_at.is_(None))) == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "means"),
    [
        ("STOP", "stop"),
        (" stop. ", "stop"),
        ("Stop all", "stop"),
        ("opt-out", "stop"),
        ("Start", "start"),
        ("HELP!", "help"),
        ("please stop the bus", "other"),
        ("thanks", "other"),
        ("", "other"),
    ],
)
def test_a_reply_means_a_keyword_only_when_it_is_nothing_else(body: str, means: str) -> None:
    assert meaning(body) == means


def test_stop_opts_out_at_once_is_answered_once_and_shown_with_its_distribution(
    runtime: Runtime, clock: ManualClock
) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 2)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
                inbound = {"event": "inbound", "from": "+48600100000", "to": "PROMO", "body": "Stop", "id": "IN1"}
                other = {"event": "inbound", "from": "+48600100001", "to": "PROMO", "body": "Nice!", "id": "IN2"}
                with runtime.db.write() as session:
                    provider = session.scalar(select(Distribution.provider_id)) or 0
                    callbacks.receive(session, provider, [inbound, other], clock.now())
                with runtime.db.write() as session:
                    callbacks.receive(session, provider, [inbound | {"again": True}], clock.now())
                await until(lambda: len(gateway.accepted) == 3)
                await until(lambda: callbacks.apply(runtime) == 0)
            assert gateway.accepted[2]["to"] == "+48600100000"
            with runtime.db.read() as session:
                customer = session.scalars(select(Customer).where(Customer.phone == "+48600100000")).one()
                assert customer.consent == "opted_out"
                assert session.scalar(select(func.count()).select_from(ConsentChange)) == 1
                replies = session.scalars(select(Reply).order_by(Reply.id)).all()
                assert [(reply.meaning, reply.answer_state) for reply in replies] == [("stop", "sent"), ("other", None)]
                assert {reply.distribution_id for reply in replies} == {distribution}
                assert report(session, distribution).opted_out == 1

    asyncio.run(scenario())
