"""Walking the wizard in a scenario: what a person fills in, step by step."""

from sandbox.testing import Person, ViewScreen

TEXT = "Hi {{ client.first_name }}, your code: {{ client.promocode('Summer 10%') }}"


def to_review(
    person: Person,
    *,
    purpose: str = "Unique codes from a group",
    segment: str = "Regulars",
    subject: str = "Summer thank-you",
    body: str = TEXT,
) -> ViewScreen:
    """From `/promo send` to the review: unique codes of "Summer 10%" to a segment, unless told otherwise."""
    person.command("/promo send")
    person.view("Step 1 of 5").submit()
    choose_purpose(person, purpose)
    person.view("Step 3 of 5").fill("Segment", segment)
    person.view("can be texted").submit()
    person.view("Step 4 of 5").fill("Subject", subject).submit()
    person.view("Step 5 of 5").fill("Message", body)
    person.view("Step 5 of 5").submit()
    return person.view("Sample 1 of")


def choose_purpose(person: Person, purpose: str = "Unique codes from a group") -> None:
    """Step 2, with the only group or promotion there is."""
    view = person.view("Step 2 of 5")
    if purpose == "Unique codes from a group":
        view.fill("Promo code group", "Summer 10%")
        person.view("are set aside when").submit()
        return
    view.choose(purpose)
    if purpose == "A cart-level promotion":
        person.view("New promotion…").fill("Promotion", "Free shipping")
        person.view("over 100 PLN").submit()
        return
    person.wait_for(lambda: "Promo code group" not in person.view("Step 2 of 5").text or None, "the group to go")
    person.submit()
