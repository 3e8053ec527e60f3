"""What rules name: attributes, groups, events, distributions, other segments. Found, or refused with the nearest name.

Other systems send names where promobot keeps ids: `with_ids` puts the ids in, `with_names` the names back, and `check`
holds rules to what there is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from distribution.codes import groups
from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.segments.including import include
from distribution.segments.rules import conditions
from distribution.segments.values import said
from storage import customers, segments
from storage.names import fold
from storage.rules import Condition, Rules
from storage.tables import Distribution, EventName, PromoCodeGroup, Segment

# What an event's property is where events disagree about it: any type may be asked.
MIXED = "mixed"


def with_ids(session: Session, data: Mapping[str, Any]) -> dict[str, Any]:
    """Rules as other systems write them, with ids for names, and the types that are known: what `parse` takes.

    "group": a promo code group's name, one that it had before too; "distribution": a subject, or an id; "segment": a
    name. "type" may be left out where the attribute, or the property of the event, is known. Raises `Refused`, field
    "rules"; what is not of the shape of rules is left for `parse` to refuse.
    """
    given = data.get("rules") if isinstance(data, Mapping) else None
    if not isinstance(given, list):
        return dict(data) if isinstance(data, Mapping) else data
    parts: list[Any] = []
    for part in given:
        inner = part.get("rules") if isinstance(part, Mapping) else None
        if isinstance(part, Mapping) and isinstance(inner, list) and "field" not in part:
            parts.append(dict(part) | {"rules": [_with_ids(session, each) for each in inner]})
        else:
            parts.append(_with_ids(session, part))
    return dict(data) | {"rules": parts}


def with_names(session: Session, data: Mapping[str, Any]) -> dict[str, Any]:
    """Rules as they are kept, with names for ids, as other systems write them: `with_ids` gives them back.

    What has no name any more (it was deleted) stays an id; of distributions of one subject each is named by its id.
    """
    made = dict(data)
    if isinstance(made.get("rules"), list):
        made["rules"] = [with_names(session, each) for each in made["rules"]]
    if "group_id" in made and (group := session.get(PromoCodeGroup, made["group_id"])) and group.deleted_at is None:
        del made["group_id"]
        made["group"] = group.name
    if "segment_id" in made and (segment := session.get(Segment, made["segment_id"])) and segment.name_key is not None:
        del made["segment_id"]
        made["segment"] = segment.name
    if "distribution_id" in made:
        wanted = made.pop("distribution_id")
        begun = _begun(session)
        subject = next((each.subject for each in begun if each.id == wanted), "")
        alone = sum(fold(each.subject) == fold(subject) for each in begun) == 1
        made["distribution"] = subject if subject and alone else wanted
    return made


def check(session: Session, rules: Rules, *, of: int | None = None) -> None:
    """Raise `Refused`, field "rules", where rules name what there is not, mistake a type, or go round in a circle.

    `of`: the segment that is to have these rules.
    """
    known = customers.attributes(session)
    for condition in conditions(rules):
        if condition.attribute is not None:
            _attribute(condition, known)
        if condition.group_id is not None:
            group = session.get(PromoCodeGroup, condition.group_id)
            if group is None or group.deleted_at is not None:
                named = f"'{group.name}' was deleted" if group else f"{condition.group_id} does not exist"
                raise Refused(f"Promo code group {named}. Choose another group.", field="rules")
        if condition.event is not None:
            _event(session, condition)
        if condition.distribution_id is not None and session.get(Distribution, condition.distribution_id) is None:
            raise Refused(f"Distribution {condition.distribution_id} does not exist. Choose another.", field="rules")
    include(session, rules, of=of)


def _attribute(condition: Condition, known: Mapping[str, str]) -> None:
    """Hold a condition to the attributes there are. Raises `Refused`."""
    name = str(condition.attribute)
    if name not in known:
        raise Refused(f"No customer has an attribute '{name}'.{did_you_mean(name, known)}", field="rules")
    if known[name] != condition.type:
        raise Refused(f"Attribute '{name}' is a {known[name]}, not a {condition.type}.", field="rules")


def _event(session: Session, condition: Condition) -> None:
    """Hold a condition to the events that were seen, and their properties. Raises `Refused`."""
    event = session.get(EventName, condition.event)
    if event is None:
        hint = did_you_mean(str(condition.event), session.scalars(select(EventName.name)))
        raise Refused(f"No event '{condition.event}' was ever recorded.{hint}", field="rules")
    for each in condition.where:
        kind = event.properties.get(str(each.attribute))
        if kind is None:
            hint = did_you_mean(str(each.attribute), event.properties)
            raise Refused(f"Event '{event.name}' has no property '{each.attribute}'.{hint}", field="rules")
        if kind not in (each.type, MIXED):
            raise Refused(
                f"Property '{each.attribute}' of '{event.name}' is a {kind}, not a {each.type}.", field="rules"
            )


def _with_ids(session: Session, rule: Any) -> Any:
    """One rule, with ids for names and types for what is known."""
    if not isinstance(rule, Mapping):
        return rule
    made = dict(rule)
    for name, find in (("group", _group), ("segment", _segment), ("distribution", _distribution)):
        if name in made and f"{name}_id" not in made:
            made[f"{name}_id"] = find(session, made.pop(name))
    if made.get("field") == "attribute" and "type" not in made:
        made["type"] = _type(made.get("attribute"), customers.attributes(session), "No customer has an attribute")
    if isinstance(made.get("where"), list) and isinstance(made.get("event"), str):
        event = session.get(EventName, made["event"])
        made["where"] = [_property(each, event.properties if event else {}, made["event"]) for each in made["where"]]
    return made


def _property(rule: Any, known: Mapping[str, str], event: str) -> Any:
    """A condition on a property, with its type. Raises `Refused` where events disagree about it."""
    if not isinstance(rule, Mapping) or "type" in rule:
        return rule
    kind = _type(rule.get("property"), known, f"Event '{event[:60]}' has no property")
    if kind == MIXED:
        raise Refused(
            f"Property '{rule['property']}' of '{event}' has values of several types: say which with \"type\".",
            field="rules",
        )
    return dict(rule) | {"type": kind}


def _type(name: Any, known: Mapping[str, str], none: str) -> str:
    """The type of an attribute or property. Raises `Refused`, beginning with `none`."""
    if not isinstance(name, str) or name not in known:
        hint = did_you_mean(name, known) if isinstance(name, str) else ""
        raise Refused(f"{none} {said(name)}.{hint}", field="rules")
    return known[name]


def _group(session: Session, name: Any) -> int:
    """A group's id by its name. Raises `Refused`."""
    try:
        return groups.by_name(session, _name(name, "group")).id
    except Refused as refusal:
        raise Refused(str(refusal), field="rules") from None


def _segment(session: Session, name: Any) -> int:
    """A segment's id by its name. Raises `Refused`."""
    wanted = _name(name, "segment")
    found = segments.by_name_key(session, fold(wanted))
    if found is None:
        hint = did_you_mean(wanted, [each.name for each in segments.live(session)])
        raise Refused(f"Segment {said(wanted)} does not exist.{hint}", field="rules")
    return found.id


def _distribution(session: Session, given: Any) -> int:
    """A distribution's id by its subject, or its id. Raises `Refused` for none, and for several of one subject."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    wanted = _name(given, "distribution")
    named = _begun(session)
    found = [each.id for each in named if fold(each.subject) == fold(wanted)]
    if not found:
        hint = did_you_mean(wanted, [each.subject for each in named])
        raise Refused(f"There is no distribution {said(wanted)}.{hint}", field="rules")
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise Refused(f"Several distributions are called {said(wanted)}: name one by its id ({ids}).", field="rules")
    return int(found[0])


def _begun(session: Session) -> Sequence[Row[int, str]]:
    """Id and subject of every distribution that went further than a draft, by id."""
    begun = select(Distribution.id, Distribution.subject).where(Distribution.status.not_in(("draft", "discarded")))
    return session.execute(begun.order_by(Distribution.id)).all()


def _name(given: Any, what: str) -> str:
    """A name that somebody sent. Raises `Refused`."""
    if not isinstance(given, str) or not given.strip():
        raise Refused(f"A {what} is named in text, not by {said(given)}.", field="rules")
    return given.strip()
