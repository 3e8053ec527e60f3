"""Reminders and schedules of manual distributions in the wizard: written, refused at their fields, kept, and sealed."""

from datetime import timedelta

from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import draft_of, no_approvals, to_message


def test_reminders_are_added_edited_and_removed_on_top_of_step_5(world: World) -> None:
    """What is typed into the message below stays, and the review shows what each customer would read."""
    open_shop(world.runtime)
    maya = world.maya
    to_message(maya).fill("Message", "Hi {{ client.first_name }}: {{ client.promocode('Summer 10%') }}")
    maya.view("sample customer and code").click("Add a reminder…")
    form = maya.view("Only for customers who have not used their code")
    form.fill("Text", "Hi {{ client.nonsense }}")
    assert "does not exist" in form.refused()["Text"]
    maya.view("Reminder 1").fill("How long after the first text", "Another time…")
    maya.view("36 hours").fill("How long", "never")
    maya.view("36 hours").fill("Text", "Still yours: {{ client.last_promocode('Summer 10%') }}")
    assert maya.view("36 hours").refused() == {"How long": "Write it as 90 minutes, 36 hours or 3 days."}
    maya.view("36 hours").fill("How long", "36 hours").submit()
    step = maya.view("Reminder 1 · 36 hours after the first text")
    assert step.value("Message") == "Hi {{ client.first_name }}: {{ client.promocode('Summer 10%') }}"
    step.click("Add another reminder…")
    maya.view("Reminder 2").choose("Before the code expires")
    maya.view("How long before it expires").fill("How long before it expires", "24 hours").submit()
    maya.view("Reminder 2 · 24 hours before the code expires").click("Back")
    maya.view("Step 4 of 5").submit()
    maya.view("Reminder 2 · 24 hours before the code expires").click("send.reminder_tools:1/send.remove_reminder:1")
    step = maya.view("Reminder 1 · 24 hours before the code expires")
    assert "Reminder 2" not in step
    step.click("Edit…")
    maya.view("Only for customers who").choose("After the first text")
    maya.view("How long after the first text").fill("How long after the first text", "3 days").submit()
    maya.view("Reminder 1 · 3 days after the first text").submit()
    review = maya.view("Sample 1 of")
    assert "Reminder 1 · 3 days after the first text" in review
    assert "your code is still good: SUMMER-XXXXXX" in review
    assert [each["after"] for each in draft_of(world).reminders] == [4320]


def test_it_is_sent_by_each_customers_own_clock(world: World) -> None:
    """A day and a time without a zone; a time that has passed where the workspace is is refused where it was picked."""
    open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    to_message(maya).choose("At a time by each customer's own clock")
    maya.view("In each customer's own time zone").fill("Day", "2020-01-01").fill("Time", "09:00")
    refused = maya.view("In each customer's own time zone").refused()
    assert refused == {"Time": "That time has passed. Pick one to come, or send now."}
    day = f"{world.runtime.clock.now() + timedelta(days=30):%Y-%m-%d}"
    maya.view("In each customer's own time zone").fill("Day", day).submit()
    review = maya.view("Sample 1 of")
    assert "at 09:00, each customer's own time" in review
    review.submit()
    maya.no_view()
    assert (draft_of(world).status, draft_of(world).local_at) == ("scheduled", f"{day}T09:00")


def test_it_is_repeated_on_days_of_the_week(world: World) -> None:
    """Days and a time of the workspace's clock; who is in the segment is counted anew each time."""
    open_shop(world.runtime)
    no_approvals(world.runtime)
    maya = world.maya
    to_message(maya).choose("Again and again")
    step = maya.view("How often").fill("At", "09:00").fill("Last day", "2020-01-01")
    assert list(step.fill("On", ["Monday", "Thursday"]).refused()) == ["Last day"]
    maya.view("How often").fill("Last day", None).submit()
    review = maya.view("Sample 1 of")
    assert "Every Monday and Thursday at 09:00 (Europe/Warsaw)" in review
    assert "5 of 6 in “Regulars” today" in review
    assert "[Schedule]" in review.text
    review.click("Back")
    step = maya.view("How often")
    assert step.value("On") == ["Monday", "Thursday"]
    step.fill("How often", "Every month")
    maya.view("Day of the month").fill("Day of the month", "31").submit()
    maya.view("Every month on the 31st or its last day at 09:00").submit()
    maya.no_view()
    row = draft_of(world)
    assert (row.status, row.repeat) == ("scheduled", {"every": "month", "at": "09:00", "day": 31})
    assert "fixed" not in row.audience
