"""Who and what is in the workspace: the cast that every demo and every scenario test plays with.

Plain data. The ids are fixed (README §1) so that tests and screenshots can name them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEAM_ID = "T0SANDBOX"
TEAM_NAME = "Sandbox"
TEAM_DOMAIN = "sandbox"
APP_ID = "A0PROMOBOT"
BOT_USER_ID = "U0PROMOBOT"
BOT_ID = "B0PROMOBOT"
BOT_TOKEN = "xoxb-sandbox"  # noqa: S105 - a fixed name on this machine, not a secret
APP_TOKEN = "xapp-sandbox"  # noqa: S105


@dataclass(frozen=True)
class User:
    """One member of the workspace; `color` and `role` are for the page, the rest is Slack's."""

    id: str
    name: str
    real_name: str
    title: str
    role: str
    color: str
    tz: str
    tz_label: str
    tz_offset: int
    is_admin: bool = False
    is_bot: bool = False

    @property
    def email(self) -> str:
        """The address that users.lookupByEmail finds this person by."""
        return f"{self.name}@sandbox.example"

    def for_slack(self) -> dict[str, Any]:
        """This member as users.info shows it (docs.slack.dev/reference/objects/user-object)."""
        profile: dict[str, Any] = {
            "title": self.title,
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "first_name": self.real_name.split()[0],
            "last_name": " ".join(self.real_name.split()[1:]),
            "team": TEAM_ID,
        }
        if self.is_bot:
            profile |= {"bot_id": BOT_ID, "api_app_id": APP_ID, "always_active": True}
        else:
            profile["email"] = self.email
        return {
            "id": self.id,
            "team_id": TEAM_ID,
            "name": self.name,
            "deleted": False,
            "color": self.color.lstrip("#"),
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": self.tz_label,
            "tz_offset": self.tz_offset,
            "profile": profile,
            "is_admin": self.is_admin,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1767225600,
        }

    def for_page(self) -> dict[str, Any]:
        """This member as the page's snapshot shows it (README §3)."""
        keys = ("id", "name", "real_name", "role", "color", "title", "tz", "is_bot", "is_admin")
        return {key: getattr(self, key) for key in keys}


_CET = ("Europe/Warsaw", "Central European Time", 3600)

PEOPLE: tuple[User, ...] = (
    User("U0MAYA", "maya", "Maya Lindqvist", "Retention marketing", "marketer", "#b3541e", *_CET),
    User("U0LEE", "lee", "Lee Okafor", "Head of CRM", "approver", "#2f6f8f", *_CET),
    User("U0ADA", "ada", "Ada Novak", "Marketing operations", "admin", "#5b4b9a", *_CET, is_admin=True),
)
BOT = User(
    BOT_USER_ID, "promobot", "promobot", "", "app", "#1d7a5f", "Etc/UTC", "Coordinated Universal Time", 0,
    is_bot=True,
)  # fmt: skip
USERS: dict[str, User] = {user.id: user for user in (*PEOPLE, BOT)}


@dataclass
class Channel:
    """A conversation. `members` are user ids; a DM is between one person and the bot."""

    id: str
    name: str
    topic: str = ""
    is_im: bool = False
    is_mpim: bool = False
    members: list[str] = field(default_factory=list)

    @property
    def person(self) -> str | None:
        """In a DM, the user id of the human; else None."""
        return next((m for m in self.members if m != BOT_USER_ID), None) if self.is_im else None

    def for_slack(self) -> dict[str, Any]:
        """This conversation as conversations.info shows it to the bot."""
        shared: dict[str, Any] = {
            "id": self.id,
            "created": 1767225600,
            "is_archived": False,
            "is_im": self.is_im,
            "is_mpim": self.is_mpim,
            "is_org_shared": False,
            "context_team_id": TEAM_ID,
        }
        if self.is_im:
            return shared | {"user": self.person, "is_user_deleted": False, "is_open": True}
        return shared | {
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_mpim,
            "is_group": False,
            "is_private": self.is_mpim,
            "is_general": self.name == "general",
            "is_member": BOT_USER_ID in self.members,
            "creator": "U0ADA",
            "topic": {"value": self.topic, "creator": "U0ADA", "last_set": 1767225600},
            "purpose": {"value": self.topic, "creator": "U0ADA", "last_set": 1767225600},
            "num_members": len(self.members),
        }


def default_channels() -> dict[str, Channel]:
    """The channels that a new workspace has; the bot is a member of all of them."""
    everyone = list(USERS)
    channels = [
        Channel("C0GENERAL", "general", "Everything that is for all of us", members=list(everyone)),
        Channel("C0MARKETING", "marketing", "Campaigns and their results", members=list(everyone)),
        Channel("C0APPROVALS", "promo-approvals", "A second pair of eyes", members=list(everyone)),
    ]
    channels += [
        Channel(f"D{person.id[1:]}", "promobot", is_im=True, members=[person.id, BOT_USER_ID]) for person in PEOPLE
    ]
    return {channel.id: channel for channel in channels}
