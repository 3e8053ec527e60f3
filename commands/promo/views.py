"""What `/promo help` and a mistyped `/promo` show."""

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from commands.people import Person
from commands.ui.blocks import actions, button, context, header, section
from commands.ui.text import code
from commands.verbs import Verb

# The order in which help tells what there is; a heading is shown when one of its verbs is there.
SECTIONS = (
    ("Send", ("send", "distributions", "calendar", "approvals")),
    ("Codes", ("groups", "codes", "redeem", "replace", "promotions")),
    ("Customers", ("customers", "segments")),
    ("Workspace", ("team", "providers", "settings", "help")),
)


def help_blocks(verbs: Sequence[Verb], person: Person) -> list[Block]:
    """Every verb with what it does, those that this person may not use left out, and how roles change."""
    allowed = {verb.name: verb for verb in verbs if verb.needs is None or person.may(verb.needs)}
    blocks: list[Block] = [header("What promobot does")]
    listed: set[str] = set()
    for title, names in SECTIONS:
        lines = [_line(allowed[name]) for name in names if name in allowed]
        listed.update(names)
        if lines:
            blocks.append(section(f"*{title}*\n" + "\n".join(lines)))
    others = [_line(verb) for name, verb in allowed.items() if name not in listed]
    if others:
        blocks.append(section("*More*\n" + "\n".join(others)))
    left_out = len(verbs) - len(allowed)
    blocks.append(
        context(
            f"You are {_a(person.role)} here."
            + (f" {left_out} more for other roles; an admin can change yours with `/promo team`." if left_out else "")
            + " `/promo` alone shows what waits for you."
        )
    )
    return blocks


def unknown_blocks(word: str, words: str, suggestion: str | None) -> list[Block]:
    """What to do about a word that is no verb."""
    shown = f"There is no {code(f'/promo {word[:40]}')}."
    if suggestion is None:
        return [
            section(f"{shown} `/promo help` lists what there is."),
            actions(button("Show help", "promo.run", "help"), block_id="promo.unknown"),
        ]
    meant = f"{suggestion} {words}".strip()
    return [
        section(f"{shown} Did you mean {code(f'/promo {meant[:100]}')}?"),
        actions(
            button(f"Run /promo {meant}", "promo.run", meant[:2000], style="primary"),
            button("Show help", "promo.run:help", "help"),
            block_id="promo.unknown",
        ),
    ]


def _line(verb: Verb) -> str:
    usage = f" {verb.usage}" if verb.usage else ""
    return f"`/promo {verb.name}{usage}`  {verb.summary}"


def _a(role: str) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"
