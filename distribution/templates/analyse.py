"""Whether a message makes sense here: do its groups and attributes exist, and does it fit its distribution."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.templates.language import Problem
from distribution.templates.reading import Reading, Use, read
from distribution.templates.tags import Tag
from storage import groups
from storage.names import fold
from storage.tables import CustomerAttribute, EventName, PromoCodeGroup


@dataclass(frozen=True)
class Analysis:
    """What a body needs, and what is wrong with it.

    `issues_from` are the groups that it takes codes from, `repeats_from` those whose last code it repeats, each in the
    order of the text and once; `called` is how the text calls each, by the group's id (one that was renamed is found by
    its old name too). `problems` are in the order of the text; a body with any of them cannot be sent.
    """

    reading: Reading
    issues_from: tuple[PromoCodeGroup, ...]
    repeats_from: tuple[PromoCodeGroup, ...]
    problems: tuple[Problem, ...]
    called: Mapping[int, str]

    @property
    def body(self) -> str:
        """The body as it is kept: one kind of line end, no space around it."""
        return self.reading.body

    @property
    def tags(self) -> tuple[Tag, ...]:
        """Every different tag."""
        return self.reading.tags

    def refuse(self) -> None:
        """Raise `Refused`, field "body", with the first problems, when there are any."""
        if self.problems:
            more = len(self.problems) - 3
            lines = [str(problem) for problem in self.problems[:3]]
            raise Refused("\n".join([*lines, f"And {more} more."] if more > 0 else lines), field="body")


def analyse(
    session: Session, body: str, *, mode: str = "manual", has_promotion: bool = True, event: str | None = None
) -> Analysis:
    """Analyse a body.

    `has_promotion`: whether `promotion.…` will say something in this distribution. `event`: the event that sets an
    automatic one off, whose properties it may use; None where it is another thing.
    """
    reading = read(body)
    problems = list(reading.problems)
    found = _groups(session, reading)
    names: list[str] | None = None
    known = _attributes(session) if any(tag.kind == "attribute" for tag in reading.tags) else []
    called: dict[int, str] = {}
    for use in reading.uses:
        tag = use.tag
        if tag.kind in ("promocode", "last_promocode") and tag.key in found:
            group = found[tag.key]
            if fold(called.setdefault(group.id, tag.name)) != tag.key:
                text = f"'{tag.name}' is '{group.name}', which this message calls by another name too. Use one of them."
                problems.append(_at(reading, use, text))
        if tag.kind in ("promocode", "last_promocode") and tag.key not in found:
            names = _names(session) if names is None else names
            hint = did_you_mean(tag.name, names)
            if not names:
                hint = " There is no group yet: /promo groups makes one."
            problems.append(_at(reading, use, f"Group '{tag.name}' does not exist.{hint}"))
        elif tag.kind == "attribute" and tag.key not in known:
            hint = did_you_mean(tag.name, known) or (f" There are: {', '.join(known[:10])}." if known else "")
            problems.append(_at(reading, use, f"Customers have no attribute '{tag.name}'.{hint}"))
        elif tag.kind == "event" and (why := _no_property(session, tag, mode, event)):
            problems.append(_at(reading, use, why))
        elif tag.kind == "promotion" and not has_promotion:
            text = f"{tag.written} says nothing here: this message is not about a promotion. Choose one in step 2."
            problems.append(_at(reading, use, text))
    problems.sort(key=lambda problem: (problem.line, problem.column))
    return Analysis(
        reading,
        tuple(found[key] for key in _keys(reading, "promocode") if key in found),
        tuple(found[key] for key in _keys(reading, "last_promocode") if key in found),
        tuple(problems),
        called,
    )


def _no_property(session: Session, tag: Tag, mode: str, event: str | None) -> str:
    """Why `event.…` says nothing here; "" where it does, or where nobody knows yet what the event has."""
    if mode == "manual":
        return f"{tag.written} is for automatic messages: no event sends this one."
    if event is None:
        return f"{tag.written} says nothing here: no event sets this off. Choose 'Performs an event' in step 3."
    seen = session.get(EventName, event)
    known = sorted(seen.properties) if seen else []
    if not known or tag.key in known:
        return ""
    hint = did_you_mean(tag.name, known) or f" It had: {', '.join(known[:10])}."
    return f"No '{event}' so far had a property '{tag.name}'.{hint}"


def _at(reading: Reading, use: Use, text: str) -> Problem:
    """A problem where a tag stands."""
    return reading.problem(use.offset, text)


def _keys(reading: Reading, kind: str) -> list[str]:
    """The folded names of the groups in tags of one kind, each once."""
    return list(dict.fromkeys(tag.key for tag in reading.tags if tag.kind == kind))


def _groups(session: Session, reading: Reading) -> dict[str, PromoCodeGroup]:
    """The groups that are named and exist, by the folded name that the text gives them."""
    return groups.by_keys(session, {*_keys(reading, "promocode"), *_keys(reading, "last_promocode")})


def _names(session: Session) -> list[str]:
    """The names of all groups."""
    return list(session.scalars(select(PromoCodeGroup.name).where(PromoCodeGroup.deleted_at.is_(None))))


def _attributes(session: Session) -> list[str]:
    """The attributes that customers may have."""
    return list(session.scalars(select(CustomerAttribute.name).order_by(CustomerAttribute.name)))
