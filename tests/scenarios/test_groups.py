"""`/promo groups`: listed, edited, deleted, exported, told of when low, in a real workspace."""

from datetime import date, timedelta

from sqlalchemy import select

from distribution import settings
from distribution.codes import groups, intake
from distribution.codes.format import Format
from distribution.codes.listing import listing
from storage import codes, pace, stock
from storage.tables import CodeState, Distribution, Message, PromoCode
from tests.scenarios.conftest import World
from tests.scenarios.groups import SUMMER, have


def test_words_find_one_group_or_several_or_the_nearest(world: World) -> None:
    have(world, "Summer 10%", [f"S{n}" for n in range(5)], low_stock_level=10)
    have(world, "Summer 20%", [])
    have(world, "School", [])
    world.maya.command("/promo groups sCHool")
    assert "Export as CSV" in world.maya.message(containing="School").buttons
    world.maya.command("/promo groups summer")
    found = world.maya.message(containing="with “summer”")
    assert "Summer 10%  ⚠ low" in found.text.replace("*", "") and "Summer 20%" in found.text
    assert "School" not in found.text
    world.maya.command("/promo groups Sumer 10%")
    assert "Group 'Sumer 10%' does not exist. Did you mean 'Summer 10%'?" in world.maya.message(containing="exist").text


def mrkdwn(payload: object) -> list[str]:
    """Every mrkdwn text in a payload."""
    if isinstance(payload, dict):
        own = [payload["text"]] if payload.get("type") == "mrkdwn" else []
        return own + [text for value in payload.values() for text in mrkdwn(value)]
    return [text for value in payload for text in mrkdwn(value)] if isinstance(payload, list) else []


def test_a_name_mentions_nobody_and_styles_nothing(world: World) -> None:
    name = "<!channel> *x* 😀 `q`"
    have(world, name, ["A1"])
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 1")
    shown = [text for sent in world.sandbox.payloads for text in mrkdwn(sent.payload)]
    assert any("active of 1" in text for text in shown)
    assert not any("<!channel>" in text or "*x*" in text for text in shown)
    world.maya.click("Edit")
    assert world.maya.view("Edit group").value("Name") == name


def test_an_edit_changes_the_group_and_the_list(world: World) -> None:
    have(world, "Summer 10%", ["A1"])
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 1").click("Edit")
    form = world.maya.view("Edit group").fill("Name", "Sommer").fill("Format", "NEW{string('0-9', 5)}")
    world.maya.view("Makes NEW").fill("Warn when", "3").fill("Last day", date(2100, 8, 31)).submit()
    world.maya.no_view()
    listed = world.maya.message(containing="Sommer was saved")
    assert "expires 31 Aug 2100" in listed.text and "⚠ low" in listed.text
    assert form.title == "Edit group"
    with world.runtime.db.read() as session:
        assert groups.by_name(session, "Sommer").formats == ["NEW{string('0-9', 5)}"]


def test_an_older_list_is_brought_up_to_date_by_its_own_button(world: World) -> None:
    have(world, "Summer 10%", ["A", "B"])
    gone = have(world, "School", [])
    world.maya.command("/promo groups")
    older = world.maya.message(containing="2 active of 2")
    with world.runtime.db.write() as session:
        now = world.runtime.clock.now()
        group_id = groups.by_name(session, "Summer 10%").id
        groups.edit(world.runtime.jobs, session, group_id, name="Autumn", formats=[], by="U0ADA", now=now)
        groups.delete(world.runtime.jobs, session, gone, by="U0ADA", now=now)
        intake.add(session, group_id, ["C"], by="U0ADA", now=now)
    older.click("Refresh")
    newer = world.maya.message(containing="3 active of 3")
    assert "Autumn" in newer.text and "School" not in newer.text and "Summer" not in newer.text
    assert newer.has_button("Refresh")


def test_an_edit_that_cannot_be_is_refused_at_its_field(world: World) -> None:
    have(world, "Summer 10%", [])
    have(world, "Autumn", [])
    world.maya.command("/promo groups summer")
    world.maya.message(containing="Summer").click("Edit")
    form = world.maya.view("Edit group").fill("Name", "autumn")
    assert "There is a group 'Autumn' already" in form.refused()["Name"]
    yesterday = date.today() - timedelta(days=2)  # noqa: DTZ011
    form = world.maya.view().fill("Name", "Winter").fill("Last day", yesterday)
    assert "over already" in form.refused()["Last day"]


def test_deleting_is_refused_while_codes_are_blocked_and_names_the_distribution(world: World) -> None:
    group_id = have(world, "Summer 10%", ["A1", "A2"])
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        sent = Distribution(status="done", subject="Spring thanks", created_by="U0MAYA", created_at=now, updated_at=now)
        session.add(sent)
        session.flush()
        session.add(Message(id=1, distribution_id=sent.id, customer_id=1))
        code = session.scalars(select(PromoCode)).first()
        assert code is not None
        code.state, code.customer_id, code.message_id = CodeState.BLOCKED, 1, 1
        stock.move(session, group_id, active=-1, blocked=1)
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 2").click("Delete…")
    asked = world.maya.view("cannot be deleted")
    assert "1 code is blocked for 'Spring thanks'" in asked.text
    asked.close()
    with world.runtime.db.write() as session:
        code = session.scalars(select(PromoCode).where(PromoCode.state == CodeState.BLOCKED)).one()
        code.state, code.issued_at = CodeState.ISSUED, now
        stock.move(session, group_id, blocked=-1, issued=1)
    world.maya.message(containing="active of 2").click("Delete…")
    asked = world.maya.view("keep their history")
    assert "1 code that nobody has got" in asked.text
    asked.submit()
    world.maya.no_view()
    world.maya.message(containing="was deleted")
    with world.runtime.db.read() as session:
        assert listing(session) == []
        assert [code.state for code in session.scalars(select(PromoCode))] == [CodeState.ISSUED]


def test_a_group_opens_with_its_facts_and_its_codes_go_out_as_a_csv(world: World) -> None:
    have(world, "Summer 10%", ["A1", "A2", "A 3"], formats=[Format.parse(SUMMER)])
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 2").click("Open")
    opened = world.maya.view("Promo code group")
    assert "2 of 2" in opened.text and "SUMMER-" in opened.text and "1 discarded" in opened.text
    opened.click("Export as CSV")
    sent = world.maya.message("@promobot", "The codes of")
    assert sorted(world.maya.download(sent.files[0]).decode().splitlines()[1:]) == ["A1,active,,,", "A2,active,,,"]
    opened = world.maya.view("direct messages")
    opened.click("Add codes")
    world.maya.view("How many").fill("How many", "5").submit()
    world.maya.view("5 codes").close()
    assert world.maya.view("7 of 7").title == "Promo code group", "the view below shows it"


def test_a_long_list_turns_its_pages_in_place(world: World) -> None:
    for number in range(23):
        have(world, f"Group {number:02}", [])
    world.maya.command("/promo groups group")
    first = world.maya.message(containing="1–10 of 23")
    assert "Group 09" in first.text and "Group 10" not in first.text
    first.click("Next")
    second = world.maya.message(containing="11–20 of 23")
    assert second.ts == first.ts and "Group 10" in second.text
    second.click("Next")
    world.maya.message(containing="21–23 of 23").click("Previous")
    world.maya.message(containing="11–20 of 23").click("groups.row:11/groups.edit")
    world.maya.view("Edit group").fill("Warn when", "5").submit()
    assert "11–20 of 23" in world.maya.message(containing="was saved").text, "the page stays"


def test_somebody_who_may_only_look_sees_no_buttons_and_is_told_why(world: World) -> None:
    have(world, "Summer 10%", ["A1"])
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 1")
    with world.runtime.db.write() as session:
        from storage.tables import TeamMember

        session.get_one(TeamMember, "U0MAYA").role = "support"
    world.maya.message(containing="active of 1").click("Add codes")
    assert "You are a support here and may not change this" in world.maya.message(containing="support").text
    world.maya.command("/promo groups")
    world.wait_for(
        lambda: world.maya.message(containing="active of 1").buttons == ["Refresh", "Open"], "only what looks"
    )


def test_a_new_group_can_be_asked_for_in_one_line(world: World) -> None:
    world.maya.command("/promo groups new Winter 5%")
    assert world.maya.view("Create a group").value("Name") == "Winter 5%"
    world.maya.close()
    have(world, "New Year 20%", ["A1"])
    world.maya.command("/promo groups new year")
    assert "Export as CSV" in world.maya.message(containing="New Year 20%").buttons


def test_a_name_is_found_by_what_slack_makes_of_it_in_a_command(world: World) -> None:
    have(world, "R&D <beta>", ["A1"])
    world.maya.command("/promo groups R&D <beta>")
    assert "Export as CSV" in world.maya.message(containing="R&D <beta>").buttons


def test_codes_expire_at_the_end_of_the_last_day_without_anybody_doing_anything(world: World) -> None:
    tomorrow = world.runtime.clock.now() + timedelta(days=1)
    group_id = have(world, "Summer 10%", ["A1", "A2"], expires_at=tomorrow)
    world.clock.advance(days=1, seconds=1)

    def expired() -> bool:
        with world.runtime.db.read() as session:
            return groups.found(session, group_id)[1].expired == 2

    world.wait_for(expired, "the codes to expire")
    world.maya.command("/promo groups")
    assert "0 active of 2" in world.maya.message(containing="2 expired").text.replace("*", "")


def test_a_list_is_sorted_and_shown_as_one_table_that_opens_its_groups(world: World) -> None:
    have(world, "Autumn", [f"A{n}" for n in range(5)])
    have(world, "Winter <5%>", ["W1"], low_stock_level=3)
    world.maya.command("/promo groups")
    listed = world.maya.message(containing="5 active of 5")
    assert listed.text.index("Autumn") < listed.text.index("Winter")
    listed.choose("Low stock first")
    world.wait_for(
        lambda: (text := world.maya.message(containing="5 active of 5").text).index("Winter") < text.index("Autumn"),
        "the other order",
    )
    world.maya.message(containing="5 active of 5").choose("All in one table")
    table = world.maya.message(containing="Last day")
    assert table.ts == listed.ts and "⚠ Winter <5%>  |  1  |  –  |  1" in table.text
    table.choose("Winter <5%>")
    assert "Warns at" in world.maya.view("Promo code group").text


def test_a_large_group_is_exported_by_a_job(world: World) -> None:
    have(world, "Big", [f"B{n:05}" for n in range(11_000)])
    world.maya.command("/promo groups big")
    world.maya.message(containing="11,000").click("Export as CSV")
    assert "is being written" in world.maya.message(containing="is being written").text
    done = world.maya.message("@promobot", "11,000 codes. The CSV is in this thread", timeout=30)
    replies = world.wait_for(done.replies, "the file in the thread")
    lines = world.maya.download(replies[0].files[0]).decode().splitlines()
    assert lines[0] == "code,state,issued_at,redeemed_at,expires_at" and len(lines) == 11_001


def test_low_stock_is_told_once_in_a_channel_with_a_forecast_and_a_button_that_makes_more(world: World) -> None:
    group_id = have(
        world, "Summer 10%", [f"S{n}" for n in range(12)], low_stock_level=10, formats=[Format.parse(SUMMER)]
    )
    with world.runtime.db.write() as session:
        settings.put(session, "low_stock.channel", "C0MARKETING")
        pace.add(session, {group_id: 48}, world.runtime.clock.now() - timedelta(hours=24))
        codes.remove_active(session, group_id, 4)
    card = world.maya.message("#marketing", "Low stock", timeout=15)
    assert "8 active codes of 8 left · the level is 10" in card.text
    assert "Runs out about" in card.text and "at this pace" in card.text
    card.click("Generate 48 more")
    form = world.maya.view("Add codes")
    assert (form.value("Format"), form.value("How many")) == (SUMMER, "48")
    form.submit()
    world.maya.view("48 codes").close()
    over = world.maya.message("#marketing", "ran low and is not low any more: 56 active codes", timeout=15)
    assert over.ts == card.ts, "edited in place"
    with world.runtime.db.write() as session:
        codes.remove_active(session, group_id, 50)
    again = world.maya.message("#marketing", "6 active codes of 6", timeout=15)
    assert again.ts != card.ts, "another crossing, another card"


def test_without_a_format_the_card_and_the_form_say_so(world: World) -> None:
    have(world, "Outside", ["O1"], low_stock_level=10)
    card = world.ada.message("#promo-approvals", "Low stock", timeout=15)
    assert "The group has no format to make codes by" in card.text and "Add codes" in card.buttons
    card.click("Add codes")
    assert "This group has no format" in world.ada.view("Add codes").text


def test_a_top_up_is_told_on_the_card(world: World) -> None:
    have(world, "Summer 10%", ["S1"], low_stock_level=5, top_up=20, top_up_ceiling=15, formats=[Format.parse(SUMMER)])
    card = world.ada.message("#promo-approvals", "codes were made", timeout=15)
    assert "Automatic top-up: 14 codes were made." in card.text
    with world.runtime.db.read() as session:
        assert listing(session)[0].total == 15
