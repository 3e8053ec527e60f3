"""A group, customers, and distributions that send the same code until it is redeemed."""

import pytest
from sqlalchemy import select

from distribution import launch as launching
from distribution import undoing
from distribution.recipients import for_messages
from distribution.runtime import Runtime
from storage.tables import CodeState, Distribution, MessageState, PromoCode, PromoCodeStock
from tests.sending import make_customers, make_distribution, make_group, make_provider, messages_of, start

NOWHERE = "http://127.0.0.1:9"


S = MessageState


class Shop:
    """A group, some customers, and distributions to all of them."""

    def __init__(self, runtime: Runtime, *, codes: int, customers: int) -> None:
        self.runtime = runtime
        self.group = make_group(runtime, "Summer 10%", codes)
        self.customers = make_customers(runtime, customers)
        self.provider = make_provider(runtime, NOWHERE)

    def sealed(self, policy: str = "same", **more: str) -> int:
        """A distribution that can be launched."""
        return make_distribution(self.runtime, self.provider, self.customers, code_policy=policy, **more)

    def launched(self, policy: str = "same", **more: str) -> int:
        """A distribution whose codes are taken and whose texts wait."""
        distribution = self.sealed(policy, **more)
        start(self.runtime, distribution)
        return distribution

    def stock(self) -> tuple[int, int, int]:
        """Active, blocked, issued."""
        with self.runtime.db.read() as session:
            row = session.get_one(PromoCodeStock, self.group)
            return row.active, row.blocked, row.issued

    def texts(self, distribution: int) -> list[str]:
        """What is sent, in the order of the customers."""
        with self.runtime.db.read() as session:
            row = session.get_one(Distribution, distribution)
            written = for_messages(session, row, messages_of(self.runtime, distribution), self.runtime.links)
            return [each.recipient.codes["summer 10%"].code for each in written]

    def live(self) -> int:
        """The most live codes that one customer has."""
        with self.runtime.db.read() as session:
            held = (CodeState.BLOCKED, CodeState.ISSUED)
            query = select(PromoCode.customer_id).where(PromoCode.state.in_(held), PromoCode.redeemed_at.is_(None))
            owners = session.scalars(query).all()
        return max((owners.count(owner) for owner in owners), default=0)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that every launch of a test has several."""
    monkeypatch.setattr(launching, "MESSAGES", 4)
    monkeypatch.setattr(launching, "CODES", 3)
    monkeypatch.setattr(undoing, "CHUNK", 3)
