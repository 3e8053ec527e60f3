"""What a message says: the text of its step, the event that it tells of, the text that needs no code."""

import asyncio
from datetime import timedelta

from sqlalchemy import event, select

from distribution.automatic import due
from distribution.check import check
from distribution.clock import ManualClock
from distribution.recipients import Loader, for_messages
from distribution.runtime import Runtime
from storage.tables import Distribution, MessageState, Planned
from tests.conftest import run_jobs
from tests.gateway import Gateway, serving
from tests.sending import make_customers, make_distribution, make_group, make_provider, sending, start, until
from tests.unit.automatic.lively import codes, happens, look, make_live, messages

CODES = "{{ client.promocode('Summer 10%') }}"
LAST = "{{ client.last_promocode('Summer 10%') }}"


def written(runtime: Runtime, distribution_id: int) -> list[str]:
    """The texts of its messages as they would be written now, in the order of their ids."""
    with runtime.db.read() as session:
        row = session.get_one(Distribution, distribution_id)
        ids = [each.id for each in messages(runtime, distribution_id)]
        return [each.template.render(each.recipient) for each in for_messages(session, row, ids, runtime.links)]


def test_numbers_and_words_of_an_event_are_written_as_people_write_them(runtime: Runtime) -> None:
    tags = " ".join(f"{{{{ event.{name} }}}}" for name in ("a", "b", "c", "d", "e", "f", "gone"))
    live = make_live(runtime, make_provider(runtime, "http://127.0.0.1:9"), body=f"[{tags}]")
    happens(runtime, make_customers(runtime, 1), a=120.0, b=129.9, c=0.1 + 0.2, d=True, e=1e-7, f=" two\nlines ")
    look(runtime)
    assert written(runtime, live) == ["[120 129.9 0.3 yes 0.0000001 two lines ]"]


def test_a_reminder_has_its_own_text_with_the_code_of_the_first(runtime: Runtime, clock: ManualClock) -> None:
    async def scenario() -> None:
        async with serving(Gateway()) as gateway:
            make_group(runtime, "Summer 10%", 3)
            live = make_live(
                runtime,
                make_provider(runtime, gateway.url),
                body=f"first {CODES} {{{{ event.n }}}}",
                reminders=[{"after": 60, "body": f"second {LAST} {{{{ event.n }}}}"}, {"after": 120, "body": "third"}],
            )
            happens(runtime, make_customers(runtime, 2), n=7)
            look(runtime)
            async with sending(runtime):
                await until(lambda: len(gateway.accepted) == 2)
                await until(lambda: all(each.state is MessageState.ACCEPTED for each in messages(runtime, live)))
                clock.advance(timedelta(minutes=61))
                due.look(runtime)
                await until(lambda: len(gateway.accepted) == 4)
                await until(lambda: all(each.state is MessageState.ACCEPTED for each in messages(runtime, live)))
                clock.advance(timedelta(minutes=61))
                due.look(runtime)
                await until(lambda: len(gateway.accepted) == 6)
            bound = codes(runtime, [each.id for each in messages(runtime, live)])
            for of in messages(runtime, live)[:2]:
                texts = [text["body"] for text in gateway.accepted if text["to"] == of.phone]
                assert texts == [f"first {bound[of.id]} 7", f"second {bound[of.id]} 7", "third"]

    asyncio.run(scenario())
    assert check(runtime.db) == []


def test_a_batch_may_carry_texts_of_several_steps_and_the_fallback(runtime: Runtime) -> None:
    """As when an expired lease is taken over, or what quiet hours put off is sent together."""
    make_group(runtime, "Summer 10%", 1)
    live = make_live(
        runtime,
        make_provider(runtime, "http://127.0.0.1:9"),
        body=f"first {CODES}",
        when_dry="fallback",
        fallback_body="without {{ event.n }}",
        reminders=[{"after": 60, "body": "later {{ event.n }}"}],
    )
    happens(runtime, make_customers(runtime, 2), n=5)
    look(runtime)
    assert [text.split()[0] for text in written(runtime, live)] == ["first", "without"]
    with runtime.db.write() as session:
        session.scalars(select(Planned).where(Planned.fallback)).one().step = 1
    assert written(runtime, live)[1:] == ["without 5"]
    with runtime.db.write() as session:
        session.scalars(select(Planned).where(Planned.fallback)).one().fallback = False
    with runtime.db.read() as session:
        loader = Loader(session, session.get_one(Distribution, live), runtime.links)
        found = loader.for_messages([each.id for each in messages(runtime, live)])
    assert [each.template.render(each.recipient).split()[0] for each in found] == ["first", "later"]
    assert [each.made_at for each in found] == [runtime.clock.now()] * 2


def test_first_texts_of_a_manual_one_cost_no_query_more(runtime: Runtime) -> None:
    make_group(runtime, "Summer 10%", 10)
    customers = make_customers(runtime, 2)
    through = make_provider(runtime, "http://127.0.0.1:9")
    counts = []
    for reminders in ([], [{"after": 60, "body": "Still"}]):
        distribution = make_distribution(runtime, through, customers)
        start(runtime, distribution)
        run_jobs(runtime)
        with runtime.db.write() as session:
            session.get_one(Distribution, distribution).reminders = reminders
        ids = [each.id for each in messages(runtime, distribution)]
        seen: list[str] = []

        def note(*args: object, seen: list[str] = seen) -> None:
            seen.append(str(args[2]))

        with runtime.db.read() as session:
            row = session.get_one(Distribution, distribution)
            event.listen(runtime.db.engine, "before_cursor_execute", note)
            for_messages(session, row, ids, runtime.links)
            event.remove(runtime.db.engine, "before_cursor_execute", note)
        counts.append(seen)
    assert counts[0] == counts[1]
    assert not any("planned" in statement for statement in counts[0])
