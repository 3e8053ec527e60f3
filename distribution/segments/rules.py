"""A segment's rules, from JSON and back, refused where they are not what the compiler can be trusted with.

{"match": "all", "negate": false, "rules": [
    {"field": "region", "op": "is", "value": "PL"},
    {"field": "attribute", "attribute": "city", "type": "text", "op": "one_of", "value": ["Warsaw", "Łódź"]},
    {"field": "event", "event": "cart_abandoned", "op": "ge", "value": 2, "days": 30, "where": [
        {"property": "cart_total", "type": "number", "op": "gt", "value": 50}]},
    {"match": "any", "negate": true, "rules": [
        {"field": "codes_issued", "group_id": 3, "days": 90, "op": "ge", "value": 2},
        {"field": "received", "distribution_id": 12, "op": "did"},
        {"field": "texted", "op": "last_days", "value": 7},
        {"field": "segment", "segment_id": 4, "op": "in"}]}]}

docs/segments.md has every field and operator; `distribution.segments.names` takes names in place of ids.
"""

from collections.abc import Mapping
from typing import Any

from distribution.customers import clean
from distribution.errors import Refused
from distribution.search import did_you_mean
from distribution.segments import values
from distribution.segments.fields import EXTRAS, LABELS, OPS, kind_of
from distribution.segments.values import said
from storage.rules import Condition, Rules
from storage.tables import ATTRIBUTE_TYPES

# A group of rules may hold rules, not groups again: what people can read at a glance, and what a modal can show.
DEPTH = 2
CONDITIONS = 50


def parse(data: Mapping[str, Any]) -> Rules:
    """Rules from their JSON form; no rules at all ({}) hold for everybody. Raises `Refused`, field "rules".

    A refusal says where: "Rule 2.1" is the first rule in the group that is the second rule.
    """
    rules = _group(data, ())
    if (size := len(conditions(rules, properties=True))) > CONDITIONS:
        raise Refused(f"A segment may have {CONDITIONS} rules at most; this has {size}.", field="rules")
    return rules


def to_json(rules: Rules) -> dict[str, Any]:
    """The JSON form of `rules`; `parse` gives them back."""
    parts = [to_json(part) if isinstance(part, Rules) else _condition_json(part) for part in rules.parts]
    return {"match": rules.match, "negate": rules.negate, "rules": parts}


def conditions(rules: Rules, *, properties: bool = False) -> list[Condition]:
    """Every condition, those in groups too, in order; with `properties`, those on properties of events as well."""
    found: list[Condition] = []
    for part in rules.parts:
        if isinstance(part, Rules):
            found.extend(conditions(part, properties=properties))
        else:
            found.append(part)
            found.extend(part.where if properties else ())
    return found


def condition(data: Mapping[str, Any]) -> Condition:
    """One condition from its JSON form. Raises `Refused`, field "rules", naming the field that is wrong."""
    field, op = data.get("field"), data.get("op")
    if not isinstance(field, str) or (field not in LABELS and field != "attribute"):
        hint = did_you_mean(field, [*LABELS, "attribute"]) if isinstance(field, str) else ""
        raise Refused(f"There is no field {said(field)} to ask about.{hint}", field="rules")
    name, kind = _attribute(data, "attribute") if field == "attribute" else (None, None)
    label = name or LABELS[field]
    _only(data, field, label)
    extras = {
        key: _extra(key, data[key], label)
        for key in EXTRAS.get(field, {})
        if key not in ("attribute", "type") and data.get(key) is not None
    }
    for key, needed in EXTRAS.get(field, {}).items():
        if needed and data.get(key) is None:
            raise Refused(f"{label}: '{key}' is missing.", field="rules")
    value = _value(field, kind, op, data.get("value"), label)
    return Condition(field, str(op), value, name, kind, **extras)


def _property(data: Any, event: str) -> Condition:
    """One condition on a property of an event."""
    if not isinstance(data, Mapping):
        raise Refused(
            f"{event}: a condition on a property is an object with property, type, op and value.", field="rules"
        )
    name, kind = _attribute(data, "property")
    _only(data, "property", name)
    value = _value("property", kind, data.get("op"), data.get("value"), name)
    return Condition("property", str(data.get("op")), value, name, kind)


def _attribute(data: Mapping[str, Any], what: str) -> tuple[str, str]:
    """The name and type of an attribute or property ("attribute", "property"). Raises `Refused`."""
    name, kind = data.get(what), data.get("type")
    written = isinstance(name, str) and name.isidentifier() and len(name) <= 60
    # A property is called what the system that tells of it calls it: cartTotal.
    if not isinstance(name, str) or not written or (what == "attribute" and clean.attribute_name(name) != name):
        owner = "an attribute's" if what == "attribute" else "a property's"
        raise Refused(f"{said(name)} is not {owner} name.", field="rules")
    if not isinstance(kind, str) or kind not in ATTRIBUTE_TYPES:
        raise Refused(f"{name}: a type is one of {', '.join(ATTRIBUTE_TYPES)}, not {said(kind)}.", field="rules")
    return name, kind


def _value(field: str, kind: str | None, op: Any, given: Any, label: str) -> Any:
    """The value that `op` compares with. Raises `Refused`."""
    ops = OPS[kind_of(field, kind)]
    if not isinstance(op, str) or op not in ops:
        raise Refused(f"{label} cannot be asked with {said(op)}; it can with {', '.join(ops)}.", field="rules")
    try:
        return values.value(field, kind_of(field, kind), ops[op].takes, given)
    except Refused as refusal:
        raise Refused(f"{label}: {refusal}", field="rules") from None


def _extra(key: str, given: Any, label: str) -> Any:
    """What a field takes beside its value. Raises `Refused`."""
    if key == "days":
        try:
            return values.days(given)
        except Refused as refusal:
            raise Refused(f"{label}: {refusal}", field="rules") from None
    if key == "event":
        if not isinstance(given, str) or not given.isidentifier() or len(given) > 100:
            raise Refused(f"{said(given)} is not an event's name, such as cart_abandoned.", field="rules")
        return given
    if key == "where":
        if not isinstance(given, list | tuple):
            raise Refused(f"{label}: 'where' is a list of conditions on properties.", field="rules")
        return tuple(_property(each, label) for each in given)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 2**31:
        what = key.removesuffix("_id")
        raise Refused(f"{label}: a {what} is named by its number, not by {said(given)}.", field="rules")
    return given


def _only(data: Mapping[str, Any], field: str, label: str) -> None:
    """Raise `Refused` where a rule has a key that nobody would read."""
    known = {"op", "value", *EXTRAS.get(field, ())} | ({"field"} if field != "property" else set())
    for key in data:
        if key not in known and data[key] is not None:
            raise Refused(f"{label}: nothing is known of {said(key)}.{did_you_mean(str(key), known)}", field="rules")


def _group(data: Any, place: tuple[int, ...]) -> Rules:
    """A group and what is in it. `place`: its number, and its group's; nothing for the whole."""
    if not isinstance(data, Mapping):
        raise Refused("Rules are an object with match, negate and rules.", field="rules")
    if len(place) >= DEPTH:
        raise Refused("A group of rules may hold rules, not another group inside a group.", field="rules")
    match, negate, given = data.get("match", "all"), data.get("negate", False), data.get("rules", [])
    if not isinstance(match, str) or match not in ("all", "any"):
        raise Refused(f"Rules match all or any, not {said(match)}.", field="rules")
    if not isinstance(negate, bool):
        raise Refused("'negate' is true or false.", field="rules")
    if not isinstance(given, list):
        raise Refused("'rules' is a list.", field="rules")
    if unknown := set(data) - {"match", "negate", "rules"}:
        raise Refused(f"Rules know no {said(min(unknown))}: they have match, negate and rules.", field="rules")
    if not given and (place or negate):
        raise Refused("A group without rules says nothing. Add a rule to it, or remove it.", field="rules")
    parts = [_part(part, (*place, number)) for number, part in enumerate(given, 1)]
    return Rules(match, negate, tuple(parts))


def _part(part: Any, place: tuple[int, ...]) -> Condition | Rules:
    """A rule, or a group of rules. Raises `Refused`, saying where."""
    is_group = isinstance(part, Mapping) and "field" not in part
    try:
        if is_group:
            return _group(part, place)
        if not isinstance(part, Mapping):
            raise Refused("A rule is an object with field, op and value.", field="rules")
        return condition(part)
    except Refused as refusal:
        if str(refusal).startswith("Rule "):  # it is one of the group's
            raise
        raise Refused(f"Rule {'.'.join(map(str, place))}: {refusal}", field="rules") from None


def _condition_json(condition: Condition) -> dict[str, Any]:
    """The JSON form of a condition, without what it does not use."""
    data: dict[str, Any] = {"field": condition.field, "op": condition.op}
    if condition.field == "property":
        data = {"property": condition.attribute, "type": condition.type, "op": condition.op}
    elif condition.attribute is not None:
        data |= {"attribute": condition.attribute, "type": condition.type}
    for key in ("group_id", "event", "distribution_id", "segment_id", "days"):
        if getattr(condition, key) is not None:
            data[key] = getattr(condition, key)
    if condition.where:
        data["where"] = [_condition_json(each) for each in condition.where]
    if condition.value is not None:
        data["value"] = list(condition.value) if isinstance(condition.value, tuple) else condition.value
    return data
