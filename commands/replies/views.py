"""What customers wrote back, as the thread of a distribution shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from slack_sdk.models.blocks import Block

from commands.customers.views import OPEN as OPEN_CUSTOMER
from commands.ui import blocks as ui
from commands.ui.text import clip, count, escape, mask, moment, number

LONGEST = 600  # characters of a reply; the profile has more


@dataclass(frozen=True)
class Heard:
    """One reply. `customer_id` is None for one whose customer is gone."""

    name: str
    phone: str
    body: str
    at: datetime
    customer_id: int | None


def message(subject: str, heard: Sequence[Heard], more: int) -> list[Block]:
    """Replies in the order in which they came; `more` of them follow as a file."""
    blocks: list[Block] = [ui.section(f"{_title(len(heard) + more)} to *{escape(subject)}*")]
    for each in heard:
        who = f"*{escape(each.name) or 'No name'}*\n{mask(each.phone)} · {moment(each.at)}"
        opens = None if each.customer_id is None else ui.button("Profile", OPEN_CUSTOMER, each.customer_id)
        blocks += [ui.section(who, accessory=opens), ui.quote(clip(each.body, LONGEST))]
    if more:
        blocks.append(ui.context(f"{number(more)} more came at the same time: they follow as a file."))
    return blocks


def fallback(subject: str, heard: Sequence[Heard], more: int) -> str:
    """The same in a line, for notifications and screen readers."""
    first = heard[0]
    said = f"{escape(first.name) or 'A customer'}: {escape(clip(' '.join(first.body.split()), 200))}"
    return f"{_title(len(heard) + more)} to {escape(subject)}. {said}"


def comment(subject: str, n: int) -> str:
    """What goes with the file of the others."""
    return f"{_title(n)} to *{escape(subject)}* that came at the same time."


def _title(n: int) -> str:
    return count(n, "reply", "replies")
