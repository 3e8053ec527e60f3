"""The list of distributions, and one of them opened, in a modal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from slack_sdk.models.blocks import Block

from commands.distributions import views
from commands.distributions.views import Line
from commands.ui import blocks as ui
from commands.ui import choose, paging
from commands.ui.text import count, escape, moment, number, who

LIST = "distributions.list"
TURN = "distributions.page"
FILTER = "distributions.filter"
BACK = "distributions.back"
DISCARD = "distributions.discard"
WITHDRAW = "distributions.withdraw"

UNDER_WAY = ("pending", "scheduled", "blocking", "sending", "paused")
OVER = ("done", "stopped", "refused")


class Filter(NamedTuple):
    """What the filter offers: a name, and the statuses behind it; `kind`: see `storage.distributions.page_for`."""

    name: str
    statuses: tuple[str, ...]
    kind: str | None = None


FILTERS: dict[str, Filter] = {
    "all": Filter("All", ("draft", *UNDER_WAY, *OVER)),
    "under_way": Filter("Under way", UNDER_WAY),
    "live": Filter("Live", ("sending", "paused"), "automatic"),
    "repeating": Filter("Repeating", UNDER_WAY, "repeating"),
    "over": Filter("Over", OVER),
    "draft": Filter("My drafts", ("draft",)),
}


@dataclass(frozen=True)
class Opened:
    """One distribution, opened: what it says of itself, and where its message is."""

    line: Line
    facts: Sequence[str]  # "*To* 398 …", mrkdwn, two columns
    body: str
    further: Sequence[tuple[str, str]] = ()  # the other texts, each with what it is
    link: str = ""  # to its message in the channel
    mine: bool = False
    may_send: bool = False
    copies: Sequence[Line] = ()  # of a repeating one: what it sent last
    copy_of: int | None = None  # the repeating one that this was sent for


def listing(page: paging.Page[Line], chosen: str) -> dict[str, Any]:
    """The list, a page of it, the newest first."""
    options = [ui.option(name, value) for value, (name, *_) in FILTERS.items()]
    blocks: list[Block] = [ui.actions(choose.select(FILTER, options, chosen=chosen))]
    if not page.items:
        blocks.append(ui.section("There is none. `/promo send` starts one."))
    for line in page.items:
        blocks.append(
            ui.section(
                f"*{escape(line.subject) or 'Without a subject'}*\n{summary(line)}",
                accessory=ui.button("Open", views.OPEN, line.id),
            )
        )
    blocks += paging.turner(page, TURN)
    return ui.modal("Distributions", blocks, callback_id=LIST, close="Close", metadata=chosen)


def summary(line: Line) -> str:
    """A distribution in a line of its own: status, numbers, when."""
    parts = [views.title(line)]
    if line.repeats:
        parts += _repeating(line)
    elif line.automatic and line.status in ("sending", "paused", "done", "stopped"):
        parts.append(f"{number(line.sent)} sent")
        if line.redeemed:
            parts.append(f"{number(line.redeemed)} redeemed")  # of codes: reminders are texts, too
    elif line.status in ("sending", "paused", "done", "stopped"):
        parts.append(f"{number(line.sent)} of {number(line.total)} sent")
        if line.failed:
            parts.append(f"{number(line.failed)} failed")
        if line.unknown:
            parts.append(f"{number(line.unknown)} unknown")
    at = line.finished_at or line.started_at or line.send_at
    if line.own_time and line.status == "scheduled":
        parts.append(line.own_time)
    elif at and not line.repeats:
        parts.append(f"since {moment(at)}" if line.automatic and not line.finished_at else moment(at))
    if line.reminders_left:
        parts.append(views.reminders_to_come(line))
    parts.append(who(line.requested_by))
    return " · ".join(parts)


def _repeating(line: Line) -> list[str]:
    """When it is sent again, and how often it was."""
    sent_so_far = f"{count(line.copies, 'time')} so far" if line.copies else "not sent yet"
    if line.copies_refused:
        sent_so_far = f"{views.times(line).lower()} so far"
    next_ = [f"next {moment(line.send_at)}"] if line.send_at and line.status == "scheduled" else []
    return [escape(line.repeats), *next_, sent_so_far]


def opened(facts: Opened, content: Sequence[Block | dict[str, Any]], *, back: str) -> dict[str, Any]:
    """One distribution: `content` is its progress or report (none for a draft); `back` is the filter of the list."""
    line = facts.line
    blocks: list[Block | dict[str, Any]] = list(content)
    if not blocks:
        blocks.append(ui.header(f"{views.STATUS[line.status]} · {line.subject or 'Without a subject'}"))
    if line.status == "draft" and line.reason:
        blocks.append(ui.context(escape(line.reason)))
    if facts.facts:
        blocks.append(ui.section("", fields=list(facts.facts)))
    if facts.body:
        blocks += [ui.section("*Message*"), ui.quote(facts.body)]
    for what, text in facts.further:
        blocks += [ui.section(f"*{escape(what)}*"), ui.quote(text)]
    blocks += _copies(facts)
    buttons = [ui.button("Back to the list", BACK, back)]
    if line.status == "draft" and facts.mine:
        question = ui.confirm("Discard this draft?", "What was typed is lost.", "Discard", "Keep", danger=True)
        buttons.append(ui.button("Continue", views.CONTINUE, line.id, style="primary"))
        buttons.append(ui.button("Discard", DISCARD, line.id, confirm=question))
    if line.status == "pending" and facts.mine:
        question = ui.confirm("Change it?", "The approval request becomes void; you ask again when done.", "Change it")
        buttons.append(ui.button("Change it…", WITHDRAW, line.id, confirm=question))
    if facts.link:
        buttons.append(ui.button("Show in channel", f"{views.OPEN}:link", line.id, url=facts.link))
    if facts.copy_of:
        buttons.append(ui.button("Open what repeats", f"{views.OPEN}:repeating", facts.copy_of))
    blocks.append(ui.actions(*buttons))
    return ui.modal("Distribution", blocks, callback_id=LIST, close="Close", metadata=str(line.id))


def _copies(facts: Opened) -> list[Block]:
    """What a repeating one sent so far, the newest first, each with the way to its own report."""
    if not facts.copies:
        return []
    more = facts.line.copies + facts.line.copies_refused - len(facts.copies)
    blocks: list[Block] = [ui.section(f"*{views.times(facts.line)} so far*")]
    for copy in facts.copies:
        opens = ui.button("Open", f"{views.OPEN}:copy", copy.id)
        blocks.append(ui.section(summary(copy), accessory=opens, block_id=f"distributions.copy:{copy.id}"))
    if more > 0:
        blocks.append(ui.context(f"{number(more)} earlier ones are in the list."))
    return blocks
