"""Promotions: the list, and the form that makes or changes one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block, DateTimePickerElement, PlainTextInputElement

from commands.ui import blocks as ui
from commands.ui import paging
from commands.ui.text import escape, moment
from distribution.errors import Refused

CREATE = "promotions.create"
EDIT = "promotions.edit"
DELETE = "promotions.delete"
SAVE = "promotions.save"
LIST = "promotions.list"
TURN = "promotions.page"

# The form's inputs, by the engine's field.
BLOCKS = {
    "name": "promotions.form:name",
    "terms": "promotions.form:terms",
    "starts_at": "promotions.form:starts_at",
    "ends_at": "promotions.form:ends_at",
}


@dataclass(frozen=True)
class Promotion:
    """A promotion as people see it."""

    id: int
    name: str
    terms: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    ended: bool = False


def listing(page: paging.Page[Promotion], *, may_edit: bool) -> dict[str, Any]:
    """Every promotion, a page at a time."""
    blocks: list[Block] = []
    if may_edit:
        blocks.append(ui.actions(ui.button("New promotion…", CREATE, style="primary")))
    if not page.items:
        blocks.append(
            ui.section(
                "There is no promotion yet. A promotion is a discount that customers get at checkout without a code: "
                "a message only tells them of it."
            )
        )
    for promotion in page.items:
        terms = f"\n{escape(promotion.terms)}" if promotion.terms else ""
        over = " · over" if promotion.ended else ""
        blocks.append(ui.section(f"*{escape(promotion.name)}*{over}{terms}"))
        dates = _dates(promotion)
        if dates:
            blocks.append(ui.context(dates))
        if may_edit:
            question = ui.confirm(
                f"Delete “{promotion.name}”?", "Messages that told of it keep their history.", "Delete", danger=True
            )
            blocks.append(
                ui.actions(
                    ui.button("Edit…", EDIT, promotion.id), ui.button("Delete…", DELETE, promotion.id, confirm=question)
                )
            )
    return ui.modal("Promotions", [*blocks, *paging.turner(page, TURN)], callback_id=LIST, close="Close")


def form(
    metadata: str,
    promotion: Promotion | None = None,
    *,
    time_zone: str = "UTC",
    name: str = "",
    callback_id: str = SAVE,
) -> dict[str, Any]:
    """The form for a new promotion (called `name` for a start), or filled in with one that is there."""
    blocks = [
        ui.field(
            "Name",
            BLOCKS["name"],
            PlainTextInputElement(
                action_id="promotions.name",
                initial_value=(promotion.name if promotion else name) or None,
                max_length=100,
                focus_on_load=True,
                placeholder="Free shipping week",
            ),
            hint="Customers may read it: the tag {{ promotion.name }} stands for it.",
        ),
        ui.field(
            "What customers get at checkout",
            BLOCKS["terms"],
            PlainTextInputElement(
                action_id="promotions.terms",
                initial_value=(promotion.terms or None) if promotion else None,
                max_length=300,
                placeholder="Free shipping on orders over 100 PLN",
            ),
            hint="In a sentence; the tag {{ promotion.terms }} stands for it.",
            optional=True,
        ),
        ui.field(
            "Starts",
            BLOCKS["starts_at"],
            DateTimePickerElement(
                action_id="promotions.starts_at", initial_date_time=_unix(promotion.starts_at) if promotion else None
            ),
            hint=f"In your time zone, {time_zone}.",
            optional=True,
        ),
        ui.field(
            "Ends",
            BLOCKS["ends_at"],
            DateTimePickerElement(
                action_id="promotions.ends_at", initial_date_time=_unix(promotion.ends_at) if promotion else None
            ),
            optional=True,
        ),
    ]
    return ui.modal(
        "Edit promotion" if promotion else "New promotion",
        blocks,
        callback_id=callback_id,
        submit="Save" if promotion else "Create",
        metadata=metadata,
    )


def errors(refusal: Refused) -> dict[str, str]:
    """A refusal at the form's input that it belongs to, as `response_action: errors` takes it."""
    return {BLOCKS.get(refusal.field or "", BLOCKS["name"]): str(refusal)}


def _dates(promotion: Promotion) -> str:
    parts = []
    if promotion.starts_at:
        parts.append(f"From {moment(promotion.starts_at)}")
    if promotion.ends_at:
        parts.append(f"until {moment(promotion.ends_at)}" if parts else f"Until {moment(promotion.ends_at)}")
    return " ".join(parts)


def _unix(at: datetime | None) -> int | None:
    return int(at.timestamp()) if at else None
