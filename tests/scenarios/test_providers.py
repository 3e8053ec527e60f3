"""`/promo providers`: one is added, tested, edited, made default, disabled and deleted; its secret is never seen."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bot import log
from distribution import settings
from distribution.providers import registry
from storage.tables import Provider
from tests.scenarios.conftest import World
from tests.scenarios.shop import open_shop
from tests.scenarios.wizard import to_review
from tests.unit.providers.fake_twilio import SID, TOKEN

DUBLIN, SYDNEY = "https://api.dublin.ie1.twilio.com", "https://api.sydney.au1.twilio.com"


def provider(world: World, name: str) -> Provider:
    with world.runtime.db.read() as session:
        return registry.by_name(session, name)


def press(world: World, what: str, name: str) -> None:
    """Press a button of one provider's line."""
    world.ada.view("Providers").click(f"providers.line:{provider(world, name).id}/providers.{what}")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that a process with LOG_LEVEL=DEBUG writes."""
    root, written = logging.getLogger(), io.StringIO()
    before = (root.handlers[:], root.level)
    log.configure("DEBUG", stream=written)
    yield written
    root.handlers[:], root.level = before


def test_a_twilio_is_added_and_edited_and_its_token_is_nowhere_to_be_read(world: World, logged: io.StringIO) -> None:
    """Refusals at their fields; the token in nothing that is shown or logged, and encrypted in the database."""
    ada = world.ada
    ada.command("/promo providers")
    ada.view("Sandbox phone").click("Add a provider…")
    ada.view("An account at Twilio").click("providers.choose:twilio")
    form = ada.view("Account SID").fill("Name", "Main *line*").fill("Account SID", "AC1").fill("Auth token", TOKEN)
    assert "32 digits" in form.refused()["Account SID"]
    form = ada.view("Account SID").fill("Account SID", SID).fill("Sender", "+15550100200")
    form.fill("API address", "https://169.254.169.254/latest")
    assert "our own network" in form.refused()["API address"]
    form = ada.view("Account SID").fill("API address", DUBLIN).fill("SMS segments a second", "many")
    assert "not a number" in form.refused()["SMS segments a second"]
    ada.view("Account SID").fill("SMS segments a second", "2,5").submit()
    listed = ada.view("is there. Test it").text
    assert "2.5 SMS segments a second" in listed
    assert world.runtime.links.callback(provider(world, "Main *line*").id) in listed

    press(world, "edit", "Main *line*")
    form = ada.view("Edit Twilio")
    assert not form.value("Auth token") and form.value("API address") == DUBLIN
    form.fill("API address", SYDNEY)
    assert "give the auth token again" in form.refused()["Auth token"]
    ada.view("Edit Twilio").fill("API address", DUBLIN).fill("SMS segments a second", "100").submit()
    ada.view("100 SMS segments a second")
    row = provider(world, "Main *line*")
    assert world.runtime.vault.unlock(row.secret or "") == {"auth_token": TOKEN}
    assert TOKEN not in json.dumps(row.config) + (row.secret or "")
    assert world.sandbox.payloads and not [sent for sent in world.sandbox.payloads if TOKEN in repr(sent)]
    assert TOKEN not in logged.getvalue()


def test_a_test_text_says_what_the_provider_said(world: World) -> None:
    ada = world.ada
    ada.command("/promo providers")
    press(world, "test", "Sandbox phone")
    form = ada.view("Your number").fill("Your number", "12ab")
    assert "12ab" in form.refused()["Your number"]
    ada.view("Your number").fill("Your number", "501 234 218").submit()
    assert "took the text for +48 501 234 218" in ada.view("took the text").text
    assert [text.body for text in world.phone.texts("+48501234218")] == ["A test from promobot."]
    ada.view("took the text").close()
    ada.view("last text taken")
    with world.runtime.db.write() as session:
        row = session.get_one(Provider, world.provider_id)
        row.config = {"base_url": "http://127.0.0.1:1"}
    press(world, "test", "Sandbox phone")
    form = ada.view("Your number")
    assert form.value("Your number") == "+48501234218", "one's own number is remembered"
    form.submit()
    assert "provider could not be reached" in ada.view("did not take the test").text
    ada.view("did not take the test").close()
    ada.view("last failure")


def test_a_provider_in_our_own_network_takes_an_admins_word_in_settings(world: World) -> None:
    """One that an operator set up stays as it is; one typed in Slack is refused until the setting allows it."""
    ada = world.ada
    ada.command("/promo providers add")
    ada.view("signed JSON").click("providers.choose:http")
    form = ada.view("Signing key").fill("Name", "Gateway").fill("Signing key", "a key that is long")
    form.fill("Address that texts", "https://sms.internal/send")
    assert "our own network" in form.refused()["Address that texts are posted to"]
    with world.runtime.db.write() as session:
        settings.put(session, "providers.internal_addresses", "yes")
    ada.view("Signing key").submit()
    assert "is there" in ada.message("@promobot", "Gateway").text
    row = provider(world, "Gateway")
    with world.runtime.db.read() as session:
        assert not registry.is_guarded(session, row)
    ada.command("/promo settings")
    shown = ada.view("Settings")
    assert shown.value("May providers added in Slack") == "Yes, anywhere"
    shown.fill("May providers added in Slack", "No: on the public internet only, over https").submit()
    with world.runtime.db.read() as session:
        assert registry.is_guarded(session, row)
        assert not registry.is_guarded(session, session.get_one(Provider, world.provider_id))


def test_default_disabled_and_deleted_unless_a_distribution_needs_it(world: World) -> None:
    open_shop(world.runtime)
    with world.runtime.db.write() as session:
        settings.put(session, "approvals.required", "always")
        registry.add(
            session,
            world.runtime.vault,
            name="Other",
            kind="sandbox",
            config={"base_url": "http://127.0.0.1:1"},
            by="U0ADA",
            now=world.runtime.clock.now(),
        )
    to_review(world.maya).submit()
    world.maya.no_view()
    ada = world.ada
    ada.command("/promo providers")
    press(world, "delete", "Sandbox phone")
    ada.view("'Summer thank-you' is sent through it").close()
    press(world, "default", "Other")
    ada.view("Other · Sandbox phone · default")
    press(world, "disable", "Sandbox phone")
    assert "“Summer thank-you” waits until it is enabled" in ada.view("disabled").text
    press(world, "enable", "Sandbox phone")
    world.wait_for(lambda: provider(world, "Sandbox phone").enabled, "the provider enabled")
    press(world, "delete", "Other")
    world.wait_for(lambda: "Other" not in ada.view("Providers").text, "the provider gone")
    ada.close()
    world.maya.command("/promo providers")
    assert "takes an admin" in world.maya.message(containing="You are a marketer here").text
