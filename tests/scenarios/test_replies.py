"""What customers write back is read in the thread of the distribution that texted them."""

from distribution import settings
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import to_review


def test_a_reply_is_read_in_the_thread_and_a_stop_in_the_report(world: World) -> None:
    """With the customer's name, a masked number, and their profile one click away; the reply is posted once."""
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")
    shop = open_shop(world.runtime, customers=2, codes=5)
    to_review(world.maya).submit()
    world.maya.no_view()
    for number in shop.numbers:
        assert world.phone.wait_for_texts(number)
    world.phone.reply(shop.numbers[0], "Is it valid on <Sunday>?")
    world.phone.reply(shop.numbers[1], "STOP")
    report = world.maya.message("#marketing", "Sent · Summer thank-you", timeout=15)
    reply = world.maya.wait_for(lambda: report.replies() or None, "the reply in the thread", 15)[0]
    assert "1 reply to Summer thank-you" in reply.text
    assert "Anna 1 Kowalska\n+48 ••• ••• 101" in reply.text
    assert "Is it valid on <Sunday>?" in reply.text
    assert shop.numbers[0] not in str(reply.raw)
    world.maya.message("#marketing", "Opted out 1", timeout=15)
    assert len(report.replies()) == 1
    reply.click("Profile")
    assert "Anna 1 Kowalska" in world.maya.view("Anna 1 Kowalska").text
