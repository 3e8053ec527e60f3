"""Walking the wizard in a scenario: what a person fills in, step by step."""

from distribution import settings
from distribution.runtime import Runtime
from sandbox.testing import Person, ViewScreen
from storage.tables import Distribution, PromoCodeStock
from tests.scenarios.conftest import World

TEXT = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}"

CODES = "Unique codes from a group"
PROMOTION = "A cart-level promotion"
CUSTOM = "Custom message"


def to_review(
    person: Person,
    *,
    subject: str = "Summer thank-you",
    body: str = TEXT,
    purpose: str = CODES,
    until: str = "Sample 1 of",
) -> ViewScreen:
    """From `/promo send` to the review: codes of "Summer 10%" to the segment "Regulars", unless told otherwise."""
    to_message(person, subject=subject, purpose=purpose)
    person.view("Step 5 of 5").fill("Message", body)
    person.view("Step 5 of 5").submit()
    return person.view(until)


def to_message(person: Person, *, subject: str = "Summer thank-you", purpose: str = CODES) -> ViewScreen:
    """As far as step 5."""
    to_audience(person, purpose=purpose).fill("Segment", "Regulars")
    person.view("can be texted").submit()
    person.view("Step 4 of 5").fill("Subject", subject).submit()
    return person.view("Step 5 of 5")


def to_audience(person: Person, *, purpose: str = CODES) -> ViewScreen:
    """As far as step 3."""
    person.command("/promo send")
    person.view("Step 1 of 5").submit()
    choose_purpose(person, purpose)
    person.submit()
    return person.view("Step 3 of 5")


def choose_purpose(person: Person, purpose: str) -> None:
    """Step 2, with the only group or promotion there is; not submitted."""
    view = person.view("Step 2 of 5")
    if purpose == CODES:
        view.fill("Promo code group", "Summer 10%")
        person.view("are set aside when")
        return
    view.choose(purpose)
    if purpose == PROMOTION:
        person.view("New promotion…").fill("Promotion", "Free shipping")
        person.view("over 100 PLN")
        return
    person.wait_for(lambda: "Promo code group" not in person.view("Step 2 of 5").text or None, "the group to go")


def no_approvals(runtime: Runtime) -> None:
    """The workspace trusts everybody: what is sent goes out at once."""
    with runtime.db.write() as session:
        settings.put(session, "approvals.required", "never")


def draft_of(world: World) -> Distribution:
    """The newest distribution."""
    with world.runtime.db.read() as session:
        return session.query(Distribution).order_by(Distribution.id.desc()).first()


def stock_of(world: World, group_id: int) -> tuple[int, int, int]:
    """A group's codes: active, blocked, issued."""
    with world.runtime.db.read() as session:
        stock = session.get_one(PromoCodeStock, group_id)
        return stock.active, stock.blocked, stock.issued


def view_with(person: Person, first: str, second: str) -> ViewScreen | None:
    """The modal on top when both words are on it."""
    view = person.modal()
    return view if view and first in view.text and second in view.text else None
