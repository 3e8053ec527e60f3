"""How codes come into a group in Slack: generated, pasted, from a file; at once or by a job."""

from datetime import date

import pytest
from sqlalchemy import select

from distribution.codes import groups
from distribution.codes.format import Format
from distribution.codes.listing import listing
from storage.tables import Job, PromoCode
from tests.scenarios.conftest import World
from tests.scenarios.groups import METHODS, SUMMER, codes_of, have, new_group


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
