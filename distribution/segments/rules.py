"""A segment's rules, from JSON and back, refused where they are not what the compiler can be trusted with.

{"match": "all", "negate": false, "rules": [
    {"field": "region", "op": "is", "value": "PL"},
    {"field": "attribute", "attribute": "city", "type": "text", "op": "one_of", "value": ["Warsaw", "Łódź"]},
    {"match": "any", "negate": true, "rules": [{"field": "codes_issued", "group_id": 3, "op": "ge", "value": 2}]}]}
"""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from distribution.customers import clean
from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.segments.fields import COUNT_LABELS, OPS, PROFILE, kind_of
from storage import customers
from storage.customers import fold
from storage.rules import COUNTS, Condition, Rules
from storage.tables import ATTRIBUTE_TYPES, CONSENTS, PromoCodeGroup

# A group of rules may hold rules, not groups again: what people can read at a glance, and what a modal can show.
DEPTH = 2
CONDITIONS = 50
LIST_LIMIT = 10_000
COUNT_LIMIT = 1_000_000


def parse(data: Mapping[str, Any]) -> Rules:
    """Rules from their JSON form; no rules at all ({}) hold for everybody. Raises `Refused`, field "rules"."""
    rules = _group(data, depth=1)
    if _size(rules) > CONDITIONS:
        raise Refused(f"A segment may have {CONDITIONS} rules at most; this has {_size(rules)}.", field="rules")
    return rules


def to_json(rules: Rules) -> dict[str, Any]:
    """The JSON form of `rules`; `parse` gives them back."""
    parts = [to_json(part) if isinstance(part, Rules) else _condition_json(part) for part in rules.parts]
    return {"match": rules.match, "negate": rules.negate, "rules": parts}


def check(session: Session, rules: Rules) -> None:
    """Raise `Refused` where rules name an attribute or a promo code group that there is not, or mistake its type."""
    known = customers.attributes(session)
    for condition in conditions(rules):
        name = condition.attribute
        if name is not None and name not in known:
            raise Refused(f"No customer has an attribute '{name}'.{did_you_mean(name, known)}", field="rules")
        if name is not None and known[name] != condition.type:
            raise Refused(f"Attribute '{name}' is a {known[name]}, not a {condition.type}.", field="rules")
        if condition.group_id is not None:
            group = session.get(PromoCodeGroup, condition.group_id)
            if group is None or group.deleted_at is not None:
                named = f"'{group.name}' was deleted" if group else f"{condition.group_id} does not exist"
                raise Refused(f"Promo code group {named}. Choose another group.", field="rules")


def conditions(rules: Rules) -> list[Condition]:
    """Every condition, those in groups too, in order."""
    found: list[Condition] = []
    for part in rules.parts:
        found.extend(conditions(part) if isinstance(part, Rules) else [part])
    return found


def condition(data: Mapping[str, Any]) -> Condition:
    """One condition from its JSON form. Raises `Refused`, field "rules", naming the field that is wrong."""
    field, op = data.get("field"), data.get("op")
    if field not in PROFILE and field not in COUNTS and field != "attribute":
        raise Refused(f"There is no field '{field}' to ask about.", field="rules")
    attribute, kind = None, None
    label = COUNT_LABELS[field] if field in COUNTS else PROFILE.get(field, ("",))[0]
    if field == "attribute":
        attribute, kind = str(data.get("attribute", "")), data.get("type")
        label = attribute
        if not attribute.isidentifier() or clean.attribute_name(attribute) != attribute:
            raise Refused(f"'{attribute[:60]}' is not an attribute's name.", field="rules")
        if kind not in ATTRIBUTE_TYPES:
            raise Refused(f"{attribute}: a type is one of {', '.join(ATTRIBUTE_TYPES)}.", field="rules")
    ops = OPS[kind_of(field, kind)]
    if op not in ops:
        raise Refused(f"{label} cannot be asked with '{op}'; it can with {', '.join(ops)}.", field="rules")
    try:
        value = _value(field, kind_of(field, kind), ops[op].takes, data.get("value"))
    except Refused as refusal:
        raise Refused(f"{label}: {refusal}", field="rules") from None
    group_id = data.get("group_id") if field in COUNTS else None
    if group_id is not None and (not isinstance(group_id, int) or isinstance(group_id, bool)):
        raise Refused(f"{label}: a group is named by its number.", field="rules")
    return Condition(field, op, value, attribute, kind, group_id)


def _group(data: Mapping[str, Any], depth: int) -> Rules:
    """A group and what is in it."""
    if not isinstance(data, Mapping):
        raise Refused("Rules are an object with match, negate and rules.", field="rules")
    if depth > DEPTH:
        raise Refused("A group of rules may hold rules, not another group inside a group.", field="rules")
    match, negate, given = data.get("match", "all"), data.get("negate", False), data.get("rules", [])
    if match not in ("all", "any"):
        raise Refused(f"Rules match all or any, not '{match}'.", field="rules")
    if not isinstance(negate, bool):
        raise Refused("'negate' is true or false.", field="rules")
    if not isinstance(given, list):
        raise Refused("'rules' is a list.", field="rules")
    if unknown := set(data) - {"match", "negate", "rules"}:
        raise Refused(f"Rules know no '{min(unknown)}': they have match, negate and rules.", field="rules")
    if not given and (depth > 1 or negate):
        raise Refused("A group without rules says nothing. Add a rule to it, or remove it.", field="rules")
    parts = tuple(_group(part, depth + 1) if _is_group(part) else condition(_mapping(part)) for part in given)
    return Rules(match, negate, parts)


def _is_group(part: Any) -> bool:
    """Whether a part is a group and not a condition."""
    return isinstance(part, Mapping) and "field" not in part


def _mapping(part: Any) -> Mapping[str, Any]:
    """`part`, when it is an object. Raises `Refused`."""
    if not isinstance(part, Mapping):
        raise Refused("A rule is an object with field, op and value.", field="rules")
    return part


def _value(field: str, kind: str, takes: str, value: Any) -> Any:
    """The value of a condition, in the form that it is compared in. Raises `Refused`, without naming the field."""
    if takes == "none":
        return None
    if takes == "many":
        if not isinstance(value, list | tuple):
            raise Refused("a list is missing. Write one value to a line.")
        if len(value) > LIST_LIMIT:
            raise Refused(f"{len(value):,} values are more than the {LIST_LIMIT:,} that a list may have.")
        several = tuple(dict.fromkeys(_one(field, kind, each) for each in value))
        if not several:
            raise Refused("the list is empty. Write one value to a line.")
        return several
    return _one(field, kind, value)


def _one(field: str, kind: str, value: Any) -> Any:
    """One value of `kind`. Raises `Refused`."""
    if value is None or value == "":
        raise Refused("a value is missing.")
    if kind == "count":
        return _count(value)
    if kind == "number":
        return _number(value)
    if kind == "consent":
        if value not in CONSENTS:
            raise Refused(f"'{value}' is not one of {', '.join(CONSENTS)}.")
        return value
    if not isinstance(value, str):
        raise Refused(f"{value!r} is not text.")
    if kind in ("date", "day"):
        return _day(value)
    if kind == "word":
        return {"region": clean.region, "time_zone": clean.time_zone, "locale": clean.locale}[field](value)
    text = clean.text(value)
    if not text or (field == "name" and not fold(text)):
        raise Refused(f"'{text}' has no letters or digits to compare.")
    return text


def _count(value: Any) -> int:
    """A number of codes."""
    number = _number(value)
    if number != int(number) or not 0 <= number <= COUNT_LIMIT:
        raise Refused(f"'{value}' is not a number of codes. Write a whole number from 0 to {COUNT_LIMIT:,}.")
    return int(number)


def _number(value: Any) -> int | float:
    """A number, typed or given."""
    if isinstance(value, str):
        parsed = clean.attribute(value, "number")
        return parsed if isinstance(parsed, int | float) else 0
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused(f"{value!r} is not a number.")
    if abs(value) > clean.EXACT:
        raise Refused(f"{value!r} is too large.")
    return value


def _day(value: str) -> str:
    """A day, "2026-06-15". The far ends of the calendar are refused: a zone's midnight would fall off them."""
    day = str(clean.attribute(value, "date"))
    date.fromisoformat(day)
    return day


def _size(rules: Rules) -> int:
    """How many conditions there are."""
    return len(conditions(rules))


def _condition_json(condition: Condition) -> dict[str, Any]:
    """The JSON form of a condition, without what it does not use."""
    data: dict[str, Any] = {"field": condition.field, "op": condition.op}
    if condition.attribute is not None:
        data |= {"attribute": condition.attribute, "type": condition.type}
    if condition.group_id is not None:
        data["group_id"] = condition.group_id
    if condition.value is not None:
        data["value"] = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    return data
