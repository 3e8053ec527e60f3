"""Members of segments in Slack: pasted, from a file, added and taken off, looked through, written down."""

import threading
from typing import Any

import pytest
from sqlalchemy.orm import Session

from commands.segments import live, members
from distribution.segments import looking
from storage.patience import TooSlow
from tests.scenarios.conftest import World
from tests.scenarios.segment_shop import POLES, made, named, with_customers


@pytest.fixture
def shop(world: World) -> World:
    """Three customers with attributes, a code and carts that were left."""
    return with_customers(world)


def test_a_pasted_list_is_a_segment_and_says_what_it_did_not_find(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    assert form.refused() == {"Phone numbers or source ids": "Paste a list, or choose a file below."}
    form.fill("Phone numbers or source ids", "501 234 211\nS3\n+48501234999\n+48 5O1")
    form.submit()
    text = shop.maya.view("A fixed list").text
    assert "2 customers found · 1 number of no customer (+48501234999) · 1 line not read (line 4:" in text
    shop.wait_for(lambda: named(shop, "friends").counted == 2, "the count to be remembered")


def test_members_are_added_and_taken_off_and_looked_through(shop: World) -> None:
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    form.fill("Or a file", ("friends.csv", "name,phone\nAnna,+48501234211\n".encode("utf-16"))).submit()
    shop.maya.view("1 customer found").click("Add or remove members…")
    form = shop.maya.view("Friends · 1 customer now")
    form.fill("Phone numbers or source ids", "S2\nS3").submit()
    shop.maya.view("3 customers · 100% of all 3 · 2 can be texted").click("Add or remove members…")
    shop.maya.view("Friends · 3 customers now").choose("Take these off")
    shop.maya.fill("Phone numbers or source ids", "S1")
    shop.maya.submit()
    shop.maya.view("2 customers · 67%").click("All members")
    text = shop.maya.view("Ben").text
    assert "+48 ••• ••• 212" in text and "Anna" not in text


def test_a_long_file_of_members_is_read_by_a_job(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "AT_ONCE", 20)
    shop.maya.command("/promo segments")
    shop.maya.view("Segments").click("From a list…")
    form = shop.maya.view("Segment from a list").fill("Name", "Friends")
    form.fill("Or a file", ("friends.csv", b"phone\n+48501234211\nS2\n+48501234999\n")).submit()
    shop.maya.view("friends.csv is being read for “Friends”")
    message = shop.maya.message("@promobot", "2 customers found. The segment has 2 members.")
    assert "Not taken: 1 line" in message.text
    assert named(shop, "friends").counted == 2
    shop.maya.close()
    message.click("Open the segment")
    shop.maya.view("2 customers").click("Add or remove members…")
    shop.maya.view("Friends · 2 customers now").choose("Replace everybody by these")
    shop.maya.fill("Or a file", ("others.csv", b"phone\n+48501234213\nnobody at all\n"))
    shop.maya.submit()
    shop.maya.view("others.csv is being read")
    shop.maya.message("@promobot", "The segment has 1 member.")


def test_those_who_match_now_are_written_down(shop: World) -> None:
    made(shop, "Poles", POLES)
    shop.maya.command("/promo segments poles")
    shop.maya.view("2 customers").click("Fixed list of these…")
    form = shop.maya.view("It stays as it is").fill("Name", "POLES")
    assert "There is a segment 'Poles' already" in form.refused()["Name"]
    form.fill("Name", "Poles in June").submit()
    text = shop.maya.view("The list stays as it is now.").text
    assert "A fixed list" in text and "2 customers" in text
    assert named(shop, "poles in june").kind == "static"


def test_looking_for_members_is_stopped_by_a_button_and_by_closing(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rule whose members are few and far apart takes a while to fill a page."""
    there = looking.page
    stops: list[threading.Event] = []

    def slow(session: Session, where: Any, stopped: threading.Event, **given: Any) -> Any:
        if given["seconds"] > live.QUICK:
            stops.append(stopped)
            assert stopped.wait(20)
        raise TooSlow

    monkeypatch.setattr(looking, "page", slow)
    made(shop, "Poles", POLES)
    shop.maya.command("/promo segments poles")
    shop.maya.view("2 customers").click("All members")
    page = shop.maya.view("Looking…")
    shop.wait_for(lambda: stops, "the look to begin")
    page.click("Stop")
    shop.maya.view("You stopped it.").click("Look again")
    shop.wait_for(lambda: len(stops) == 2, "the second look to begin")
    shop.maya.view("Looking…").close()
    shop.wait_for(lambda: all(stopped.is_set() for stopped in stops), "both looks to be stopped")
    monkeypatch.setattr(looking, "page", there)
    shop.maya.view("2 customers").click("All members")
    assert "Anna" in shop.maya.view("Poles").text
