"""Whose a live distribution is: it goes on texting customers in its owner's name, so others only hold it."""

from sqlalchemy.orm import Session

from commands.people import Person
from commands.ui.text import is_person
from distribution.errors import Refused
from storage.tables import Distribution, TeamMember


def own(session: Session, distribution_id: int, person: Person, what: str) -> int:
    """Raise `Refused` where an automatic distribution is another marketer's; returns its id.

    Approvers and admins may do anything with it, anybody who may send can pause it, and what a system set live is
    everybody's. `what`: what they want, after "may": "stop it".
    """
    row = session.get(Distribution, distribution_id)
    if row is None or row.mode != "automatic" or row.created_by == person.user_id or person.may("approve"):
        return distribution_id
    if not is_person(row.created_by):
        return distribution_id
    owner = session.get(TeamMember, row.created_by)
    raise Refused(
        f"This is {owner.name if owner else 'somebody else'}'s: they, an approver or an admin may {what}. "
        "You may pause it, which holds everything."
    )
