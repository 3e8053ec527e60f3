"""What `/promo codes` shows: within Slack's limits whatever a code lived through, and with words for all of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from commands.codes import forms, import_views, views
from commands.ui.importing import file_step, started
from commands.ui.text import who
from distribution.codes.life import Life, Step
from distribution.codes.redemption_import import guess
from distribution.files import read_table
from sandbox.limits import check_view
from storage.tables import Customer, Redemption

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
HOSTILE = "<!channel> *x* `y` " * 20
KINDS = [
    "made", "blocked", "planned", "issued", "repeated", "given", "replaced", "replacing", "revoked", "redeemed",
    "rolled_back", "expired", "expires",
]  # fmt: skip
READER = views.Reader("Europe/Warsaw", NOW, may_edit=True, may_change=True)


def life(state: str = "issued", steps: int = 1) -> Life:
    """A code with as many steps of each kind, everything in it as long and as hostile as can be."""
    customer = Customer(id=1, name=HOSTILE, consent="given", attributes={})
    used = Redemption(id=1, code_id=1, at=NOW, place=HOSTILE, recorded_by="U0ADA")
    every = tuple(
        Step(
            kind,
            NOW - timedelta(days=at),
            by="import of <!here>.csv by U0MAYA",
            why=HOSTILE,
            how="file",
            subject=HOSTILE,
            place=HOSTILE,
            source_id=HOSTILE,
            other="X" * 64,
        )
        for at in range(steps)
        for kind in KINDS
    )
    return Life(
        1, "X" * 64, "Written", state, 1, HOSTILE, False, customer, NOW, None, NOW + timedelta(days=1), used, every
    )


@pytest.mark.parametrize("state", sorted(views.STATES))
@pytest.mark.parametrize("steps", [1, 300])
def test_a_code_is_shown_within_the_limits(state: str, steps: int) -> None:
    view = views.one(life(state, steps), READER, note="Done.")
    assert [problem for problem in check_view(view) if problem.is_error] == []
    assert "<!channel>" not in str(view) and "<!here>" not in str(view)


def test_the_first_and_the_latest_of_a_long_life_are_shown_and_what_is_left_out_is_counted() -> None:
    steps = tuple(Step("repeated", NOW - timedelta(days=3000 - at), subject=f"Number {at}") for at in range(3000))
    shown = str(views.one(replace(life(), steps=steps), READER))
    assert "Number 0”" in shown and "Number 2999”" in shown and "more between" in shown


def test_buttons_follow_the_state_and_the_role() -> None:
    def names(state: str, *, edit: bool = True, change: bool = True) -> list[str]:
        view = views.one(life(state), replace(READER, may_edit=edit, may_change=change))
        (row,) = [block for block in view["blocks"] if block["type"] == "actions"]
        return [button["text"]["text"] for button in row["elements"][:-2]]

    assert names("issued") == ["Redeem…", "Replace…", "Revoke…"]
    assert names("issued", change=False) == ["Redeem…"]
    assert names("issued", edit=False, change=False) == []
    assert names("redeemed") == ["Roll back…"]
    assert names("expired") == ["Replace…"]
    assert names("active") == ["Give…", "Revoke…"]
    assert names("revoked") == names("blocked") == []


def test_forms_are_within_the_limits() -> None:
    metadata = {"code": "X" * 64, "below": "V1"}
    found = life()
    table = read_table(b"code," + b",".join(b"x" * 300 for _ in range(150)) + b"\nA,b\n", "used.csv")
    for view in (
        views.find(READER, "x" * 300, HOSTILE),
        forms.redeem(metadata),
        forms.redeem({}),
        forms.roll_back(found, "today", metadata),
        forms.revoke(found, metadata),
        forms.replace(found, metadata, active=3),
        forms.replace(None, {}),
        forms.give([], metadata, this=found),
        file_step(import_views.KIND, HOSTILE),
        import_views.columns_step(table, guess(table, "UTC"), 1),
        started(import_views.KIND),
    ):
        assert [problem for problem in check_view(view) if problem.is_error] == []


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("U0ADA", "<@U0ADA>"),
        ("api:shop <b>", "the system “shop &lt;b&gt;”"),
        ("import of a by b.csv by U0ADA", "import of a by b.csv by <@U0ADA>"),
        ("", ""),
    ],
)
def test_who_did_it_is_a_person_a_system_or_a_file(by: str, words: str) -> None:
    assert who(by) == words
