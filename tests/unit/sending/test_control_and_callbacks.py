"""Pause, resume, stop, retry; callbacks in any order; customers' replies; what pauses by itself."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from distribution import report_csv
from distribution.check import check
from distribution.clock import ManualClock
from distribution.errors import Refused
from distribution.report import progress, report
from distribution.runtime import Runtime
from distribution.sending import callbacks, control
from distribution.sending.replies import meaning
from storage import tally
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
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, start, status, until


def ready(runtime: Runtime, gateway: Gateway, customers: int, *, codes: int | None = None, rate: float = 10_000) -> int:
    """A launched distribution to so many customers; its id."""
    make_group(runtime, "Summer 10%", customers if codes is None else codes)
    provider = make_provider(runtime, gateway.url, rate=rate)
    distribution = make_distribution(runtime, provider, make_customers(runtime, customers))
    start(runtime, distribution)
    return distribution


def pause(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.pause(session, distribution, by="Maya", now=runtime.clock.now())


def resume(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.resume(session, distribution, by="Maya", now=runtime.clock.now())


def stop(runtime: Runtime, distribution: int) -> None:
    with runtime.db.write() as session:
        control.stop(session, runtime, distribution, by="Maya", now=runtime.clock.now())
    while runtime.jobs.run_next(runtime):
        pass


def states(runtime: Runtime, distribution: int) -> dict[MessageState, int]:
    with runtime.db.read() as session:
        return {state: n for state, n in tally.read(session, distribution).items() if n}


def finished(runtime: Runtime, distribution: int) -> Callable[[], bool]:
    def is_it() -> bool:
        with runtime.db.read() as session:
            return session.get_one(Distribution, distribution).finished_at is not None

    return is_it


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
