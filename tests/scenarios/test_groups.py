"""`/promo groups`: made by all three methods, listed, edited, deleted, exported, in a real workspace."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from distribution import settings
from distribution.codes import groups, intake
from distribution.codes.format import Format
from distribution.codes.listing import listing
from sandbox.testing import ViewScreen
from storage import codes, pace, stock
from storage.tables import CodeState, Distribution, Job, Message, PromoCode
from tests.scenarios.conftest import World

METHODS = {"generate": "Generate by a format", "paste": "Paste codes", "file": "Upload a file"}
SUMMER = "SUMMER-{string('0-9', 4)}{string('a-Z', 10)}"


def codes_of(world: World, name: str) -> list[str]:
    with world.runtime.db.read() as session:
        group = groups.by_name(session, name)
        return sorted(session.scalars(select(PromoCode.code).where(PromoCode.group_id == group.id)))


def have(world: World, name: str, codes: list[str], **given: object) -> int:
    """A group that is there already."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        group = groups.create(session, name, by="U0ADA", now=now, **given)  # type: ignore[arg-type]
        intake.add(session, group.id, codes, by="U0ADA", now=now)
        return group.id


def new_group(world: World, name: str, method: str) -> ViewScreen:
    """The form for a new group, its name typed and the method chosen."""
    world.maya.command("/promo groups")
    world.maya.message(containing="Promo code groups").click("Create group")
    form = world.maya.view("Create a group").fill("Name", name)
    if method == "generate":
        return form
    form.choose(METHODS[method])
    return world.maya.view({"paste": "Codes to add", "file": "File"}[method])


def test_generating_makes_as_many_codes_as_asked_and_the_list_follows(world: World) -> None:
    form = new_group(world, "Summer 10%", "generate")
    form.fill("Format", SUMMER)
    assert "room for more than a trillion codes" in world.maya.view("Makes").text
    world.maya.view("Makes").fill("How many", "1000").submit()
    assert "Summer 10% is there, with 1,000 codes" in world.maya.view("Done").text.replace("*", "")
    world.maya.close()
    listed = world.maya.message(containing="active of 1,000")
    assert listed.is_ephemeral and "0 blocked · 0 issued" in listed.text
    assert len([m for m in world.maya.messages() if "Create group" in m.buttons]) == 1, "edited in place"
    made, form_ = codes_of(world, "Summer 10%"), Format.parse(SUMMER)
    assert len(made) == 1000 and all(form_.matches(code) for code in made)


def test_the_example_follows_what_is_typed(world: World) -> None:
    form = new_group(world, "Summer", "generate")
    form.fill("Format", "VIP{string('0-9', 2)}")
    assert "room for 100 codes" in world.maya.view("Makes VIP").text
    world.maya.view().fill("Format", "VIP{string('9-0', 2)}")
    assert "Position 13: the range 9-0 runs backwards; write 0-9." in world.maya.view("Position").text
    world.maya.view().fill("Format", "A{string('0-9', 2)}\nB{string('0-9', 3)}")
    assert "room for 1,100 codes" in world.maya.view("Makes A").text
    assert world.maya.view().value("Name") == "Summer"


@pytest.mark.parametrize(
    ("format_", "count", "field", "says"),
    [
        ("{string('9-0', 4)}", "10", "Format", "Position 10: the range 9-0 runs backwards; write 0-9."),
        ("{string('0-9', 0)}", "10", "Format", "Position 16: 0 characters are none; write 1 or more."),
        ("{string('0-9', 2)}", "1000", "How many", "has room for 10^2 = 100 codes; 1,000 were asked, 900 too many."),
        (SUMMER, "0", "How many", "Ask for 1 to 5,000,000 codes at a time, not 0."),
        (SUMMER, "many", "How many", "whole number"),
    ],
)
def test_what_cannot_be_generated_is_said_at_its_field_and_nothing_is_lost(
    world: World, format_: str, count: str, field: str, says: str
) -> None:
    form = new_group(world, "Summer", "generate")
    form.fill("Format", format_)
    form = world.maya.view("Makes" if "Pos" not in says else "Position").fill("How many", count)
    refused = form.refused()
    assert says in refused[field] or count == "many"
    form = world.maya.view()
    assert (form.value("Name"), form.value("Format"), form.value("How many")) == ("Summer", format_, count)
    with world.runtime.db.read() as session:
        assert listing(session) == []


def test_a_number_that_is_none_stays_in_its_field_while_the_rest_is_typed(world: World) -> None:
    form = new_group(world, "Summer 10%", "generate").fill("How many", "1,000")
    form.fill("Warn when active codes go down to", "many").fill("Format", SUMMER)
    form = world.maya.view("Makes")
    assert (form.value("How many"), form.value("Warn when active codes go down to")) == ("1,000", "many")


def test_pasting_takes_what_it_can_and_says_why_not_the_rest(world: World) -> None:
    have(world, "Old", ["TAKEN1"])
    form = new_group(world, "New", "paste")
    form.fill("Codes to add", "NEW1\nNEW2\n\nNEW1\nTAKEN1\nA B\n").submit()
    result = world.maya.view("3 lines not taken")
    assert "2 codes" in result.text
    assert "Line 4  NEW1  repeats line 1" in result.text.replace("`", "")
    assert "Line 5  TAKEN1  already in 'Old'" in result.text.replace("`", "")
    assert "Line 6  A B  a space inside" in result.text.replace("`", "")
    result.click("Get them as CSV")
    sent = world.maya.message("@promobot", "did not take")
    assert world.maya.download(sent.files[0]).decode().splitlines()[1:] == [
        "4,NEW1,repeats line 1",
        "5,TAKEN1,already in 'Old'",
        "6,A B,a space inside",
    ]
    assert "in your direct messages" in world.maya.view("direct messages").text
    assert codes_of(world, "New") == ["NEW1", "NEW2"]


def test_a_paste_of_nothing_new_makes_no_group(world: World) -> None:
    have(world, "Old", ["TAKEN1"])
    refused = new_group(world, "New", "paste").fill("Codes to add", "TAKEN1\nTAKEN1").refused()
    assert refused == {"Codes to add": "None of the 2 lines can be added. Line 1: already in 'Old'."}
    with world.runtime.db.read() as session:
        assert [line.name for line in listing(session)] == ["Old"]


def test_a_file_of_codes_is_taken_in_at_once(world: World) -> None:
    form = new_group(world, "From a file", "file")
    form.fill("File", ("codes.txt", "\r\n".join(f"FILE{n}" for n in range(300)).encode("utf-16"))).submit()
    assert "300 codes" in world.maya.view("is there, with").text
    assert len(codes_of(world, "From a file")) == 300


def test_of_a_table_the_column_is_guessed_and_can_be_changed(world: World) -> None:
    table = "old;coupon;city\nX1;NEW1;Oslo\nX2;NEW2;Bonn\n"
    form = new_group(world, "Table", "file")
    form.fill("Warn when", "5").fill("File", ("codes.csv", table.encode())).submit()
    column = world.maya.view("The column with the codes")
    assert column.value("The column with the codes") == "coupon"
    column.fill("The column with the codes", "old").submit()
    assert "2 codes" in world.maya.view("is there, with").text
    assert codes_of(world, "Table") == ["X1", "X2"]
    with world.runtime.db.read() as session:
        assert groups.by_name(session, "Table").low_stock_level == 5


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.csv", b"\n \n", "'empty.csv' is empty. Choose a file with at least one row."),
        (
            "photo.csv",
            b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
            "'photo.csv' is not a table. Save it as CSV, TXT or XLSX.",
        ),
        ("broken.xlsx", b"PK\x03\x04 and then nothing", "'broken.xlsx' is damaged. Save it again, or as CSV."),
    ],
)
def test_a_file_that_is_no_table_leads_back_to_the_form_with_all_that_was_typed(
    world: World, name: str, data: bytes, says: str
) -> None:
    form = new_group(world, "Kept name", "file").fill("Last day", date(2100, 12, 31)).fill("Warn when", "7")
    form.fill("File", (name, data)).submit()
    form = world.maya.view(says)
    assert (form.value("Name"), form.value("Last day"), form.value("Warn when")) == ("Kept name", "2100-12-31", "7")
    form.fill("File", ("codes.csv", b"GOOD1\nGOOD2\n")).submit()
    world.maya.view("2 codes")
    assert codes_of(world, "Kept name") == ["GOOD1", "GOOD2"]


def test_a_large_file_is_a_job_that_reports_in_a_direct_message(world: World) -> None:
    data = "\n".join(f"BIG{number:06}" for number in range(60_000)) + "\nBIG000001\n"
    form = new_group(world, "Big", "file")
    form.fill("File", ("big.csv", data.encode())).submit()
    assert "tells you in a direct message" in world.maya.view("being added").text
    done = world.maya.message("@promobot", "60,000 codes added", timeout=30)
    assert "1 duplicated among these lines" in done.text
    assert len(codes_of(world, "Big")) == 60_000
    with world.runtime.db.read() as session:
        assert [job.state for job in session.scalars(select(Job))] == ["done"]


def test_many_codes_are_generated_by_a_job(world: World) -> None:
    form = new_group(world, "Many", "generate").fill("Format", SUMMER)
    world.maya.view("Makes").fill("How many", "60000").submit()
    assert "60,000 codes are being added" in world.maya.view("being added").text
    world.maya.message("@promobot", "60,000 codes added", timeout=30)
    assert form.title == "Create a group"


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("generate", {"Format": "B{string('0-9', 6)}", "How many": "30"}),
        ("paste", {"Codes to add": "\n".join(f"P{n}" for n in range(30))}),
        ("file", {"File": ("more.csv", "\n".join(f"F{n}" for n in range(30)).encode())}),
    ],
)
def test_codes_are_added_to_a_group_in_each_way(world: World, method: str, fields: dict[str, object]) -> None:
    have(world, "Summer 10%", ["OLD1"])
    world.maya.command("/promo groups")
    world.maya.message(containing="active of 1").click("Add codes")
    form = world.maya.view("Add codes")
    if method != "generate":
        form.choose(METHODS[method])
        form = world.maya.view({"paste": "Codes to add", "file": "File"}[method])
    for field, value in fields.items():
        world.maya.view("Add codes").fill(field, value)
    world.maya.submit()
    assert "It has 31 active now" in world.maya.view("30 codes").text
    world.maya.message(containing="active of 31")


def test_what_was_typed_for_one_method_is_there_after_a_look_at_another(world: World) -> None:
    form = new_group(world, "Summer", "generate").fill("Format", "A{string('0-9', 6)}")
    world.maya.view("Makes A").fill("How many", "77").choose(METHODS["paste"])
    world.maya.view("Codes to add").fill("Codes to add", "X1").choose(METHODS["generate"])
    form = world.maya.view("Makes A")
    assert (form.value("Format"), form.value("How many")) == ("A{string('0-9', 6)}", "77")
    form.choose(METHODS["paste"])
    form = world.maya.view("Codes to add")
    assert form.value("Codes to add") == "X1"
    form.submit()
    with world.runtime.db.read() as session:
        assert groups.by_name(session, "Summer").formats == [], "a format that was only looked at is not the group's"


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
    world.wait_for(lambda: world.maya.message(containing="active of 1").buttons == ["Open"], "a list without buttons")


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


def test_a_group_is_made_with_shares_text_around_and_without_look_alikes(world: World) -> None:
    form = new_group(world, "Mixed", "generate")
    form.fill("Format", "A{string('0-1a', 4)}\nB{string('a-Z', 8)}")
    world.maya.view("Shares of the formats").fill("Characters", ["out"])
    assert "only look-alikes" not in world.maya.view("Makes").text
    world.maya.view().fill("Format", "{string('0-1', 4)}\nB{string('a-Z', 8)}")
    assert "Line 1, position 9: only look-alikes" in world.maya.view("only look-alikes").text
    world.maya.view().fill("Format", "A{string('2-9', 9)}\nB{string('a-Z', 8)}")
    world.maya.view("Makes").click("More options")
    form = world.maya.view("Prefix").fill("Prefix", "X-").fill("Suffix", "!").fill("How many", "50")
    form.fill("Shares of the formats", "4")
    assert "1 shares for 2 formats" in form.refused()["Shares of the formats"]
    world.maya.view().fill("Shares of the formats", "4, 1").fill("Days that an issued code", "14").submit()
    assert "50 codes" in world.maya.view("is there, with").text
    made = codes_of(world, "Mixed")
    assert [sum(code.startswith(start) for code in made) for start in ("X-A", "X-B")] == [40, 10]
    assert all(code.endswith("!") and not set(code[3:-1]) & set("0Oo1Il") for code in made)
    with world.runtime.db.read() as session:
        assert groups.by_name(session, "Mixed").validity_days == 14


def test_codes_come_with_their_own_expiries_and_dates_of_two_kinds_are_refused(world: World) -> None:
    form = new_group(world, "Dated", "file")
    mixed = "code,valid until\nC1,31/08/2099\nC2,08/31/2099\n"
    form.fill("File", ("codes.csv", mixed.encode())).submit()
    columns = world.maya.view("The column with the codes' own expiries")
    assert columns.value("The column with the codes' own") == "valid until"
    columns.submit()
    said = world.maya.view("Write all dates in one way")
    assert "Line 3 of 'codes.csv' says '08/31/2099' (month/day/year), line 2 says '31/08/2099'" in said.text
    said.close()
    form = new_group(world, "Dated", "file")
    unclear = "code,valid until\nC1,03/04/2099\nC2,\nC3,soon\nC4,05/06/2001\n"
    form.fill("File", ("codes.csv", unclear.encode())).submit()
    world.maya.view("The column with the codes").submit()
    columns = world.maya.view("can be read in two ways")
    columns.fill("How their dates are written", "Month before day: 08/31/2026").submit()
    result = world.maya.view("2 lines not taken")
    assert (
        "2 discarded" in result.text and "'soon' is no date" in result.text and "expired on 6 May 2001" in result.text
    )
    with world.runtime.db.read() as session:
        found = {code.code: code.expires_at for code in session.scalars(select(PromoCode))}
    assert found["C2"] is None and found["C1"] is not None and (found["C1"].month, found["C1"].day) in ((3, 4), (3, 5))


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
