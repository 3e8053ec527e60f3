"""Who is erased in the moment in which a text to them is made leaves no number behind."""

import threading

from sqlalchemy import select

from distribution.automatic import due, firing
from distribution.customers import erasing
from distribution.runtime import Runtime
from storage import stock
from storage.tables import Message
from tests.conftest import run_jobs
from tests.sending import make_customers, make_group, make_provider, wait_until_somebody_waits_for_a_lock
from tests.unit.automatic.lively import happens, make_live
from tests.unit.sending.door import NOWHERE


def test_the_number_of_who_is_erased_while_a_text_to_them_is_made_goes_too(runtime: Runtime) -> None:
    if runtime.db.is_sqlite:
        return  # one writer: nobody is erased in the midst of another transaction
    group = make_group(runtime, "Summer 10%", 5)
    (anna,) = make_customers(runtime, 1)
    live = make_live(runtime, make_provider(runtime, NOWHERE))
    happens(runtime, [anna], cart_total=1)
    firing.look(runtime)
    looking = threading.Thread(target=due.look, args=(runtime,))
    jobs = threading.Thread(target=run_jobs, args=(runtime,))
    with runtime.db.write() as busy:
        stock.hold(busy, group)  # who makes the text has read the number, and waits for this
        looking.start()
        wait_until_somebody_waits_for_a_lock(runtime)
        with runtime.db.write() as session:
            assert erasing.erase(session, anna, "U0ADA", runtime.clock.now())
        jobs.start()
        wait_until_somebody_waits_for_a_lock(runtime, how_many=2)
    looking.join(10)
    jobs.join(10)
    with runtime.db.read() as session:
        assert session.scalars(select(Message.phone).where(Message.distribution_id == live)).all() == [None]
