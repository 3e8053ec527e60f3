"""Who is asking, and what they may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient
from sqlalchemy.orm import Session

from distribution import settings
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage.tables import TeamMember

ROLES = ("marketer", "approver", "admin", "support")

# What each role may do; everybody may look.
MAY: dict[str, frozenset[str]] = {
    "support": frozenset(),
    "marketer": frozenset({"send", "edit"}),
    "approver": frozenset({"send", "edit", "approve", "codes"}),
    "admin": frozenset({"send", "edit", "approve", "codes", "administer"}),
}

NEEDED = {
    "send": "send messages: that takes a marketer, an approver or an admin",
    "edit": "change this: that takes a marketer, an approver or an admin",
    "approve": "approve: that takes an approver or an admin",
    "codes": "revoke, replace or give out single codes: that takes an approver or an admin",
    "administer": "change settings or the team: that takes an admin",
}


@dataclass(frozen=True)
class Person:
    """Somebody in Slack: their id there, their role here, and the time zone that times are shown to them in."""

    user_id: str
    name: str
    role: str
    time_zone: str

    def may(self, action: str) -> bool:
        """Whether they may "send", "edit", "approve", "codes" (single ones, by hand) or "administer"."""
        return action in MAY[self.role]

    def must(self, action: str) -> None:
        """Raise `Refused` unless they may."""
        if not self.may(action):
            raise Refused(
                f"You are a {self.role} here and may not {NEEDED[action]}. An admin can change that: /promo team."
            )


def recognise(session: Session, user_id: str) -> Person:
    """The person behind a Slack user id, from the database alone.

    Bolt's first middleware (`bot.slack`) has met everybody who reaches a listener: see `meet`. Raises `Refused` for
    somebody it has not.
    """
    member = session.get(TeamMember, user_id)
    if member is None:
        raise Refused("promobot has not met you yet. Type /promo, then try again.")
    return Person(user_id, member.name, member.role, member.time_zone or settings.get(session, "time_zone"))


def acting(runtime: Runtime, body: Mapping[str, Any], needs: str | None = None) -> Person:
    """Who pressed or submitted what Slack sent. Raises `Refused` where they may not do what that `needs`."""
    with runtime.db.read() as session:
        person = recognise(session, body["user"]["id"])
    if needs is not None:
        person.must(needs)
    return person


def meet(runtime: Runtime, client: WebClient, user_id: str) -> None:
    """Write somebody down at their first visit, asking Slack who they are (`users.info`) outside any transaction.

    Nobody is asked to sign up: a workspace's admins are admins here, everybody else is a marketer, until `/promo team`
    says otherwise. Later visits cost one look-up by key.
    """
    with runtime.db.read() as session:
        if session.get(TeamMember, user_id) is not None:
            return
    profile = client.users_info(user=user_id)["user"]
    with runtime.db.write() as session:
        if session.get(TeamMember, user_id) is None:  # two first clicks may race
            session.add(
                TeamMember(
                    user_id=user_id,
                    name=profile.get("real_name") or profile.get("name") or user_id,
                    role="admin" if profile.get("is_admin") else "marketer",
                    time_zone=profile.get("tz"),
                )
            )
