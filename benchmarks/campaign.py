"""What the benchmarks of sending send: customers, codes, providers at the sink, distributions that are ready to go."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, update

from distribution import providers
from distribution.providers import registry
from distribution.providers.port import Provider
from distribution.runtime import Runtime
from storage.plain import table_of
from storage.sequences import take
from storage.tables import (
    Customer,
    Distribution,
    PromoCode,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeStock,
)
from storage.tables import Provider as Row
from tests.sending import seal_one, start

UNLIMITED = 1e6  # segments a second: more than a person may set
NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
BODY = (
    "Hi {{ client.first_name | default('there') }}, your 10% code: {{ client.promocode('Summer 10%') }}. "
    "Reply STOP to opt out."
)
SID, TOKEN = "AC" + "0123456789abcdef" * 2, "f00dfeed" * 4


def load(runtime: Runtime, customers: int, codes: int) -> int:
    """Customers who may be texted, and a group with active codes; the group's id."""
    with runtime.db.write() as session:
        group = PromoCodeGroup(name="Summer 10%", name_key="summer 10%", formats=[], created_at=NOW, created_by="bench")
        session.add(group)
        session.flush()
        session.add(PromoCodeStock(group_id=group.id, total=codes, active=codes))
        lot = PromoCodeLot(group_id=group.id, method="generate", created_at=NOW, created_by="bench")
        session.add(lot)
        session.flush()
        for start in range(0, customers, 20_000):
            session.execute(
                insert(table_of(Customer)),
                [
                    {
                        "phone": f"+4860{n:07d}",
                        "name": f"Anna{n} Kowalska",
                        "consent": "given",
                        "attributes": {},
                        "search": "",
                        "created_at": NOW,
                        "updated_at": NOW,
                    }
                    for n in range(start, min(start + 20_000, customers))
                ],
            )
        first = take(session, "promo_code", codes)
        for start in range(0, codes, 20_000):
            session.execute(
                insert(table_of(PromoCode)),
                [
                    {"id": first + n, "code": f"SUMMER-{n:014d}", "group_id": group.id, "lot_id": lot.id, "state": 0}
                    for n in range(start, min(start + 20_000, codes))
                ],
            )
        return group.id


def sealed(runtime: Runtime, provider_id: int, first: int, count: int) -> int:
    """A sealed distribution to `count` customers from the `first`; its id."""
    customers = select(Customer.id).order_by(Customer.id).offset(first).limit(count)
    with runtime.db.write() as session:
        return seal_one(session, provider_id, customers, BODY, by="bench", now=NOW, subject="Bench")


def launched(runtime: Runtime, provider_id: int, first: int, count: int) -> int:
    """The same, launched and held, so that a slice can begin when it likes; its id."""
    distribution_id = sealed(runtime, provider_id, first, count)
    start(runtime, distribution_id)
    set_status(runtime, distribution_id, "paused")
    return distribution_id


def set_status(runtime: Runtime, distribution_id: int, status: str) -> None:
    """Let a distribution go, or hold it."""
    with runtime.db.write() as session:
        session.execute(update(Distribution).where(Distribution.id == distribution_id).values(status=status))


def provider_at(runtime: Runtime, kind: str, url: str) -> tuple[int, Provider]:
    """A provider of a kind at an address, without a rate to keep to: its id, and what sends through it."""
    config, secret = SETUPS[kind]
    config = {key: value.format(url=url) for key, value in config.items()}
    with runtime.db.write() as session:
        row = providers.add(
            session, runtime.vault, name=kind, kind=kind, config=config, secret=secret, by="bench", now=NOW
        )
        session.execute(update(Row).where(Row.id == row.id).values(rate=UNLIMITED))
        return row.id, registry.opened(runtime.vault, row)


SETUPS: Mapping[str, tuple[Mapping[str, str], Mapping[str, Any]]] = {
    "sandbox": ({"base_url": "{url}"}, {}),
    "http": ({"api_base_url": "{url}/sms"}, {"key": "a key for benchmarks"}),
    "kannel": ({"api_base_url": "{url}", "username": "promobot", "from": "PROMO"}, {"password": "secret"}),
    "twilio": ({"api_base_url": "{url}", "account_sid": SID, "from": "+15550100200"}, {"auth_token": TOKEN}),
}
