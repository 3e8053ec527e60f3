"""The numbers of an automatic distribution's review: what sets it off, and what it would have done lately."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.ui.text import count, escape, number
from distribution.findings import Foreseen, Review


@dataclass(frozen=True)
class Automatic:
    """What is said of an automatic one beside its review: texts are plain, `until` is mrkdwn."""

    sets_off: str
    until: str
    dry: str = ""
    reminders: bool = False  # whether any follow the first text


def numbers(review: Review, found: Foreseen, said: Automatic, provider: str, given_up: str) -> list[str]:
    """The receipt, in two columns."""
    return [
        f"*In the last {found.days} days*\n{lately(found, reminders=said.reminders)}",
        f"*Codes*\n{_codes(review, found, said)}",
        f"*A text*\n{_text(review, found, said)}",
        f"*How long*\n{said.until}\n{given_up}",
        f"*Through*\n{escape(provider)}",
    ]


def lately(found: Foreseen, *, reminders: bool) -> str:
    """How many it would have sent: "It would have sent 1,204 texts". `reminders`: whether any would follow these."""
    lines: list[str] = []
    if found.made is None and found.members is None:
        lines.append("Counting takes longer than this waits.")
    elif found.made is not None:
        about = "about " if found.members is not None else "more than " if found.more else ""
        nothing = not found.made and not found.called_off and not found.held_back
        without = ", reminders not counted" if reminders else ""
        sent = f"It would have sent {about}{_texts(found.made)}{without}"
        lines.append("Nothing would have set it off" if nothing else sent)
    if found.called_off:
        lines.append(f"{number(found.called_off)} called off by what came meanwhile")
    if found.held_back:
        lines.append(f"{number(found.held_back)} left out: had it already, or over a limit")
    if found.members is not None:
        lines.append(_members(found, found.members))
    return "\n".join(lines)


def _members(found: Foreseen, members: int) -> str:
    """What becomes of those who are in its segment today."""
    over = members - _begins(found) if found.at_once else 0
    if over:
        first = f"{number(_begins(found))} {_gets(_begins(found))} it at once"
        rest = f"{number(over)} {_gets(over)} nothing (over a limit)"
        return f"{count(members, 'member')} today can be texted: {first}, {rest}"
    then = "at once" if found.at_once else "only when they leave and enter again"
    return f"{count(members, 'member')} today can be texted, and {_gets(members)} it {then}"


def _begins(found: Foreseen) -> int:
    """How many texts go out when it is set live; 0 where today's members are not meant."""
    if not found.at_once:
        return 0
    return (found.members or 0) if found.begins is None else found.begins


def _gets(people: int) -> str:
    return "gets" if people == 1 else "get"


def _texts(made: int) -> str:
    return count(made, "text") if made else "no text"


def warnings(review: Review, found: Foreseen) -> list[str]:
    """What one should know before it is set live, in plain text."""
    lines: list[str] = []
    if found.made_up:
        lines.append("There was nobody to show a text of: the customer above is made up.")
    for need in review.codes:
        if not need.active:
            lines.append(f"No code of “{need.name}” is active now.")
        elif _begins(found) > need.active:
            short = _begins(found) - need.active
            missing = f"{short:,} {'is' if short == 1 else 'are'} missing"
            lines.append(f"Today's members need {count(_begins(found), 'code')} at once: {missing}.")
        elif found.made and need.active < found.made:
            days = max(1, need.active * found.days // found.made)
            last = f"{count(need.active, 'code')} {'lasts' if need.active == 1 else 'last'}"
            lines.append(f"At that pace, {last} about {count(days, 'day')}.")
    return lines


def _codes(review: Review, found: Foreseen, said: Automatic) -> str:
    if not review.codes:
        return "none needed"
    lines = [f"{number(need.active)} active in “{escape(need.name)}”" for need in review.codes]
    return "\n".join([*lines, escape(said.dry)] if said.dry else lines)


def _text(review: Review, found: Foreseen, said: Automatic) -> str:
    """The size of one text, and what a month of them costs."""
    texts = sum(review.by_segments.values())
    if not texts:
        return "–"
    sizes: Sequence[str] = [f"{number(size)}" for size in sorted(review.by_segments)]
    lines = [f"{sizes[0]}{f' to {sizes[-1]}' if len(sizes) > 1 else ''} SMS segment{'' if sizes == ['1'] else 's'}"]
    without = ", without reminders" if said.reminders else ""
    if review.cost is not None and _begins(found):
        begins = review.cost / texts * _begins(found)
        lines.append(f"≈\u00a0{begins:,.2f}\u00a0{review.currency} for today's members{without}")
    if review.cost is not None and found.made:
        month = review.cost / texts * found.made
        lines.append(f"≈\u00a0{month:,.2f}\u00a0{review.currency} in {found.days} days at that pace{without}")
    return "\n".join(lines)
