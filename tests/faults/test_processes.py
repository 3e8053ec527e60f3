"""Real processes are killed (`kill -9`) and stopped (SIGSTOP) while they send; PostgreSQL is restarted under them.

The seed is printed, and can be given: `FAULTS_SEED=7 make test-faults`. `FAULTS=long` makes each of them longer.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from distribution.clock import SystemClock
from distribution.kinds import jobs_for
from distribution.links import Links
from distribution.runtime import Runtime
from distribution.vault import Vault
from tests.faults.choices import LONG, SEED
from tests.faults.processes import KEY, Attack

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

THOUSANDS = 5_000


@pytest.fixture
def real(runtime: Runtime) -> Runtime:
    """A runtime with the key and the clock that the processes have."""
    vault, clock = Vault(KEY), SystemClock()
    links = Links("http://127.0.0.1", vault.derive("qr links"))
    return replace(runtime, clock=clock, jobs=jobs_for(clock), vault=vault, links=links)


def right(attack: Attack, customers: int) -> None:
    """Nobody twice, everybody once, and everything adds up."""
    told = attack.told()
    print(told)  # noqa: T201 -- pytest shows it with a failure, and with -s
    assert attack.problems() == [], told
    numbers = attack.numbers()
    assert (numbers.audience, numbers.sent + numbers.failed) == (customers, customers)
    assert (numbers.unknown, numbers.pending, numbers.cancelled) == (0, 0, 0)
    assert attack.doubled() == 0


@pytest.mark.parametrize("senders", [1, 3])
def test_senders_are_killed_and_stopped_at_random(real: Runtime, tmp_path: Path, senders: int) -> None:
    if real.db.is_sqlite and senders > 1:
        pytest.skip("SQLite is for one process")
    with Attack(real, tmp_path, customers=THOUSANDS, senders=senders, seed=SEED) as attack:
        attack.strike(24 if LONG else 6)
        attack.finish()
        right(attack, THOUSANDS)


@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_postgresql_is_restarted_under_load(
    real: Runtime, tmp_path: Path, restart_postgres: Callable[[], None]
) -> None:
    customers = 5_000 if LONG else 1_000
    with Attack(real, tmp_path, customers=customers, senders=2, seed=SEED) as attack:
        for _ in range(4 if LONG else 2):
            attack.strike(1, hold_only=True)
            restart_postgres()
        attack.finish()
        right(attack, customers)


@pytest.mark.parametrize("safeguard", ["fence", "looking"])
@pytest.mark.parametrize("db_url", ["postgresql"], indirect=True)
def test_without_a_safeguard_the_same_attack_texts_customers_twice(
    real: Runtime, tmp_path: Path, safeguard: str
) -> None:
    """Else it proves nothing."""
    silent = ("silent=1",)  # or a receipt says what nobody asked
    customers = 5_000 if LONG else 1_000
    # So slow that it goes on for as long as somebody is struck: who stands still has a batch in hand.
    control: dict[str, Any] = {"remove": safeguard, "receipts": silent, "rate": customers / 10}
    with Attack(real, tmp_path, customers=customers, senders=3, seed=SEED, **control) as attack:
        attack.strike(24 if LONG else 6, hold_only=safeguard == "fence")
        attack.finish()
        print(f"without {safeguard}: {attack.told()}")  # noqa: T201
        assert attack.doubled() > 0
        assert [line for line in attack.problems() if line.startswith("a message was texted twice")]
