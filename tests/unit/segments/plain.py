"""What a segment's rules mean, read plainly: JSON rules and one person at a time, in a few lines of Python.

It shares nothing with the compiler but how a name is folded. A person is a dictionary: the columns of a customer,
`attributes`, and lists of `codes`, `events` and `messages`, each a dictionary, and `lists`, ids of static segments.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from storage.customers import fold

Person = Mapping[str, Any]
Json = Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """When it is, where, and the rules of the segments that rules may ask about (None: a static one)."""

    now: datetime
    zone: ZoneInfo
    segments: Mapping[int, Json | None] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    def since(self, days: int | None) -> datetime:
        return datetime.min.replace(tzinfo=ZoneInfo("UTC")) if days is None else self.now - timedelta(days=days)


def holds(rules: Json, person: Person, world: World) -> bool:
    """Whether a person matches."""
    answers = [_rule(each, person, world) if "field" in each else holds(each, person, world) for each in rules["rules"]]
    found = all(answers) if rules.get("match", "all") == "all" else any(answers)
    return found != rules.get("negate", False)


def _rule(rule: Json, person: Person, world: World) -> bool:
    what, op, value = rule["field"], rule["op"], rule.get("value")
    if what == "name":
        return _text(op, fold(person["name"]) if person["name"] else None, _each(fold, value))
    if what in ("phone", "region", "locale", "time_zone", "consent"):
        return _text(op, person[what], value)
    if what == "created":
        return _created(op, person["created"], value, world)
    if what == "attribute":
        return _typed(rule, person["attributes"].get(rule["attribute"]), world)
    if what.startswith("codes_"):
        return _number(op, len(list(_codes(rule, person, world))), value)
    if what == "event":
        times = len(list(_events(rule, person, world)))
        return times > 0 if op == "did" else times == 0 if op == "did_not" else _number(op, times, value)
    if what == "received":
        return _received(rule, person, world) == (op == "did")
    if what == "texted":
        return _texted(op, value, person, world)
    if what == "last_text":
        return _last_failed(person) == (op == "failed")
    inner = world.segments[rule["segment_id"]]
    inside = rule["segment_id"] in person["lists"] if inner is None else holds(inner, person, world)
    return inside == (op == "in")


def _codes(rule: Json, person: Person, world: World) -> Iterable[Person]:
    for code in person["codes"]:
        moment = code["redeemed_at"] if rule["field"] == "codes_redeemed" else code["issued_at"]
        if code["issued_at"] is None or moment is None or moment < world.since(rule.get("days")):
            continue
        if rule["field"] == "codes_unredeemed" and code["redeemed_at"] is not None:
            continue
        if rule.get("group_id") in (None, code["group_id"]):
            yield code


def _events(rule: Json, person: Person, world: World) -> Iterable[Person]:
    for event in person["events"]:
        if event["name"] != rule["event"] or event["at"] < world.since(rule.get("days")):
            continue
        if all(_typed(each, event["properties"].get(each["property"]), world) for each in rule.get("where", ())):
            yield event


def _received(rule: Json, person: Person, world: World) -> bool:
    return any(
        each["state"] in ("accepted", "delivered")
        and rule.get("distribution_id") in (None, each["distribution_id"])
        and each["settled_at"] >= world.since(rule.get("days"))
        for each in person["messages"]
    )


def _texted(op: str, days: int | None, person: Person, world: World) -> bool:
    tried = ("accepted", "delivered", "undelivered", "unknown")
    times = [each["settled_at"] for each in person["messages"] if each["state"] in tried]
    if op in ("ever", "never"):
        return bool(times) == (op == "ever")
    recently = bool(times) and max(times) >= world.since(days)
    if op == "older_days":
        return bool(times) and not recently
    return recently == (op == "last_days")


def _last_failed(person: Person) -> bool:
    ends = [each for each in person["messages"] if each["state"] not in ("queued", "excluded", "cancelled")]
    if not ends:
        return False
    last = max(each["settled_at"] for each in ends)
    return any(each["state"] in ("undelivered", "rejected") for each in ends if each["settled_at"] == last)


def _created(op: str, moment: datetime, value: Any, world: World) -> bool:
    if op in ("last_days", "older_days"):
        return (moment >= world.since(value)) == (op == "last_days")
    return _order(op, moment.astimezone(world.zone).date().isoformat(), value)


def _typed(rule: Json, stored: Any, world: World) -> bool:
    """A value out of JSON, by the type that the rule says."""
    op, value, kind = rule["op"], rule.get("value"), rule["type"]
    if op in ("set", "unset"):
        return (stored is not None) == (op == "set")
    if kind == "boolean":
        return stored is (op == "yes")
    if kind == "number":
        return _number(op, stored if type(stored) in (int, float) else None, value)
    if kind == "text":
        return _text(op, _small(stored) if isinstance(stored, str) else None, _each(_small, value))
    if not isinstance(stored, str) or len(stored) != 10:
        return op == "not_on"
    if not (stored[:4] + stored[5:7] + stored[8:]).isdecimal() or stored[4] != "-" or stored[7] != "-":
        return op == "not_on"
    return _day(op, stored, value, world.today)


def _day(op: str, stored: str, value: Any, today: date) -> bool:
    if op == "anniversary":
        no_leap_day = today.month == 2 and today.day == 28 and (today + timedelta(days=1)).day == 1
        days = ["02-28", "02-29"] if no_leap_day else [today.isoformat()[5:]]
        return stored[5:] in days and stored < today.isoformat()
    if op == "last_days":
        return (today - timedelta(days=value)).isoformat() <= stored <= today.isoformat()
    if op == "next_days":
        return today.isoformat() <= stored <= (today + timedelta(days=value)).isoformat()
    if op == "older_days":
        return stored < (today - timedelta(days=value)).isoformat()
    return _order(op, stored, value)


def _order(op: str, left: str, right: str) -> bool:
    return {"before": left < right, "after": left > right, "on": left == right, "not_on": left != right}[op]


def _number(op: str, left: float | None, right: Any) -> bool:
    if op in ("ne", "not_one_of"):
        return not _number({"ne": "eq", "not_one_of": "one_of"}[op], left, right)
    if left is None:
        return False
    if op == "one_of":
        return left in right
    return {"eq": left == right, "gt": left > right, "ge": left >= right, "lt": left < right, "le": left <= right}[op]


def _text(op: str, left: str | None, right: Any) -> bool:
    if op in ("unset", "is_not", "not_contains", "not_one_of"):
        positive = {"unset": "set", "is_not": "is", "not_contains": "contains", "not_one_of": "one_of"}[op]
        return not _text(positive, left, right)
    if left is None:
        return False
    if op == "set":
        return True
    if op in ("is", "one_of"):
        return left == right if op == "is" else left in right
    return left.startswith(right) if op == "starts_with" else right in left


def _small(text: str) -> str:
    """Capitals from A to Z alone."""
    return "".join(chr(ord(char) + 32) if "A" <= char <= "Z" else char for char in text)


def _each(change: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [change(each) for each in value]
    return None if value is None else change(value)
