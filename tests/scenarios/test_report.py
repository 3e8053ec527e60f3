"""One message in the channel: progress while it is sent, and then a report whose numbers add up."""

import csv
import io
import re

import pytest

from commands.approvals import cards
from commands.distributions import progress
from distribution import settings
from distribution.sending.status import pause
from sandbox.testing import MessageScreen
from storage.batches import lock
from storage.tables import Customer, Distribution, PromoCodeStock, Provider
from tests.scenarios.conftest import World
from tests.scenarios.shop import Shop, open_shop
from tests.scenarios.wizard import to_review


@pytest.fixture
def shop(world: World) -> Shop:
    """A shop that needs no approvals."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    return open_shop(world.runtime, customers=5, codes=10)


def send(world: World) -> None:
    """Maya sends codes to everybody."""
    to_review(world.maya).submit()
    world.maya.no_view()


def over(world: World, words: str = "Sent · Summer thank-you") -> MessageScreen:
    """The report."""
    return world.maya.message("#marketing", words, timeout=15)


def numbers(report: MessageScreen) -> dict[str, int]:
    """The receipt: {"audience": 6, "left out": 1, "sent": 4…}."""
    line = next(line for line in report.text.splitlines() if " in the audience = " in line)
    audience, parts = line.split(" in the audience = ")
    found = {words: int(n.replace(",", "")) for n, words in re.findall(r"([\d,]+) ([a-z ]+)", parts)}
    return {"audience": int(audience), **{words.strip(): n for words, n in found.items()}}


def slow(world: World, rate: float = 1.0) -> None:
    """The provider takes so many texts a second."""
    with world.runtime.db.write() as session:
        provider = session.get_one(Provider, world.provider_id)
        provider.rate, provider.tokens = rate, 0.0


def test_the_receipt_balances_and_failures_have_reasons(world: World, shop: Shop) -> None:
    """One number does not exist, one is accepted and then not delivered: their codes are back, or held."""
    with world.runtime.db.write() as session:
        found = session.query(Customer).filter(Customer.phone.in_(shop.numbers[:2])).order_by(Customer.id).all()
        found[0].phone, found[1].phone = "+48732100000", "+48732100001"
    send(world)
    report = world.maya.wait_for(
        lambda: next((m for m in world.maya.messages("#marketing") if "Why 2 failed" in m.text), None),
        "both failures",
        15,
    )
    receipt = numbers(report)
    assert receipt == {"audience": 6, "left out": 1, "sent": 3, "failed": 2}
    assert receipt["audience"] == sum(n for words, n in receipt.items() if words != "audience")
    assert "number does not exist (1)" in report
    assert "Delivered 3 (100% of sent)" in report
    assert "Left out: 1 no consent to texts" in report
    with world.runtime.db.read() as session:
        stock = session.get_one(PromoCodeStock, shop.group_id)
        assert stock.total == stock.active + stock.blocked + stock.issued == 10
    assert report.has_button("Retry 2 failed")
    assert len([m for m in world.maya.messages("#marketing") if "Summer thank-you" in m.text]) == 1


def test_what_failed_is_retried_to_the_number_of_today(world: World, shop: Shop) -> None:
    """The customer's number was mended meanwhile; nobody else is texted again."""
    with world.runtime.db.write() as session:
        session.query(Customer).filter(Customer.phone == shop.numbers[0]).one().phone = "+48732100000"
    send(world)
    report = over(world, "Why 1 failed")
    with world.runtime.db.write() as session:
        session.query(Customer).filter(Customer.phone == "+48732100000").one().phone = "+48732109999"
    report.click("Retry 1 failed")
    assert world.phone.wait_for_texts("+48732109999")
    report = over(world, "= 1 left out + 5 sent")
    assert not report.has_button("Retry 1 failed")
    assert len(world.phone.texts(shop.numbers[1])) == 1
    assert len([m for m in world.maya.messages("#marketing") if "Summer thank-you" in m.text]) == 1


def test_the_csv_lies_in_the_thread_with_masked_numbers(world: World, shop: Shop) -> None:
    """One line a message; whole numbers stay out of channels."""
    send(world)
    report = over(world, "Delivered 5 (100% of sent)")
    report.click("CSV")
    world.maya.wait_for(lambda: report.replies() or None, "the file")
    file = report.replies()[0].files[0]
    rows = list(csv.DictReader(io.StringIO(world.maya.download(file).decode())))
    assert len(rows) == 6
    assert {row["state"] for row in rows} == {"delivered", "left out"}
    assert not any(number in row["phone"] for row in rows for number in shop.numbers)


def test_no_chart_is_drawn_where_the_same_became_of_every_text(world: World, shop: Shop) -> None:
    send(world)
    report = over(world, "Delivered 5 (100% of sent)")
    assert "data_visualization" not in str(report.raw["blocks"])


def test_a_workspace_without_charts_gets_the_numbers_as_text(world: World, shop: Shop) -> None:
    """Slack answers invalid_blocks: the same message, a table of text in the chart's place."""
    world.refuse_blocks("data_visualization")
    with world.runtime.db.write() as session:
        session.query(Customer).filter(Customer.phone == shop.numbers[0]).one().phone = "+48732100000"
    send(world)
    report = over(world, "Why 1 failed")
    assert "What became of the texts" in report
    assert "Delivered" in report
    assert "data_visualization" not in str(report.raw["blocks"])


def test_pause_resume_and_stop(world: World, shop: Shop) -> None:
    """The buttons of the progress message; stopping asks first, and gives the codes back."""
    slow(world, 0.5)
    send(world)
    world.maya.message("#marketing", "Sending · Summer thank-you").click("Pause")
    paused = world.maya.message("#marketing", "Paused · Summer thank-you", timeout=10)
    assert "Paused by Maya Lindqvist." in paused
    paused.click("Resume")
    world.maya.message("#marketing", "Sending · Summer thank-you", timeout=10).click("Pause")
    paused = world.maya.message("#marketing", "Paused · Summer thank-you", timeout=10)
    assert "will not be texted" in (paused.confirmation("Stop") or "")
    paused.click("Stop", confirm=False)
    assert world.maya.message("#marketing", "Paused · Summer thank-you")
    paused.click("Stop")
    receipt = world.maya.wait_for(
        lambda: (lambda n: n if "stopped" in n and "to go" not in n else None)(
            numbers(world.maya.message("#marketing", "Stopped · Summer thank-you"))
        ),
        "the receipt",
        10,
    )
    assert receipt["audience"] == 6 == sum(n for words, n in receipt.items() if words != "audience")
    with world.runtime.db.read() as session:
        stock = session.get_one(PromoCodeStock, shop.group_id)
        assert (stock.active, stock.blocked) == (10 - receipt["sent"], 0)


def test_a_pause_of_its_own_is_told_in_the_channel_once_with_what_to_do(world: World, shop: Shop) -> None:
    """An edited message calls nobody: a new one, under it and in the channel, names its requester."""
    slow(world, 0.5)
    send(world)
    world.maya.message("#marketing", "Sending · Summer thank-you")
    reason = "'Sandbox phone' refuses our account. Check its credentials, credit and address, then resume."
    with world.runtime.db.write() as session:
        assert pause(session, lock(session, 1), reason, world.runtime.clock.now())
    told = world.maya.message("#marketing", "paused by itself", timeout=10)
    assert "@maya: Summer thank-you paused by itself. 'Sandbox phone' refuses our account." in told
    world.maya.message("#marketing", "Paused · Summer thank-you", timeout=10)
    world.wait_for(lambda: _shown(world, told=progress.TOLD) or None, "the pause to be written down as told")
    progress._memories.clear()  # a restart
    client = CountingClient()
    progress.refresh(world.runtime, client)  # type: ignore[arg-type]
    assert client.calls == []
    told.click("Resume")
    world.maya.message("#marketing", "Sending · Summer thank-you", timeout=10)
    assert len([m for m in world.maya.messages("#marketing") if "paused by itself" in m.text]) == 1


def test_sending_again_is_a_draft_like_the_first(world: World, shop: Shop) -> None:
    """Everything but its time, at the last step."""
    send(world)
    over(world).click("Send again…")
    step = world.maya.view("Step 5 of 5")
    assert "client.promocode('Summer 10%')" in step.value("Message")
    step.submit()
    assert "5 of 6 in “Regulars”" in world.maya.view("Sample 1 of")


def test_slack_asking_to_wait_delays_the_last_edit_and_never_loses_it(world: World, shop: Shop) -> None:
    """429 on every kind of call: sending goes on, and the report is there in the end, once."""
    world.stage.behave(rate_limit_methods={"chat.postMessage": 1, "chat.update": 2})
    send(world)
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number)
    world.maya.message("#marketing", "= 1 left out + 5 sent", timeout=20)
    assert len([m for m in world.maya.messages("#marketing") if "Summer thank-you" in m.text]) == 1


def test_asked_for_where_promobot_is_not_progress_goes_to_the_person(world: World, shop: Shop) -> None:
    """The channel takes no messages from us: the direct message has progress and report."""
    review = to_review(world.maya)
    with world.runtime.db.write() as session:
        session.get_one(Distribution, 1).channel = "C0NOWHERE"
    review.submit()
    report = world.maya.message("@promobot", "= 1 left out + 5 sent", timeout=15)
    report.click("CSV")
    world.maya.wait_for(lambda: report.replies() or None, "the file in its thread")


def test_the_list_filters_and_opens_one(world: World, shop: Shop) -> None:
    """`/promo distributions`: what is over, what is under way, one by its subject, a typo answered."""
    send(world)
    over(world)
    maya = world.maya
    maya.command("/promo distributions")
    maya.view("5 of 5 sent").fill("distributions.filter", "Under way")
    maya.view("There is none").fill("distributions.filter", "Over")
    maya.view("5 of 5 sent").click("Open")
    opened = maya.view("= 1 left out + 5 sent")
    assert opened.has_button("Show in channel")
    opened.click("Back to the list")
    maya.view("5 of 5 sent")
    maya.close()
    maya.command("/promo distributions sumer thank-you")
    maya.message("#marketing", "Did you mean 'Summer thank-you'?")


def test_a_restart_neither_posts_again_nor_edits_for_nothing(world: World, shop: Shop) -> None:
    """What is on show is in the database: a process that remembers nothing leaves the message alone."""
    send(world)
    world.maya.message("#marketing", "Delivered 5 (100% of sent)", timeout=15)
    client = CountingClient()
    world.wait_for(lambda: _shown(world), "the last edit to be written down")
    progress._memories.clear()
    progress.refresh(world.runtime, client)  # type: ignore[arg-type]
    cards.refresh(world.runtime, client)  # type: ignore[arg-type]
    assert client.calls == []


class CountingClient:
    """Stands for Slack's Web API; any call is written down."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> object:
        return lambda **arguments: self.calls.append(name)


def _shown(world: World, *, told: str = "") -> bool:
    """Whether the message shows what there is to show; `told`: and what was told besides."""
    with world.runtime.db.read() as session:
        distribution = session.get_one(Distribution, 1)
        return progress.shown(world.runtime, session, distribution).hash + told == distribution.progress_shown
