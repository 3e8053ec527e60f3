"""The home tab's blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from slack_sdk.models.blocks import Block

from commands.people import Person
from commands.ui.blocks import actions, button, context, divider, header, section
from commands.ui.charts import bar
from commands.ui.text import clip, count, escape, number, roughly, when
from distribution.codes.listing import GroupLine
from storage.overview import Live, UnderWay

GROUPS = 8  # groups whose stock is shown, the low ones first

Blocks = list[Block | dict[str, Any]]

WORDS = {"pending": "waits for approval", "scheduled": "scheduled", "blocking": "holding codes", "paused": "paused"}


@dataclass(frozen=True)
class Draft:
    """A draft as the home tab names it."""

    id: int
    subject: str


@dataclass(frozen=True)
class LiveLine:
    """A live distribution, and how many of its codes were used."""

    of: Live
    redeemed: int


@dataclass(frozen=True)
class Facts:
    """Everything that the home tab says."""

    person: Person
    now: datetime
    drafts: Sequence[Draft]
    asked: int
    to_decide: int
    under_way: Sequence[UnderWay]
    live: Sequence[LiveLine]
    live_total: int
    stock: Sequence[GroupLine]
    by_day: dict[date, int]


def home(facts: Facts) -> Blocks:
    """The whole tab."""
    blocks: Blocks = [header(f"{_greeting(facts)}, {facts.person.name.split()[0]}"), *summary(facts)]
    if any(facts.by_day.values()):
        blocks += [divider(), section(_week(facts.by_day))]
    blocks.append(context("`/promo help` lists everything promobot does."))
    return blocks


def summary(facts: Facts) -> Blocks:
    """What waits, what is under way, and the stock: the part that `/promo` alone shows too."""
    buttons = [button("Distributions", "promo.run:distributions", "distributions")]
    if facts.person.may("send"):
        buttons.insert(0, button("Send promo codes", "promo.run:send", "send", style="primary"))
    blocks: Blocks = [
        actions(*buttons, button("Customers", "promo.run:customers", "customers"), block_id="home.start"),
        divider(),
        *_waiting(facts),
    ]
    blocks += _live(facts)
    if facts.under_way:
        blocks += [section("*Under way*"), *(_moving(line, facts) for line in facts.under_way)]
    blocks += _stock(facts)
    return blocks


def in_a_line(facts: Facts) -> str:
    """The same for notifications and screen readers."""
    parts = [count(len(facts.drafts), "draft"), count(facts.asked + facts.to_decide, "approval") + " waiting"]
    parts += [f"{line.name}: {number(line.active)} active" + (", low" if line.low else "") for line in facts.stock]
    return " · ".join(parts)


def _week(by_day: dict[date, int]) -> str:
    """A bar for each day, drawn in text: Slack takes chart blocks in messages, not on a home tab."""
    most = max(by_day.values())
    days = [(f"{day:%a} {day.day} {day:%b}", n) for day, n in by_day.items()]
    lines = [f"{label:<10}  {bar(n, most)}  {number(n)}" for label, n in days]
    return "*Sent in the last 7 days*\n```" + "\n".join(lines) + "```"


def _greeting(facts: Facts) -> str:
    hour = facts.now.astimezone(ZoneInfo(facts.person.time_zone)).hour
    return "Good morning" if 4 <= hour < 12 else "Good afternoon" if 12 <= hour < 18 else "Good evening"


def _waiting(facts: Facts) -> Blocks:
    """Drafts and approvals."""
    lines = []
    if facts.to_decide:
        lines.append(f"{count(facts.to_decide, 'approval')} to decide")
    if facts.asked:
        lines.append(f"{count(facts.asked, 'approval')} you asked for, not answered yet")
    blocks: Blocks = []
    if lines:
        open_them = button("Open approvals", "promo.run", "approvals")
        blocks.append(section("*Waiting for you*\n" + "\n".join(lines), accessory=open_them))
    elif not facts.drafts:
        blocks.append(section("*Waiting for you*\nNothing."))
    if facts.drafts:
        names = " · ".join(escape(clip(draft.subject, 60)) or "without a subject" for draft in facts.drafts)
        go_on = button("Continue a draft", "promo.run", "send")
        blocks.append(section(f"*{count(len(facts.drafts), 'draft')}*\n{names}", accessory=go_on))
    return blocks


def _moving(line: UnderWay, facts: Facts) -> Block:
    """One distribution that is not over."""
    subject = f"*{escape(line.subject)}*"
    if line.status == "sending" or (line.status == "paused" and line.total):
        state = " · paused" if line.status == "paused" else ""
        return section(
            f"{subject}  {bar(line.sent, line.total)}  {number(line.sent)} of {number(line.total)}{state}",
            accessory=button("Open", "promo.run", f"distributions {line.id}"),
        )
    at = f" · {when(line.send_at, facts.person.time_zone, now=facts.now)}" if line.send_at else ""
    return section(
        f"{subject}  {WORDS.get(line.status, line.status)}{at}",
        accessory=button("Open", "promo.run", f"distributions {line.id}"),
    )


def _live(facts: Facts) -> Blocks:
    """What texts by itself, and what holds it up."""
    if not facts.live:
        return []
    blocks: Blocks = [section("*Live*"), *(_live_line(line, facts) for line in facts.live)]
    more = facts.live_total - len(facts.live)
    if more > 0:
        blocks.append(context(f"and {number(more)} more: `/promo distributions`, filter Live"))
    return blocks


def _live_line(line: LiveLine, facts: Facts) -> Block:
    """One live distribution."""
    found = line.of
    parts = [
        f"since {_day(found.since, facts)}" if found.since else "",
        "paused" if found.status == "paused" else "",
        f"ended {_day(found.ends_at, facts)}" if found.ends_at and found.ends_at <= facts.now else "",
        f"{number(found.sent)} sent",
        f"{number(line.redeemed)} redeemed" if line.redeemed else "",
        f"⚠ {count(found.dry, 'customer waits', 'customers wait')} for codes" if found.dry else "",
        f"{count(found.late, 'text')} late" if found.late else "",
    ]
    words = " · ".join(part for part in parts if part)
    return section(
        f"*{escape(found.subject)}*  {words}", accessory=button("Open", "promo.run", f"distributions {found.id}")
    )


def _day(at: datetime, facts: Facts) -> str:
    """The day of a moment, in the reader's zone: "3 Nov", with its year where it is not this one."""
    zone = ZoneInfo(facts.person.time_zone)
    local = at.astimezone(zone)
    return f"{local.day} {local:%b}" + ("" if local.year == facts.now.astimezone(zone).year else f" {local.year}")


def _stock(facts: Facts) -> Blocks:
    """Each group's counts and when it runs out, those low on codes first."""
    if not facts.stock:
        create = button("Create a group", "promo.run", "groups")
        return [section("*Stock*\nNo promo code groups yet.", accessory=create)]
    lines = [_group(line, facts) for line in facts.stock]
    return [section("*Stock*\n" + "\n".join(lines), accessory=button("Open groups", "promo.run", "groups"))]


def _group(line: GroupLine, facts: Facts) -> str:
    """One group in a line."""
    parts = [
        f"{'⚠ ' if line.low else ''}*{escape(line.name)}*  {number(line.active)} active of {number(line.total)}",
        f"{number(line.blocked)} blocked" if line.blocked else "",
        f"{number(line.issued)} issued",
        "low" if line.low else "",
        f"runs out about {roughly(line.runs_out, facts.person.time_zone, now=facts.now)}" if line.runs_out else "",
    ]
    return " · ".join(part for part in parts if part)
