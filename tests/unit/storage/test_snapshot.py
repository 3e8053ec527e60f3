"""Who reads sees one moment: what they read first, and what they read last."""

from distribution.runtime import Runtime
from storage.tables import Customer
from tests.sending import make_customers


def test_what_is_written_meanwhile_is_not_seen_before_the_next_reading(runtime: Runtime) -> None:
    make_customers(runtime, 2)
    with runtime.db.read() as session:
        before = session.query(Customer).count()
        make_customers(runtime, 3, first=100)
        assert session.query(Customer).count() == before == 2
    with runtime.db.read() as session:
        assert session.query(Customer).count() == 5


def test_who_writes_sees_what_others_wrote_meanwhile(runtime: Runtime) -> None:
    """A connection that was read with before is not left as it was for reading."""
    for _ in range(3):
        with runtime.db.read() as session:
            assert session.query(Customer).count() == 0
    if not runtime.db.is_sqlite:  # one writes at a time there
        with runtime.db.write() as session:
            assert session.query(Customer).count() == 0
            make_customers(runtime, 1)
            assert session.query(Customer).count() == 1
