"""The merge tags that the picker offers, for this message and this workspace."""

from collections.abc import Sequence

from commands.send.views.merge_tags import Tag
from distribution.templates.tags import literal

FIELDS = (
    Tag("First name", "{{ client.first_name | default('there') }}"),
    Tag("Whole name", "{{ client.name | default('there') }}"),
)
PROMOTION = (Tag("Promotion's name", "{{ promotion.name }}"), Tag("What customers get", "{{ promotion.terms }}"))


def offered(
    purpose: str,
    group: str | None,
    groups: Sequence[str],
    attributes: Sequence[str],
    event: str = "",
    properties: Sequence[str] = (),
) -> dict[str, Sequence[Tag]]:
    """Tags under their headings. `group`: the one chosen in step 2; `groups`: all, for codes given before.

    `event`, `properties`: what sets an automatic one off, and what such events tell.
    """
    found: dict[str, Sequence[Tag]] = {}
    if purpose == "unique_codes" and group:
        name = literal(group)
        found[f"A new code of {group}"] = (
            Tag("Code as text", f"{{{{ client.promocode({name}) }}}}"),
            Tag("Code as QR", f"{{{{ client.promocode({name}) | qr }}}}"),
        )
    if properties:
        heading = f"What “{event.replace('_', ' ')}” tells"
        found[heading] = tuple(Tag(name.replace("_", " "), f"{{{{ event.{name} }}}}") for name in properties[:20])
    if purpose == "promotion":
        found["Promotion"] = PROMOTION
    found["Customer"] = (*FIELDS, *(Tag(name, f"{{{{ client.attributes.{name} }}}}") for name in attributes[:15]))
    earlier = [group, *groups] if group else list(groups)
    last = [
        Tag(f"Last code of {name}", f"{{{{ client.last_promocode({literal(name)}) | default('') }}}}")
        for name in dict.fromkeys(earlier)
    ]
    if last:
        found["A code that they got before"] = last[:15]
    return found


def first_reminder(group: str | None) -> str:
    """A reminder's text to begin with: of the code that they have, where codes are given."""
    if group is None:
        return ""
    code = f"{{{{ client.last_promocode({literal(group)}) }}}}"
    return f"Hi {FIELDS[0].tag}, your code is still good: {code}. Reply STOP to opt out."


def first_text(purpose: str, group: str | None) -> str:
    """A message to begin with, for a box that nobody has written in; none for a custom one."""
    if purpose == "unique_codes" and group:
        code = f"{{{{ client.promocode({literal(group)}) }}}}"
        return f"Hi {FIELDS[0].tag}, your code: {code}. Reply STOP to opt out."
    if purpose == "promotion":
        return f"Hi {FIELDS[0].tag}, {{{{ promotion.terms or promotion.name }}}}. Reply STOP to opt out."
    return ""
