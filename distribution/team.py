"""Who may do what: changing roles, and a person's own number for test texts."""

from sqlalchemy.orm import Session

from distribution import settings
from distribution.customers import phone
from distribution.errors import Refused
from storage import team
from storage.tables import TeamMember


def called(session: Session, by: str) -> str:
    """Who did something, for people to read: a person's name; "api:<token's name>" and the like as they are.

    A person is a Slack id, alone or at the end of "import of <file> by <id>"; one who is not known stays an id.
    """
    before, _, last = by.rpartition(" ")
    member = session.get(TeamMember, last)
    return f"{before} {member.name}".strip() if member is not None and member.name else by


def is_system(by: str) -> bool:
    """Whether it was another system, with a token, that did something."""
    return by.startswith("api:")


def change_role(session: Session, user_id: str, role: str) -> TeamMember:
    """Give somebody a role. Raises `Refused` for somebody unknown, and for the last admin."""
    member = session.get(TeamMember, user_id)
    if member is None:
        raise Refused("promobot has not met this person yet. Ask them to type /promo once.", field="person")
    if role != "admin" and team.admins(session) == {user_id}:
        raise Refused(f"{member.name} is the only admin. Make somebody else an admin first.", field="role")
    member.role = role
    return member


def set_phone(session: Session, user_id: str, text: str) -> str | None:
    """Keep somebody's own number, for test texts; an empty text forgets it. Raises `Refused`, field "phone"."""
    member = session.get_one(TeamMember, user_id)
    member.phone = phone.parse(text, settings.get(session, "region.default")) if text.strip() else None
    return member.phone
