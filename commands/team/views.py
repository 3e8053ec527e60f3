"""The team's modal."""

from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block, PlainTextInputElement, StaticSelectElement, UserSelectElement

from commands.ui.blocks import context, divider, field, modal, option, section
from commands.ui.paging import Page, turner
from commands.ui.text import escape

ROLES = {
    "marketer": "Builds and sends",
    "approver": "Also approves what others ask for",
    "admin": "Also changes settings and the team",
    "support": "Looks, changes nothing",
}

CALLBACK = "team.save"
PHONE, PERSON, ROLE = "team.phone", "team.person", "team.new_role"

# What the engine calls a field, and the block under which its error belongs.
FIELDS = {"phone": PHONE, "person": PERSON, "role": ROLE}


@dataclass(frozen=True)
class Member:
    """One line of the list."""

    user_id: str
    name: str
    role: str


@dataclass(frozen=True)
class Facts:
    """What the modal shows. `phone`: the viewer's own."""

    page: Page[Member]
    viewer: str
    may_change: bool
    phone: str | None
    note: str = ""


def view(facts: Facts) -> dict[str, Any]:
    """The whole modal."""
    blocks: list[Block] = []
    if facts.note:
        blocks.append(section(f"⚠ {escape(facts.note)}"))
    blocks.append(context(" · ".join(f"*{role.capitalize()}*: {about.lower()}" for role, about in ROLES.items())))
    blocks += [_line(member, facts) for member in facts.page.items]
    blocks += turner(facts.page, "team.page")
    if facts.may_change:
        blocks += [
            divider(),
            field(
                "Give a role to somebody who is not listed",
                PERSON,
                UserSelectElement(action_id="person", placeholder="Choose a person"),
                hint="Everybody in the workspace is a marketer from their first /promo on, its admins are admins.",
                optional=True,
            ),
            field("Their role", ROLE, _roles("new_role"), optional=True),
        ]
    blocks += [
        divider(),
        field(
            "Your own number, for test texts",
            PHONE,
            PlainTextInputElement(action_id="phone", initial_value=facts.phone, placeholder="+48 501 234 218"),
            optional=True,
        ),
    ]
    return modal("Team", blocks, callback_id=CALLBACK, submit="Save", close="Close", metadata=str(facts.page.first))


def _line(member: Member, facts: Facts) -> Block:
    """One member; for admins with a select that changes the role at once."""
    you = " (you)" if member.user_id == facts.viewer else ""
    name = f"*{escape(member.name)}*{you}\n<@{member.user_id}>"
    if not facts.may_change:
        return section(f"{name} · {member.role}")
    return section(name, accessory=_roles("team.role", member.role), block_id=f"team.member:{member.user_id}")


def _roles(action_id: str, chosen: str | None = None) -> StaticSelectElement:
    options = [option(role.capitalize(), role, about) for role, about in ROLES.items()]
    initial = next((choice for choice in options if choice.value == chosen), None)
    return StaticSelectElement(
        action_id=action_id, options=options, initial_option=initial, placeholder="Choose a role"
    )
