"""Groups as people see them: the list, one group, what became of an addition, and the question before deleting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from slack_sdk.models.blocks import Block, OverflowMenuElement

from commands.groups.place import FIRST_ORDER, TABLE, Place, Value
from commands.groups.words import not_taken
from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import clip, code, count, escape, moment, number, who
from distribution.codes.format import LOOKALIKES
from distribution.codes.listing import ORDERS, GroupLine
from distribution.codes.lots import Added
from distribution.codes.recipe import Recipe
from distribution.codes.uses import Use

CREATE = "groups.create"
ADD = "groups.add"
EDIT = "groups.edit"
OPEN = "groups.open"
DELETE = "groups.delete"
EXPORT = "groups.export"
LEFTOVERS = "groups.leftovers"
MORE = "groups.more"
TURN = "groups.page"
ORDER = "groups.order"
REFRESH = "groups.refresh"

DETAIL = "groups.detail"
RESULT = "groups.result"
READING = "groups.reading"
DELETED = "groups.deleted"

LEFTOVERS_SHOWN = 5
WORDS_MAX = 80  # of a search, in the ids of its buttons (Slack's limit for those is 255)

METHODS = {"generate": "generated", "paste": "pasted", "file": "from a file", "api": "through the API"}
STATUSES = {
    "draft": "draft",
    "pending": "waits for approval",
    "scheduled": "scheduled",
    "blocking": "starting",
    "sending": "sending",
    "paused": "paused",
}


@dataclass(frozen=True)
class Lot:
    """One addition, as a group's view tells it."""

    id: int
    method: str
    by: str  # a Slack user's id, or another word for who it was
    at: datetime
    inserted: int
    duplicated: int
    discarded: int


@dataclass(frozen=True)
class Shown:
    """A group with its reader's calendar: the last day in their zone, whether that is over, and when codes run out."""

    line: GroupLine
    last_day: date | None
    today: date
    runs_out: str = ""  # in words; "" where there is no forecast

    @property
    def expired(self) -> bool:
        """Whether its last day is over."""
        return self.last_day is not None and self.last_day < self.today


@dataclass(frozen=True)
class Detail:
    """All about one group."""

    shown: Shown
    lots: Sequence[Lot]
    uses: Sequence[Use]
    may_edit: bool


def listing(
    page: paging.Page[Shown], words: str, order: str = FIRST_ORDER, *, may_edit: bool, note: str = ""
) -> tuple[str, list[Block]]:
    """The list as a message: its plain text and its blocks. `words`: what was searched; `note`: mrkdwn on top."""
    words = words[:WORDS_MAX]
    blocks = head(page, words, order, may_edit=may_edit, note=note)
    for shown in page.items:
        blocks += _row(shown, Value(shown.line.id, page.first, words, order), may_edit=may_edit)
    blocks += paging.turner(page, f"{TURN}:{order}:{words}")
    names = ", ".join(f"{shown.line.name} ({number(shown.line.active)} active)" for shown in page.items)
    return clip(f"Promo code groups: {names or 'none yet'}", 3000), blocks


def head(page: paging.Page[Shown], words: str, order: str, *, may_edit: bool, note: str) -> list[Block]:
    """What stands above a list: its title, the button for a new group, and how it is shown."""
    title = f"*Promo code groups* with “{escape(words)}”" if words else "*Promo code groups*"
    new = None
    if may_edit:
        new = ui.button("Create group", CREATE, str(Value(0, page.first, words, order)), style="primary")
    blocks: list[Block] = [ui.section(title, accessory=new, block_id="groups.head")]
    if note:
        blocks.insert(0, ui.section(note))
    if not page.total:
        blocks.append(
            ui.section("There is none yet. A group holds promo codes with one purpose; each customer gets one of them.")
        )
        return blocks
    names = {**{key: label for key, (label, _) in ORDERS.items()}, TABLE: "All in one table"}
    options = [ui.option(label, f"{key} {words}".strip()) for key, label in names.items()]
    sort = [choose.select(ORDER, options, chosen=f"{order} {words}".strip())] if page.total > 1 else []
    # An older list goes on showing what it counted: a change in another one does not reach it.
    refresh = ui.button("Refresh", REFRESH, str(Value(0, page.first, words, order)))
    blocks.append(ui.actions(*sort, refresh, block_id="groups.sort"))
    return blocks


def _row(shown: Shown, value: Value, *, may_edit: bool) -> list[Block]:
    line = shown.line
    parts = [
        f"*{number(line.active)}* active of {number(line.total)}",
        f"{number(line.blocked)} blocked",
        f"{number(line.issued)} issued",
        f"{number(line.redeemed)} redeemed",
    ]
    if line.expired:
        parts.append(f"{number(line.expired)} expired")
    if shown.last_day:
        parts.append(expiry(shown))
    if shown.runs_out and not shown.expired:
        parts.append(f"runs out about {shown.runs_out}")
    section = ui.section(f"*{escape(line.name)}*{low_mark(shown)}\n{' · '.join(parts)}")
    if not may_edit:
        return [section, ui.actions(ui.button("Open", OPEN, str(value)), block_id=f"groups.row:{line.id}")]
    more = OverflowMenuElement(
        action_id=MORE,
        options=[
            ui.option("Open", f"{OPEN} {value}"),
            ui.option("Export as CSV", f"{EXPORT} {value}"),
            ui.option("Delete…", f"{DELETE} {value}"),
        ],
    )
    buttons = (ui.button("Add codes", ADD, str(value)), ui.button("Edit", EDIT, str(value)), more)
    return [section, ui.actions(*buttons, block_id=f"groups.row:{line.id}")]


def low_mark(shown: Shown) -> str:
    """What follows the name of a group that is low on codes."""
    return "  ⚠ low" if shown.line.low and not shown.expired else ""


def expiry(shown: Shown) -> str:
    """ "expires 31 Aug", or "expired 31 Aug 2025"."""
    day = shown.last_day
    if day is None:
        return "does not expire"
    year = "" if day.year == shown.today.year else f" {day.year}"
    return f"{'expired' if shown.expired else 'expires'} {day.day} {day:%b}{year}"


def detail_blocks(detail: Detail, value: Value, note: str = "") -> list[Block]:
    """One group: where its codes stand, its formats, what was added, what takes codes from it, what to do."""
    line = detail.shown.line
    blocks: list[Block] = [ui.section(note)] if note else []
    low = low_mark(detail.shown)
    facts = [
        f"*Active*{low}\n{number(line.active)} of {number(line.total)}",
        f"*Blocked*\n{number(line.blocked)}",
        f"*Issued*\n{number(line.issued)}",
        f"*Redeemed*\n{number(line.redeemed)}",
        f"*Expiry*\n{expiry(detail.shown)}",
        f"*Warns at*\n{number(line.low_stock_level)} active" if line.low_stock_level else "*Warns at*\nno level set",
    ]
    if line.validity_days:
        facts.append(f"*Once issued*\ngood for {count(line.validity_days, 'day')}")
    if line.top_up:
        upto = f", up to {number(line.top_up_ceiling)} in all" if line.top_up_ceiling else ""
        facts.append(f"*Automatic top-up*\n{count(line.top_up, 'code')} when low{upto}")
    if detail.shown.runs_out:
        facts.append(f"*Runs out*\nabout {detail.shown.runs_out} at this pace")
    facts += [f"*{word}*\n{number(n)}" for word, n in (("Expired", line.expired), ("Revoked", line.revoked)) if n]
    blocks.append(ui.section(f"*{escape(line.name)}*", fields=facts))
    blocks += [ui.context(text) for text in _formats(line.recipe)]
    if detail.uses:
        blocks.append(ui.context(f"Takes codes from it: {uses(detail.uses)}"))
    for lot in detail.lots:
        blocks += _lot(lot, may_edit=detail.may_edit)
    if detail.may_edit:
        blocks.append(
            ui.actions(
                ui.button("Add codes", ADD, str(value), style="primary"),
                ui.button("Edit", EDIT, str(value)),
                ui.button("Export as CSV", EXPORT, str(value)),
                ui.button("Delete…", DELETE, str(value)),
                block_id=f"groups.do:{line.id}",
            )
        )
    return blocks


def _formats(recipe: Recipe) -> list[str]:
    """Each format with what it makes; there are up to twenty, of which five are shown."""
    if not recipe.texts:
        return ["No format: its codes come from outside."]
    formats, whole = recipe.formats, sum(recipe.shares)
    texts = []
    for at, form in enumerate(formats[:5]):
        share = f" · {number(recipe.shares[at])} of {number(whole)}" if recipe.shares else ""
        texts.append(f"Format {code(form.text)} makes {code(form.example())}{share}")
    if len(formats) > 5:
        texts.append(f"and {count(len(formats) - 5, 'format')} more")
    if recipe.without_lookalikes:
        texts.append(f"Look-alike characters are left out: {' '.join(LOOKALIKES)}")
    return texts


def _lot(lot: Lot, *, may_edit: bool) -> list[Block]:
    method = METHODS.get(lot.method, escape(lot.method))
    said = f"{count(lot.inserted, 'code')} {method} by {who(lot.by)}, {moment(lot.at)}"
    left = lot.duplicated + lot.discarded
    if not left:
        return [ui.context(said)]
    said += f" · not taken: {number(lot.duplicated)} duplicated, {number(lot.discarded)} discarded"
    get = ui.button("Get those lines", LEFTOVERS, lot.id) if may_edit else None
    return [ui.section(said, accessory=get, block_id=f"groups.lot:{lot.id}")]


def uses(found: Sequence[Use]) -> str:
    """The first few distributions that take codes, with where they stand."""
    shown = [
        f"“{escape(use.subject or 'no subject yet')}” ({STATUSES.get(use.status, use.status)})" for use in found[:5]
    ]
    return ", ".join(shown) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def detail_view(place: Place, detail: Detail, note: str = "") -> dict[str, Any]:
    """One group as a modal."""
    blocks = detail_blocks(detail, place.value, note)
    return ui.modal("Promo code group", blocks, callback_id=DETAIL, close="Close", metadata=place.dump())


def reading(place: Place, title: str) -> dict[str, Any]:
    """While an uploaded file is fetched and read."""
    blocks = [ui.section("Reading the file. This takes a few seconds.")]
    return ui.modal(title, blocks, callback_id=READING, close="Close", metadata=place.dump())


def result_view(place: Place, title: str, blocks: Sequence[Block]) -> dict[str, Any]:
    """How it ended."""
    return ui.modal(title, blocks, callback_id=RESULT, close="Done", metadata=place.dump())


def result(
    added: Added, name: str, active: int, leftovers: Sequence[tuple[int, str, str]], *, created: bool
) -> list[Block]:
    """What became of codes that were added to the group called `name`, which was `created` with them or before."""
    if added.job_id is not None:
        how_many = f"{count(added.wanted, 'code')} are" if added.wanted else "The file's codes are"
        return [
            ui.section(
                f"{how_many} being added to *{escape(name)}*. promobot tells you in a direct message how it goes; "
                "you can close this."
            )
        ]
    if created:
        lines = [f"Group *{escape(name)}* is there, with *{count(added.inserted, 'code')}*."]
    else:
        lines = [f"*{count(added.inserted, 'code')}* added to *{escape(name)}*. It has {number(active)} active now."]
    if added.note:
        lines.append(escape(added.note))
    blocks: list[Block] = [ui.section("\n".join(lines))]
    left = added.duplicated + added.discarded
    if left:
        lines = [f"*{count(left, 'line')} not taken*: {not_taken(added.duplicated, added.repeated, added.discarded)}"]
        lines += [f"Line {number(at)}  {code(clip(text, 70))}  {escape(why)}" for at, text, why in leftovers]
        if left > len(leftovers):
            lines.append(f"and {number(left - len(leftovers))} more")
        blocks.append(ui.section("\n".join(lines), accessory=ui.button("Get them as CSV", LEFTOVERS, added.lot_id)))
    return blocks


def with_note(view: dict[str, Any], note: str) -> dict[str, Any]:
    """A view as Slack sent it, with a line at its end (once)."""
    blocks = [block for block in view["blocks"] if block.get("block_id") != "groups.note"]
    keys = ("type", "title", "close", "submit", "callback_id", "private_metadata")
    kept = {key: view[key] for key in keys if view.get(key)}
    return {**kept, "blocks": [*blocks, ui.section(note, block_id="groups.note").to_dict()]}


def delete_view(place: Place, line: GroupLine, why_not: str | None, using: Sequence[Use]) -> dict[str, Any]:
    """The question before a group is deleted, or why it cannot be."""
    if why_not:
        return ui.modal("Delete group", [ui.section(escape(why_not))], callback_id=DELETED, close="Close")
    lines = [f"Delete *{escape(line.name)}*?"]
    if line.active + line.expired:
        lines.append(f"{count(line.active + line.expired, 'code')} that nobody has got are deleted. There is no undo.")
    if line.issued + line.revoked:
        lines.append(f"{count(line.issued + line.revoked, 'issued code')} keep their history with the customers.")
    if using:
        lines.append(f"Drafts that take codes from it: {uses(using)}. They will ask for another group.")
    blocks = [ui.section("\n".join(lines))]
    return ui.modal("Delete group", blocks, callback_id=DELETED, submit="Delete", metadata=place.dump())
