"""What is asked before something is done to a code: why, where, to whom."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, InputBlock, Option, PlainTextInputElement

from commands.codes.views import CODE_BLOCK, LONGEST_TYPED
from commands.customers.views import customer_select
from commands.ui import blocks as ui
from commands.ui.choose import select
from commands.ui.text import code, count, escape
from distribution.codes.life import Life
from distribution.codes.redemptions import PLACE_MAX, WHY_MAX
from distribution.errors import Refused

REDEEMED = "codes.redeemed"
ROLLED_BACK = "codes.rolled_back"
REVOKED = "codes.revoked"
REPLACED = "codes.replaced"
GIVEN = "codes.given"
GROUP = "codes.group"
CUSTOMER = "customers.options:codes"

WHY_BLOCK = "codes:why"
PLACE_BLOCK = "codes:place"
GROUP_BLOCK = "codes:group"
CUSTOMER_BLOCK = "codes:customer"

Metadata = Mapping[str, Any]


def redeem(metadata: Metadata, *, typed: str = "") -> dict[str, Any]:
    """Where a code was used; and which, where it is not in the metadata."""
    blocks: list[Block] = _about(metadata, "is marked as used now. That can be rolled back.") or [_code(typed)]
    place = PlainTextInputElement(action_id="codes.place", max_length=PLACE_MAX, placeholder="Warsaw shop, order 1204")
    blocks.append(ui.field("Where it was used", PLACE_BLOCK, place, optional=True))
    return _form("Redeem a code", blocks, REDEEMED, "Redeem", metadata)


def roll_back(life: Life, when: str, metadata: Metadata) -> dict[str, Any]:
    """Why a redemption does not count. `when`: when the code was used, in words."""
    used = life.redemption
    at = f" at {escape(used.place)}" if used is not None and used.place else ""
    blocks = [
        ui.section(f"{code(life.code)} was redeemed {when}{at}. Rolled back, it can be used again."),
        _why("Why", optional=True, example="The order was cancelled"),
    ]
    return _form("Roll back", blocks, ROLLED_BACK, "Roll back", metadata)


def revoke(life: Life, metadata: Metadata) -> dict[str, Any]:
    """Why a code is made worthless."""
    whose = f"{escape(life.customer.name) or 'Its customer'} has it" if life.customer else "Nobody has it yet"
    blocks = [
        ui.section(
            f"{code(life.code)} of “{escape(life.group)}” will be good for nothing. {whose}. This cannot be undone."
        ),
        _why("Why", example="It was posted on a forum"),
    ]
    return _form("Revoke a code", blocks, REVOKED, "Revoke", metadata)


def replace(life: Life | None, metadata: Metadata, *, active: int = 0, typed: str = "") -> dict[str, Any]:
    """Why a code is replaced; and which, where there is no `life`. `active`: codes that are left in its group."""
    blocks: list[Block] = [_code(typed)]
    if life is not None:
        name = escape(life.customer.name) if life.customer and life.customer.name else "its customer"
        blocks = [
            ui.section(
                f"{code(life.code)} is revoked, and {name} gets another code of “{escape(life.group)}” "
                f"({count(active, 'active code')} left). No text is sent: tell them the new code yourself."
            )
        ]
    blocks.append(_why("Why", example="The till did not take it"))
    return _form("Replace a code", blocks, REPLACED, "Replace", metadata)


def give(groups: Sequence[Option], metadata: Metadata, *, this: Life | None = None) -> dict[str, Any]:
    """To whom a code is given by hand, and from which group; or, where it is `this` one, to whom."""
    what = f"{code(this.code)} of “{escape(this.group)}”" if this else "One code"
    blocks: list[Block] = [
        ui.section(f"{what} is issued to one customer. *No text is sent*: tell them the code yourself.")
    ]
    if this is None:
        blocks.append(ui.field("Promo code group", GROUP_BLOCK, select(GROUP, groups, placeholder="Choose a group")))
    blocks += [
        ui.field("Customer", CUSTOMER_BLOCK, customer_select(CUSTOMER)),
        _why("Why", optional=True, example="Apology for a late parcel"),
    ]
    return _form("Give a code", blocks, GIVEN, "Give the code", metadata)


def errors(refusal: Refused, view: Mapping[str, Any]) -> dict[str, str]:
    """A refusal at the input that it is about, else at the first that the form has."""
    inputs = list(view["state"]["values"])
    wanted = f"codes:{refusal.field}"
    return {wanted if wanted in inputs else inputs[0]: str(refusal)}


def _form(title: str, blocks: Sequence[Block], callback_id: str, submit: str, metadata: Metadata) -> dict[str, Any]:
    kept = json.dumps({key: value for key, value in metadata.items() if value}, ensure_ascii=False)
    return ui.modal(title, blocks, callback_id=callback_id, submit=submit, metadata=kept)


def _about(metadata: Metadata, what: str) -> list[Block]:
    return [ui.section(f"{code(metadata['code'])} {what}")] if metadata.get("code") else []


def _code(typed: str) -> InputBlock:
    element = PlainTextInputElement(
        action_id="codes.typed", initial_value=typed or None, max_length=LONGEST_TYPED, focus_on_load=True
    )
    return ui.field("Promo code", CODE_BLOCK, element)


def _why(label: str, *, example: str, optional: bool = False) -> InputBlock:
    element = PlainTextInputElement(action_id="codes.why", max_length=WHY_MAX, placeholder=example)
    return ui.field(label, WHY_BLOCK, element, optional=optional, hint="It is kept in the code's life.")
