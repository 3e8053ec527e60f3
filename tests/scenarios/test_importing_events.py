"""Events from a file, in Slack: columns corrected, what they set off said before, what was not taken given back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from storage.tables import Customer, Distribution, Event
from tests.scenarios.conftest import World


def shop(world: World) -> None:
    """Anna; a live distribution that waits for her cart."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        session.add(
            Customer(name="Anna", source_id="C1", phone="+48501234211", consent="given", created_at=now, updated_at=now)
        )
        session.add(
            Distribution(
                status="paused", mode="automatic", subject="Come back <!channel>", purpose="custom", body="Hi",
                trigger={"kind": "event", "event": "cart_abandoned", "where": []},
                created_by="U0LEE", created_at=now, updated_at=now, started_at=now - timedelta(days=9),
            )
        )  # fmt: skip


def chosen(world: World, text: str) -> None:
    """The step about the columns, after Maya has chosen a file."""
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import events…")
    world.maya.view("File of events").fill("File of events", ("carts.csv", text.encode())).submit()


def test_events_are_imported_as_corrected_and_the_bad_rows_come_back(world: World) -> None:
    shop(world)
    day = world.runtime.clock.now() - timedelta(hours=2)
    chosen(
        world,
        f"Id;Customer;When;Cart total;Note\ncart-1;C1;{day:%Y-%m-%dT%H:%M:%SZ};59,9;a\n"
        f"cart-2;C9;{day:%Y-%m-%dT%H:%M:%SZ};1;b\n",
    )
    step = world.maya.view("First rows, as they would be read")
    assert step.value("Customer") == "Customer: source id or number"
    assert step.value("Cart total") == "cart_total · number"
    assert "Say which event these rows are" in step.text and "nobody is texted" in step.text
    assert "Say which event" in step.refused()["Event, where no column says it"]
    step.fill("Event, where no column says it", "cart_abandoned")
    step = world.maya.view("total 59.9 · note a · id cart-1")
    assert " · C1 · " in step.text
    assert "waits for these events. Those of the last 24 hours count as if they had just come in" in step.text
    step.fill("Note", "Ignore")
    world.maya.wait_for(lambda: "note a" not in world.maya.view("First rows").text, "the new preview")
    world.maya.view("First rows").submit()
    world.maya.view("The events are being imported. promobot tells you in a direct message").close()
    said = world.maya.message("@promobot", "2 rows of 'carts.csv' read: 1 event recorded.")
    assert "Not taken: 1 row." in said.text
    with world.runtime.db.read() as session:
        only = session.scalars(select(Event)).one()
    assert (only.name, only.properties, only.source_id) == ("cart_abandoned", {"cart_total": 59.9}, "cart-1")

    def rejected() -> list[dict[str, object]]:
        return [file for reply in world.maya.thread("@promobot", said.ts) for file in reply.files]

    file = world.maya.wait_for(lambda: next(iter(rejected()), None), "the file of rows that were not taken")
    assert "No customer has the source id or phone number 'C9'" in world.maya.download(file).decode("utf-8-sig")


@pytest.mark.usefixtures("answers_are_late")
def test_a_long_file_may_be_looked_through_after_slack_was_answered(world: World) -> None:
    """What was refused is told above the columns then, and nothing that was chosen is lost."""
    shop(world)
    chosen(world, "Customer;Note\nC1;a\n")
    step, before = world.maya.view("First rows, as they would be read"), _updates(world)
    step.fill("Note", "Ignore")
    world.maya.wait_for(lambda: _updates(world) > before, "the new preview")
    world.maya.view("First rows").submit()
    step = world.maya.view("⚠ Say which event these rows are")
    assert step.value("Note") == "Ignore"
    step.fill("Event, where no column says it", "cart_abandoned")
    world.maya.view("waits for these events").submit()
    world.maya.view("The events are being imported")


def _updates(world: World) -> int:
    """How often a modal was shown anew."""
    return sum(sent.method == "views.update" for sent in world.sandbox.payloads)


def test_dates_of_two_meanings_are_asked_about_and_a_file_that_is_none_is_refused(world: World) -> None:
    shop(world)
    chosen(world, "\r\n")
    step = world.maya.view("is empty. Choose a file")
    step.fill("File of events", ("carts.csv", b"customer,event,at\nC1,cart_abandoned,03/04/2026\n")).submit()
    step = world.maya.view("can be read in two ways")
    assert "Say how the dates are written" in step.refused()["How its dates are written"]
    step.fill("How its dates are written", "Day before month: 31/08/2026")
    world.maya.view("3 Apr 2026").submit()
    world.maya.message("@promobot", "1 event recorded.")
