"""First texts are planned once: by entry, by event, and by how often a customer may enter."""

from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, update

from storage import planned, touched, trigger_members
from storage.database import Database
from storage.planned import ALWAYS, ONCE, Entry
from storage.tables import Distribution, Planned, PlannedState
from tests.conftest import NOON


def entry(customer_id: int, day: float = 0, event_id: int | None = None) -> Entry:
    """An entry so many days after noon, due an hour later."""
    at = NOON + timedelta(days=day)
    return Entry(customer_id, at, at + timedelta(hours=1), event_id)


def fire(
    db: Database, *entries: Entry, apart: timedelta = ONCE, family: tuple[int, ...] = (), of: int = 7
) -> list[int]:
    """Fire in a transaction of its own; the customers who are new."""
    with db.write() as session:
        return [each.customer_id for each in planned.fire(session, of, entries, apart=apart, family=family)]


def rows(db: Database) -> list[tuple[int, int, int, datetime, datetime, int | None]]:
    """Every planned row."""
    with db.read() as session:
        found = session.scalars(
            select(Planned).order_by(Planned.distribution_id, Planned.customer_id, Planned.id)
        ).all()
    return [
        (each.distribution_id, each.customer_id, each.occurrence, each.fired_at, each.due_at, each.event_id)
        for each in found
    ]


def test_an_entry_is_planned_with_its_times(db: Database) -> None:
    """A new row waits, at step 0, and says when it fired and when it is due."""
    assert fire(db, entry(1, event_id=5)) == [1]
    assert rows(db) == [(7, 1, 0, NOON, NOON + timedelta(hours=1), 5)]
    with db.read() as session:
        row = session.scalars(select(Planned)).one()
    assert (row.step, row.state, row.fallback, row.message_id) == (0, PlannedState.WAITING, False, None)


def test_once_means_once_for_each_customer(db: Database) -> None:
    """Neither in one call nor in two does somebody enter twice."""
    assert fire(db, entry(1), entry(2), entry(1, 3)) == [1, 2]
    assert fire(db, entry(1, 400), entry(3)) == [3]


def test_every_time_numbers_the_entries(db: Database) -> None:
    """Each is an occurrence of its own, in the order in which they happened."""
    assert fire(db, entry(1, 1), entry(1, 0), apart=ALWAYS) == [1, 1]
    assert fire(db, entry(1, 0.5), apart=ALWAYS) == [1]
    assert [(row[2], row[3]) for row in rows(db)] == [
        (0, NOON),
        (1, NOON + timedelta(days=1)),
        (2, NOON + timedelta(days=0.5)),
    ]


def test_days_count_by_the_entries_own_time(db: Database) -> None:
    """Seven days apart, whichever was told first."""
    week = timedelta(days=7)
    assert fire(db, entry(1, 10), apart=week) == [1]
    assert fire(db, entry(1, 5), entry(1, 16.9), apart=week) == []
    assert fire(db, entry(1, 3), entry(1, 17), apart=week) == [1, 1]


def test_what_was_dropped_does_not_count(db: Database) -> None:
    """Nobody was texted: the customer may enter again, under the next occurrence."""
    fire(db, entry(1))
    with db.write() as session:
        session.execute(update(Planned).values(state=PlannedState.DROPPED, reason="called_off"))
    assert fire(db, entry(1, 1)) == [1]
    assert [row[2] for row in rows(db)] == [0, 1]


def test_an_event_fires_once_whatever_may_be_repeated(db: Database) -> None:
    """Even where each event fires, and even in the one that took over."""
    assert fire(db, entry(1, event_id=5), apart=ALWAYS) == [1]
    assert fire(db, entry(1, event_id=5), apart=ALWAYS) == []
    assert fire(db, entry(1, event_id=5), apart=ALWAYS, of=8, family=(7,)) == []
    assert fire(db, entry(1, event_id=5), apart=ALWAYS, of=9) == [1]


def test_the_family_counts_for_entering_again(db: Database) -> None:
    """An edited distribution goes on where the old one was; its occurrences begin anew."""
    fire(db, entry(1))
    assert fire(db, entry(1, 5), entry(2, 5), of=8, family=(7,)) == [2]
    assert fire(db, entry(1, 5), of=8, family=(7,), apart=timedelta(days=5)) == [1]
    assert rows(db)[-2:] == [(8, 1, 0, *entry(1, 5)[1:3], None), (8, 2, 0, *entry(2, 5)[1:3], None)]


@pytest.mark.parametrize(("apart", "each"), [(ONCE, 1), (ALWAYS, 4)])
def test_those_who_fire_at_once_fire_no_less_and_no_more(db: Database, apart: timedelta, each: int) -> None:
    """Four threads, each with an event of its own for the same customers: once is one, every time is all four."""
    begin = Barrier(4)

    def work(number: int) -> None:
        begin.wait()
        fire(db, *(entry(customer, number, 1000 * number + customer) for customer in range(1, 51)), apart=apart)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(db)
    assert len(found) == 50 * each
    assert {row[2] for row in found} == set(range(each))


def test_touched_rows_are_taken_in_their_order_and_once(db: Database) -> None:
    """What one transaction holds, another passes over; what is dropped is gone."""
    with db.write() as session:
        touched.add(session, [(1, 11), (2, None), (1, 10), (2, None)])
    with db.write() as session:
        found = touched.take(session, 2)
        assert [(each.customer_id, each.event_id) for each in found] == [(1, 10), (1, 11)]
        if not db.is_sqlite:  # where one writes at a time
            with db.write() as other:
                assert [each.customer_id for each in touched.take(other, 9)] == [2]
        touched.drop(session, [each.id for each in found])
    with db.write() as session:
        assert [each[1:] for each in touched.take(session, 9)] == [(2, None)]
        assert touched.take(session, 9, after=found[-1].id + 1) == []


def test_who_is_put_among_the_members_first_has_entered(db: Database) -> None:
    """The second one to say so hears of nobody, until they leave."""
    with db.write() as session:
        for number in (7, 8):
            session.add(Distribution(id=number, created_by="U0MAYA", created_at=NOON, updated_at=NOON))
        session.flush()
        assert trigger_members.enter(session, 7, [3, 1]) == [1, 3]
        assert trigger_members.enter(session, 7, [1, 2]) == [2]
        trigger_members.leave(session, 7, [1])
        trigger_members.copy(session, 7, 8)
        assert trigger_members.enter(session, 8, [1, 2, 3]) == [1]
