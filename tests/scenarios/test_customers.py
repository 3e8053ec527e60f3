"""`/promo customers`, typed and clicked by Maya through a real Socket Mode connection."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from distribution import events
from distribution.customers import consent, profile
from distribution.customers.profile import Details
from distribution.segments import editing
from storage.customers import history
from storage.rules import Condition, Rules
from storage.tables import Customer, TeamMember
from tests.scenarios.conftest import World

NAME = "<!channel> *x* 😀"


def add(world: World, name: str, phone: str, **more: str) -> int:
    """A customer who agreed to texts; returns their id."""
    with world.runtime.db.write() as session:
        details = Details(name=name, phone=phone, **more)
        now = world.runtime.clock.now()
        return profile.add(
            session, details, agreed=True, by="U0ADA", by_name="Ada", statement="at the till", now=now
        ).id


def only(world: World) -> Customer:
    """The one customer there is."""
    with world.runtime.db.read() as session:
        return session.scalars(select(Customer)).one()


def test_a_customer_is_added_and_their_profile_shown(world: World) -> None:
    world.maya.command("/promo customers")
    world.maya.view("0 customers").click("Add customer…")
    form = world.maya.view("How they agreed")
    form.fill("Name", NAME).fill("Phone number", "501 234 218").fill("Consent", ["They have agreed to texts"])
    assert form.refused() == {"How they agreed": "Say how they agreed: it is kept with your name."}
    form.fill("How they agreed", "asked at the till").submit()
    shown = world.maya.view("Can be texted.")
    assert "+48 501 234 218" in shown.text
    assert "Europe/Warsaw" in shown.text
    shown.click("Consent")
    world.maya.view("Maya Lindqvist (U0MAYA): asked at the till")
    customer = only(world)
    assert (customer.name, customer.phone, customer.consent) == (NAME, "+48501234218", "given")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("", "Write a phone number"),
        ("501 2", "'501 2' is too short for Poland."),
        ("+48 5O1 234 218", "has letters in it ('O')"),
    ],
)
def test_a_bad_number_is_refused_where_it_was_typed_and_nothing_is_lost(world: World, number: str, why: str) -> None:
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Add customer…")
    form = world.maya.view("How they agreed").fill("Name", "Anna").fill("Phone number", number)
    assert why in form.refused()["Phone number"]
    assert form.value("Name") == "Anna"


def test_one_match_opens_the_profile_and_more_are_listed(world: World) -> None:
    add(world, "Anna Kowalska", "+48501234211", source_id="CRM-1")
    add(world, "Anna Nowak", "+48501234212")
    world.maya.command("/promo customers kowalska")
    assert "+48 501 234 211" in world.maya.view("Anna Kowalska").text
    world.maya.close()
    world.maya.command("/promo customers crm-1")
    assert "Nobody is called" in world.maya.view("Customers").text  # source ids are as they are written
    world.maya.close()
    world.maya.command("/promo customers anna")
    found = world.maya.view("2 results")
    assert "Anna Nowak" in found.text
    found.click("customers.result:2/customers.open")
    assert "+48 501 234 212" in world.maya.view("Source id").text


def test_a_customer_is_found_while_typing(world: World) -> None:
    add(world, "Anna Kowalska", "+48501234211")
    add(world, "Łukasz Żak", "+48501234212")
    world.maya.command("/promo customers")
    shown = world.maya.view("2 customers")
    assert shown.search("customers.options", "zak") == ["Łukasz Żak"]
    assert shown.search("customers.options", "501 234 21") == ["Anna Kowalska", "Łukasz Żak"]
    shown.fill("customers.options", "kowal")
    assert "+48 501 234 211" in world.maya.view("Anna Kowalska").text


def test_an_edit_shows_in_the_profile_below(world: World) -> None:
    add(world, "Anna Kowalska", "+48501234211")
    world.maya.command("/promo customers anna")
    world.maya.view("Anna Kowalska").click("Edit…")
    world.maya.view("Edit customer").fill("Name", "Anna Nowak").fill("Phone number", "+48 501 234 299").submit()
    assert "+48 501 234 299" in world.maya.view("Anna Nowak").text


def test_a_number_of_somebody_else_is_refused(world: World) -> None:
    add(world, "Anna", "+48501234211")
    add(world, "Ben", "+48501234212")
    world.maya.command("/promo customers ben")
    world.maya.view("Ben").click("Edit…")
    form = world.maya.view("Edit customer").fill("Phone number", "48501234211")
    assert "is Anna's already" in form.refused()["Phone number"]


def test_a_customer_is_opted_out_and_back_in_on_a_persons_word(world: World) -> None:
    customer_id = add(world, "Anna", "+48501234211")
    world.maya.command("/promo customers anna")
    world.maya.view("Can be texted.").click("Opt out…")
    world.maya.view("no more texts").submit()
    world.maya.view("Cannot be texted: opted out.").click("Record consent…")
    form = world.maya.view("They opted out before")
    assert list(form.refused()) == ["How they agreed"]
    form.fill("How they agreed", "wrote to support").submit()
    world.maya.view("Can be texted.")
    with world.runtime.db.read() as session:
        sources = [change.source for change in history(session, customer_id)]
    assert sources == [
        "Maya Lindqvist (U0MAYA): wrote to support",
        "Maya Lindqvist (U0MAYA)",
        "Ada (U0ADA): at the till",
    ]


def test_a_support_agent_looks_and_changes_nothing(world: World) -> None:
    add(world, "Anna", "+48501234211")
    world.maya.command("/promo help")
    world.maya.message(containing="customers")
    with world.runtime.db.write() as session:
        session.get_one(TeamMember, "U0MAYA").role = "support"
    world.maya.command("/promo customers anna")
    assert not {"Edit…", "Opt out…", "Erase…"} & set(world.maya.view("+48 501 234 211").buttons)


def test_a_customer_with_hundreds_of_everything_is_shown_page_by_page(world: World) -> None:
    customer_id = add(world, "Anna Kowalska", "+48501234211", source_id="C1")
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        for number in range(300):
            consent.change(session, customer_id, ("opted_out", "given")[number % 2], f"change {number}", now)
        paid = [{"customer": "C1", "name": "paid", "properties": {"total": number}} for number in range(300)]
        events.record(session, paid, now=now)
        by_city = Rules("any", parts=(Condition("name", "is", "Ben"), Condition("region", "is", "PL")))
        editing.create(session, "Ben or Poland", by_city, by="U0MAYA", now=now)
    world.maya.command("/promo customers anna")
    shown = world.maya.view("Ben or Poland")
    assert "Ben or Poland · country is Poland" in shown.text  # the rule that holds, and not the other
    shown.click("Events")
    shown = world.maya.view("total 299")
    assert "total 285" in shown.text
    assert "total 284" not in shown.text
    shown.click("More")
    world.maya.view("total 270").click("Back")
    world.maya.view("total 299").click("Consent")
    world.maya.view("change 285").click("More")
    world.maya.view("change 270")


def test_an_admin_erases_a_customer_and_a_marketer_may_not(world: World) -> None:
    add(world, "Anna Kowalska", "+48501234211")
    world.maya.command("/promo customers anna")
    assert "Erase…" not in world.maya.view("Can be texted.").buttons
    world.ada.command("/promo customers anna")
    world.ada.view("Can be texted.").click("Erase…")
    form = world.ada.view("Stays, without a name")
    assert list(form.refused()) == ["Erase"]
    form.fill("Erase", ["I know that this cannot be undone"]).submit()
    shown = world.ada.view("Everything personal was erased")
    assert "Anna" not in shown.text
    assert only(world).phone is None
    world.ada.close()
    world.ada.command("/promo customers 501 234 211")
    assert "Nobody is called" in world.ada.view("Customers").text


def test_one_persons_data_comes_as_a_file_to_who_asked(world: World) -> None:
    add(world, "Anna Kowalska", "+48501234211", source_id="C1")
    world.maya.command("/promo customers anna")
    world.maya.view("Can be texted.").click("Export")
    world.maya.view("in your direct messages")

    def files() -> list[dict[str, Any]]:
        return [file for message in world.maya.messages("@promobot") for file in message.files]

    file = world.maya.wait_for(lambda: next(iter(files()), None), "the file")
    known = json.loads(world.maya.download(file))
    assert known["customer"]["phone"] == "+48501234211"
    assert [change["on_the_word_of"] for change in known["consent_history"]] == ["Ada (U0ADA): at the till"]


def test_a_file_is_imported_as_corrected_and_the_bad_rows_come_back(world: World) -> None:
    rows = "Id;Full name;Mobile;City;Since\nC1;Anna;+48501234211;Łódź;2020\nC2;Ben;501 2;Warsaw;2021\n"
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import a file…")
    world.maya.view("File of customers").fill("File of customers", ("spring.csv", rows.encode("utf-16"))).submit()
    step = world.maya.view("First rows, as they would be read")
    assert step.value("Mobile") == "Phone number"
    assert step.value("City") == "city · text"
    assert "Anna · +48 501 234 211 · id C1 · city Łódź · since 2020" in step.text
    assert "1 of the first 2 rows would not be taken. Line 3: '501 2' is too short for Poland." in step.text
    step.fill("Since", "Ignore")
    step = world.maya.view("id C1 · city Łódź")
    world.maya.wait_for(lambda: "since 2020" not in world.maya.view("First rows").text, "the new preview")
    step = world.maya.view("First rows")
    step.fill("Consent", ["Everyone in this file has agreed to texts"]).submit()
    world.maya.view("promobot tells you in a direct message").close()
    said = world.maya.message("@promobot", "2 rows of 'spring.csv' read: 1 new customer")
    assert "Not taken: 1 row." in said.text
    customer = only(world)
    assert (customer.consent, customer.attributes) == ("given", {"city": "Łódź"})
    with world.runtime.db.read() as session:
        (change,) = history(session, customer.id)
    assert "Maya Lindqvist (U0MAYA): import of spring.csv" in change.source

    def rejected() -> list[dict[str, object]]:
        return [file for reply in world.maya.thread("@promobot", said.ts) for file in reply.files]

    file = world.maya.wait_for(lambda: next(iter(rejected()), None), "the file of rows that were not taken")
    assert "C2,Ben,501 2,Warsaw,2021,3,'501 2' is too short" in world.maya.download(file).decode("utf-8-sig")


@pytest.mark.parametrize(
    ("content", "why"), [(b"\r\n", "is empty"), (b"\x89PNG\r\n\x1a\n\x00\x01" * 50, "is not a table")]
)
def test_a_file_that_is_no_table_is_refused_where_another_can_be_chosen(world: World, content: bytes, why: str) -> None:
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import a file…")
    world.maya.view("File of customers").fill("File of customers", ("spring.csv", content)).submit()
    step = world.maya.view(why).fill("File of customers", ("spring.csv", b"phone\n+48501234211\n"))
    step.submit()
    world.maya.view("First rows, as they would be read")


def test_columns_without_a_number_are_refused_at_the_first(world: World) -> None:
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import a file…")
    world.maya.view("File").fill("File of customers", ("spring.csv", b"Name,City\nAnna,Warsaw\n")).submit()
    step = world.maya.view("First rows")
    assert "Say which column has the phone number" in step.refused()["Name"]
    step.fill("Name", "Phone number")
    step = world.maya.view("would not be taken")
    step.fill("Country of numbers", "Atlantis")
    assert (
        "'Atlantis' is not a country"
        in world.maya.view("First rows").refused()["Country of numbers without a country code"]
    )


def test_a_ten_megabyte_file_is_imported(world: World) -> None:
    """However large, it is fetched after Slack has its answer: the modal says that it is read, then asks what it is."""
    rows = "phone,name\n" + "".join(f"+48501{n:06d},{'Anna' * 20} {n}\n" for n in range(110_000))
    assert len(rows) > 10_000_000
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import a file…")
    world.maya.view("File").fill("File of customers", ("big.csv", rows.encode())).submit()
    world.maya.view("First rows", timeout=20).submit()
    world.maya.view("promobot tells you in a direct message")
    world.maya.message("@promobot", "Importing customers from 'big.csv'", timeout=30)
    world.maya.message("@promobot", "Cancel", timeout=30).click("Cancel")
    world.maya.message("@promobot", "ancelled", timeout=30)


def test_what_a_file_leaves_open_is_asked_and_the_answers_are_kept(world: World) -> None:
    rows = "Mobile,Born,Opt-in,Visits\n+48501234211,03/04/1990,Z,5\n+48501234212,05/06/1991,yes,n/a\n"
    world.maya.command("/promo customers")
    world.maya.view("Customers").click("Import a file…")
    world.maya.view("File of customers").fill("File of customers", ("spring.csv", rows.encode())).submit()
    step = world.maya.view("First rows, as they would be read")
    assert step.value("Born") == "born · date"
    assert "1 of 2 values are numbers, 1 is not, such as 'n/a'. All are kept as text." in step.text
    assert "Say what 03/04/1990 means" in step.refused()["Dates such as 03/04/1990"]
    step.fill("Dates such as 03/04/1990", "The day comes first")
    step = world.maya.view("born 1991-06-05")
    step.fill("“z” as a consent means", "Opted out")
    world.maya.view("born 1990-04-03 · visits 5 · opted out").submit()
    world.maya.message("@promobot", "2 rows of 'spring.csv' read: 2 new customers")
    with world.runtime.db.read() as session:
        first, second = session.scalars(select(Customer).order_by(Customer.id))
    assert (first.attributes, first.consent) == ({"born": "1990-04-03", "visits": "5"}, "opted_out")
    assert (second.attributes, second.consent) == ({"born": "1991-06-05", "visits": "n/a"}, "given")
