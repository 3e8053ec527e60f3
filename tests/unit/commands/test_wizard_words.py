"""What a draft's choices mean, and what an automatic one would have done, in the words of reviews and cards."""

from datetime import timedelta

import pytest

from commands.send import words
from commands.send.views import foreseen
from distribution.findings import Foreseen
from distribution.runtime import Runtime
from storage.tables import Distribution
from tests.conftest import NOON

FOUND = Foreseen(30, 23)


def test_when_it_goes_out_is_said_within_a_sentence(runtime: Runtime) -> None:
    weekly = {"every": "week", "weekdays": [0], "day": None, "at": "09:00", "until": None}
    with runtime.db.read() as session:
        repeated = words.goes_out(session, Distribution(repeat=weekly, send_at=NOON))
        own_time = words.goes_out(session, Distribution(repeat={}, local_at="2026-07-01T09:00"))
        once = words.goes_out(session, Distribution(repeat={}, send_at=NOON + timedelta(days=1)))
        assert words.goes_out(session, Distribution(repeat={})) == ""
    assert repeated.startswith("every Monday at 09:00") and ", the first time <!date^" in repeated
    assert own_time == "on 1 Jul 2026 at 09:00, each customer's own time"
    assert once.startswith("<!date^")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (FOUND, "It would have sent 23 texts, reminders not counted"),
        (Foreseen(30, 0), "Nothing would have set it off"),
        (Foreseen(30, 1, members=1, at_once=True), "1 member today can be texted, and gets it at once"),
        (
            Foreseen(30, 1, members=135, at_once=True, begins=3),
            "135 members today can be texted: 3 get it at once, 132 get nothing (over a limit)",
        ),
        (Foreseen(30, 1, members=2), "2 members today can be texted, and get it only when they leave and enter again"),
    ],
)
def test_what_it_would_have_done_lately_is_told_without_its_reminders(found: Foreseen, said: str) -> None:
    assert said in foreseen.lately(found, reminders=True)
    assert "reminders" not in foreseen.lately(found, reminders=False)
