"""`/promo codes`, `/promo redeem`, `/promo replace`: one code, looked up and changed in a real workspace."""

import pytest
from sqlalchemy import select

from distribution.check import check
from distribution.codes import replacing
from storage.tables import CodeState, Job, PromoCode, PromoCodeRepeat, TeamMember
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop


@pytest.fixture(autouse=True)
def lee_approves(world: World) -> None:
    """Lee is an approver."""
    with world.runtime.db.write() as session:
        session.merge(TeamMember(user_id="U0LEE", name="Lee Okafor", role="approver", time_zone="Europe/London"))


def given(world: World, shop: Shop, count: int = 1) -> list[str]:
    """Codes that the first customers got by hand."""
    now = world.runtime.clock.now()
    with world.runtime.db.write() as session:
        return [
            replacing.give(session, shop.group_id, customer, by="U0ADA", now=now, request=f"r{customer}").code.code
            for customer in range(1, count + 1)
        ]


def test_a_code_is_looked_up_in_any_case_used_rolled_back_and_replaced(world: World) -> None:
    (code,) = given(world, open_shop(world.runtime))
    world.ada.command(f"/promo codes {code.lower()}")
    shown = world.ada.view("Its life")
    assert f"Written '{code}'; you typed '{code.lower()}'." in shown.text
    assert "Given by hand by" in shown.text and "Made by format" in shown.text and "Anna 1 Kowalska" in shown.text
    shown.click("Redeem…")
    world.ada.view("Redeem a code").fill("Where it was used", "Warsaw *shop*").submit()
    shown = world.ada.view("Redeemed: it was used")
    assert "Warsaw" in shown.text and not shown.has_button("Revoke…")
    world.ada.command(f"/promo redeem {code}")
    told = world.ada.message(containing="was redeemed before")
    assert told.is_ephemeral
    shown.click("Roll back…")
    world.ada.view("Rolled back, it can be used again").fill("Why", "cancelled").submit()
    world.ada.view("Redemption rolled back by").click("Replace…")
    form = world.ada.view("No text is sent")
    assert "9 active codes left" in form.text
    form.fill("Why", "till was broken").submit()
    shown = world.ada.view("This is the code in its place")
    with world.runtime.db.read() as session:
        new = session.scalars(select(PromoCode.code).where(PromoCode.state == CodeState.ISSUED)).one()
    assert shown.text.splitlines()[1] == new
    assert f"Issued in place of {code}" in shown.text.replace("`", "")
    world.ada.command(f"/promo codes {code}")
    assert f"Revoked and replaced by {new}" in world.ada.view("Revoked: good for nothing").text.replace("`", "")
    assert check(world.runtime.db) == []


def test_a_code_that_is_not_there_is_asked_for_again_with_the_nearest(world: World) -> None:
    (code,) = given(world, open_shop(world.runtime))
    world.maya.command(f"/promo codes {code}7")
    form = world.maya.view(f"Did you mean '{code}'?")
    assert form.value("Promo code") == f"{code}7"
    form.fill("Promo code", "two words")
    assert "a space inside" in form.refused()["Promo code"]
    form.fill("Promo code", code).submit()
    shown = world.maya.view("Its life")
    assert shown.has_button("Redeem…")
    assert not shown.has_button("Revoke…")  # that takes an approver


def test_a_support_agent_may_only_look(world: World) -> None:
    (code,) = given(world, open_shop(world.runtime))
    world.maya.command("/promo")
    world.maya.message(containing="Waiting for you")
    with world.runtime.db.write() as session:
        session.get_one(TeamMember, "U0MAYA").role = "support"
    world.maya.command(f"/promo codes {code}")
    shown = world.maya.view("Its life")
    assert not any(shown.has_button(name) for name in ("Redeem…", "Revoke…", "Replace…"))
    world.maya.command(f"/promo redeem {code}")
    world.maya.message(containing="You are a support here and may not")
    world.maya.command(f"/promo replace {code}")
    world.maya.message(containing="revoke, replace or give out single codes")
    with world.runtime.db.read() as session:
        assert session.scalars(select(PromoCode.redeemed_at).where(PromoCode.code == code)).one() is None


def test_a_code_is_given_by_hand_and_the_form_says_that_no_text_is_sent(world: World) -> None:
    shop = open_shop(world.runtime)
    world.lee.command("/promo codes")
    world.lee.view("Promo codes").click("Give a code to a customer…")
    form = world.lee.view("No text is sent")
    form.fill("Promo code group", "Summer 10%").fill("Customer", "Anna 2 Kowalska").fill("Why", "late parcel").submit()
    shown = world.lee.view("tell them")
    assert "Anna 2 Kowalska’s" in shown.text and "late parcel" in shown.text
    shown.click("Open customer")
    assert "Anna 2 Kowalska" in world.lee.view("Customer").text
    assert world.phone.texts(shop.numbers[1]) == []
    assert check(world.runtime.db) == []


def test_an_active_code_is_given_from_its_own_page(world: World) -> None:
    open_shop(world.runtime)
    with world.runtime.db.read() as session:
        code = session.scalars(select(PromoCode.code).order_by(PromoCode.id.desc())).first()
    world.lee.command(f"/promo codes {code}")
    world.lee.view("Active: nobody has it yet").click("Give…")
    form = world.lee.view("No text is sent")
    assert str(code) in form.text
    form.fill("Customer", "Anna 2 Kowalska").submit()
    shown = world.lee.view("tell them")
    assert shown.text.splitlines()[1] == code and "Anna 2 Kowalska’s" in shown.text
    for _ in range(2):
        world.maya.command(f"/promo redeem {code}")
    world.maya.message(containing="was redeemed before").click("Open the code")
    assert "Redeemed: it was used" in world.maya.view("Its life").text
    world.lee.command("/promo redeem NO-SUCH-CODE")
    assert not world.lee.message(containing="no promo code 'NO-SUCH-CODE'").has_button("Open the code")
    assert check(world.runtime.db) == []


def test_redemptions_come_in_by_a_file_and_what_cannot_be_redeemed_comes_back(world: World) -> None:
    codes = given(world, open_shop(world.runtime), 3)
    with world.runtime.db.write() as session:
        replacing.revoke(session, codes[2], why="leaked", by="U0ADA", now=world.runtime.clock.now())
    day = f"{world.runtime.clock.now():%d/%m/%Y}"
    rows = [
        "Order,Coupon code,Used on,Shop",
        f"17,{codes[0]},{day} 10:00,Warsaw",
        f"18,{codes[1].lower()},{day} 10:05,Krakow",
        f"17,{codes[0]},{day} 10:00,Warsaw",
        f"19,{codes[2]},{day} 10:00,Warsaw",
        "20,NO-SUCH,31/08/2020 10:00,Warsaw",
        f"21,{codes[0]},yesterday,Warsaw",
    ]
    world.maya.command("/promo codes")
    world.maya.view("Promo codes").click("Import redemptions…")
    form = world.maya.view("File of redemptions")
    form.fill("File of redemptions", ("used.csv", "\n".join(rows).encode())).submit()
    form = world.maya.view("say which column is which")
    labels = ("The promo code", "When it was used", "Where it was used", "The use's own id (order, receipt)")
    assert [form.value(label) for label in labels] == ["Coupon code", "Used on", "Shop", "Order"]
    form.fill("Where it was used", "Order")
    assert form.refused() == {labels[3]: "One column cannot say two things. Choose another, or none."}
    form.fill("Where it was used", "Shop").fill("How its dates are written", "Day before month: 31/08/2026").submit()
    world.maya.view("The redemptions are being imported")

    def done() -> Job | None:
        with world.runtime.db.read() as session:
            job = session.scalars(select(Job).where(Job.kind == "import_redemptions")).first()
        return job if job and job.state in ("done", "failed") else None

    job = world.wait_for(done, "the end of the import")
    assert job.state == "done", job.error
    counts = {key: job.result[key] for key in ("rows", "redeemed", "again", "respelled", "refused")}
    assert counts == {"rows": 6, "redeemed": 2, "again": 1, "respelled": 1, "refused": 3}
    said = world.maya.message("@promobot", "2 codes redeemed")
    assert "Not taken: 3 rows." in said.text and "1 code written in another case" in said.text

    def rejected() -> list[dict[str, object]]:
        return [file for reply in world.maya.thread("@promobot", said.ts) for file in reply.files]

    file = world.maya.wait_for(lambda: next(iter(rejected()), None), "the file of rows that were not taken")
    content = world.maya.download(file).decode("utf-8-sig")
    assert "was revoked" in content and "There is no promo code 'NO-SUCH'" in content
    assert "'yesterday' is no date" in content
    assert check(world.runtime.db) == []


def test_the_same_code_until_it_is_redeemed_is_chosen_reviewed_approved_and_sent(world: World) -> None:
    shop = open_shop(world.runtime, customers=3)
    (code,) = given(world, shop)
    world.maya.command("/promo send")
    world.maya.view("Step 1 of 5").submit()
    step = world.maya.view("Step 2 of 5").fill("Promo code group", "Summer 10%")
    step = world.maya.view("are set aside when")
    step.choose("The same code until it is redeemed").submit()
    world.maya.view("Step 3 of 5").fill("Segment", "Regulars")
    world.maya.view("can be texted").submit()
    world.maya.view("Step 4 of 5").fill("Subject", "Again").submit()
    world.maya.view("Step 5 of 5").fill("Message", "Yours: {{ client.promocode('Summer 10%') }}").submit()
    review = world.maya.view("Sample 1 of")
    assert "2 new · 9 active in “Summer 10%” · enough" in review.text
    assert "1 gets the code they have" in review.text
    review.submit()
    card = world.lee.message("#promo-approvals", containing="Approval requested")
    assert "the same until redeemed" in card.text and "1 gets the code they have" in card.text
    card.click("Approve")
    (text,) = world.phone.wait_for_texts(shop.numbers[0])
    assert text.body.endswith(code)
    report = world.maya.message(containing="in the audience")
    assert "Redeemed 0 so far" in report.text and "1 code sent again" in report.text
    with world.runtime.db.read() as session:
        assert session.scalars(select(PromoCodeRepeat.issued_at)).one() is not None
    assert check(world.runtime.db) == []
