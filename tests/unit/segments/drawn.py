"""Random rules and random people, from a seed: few values, so that rules often hit, and every odd character."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from distribution.segments.fields import LABELS, OPS, kind_of
from storage.customers import fold
from storage.rules import COUNTS

ZONE = ZoneInfo("Europe/Warsaw")
# A Monday; the last day of February where that is the 28th, also in Warsaw alone; of a leap year, the 28th and 29th.
NOWS = [
    datetime(2026, 6, 15, 12, 0, tzinfo=UTC),
    datetime(2027, 2, 28, 12, 0, tzinfo=UTC),
    datetime(2027, 2, 27, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 28, 12, 0, tzinfo=UTC),
    datetime(2028, 2, 29, 0, 0, tzinfo=UTC),
]
WORDS = [
    "Warsaw",
    "warsaw",
    "Łódź",
    "łódź",
    "O'Brien",
    "100%",
    "a_b",
    '"; DROP TABLE customer; --',
    "' OR '1'='1",
    "%s %(x)s :x $1 ?",
    "\\",
    "😀",
    "<!channel>",
    "10",
    "true",
    "2026-06-15",
    "$.x",
    "[0-9]",
    "I",
    "ı",
]
DAYS = ["2026-03-28", "2026-03-29", "2026-06-15", "2026-06-16", "2026-06-08", "2026-06-07", "2026-07-15"]
DAYS += ["2024-02-29", "2001-02-28", "1990-06-15", "2027-02-28", "2028-02-29", "2026-99-99", "2026-6-15"]
NUMBERS = [-1, 0, 1, 2, 2.5, 10, 0.1, 1e15]
ATTRIBUTES = {"city": "text", "visits": "number", "vip": "boolean", "birthday": "date"}
EVENTS = ["cart_abandoned", "visited"]
AGO = [1, 7, 30]
STATES = ["queued", "excluded", "accepted", "delivered", "undelivered", "rejected", "unknown", "cancelled"]
STATIC, PLAIN, NESTED = 1, 2, 3
VALUES: dict[str, list[Any]] = {
    "text": WORDS,
    "region": ["PL", "GB"],
    "locale": ["pl", "en-GB"],
    "time_zone": ["Europe/Warsaw", "America/New_York"],
    "number": NUMBERS,
    "date": [day for day in DAYS if day not in ("2026-99-99", "2026-6-15")],
    "day": DAYS[:5],
    "consent": ["unknown", "given", "opted_out"],
    "count": [0, 1, 2, 3],
    "event": [0, 1, 2, 3],
}


def moment(chance: Random) -> datetime:
    """At, or within seconds of, the edge of some days ago."""
    return chance.choice(NOWS) - timedelta(days=chance.choice([0, *AGO]), seconds=chance.choice([-1, 0, 1, 3600]))


def person(chance: Random) -> dict[str, Any]:
    """Somebody with a history. What is under an attribute's name may be of any type, whatever it should be."""

    def stored() -> Any:
        return chance.choice([*WORDS, *NUMBERS, *DAYS, *DAYS, True, False, None])

    def several(make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(chance.choice([0, 0, 1, 1, 2, 3]))]

    def code() -> dict[str, Any]:
        issued = chance.choice([None, moment(chance), moment(chance)])
        redeemed = chance.choice([None, moment(chance)]) if issued else None
        return {"group_id": chance.choice([1, 2]), "issued_at": issued, "redeemed_at": redeemed}

    def event() -> dict[str, Any]:
        properties = {name: stored() for name in ("total", "shop") if chance.random() < 0.7}
        return {"name": chance.choice(EVENTS), "at": moment(chance), "properties": properties}

    def message() -> dict[str, Any]:
        state = chance.choice(STATES)
        settled = None if state == "queued" else moment(chance)
        return {"distribution_id": chance.choice([1, 2]), "state": state, "settled_at": settled}

    return {
        "name": chance.choice(["", *WORDS]),
        "phone": chance.choice([None, "yes"]),
        "region": chance.choice([None, "PL", "GB"]),
        "locale": chance.choice([None, "pl", "en-GB"]),
        "time_zone": chance.choice([None, *VALUES["time_zone"]]),
        "consent": chance.choice(VALUES["consent"]),
        "attributes": {name: stored() for name in ATTRIBUTES if chance.random() < 0.8},
        "created": chance.choice([moment(chance), datetime(2026, 3, 28, chance.choice([22, 23]), 59, tzinfo=UTC)]),
        "codes": several(code),
        "events": several(event),
        "messages": several(message),
        "lists": [STATIC] if chance.random() < 0.4 else [],
    }


def condition(chance: Random, *, segments: tuple[int, ...] = (STATIC, PLAIN, NESTED)) -> dict[str, Any]:
    """A rule in JSON that `parse` takes. `segments`: those that it may ask about."""
    field = chance.choice([*LABELS, *["attribute"] * 5, "event", "event"])
    if field == "segment" and not segments:
        field = "region"
    rule: dict[str, Any] = {"field": field}
    if field == "attribute":
        rule |= {"attribute": chance.choice(list(ATTRIBUTES)), "type": chance.choice(list(ATTRIBUTES.values()))}
    if field == "event":
        rule["event"] = chance.choice(EVENTS)
        rule["where"] = [_property(chance) for _ in range(chance.choice([0, 0, 1, 2]))]
    if field == "segment":
        rule["segment_id"] = chance.choice(segments)
    if field in COUNTS and chance.random() < 0.7:
        rule["group_id"] = chance.choice([1, 2])
    if field == "received" and chance.random() < 0.7:
        rule["distribution_id"] = chance.choice([1, 2])
    if field in (*COUNTS, "event", "received") and chance.random() < 0.5:
        rule["days"] = chance.choice(AGO)
    return _asked(chance, rule, kind_of(field, rule.get("type")))


def rules(chance: Random, *, segments: tuple[int, ...] = (STATIC, PLAIN, NESTED)) -> dict[str, Any]:
    """Rules, some of them groups of rules."""

    def group(least: int, part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return {
            "match": chance.choice(["all", "any"]),
            "negate": chance.random() < 0.25,
            "rules": [part() for _ in range(chance.randint(least, 3))],
        }

    def one() -> dict[str, Any]:
        return condition(chance, segments=segments)

    return group(1, lambda: group(1, one) if chance.random() < 0.25 else one())


def _property(chance: Random) -> dict[str, Any]:
    kind = chance.choice(list(ATTRIBUTES.values()))
    return _asked(chance, {"property": chance.choice(["total", "shop"]), "type": kind}, kind)


def _asked(chance: Random, rule: dict[str, Any], kind: str) -> dict[str, Any]:
    """The rule with an operator, and a value where it takes one."""
    rule["op"] = chance.choice(list(OPS[kind]))
    takes = OPS[kind][rule["op"]].takes
    known = VALUES.get(str(rule.get("field")) if kind == "word" else kind, [])
    if rule.get("field") == "name":
        known = [word for word in known if fold(word)]
    if takes == "days":
        rule["value"] = chance.choice(AGO)
    elif takes == "one":
        rule["value"] = chance.choice(known)
    elif takes == "many":
        rule["value"] = chance.sample(known, chance.randint(1, min(3, len(known))))
    return rule
