"""From launch to done, on a gateway that behaves and on one that does not."""

import asyncio

import pytest
from sqlalchemy import func, select

from distribution.check import check
from distribution.report import report
from distribution.runtime import Runtime
from distribution.sending.options import Options
from storage import tally
from storage.tables import Batch, CodeState, Distribution, Message, MessageState, PromoCode, PromoCodeStock
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, start, status, until


def test_each_customer_gets_one_text_with_a_code_of_their_own(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            group = make_group(runtime, "Summer 10%", 60)
            distribution = make_distribution(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 50))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 50
            assert set(gateway.texts_to().values()) == {1}
            assert len({text["body"].rsplit(" ", 1)[1] for text in gateway.accepted}) == 50
            with runtime.db.read() as session:
                stock = session.get_one(PromoCodeStock, group)
                assert (stock.active, stock.blocked, stock.issued) == (10, 0, 50)
                assert tally.read(session, distribution)[MessageState.ACCEPTED] == 50
                told = report(session, distribution)
            assert told.balance_error is None
            assert (told.numbers.audience, told.numbers.sent) == (50, 50)
            assert [(codes.issued, codes.returned, codes.held) for codes in told.codes] == [(50, 0, 0)]
            assert told.series is not None
            assert sum(told.series.sent) == 50
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["500", "drop", "429"])
def test_a_text_that_did_not_arrive_is_sent_again_with_the_same_code(runtime: Runtime, trouble: str) -> None:
    async def scenario() -> None:
        gateway = Gateway(script=[trouble])
        async with serving(gateway):
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 1))
            start(runtime, distribution)
            with runtime.db.read() as session:
                code = session.scalar(select(PromoCode.code).where(PromoCode.state == CodeState.BLOCKED))
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert [text["body"].rsplit(" ", 1)[1] for text in gateway.accepted] == [code]
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["500-after-accept", "drop-after-accept"])
def test_a_text_that_left_although_the_answer_did_not_say_so_is_not_sent_again(runtime: Runtime, trouble: str) -> None:
    async def scenario() -> None:
        gateway = Gateway(script=[trouble])
        async with serving(gateway):
            make_group(runtime, "Summer 10%", 5)
            distribution = make_distribution(runtime, make_provider(runtime, gateway.url), make_customers(runtime, 1))
            start(runtime, distribution)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert gateway.requests == 1
            assert gateway.lookups >= 1
            with runtime.db.read() as session:
                assert session.scalar(select(Message.state)) is MessageState.ACCEPTED
                assert session.scalar(select(Distribution.status)) == "done"
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("latency", "customers", "grow"), [(0.0, 400, True), (0.5, 30, False)])
def test_batches_grow_only_where_texts_leave_in_no_time(
    runtime: Runtime, latency: float, customers: int, grow: bool
) -> None:
    async def scenario() -> None:
        options = Options(concurrency=8, batch=10, most=40, brisk=0.1, flush=0.01, idle=0.02, chores=0.02)
        async with serving(Gateway(latency=latency)) as gateway:
            make_group(runtime, "Summer 10%", customers)
            provider = make_provider(runtime, gateway.url)
            distribution = make_distribution(runtime, provider, make_customers(runtime, customers))
            start(runtime, distribution)
            async with sending(runtime, options):
                await until(lambda: status(runtime, distribution) == "done")
        with runtime.db.read() as session:
            largest = session.scalar(select(func.max(Batch.size))) or 0
        assert 10 < largest <= 40 if grow else largest == 10
        assert check(runtime.db) == []

    asyncio.run(scenario())
