"""What the demo's clock is told of: when the next thing is due."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from bot import hook
from distribution.clock import ManualClock
from distribution.runtime import Runtime
from storage.tables import Batch
from tests.sending import make_customers, make_provider
from tests.unit.automatic.lively import happens, look, make_live
from tests.unit.automatic.reminded import AFTER_A_DAY


def test_what_leaves_just_now_is_waited_for_as_only_its_sender_knows_who_sleeps(
    runtime: Runtime, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reminder of tomorrow was said to be next, and the morning at which a text of the night goes was jumped
    over."""
    bot: Any = SimpleNamespace(runtime=runtime)
    morning = clock.now() + timedelta(hours=11)

    def sender(_: float) -> None:
        """It finds that the customer sleeps."""
        with runtime.db.write() as session:
            session.execute(update(Batch).values(quiet_until=morning))

    make_live(runtime, make_provider(runtime, "http://127.0.0.1:9"), body="Hi", reminders=AFTER_A_DAY)
    assert hook.next_due(bot) is None
    happens(runtime, make_customers(runtime, 1))
    look(runtime)
    monkeypatch.setattr(hook, "sleep", sender)
    assert hook.next_due(bot, patience=60) == morning
    assert hook.next_due(bot, patience=0) == morning
