"""What people do to a distribution while it is sent, and what it does by itself."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from distribution import report_csv
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.report import progress, report
from distribution.runtime import Runtime
from distribution.sending import control
from storage.tables import Customer, Distribution, Message, MessageState, PromoCodeStock
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, status, until
from tests.unit.sending.running import finished, pause, ready, resume, states, stop


def test_a_pause_holds_what_has_not_left_and_resume_sends_the_rest_once(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(latency=0.01)) as gateway:
            distribution = ready(runtime, gateway, 200)
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) > 20)
                pause(runtime, distribution)
                pause(runtime, distribution)
                await until(lambda: not progress_in_flight(runtime))
                held = len(gateway.accepted)
                assert held < 200
                assert check(runtime.db) == []
                resume(runtime, distribution)
                resume(runtime, distribution)
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 200
            assert set(gateway.texts_to().values()) == {1}
            assert check(runtime.db) == []

    asyncio.run(scenario())


def progress_in_flight(runtime: Runtime) -> bool:
    """Whether a batch is dispatched and not recorded."""
    from storage.tables import Batch, BatchState

    with runtime.db.read() as session:
        return bool(session.scalar(select(func.count()).where(Batch.state == BatchState.DISPATCHING)))


def test_a_stop_returns_the_codes_of_what_has_not_left(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(latency=0.01)) as gateway:
            distribution = ready(runtime, gateway, 200)
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) > 20)
                await asyncio.to_thread(stop, runtime, distribution)
                await until(finished(runtime, distribution))
            sent = len(gateway.accepted)
            assert sent < 200
            assert states(runtime, distribution) == {
                MessageState.ACCEPTED: sent,
                MessageState.CANCELLED: 200 - sent,
            }
            with runtime.db.read() as session:
                stock = session.scalars(select(PromoCodeStock)).one()
                assert (stock.active, stock.blocked, stock.issued) == (200 - sent, 0, sent)
                told = report(session, distribution)
            assert told.balance_error is None
            assert [(codes.issued, codes.returned) for codes in told.codes] == [(sent, 200 - sent)]
            assert check(runtime.db) == []
            stop(runtime, distribution)
            assert states(runtime, distribution)[MessageState.ACCEPTED] == sent

    asyncio.run(scenario())


def test_a_refusal_returns_the_code_and_a_retry_takes_a_new_one(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(by_number={"+48600100001": "refuse"})) as gateway:
            distribution = ready(runtime, gateway, 3, codes=5)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
                with runtime.db.read() as session:
                    told = report(session, distribution)
                    assert session.scalars(select(PromoCodeStock.active)).one() == 3
                assert told.failures == {"invalid_number": 1}
                assert told.retryable == 1
                gateway.by_number.clear()
                with runtime.db.write() as session:
                    assert control.retry_failed(session, distribution, by="Maya", now=runtime.clock.now()) == 1
                with runtime.db.write() as session:
                    again = session.get_one(Distribution, distribution).status
                    if again == "sending":
                        assert control.retry_failed(session, distribution, by="Maya", now=runtime.clock.now()) == 0
                await until(lambda: status(runtime, distribution) == "done")
            assert gateway.texts_to() == {f"+4860010000{n}": 1 for n in range(3)}
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_one_recipient_who_cannot_be_written_to_does_not_hold_up_the_others(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distribution.templates.render import Template

    render = Template.render

    def poisoned(self: Template, recipient):  # type: ignore[no-untyped-def]
        if recipient.phone == "+48600100004":
            raise ValueError("poison")
        return render(self, recipient)

    monkeypatch.setattr(Template, "render", poisoned)

    async def scenario() -> None:
        async with serving(Gateway(by_number={"+48600100007": "refuse"})) as gateway:
            distribution = ready(runtime, gateway, 30)
            with runtime.db.write() as session:
                name = "<!channel> *x* 😀 \u202e\ud83d".encode("utf-8", "replace").decode()
                session.execute(update(Customer).where(Customer.phone == "+48600100009").values(name=name))
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert len(gateway.accepted) == 28
            with runtime.db.read() as session:
                assert report(session, distribution).failures == {"render_failed": 1, "invalid_number": 1}
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_who_opts_out_after_the_launch_is_not_texted_and_the_code_is_free_again(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 5)
            with runtime.db.write() as session:
                phone = Customer.phone == "+48600100002"
                session.execute(update(Customer).where(phone).values(consent="opted_out"))
                moved = Customer.phone == "+48600100003"
                session.execute(update(Customer).where(moved).values(phone="+48600999999"))
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert sorted(gateway.texts_to()) == ["+48600100000", "+48600100001", "+48600100004"]
            with runtime.db.read() as session:
                assert report(session, distribution).excluded == {"opted_out": 1, "number_changed": 1}
                assert session.scalars(select(PromoCodeStock.active)).one() == 2
            assert check(runtime.db) == []

    asyncio.run(scenario())


@pytest.mark.parametrize(("trouble", "says"), [("account", "refuses our account"), ("refuse", "of the last")])
def test_what_keeps_failing_pauses_by_itself_and_says_why(runtime: Runtime, trouble: str, says: str) -> None:
    async def scenario() -> None:
        async with serving(Gateway(always=trouble)) as gateway:
            distribution = ready(runtime, gateway, 300)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "paused")
                await until(lambda: not progress_in_flight(runtime))
            with runtime.db.read() as session:
                row = session.get_one(Distribution, distribution)
                assert says in (row.status_reason or "")
            assert gateway.requests < 150
            assert check(runtime.db) == []

    asyncio.run(scenario())


def test_no_more_segments_leave_than_the_rate_allows(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 30, rate=40)
            began = asyncio.get_running_loop().time()
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            assert asyncio.get_running_loop().time() - began > 29 / 40 - 0.1
            assert len(gateway.accepted) == 30

    asyncio.run(scenario())


def test_progress_tells_speed_and_the_csv_masks_numbers_and_formulas(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway(latency=0.02)) as gateway:
            distribution = ready(runtime, gateway, 300)
            with runtime.db.write() as session:
                session.execute(update(Customer).where(Customer.phone == "+48600100000").values(name='=HYPERLINK("x")'))
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) > 60)
                with runtime.db.read() as session:
                    seen = progress(session, distribution)
                assert seen.rate > 0
                assert seen.seconds_left is not None
                await until(lambda: status(runtime, distribution) == "done")
            with runtime.db.read() as session:
                text = "".join(report_csv.lines(session, distribution))
            lines = text.splitlines()
            assert len(lines) == 301
            assert "'=HYPERLINK" in lines[1]
            assert "+48600100000" not in text

    asyncio.run(scenario())


def test_pausing_what_is_done_is_refused(runtime: Runtime, clock: ManualClock) -> None:
    make_group(runtime, "Summer 10%", 1)
    provider = make_provider(runtime, "http://127.0.0.1:9")
    distribution = make_distribution(runtime, provider, make_customers(runtime, 1))
    with runtime.db.write() as session, pytest.raises(Refused, match="cannot be paused"):
        control.pause(session, distribution, by="Maya", now=clock.now() + timedelta(hours=1))


def test_an_unreachable_provider_loses_nothing(runtime: Runtime) -> None:
    """Nobody listens: nothing left for certain, so it waits and is sent when somebody does."""

    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            url = gateway.url
        distribution = ready(runtime, Gateway(url=url), 3)
        async with sending(runtime):
            await until(lambda: waiting(runtime) > 0)
        assert states(runtime, distribution) == {MessageState.QUEUED: 3}
        assert check(runtime.db) == []

    asyncio.run(scenario())


def waiting(runtime: Runtime) -> int:
    """Batches that wait."""
    from storage.tables import Batch, BatchState

    with runtime.db.read() as session:
        return session.scalar(select(func.count()).where(Batch.state == BatchState.WAITING)) or 0


def test_every_message_has_the_time_and_reference_of_its_text(runtime: Runtime) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            distribution = ready(runtime, gateway, 3)
            async with sending(runtime):
                await until(lambda: status(runtime, distribution) == "done")
            with runtime.db.read() as session:
                rows = session.scalars(select(Message)).all()
            assert {row.provider_ref for row in rows} == {text["id"] for text in gateway.accepted}
            assert all(row.settled_at is not None and row.segments == 1 for row in rows)

    asyncio.run(scenario())
