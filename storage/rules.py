"""The shape of a segment's rules, as `storage.segments` compiles them and `distribution.segments.rules` checks them."""

from dataclasses import dataclass
from typing import Any

# Fields that count promo codes of a customer.
COUNTS = ("codes_issued", "codes_redeemed", "codes_unredeemed")

# An operator that is no more than "not" before another one: "city is not Warsaw" holds where there is no city.
NEGATIVE = {
    "is_not": "is",
    "not_contains": "contains",
    "not_one_of": "one_of",
    "ne": "eq",
    "not_on": "on",
    "unset": "set",
}


@dataclass(frozen=True)
class Condition:
    """One row: a field, an operator, a value.

    `field`: "name", "phone", "region", "locale", "time_zone", "created", "consent", "attribute" (then `attribute` is
    its name and `type` its type), or one of `COUNTS` (then `group_id` is the group, None: any). `value` is a string
    (a date as "2026-06-15"), a number, a tuple of either for `one_of`, or None for operators that take none.
    """

    field: str
    op: str
    value: Any = None
    attribute: str | None = None
    type: str | None = None
    group_id: int | None = None


@dataclass(frozen=True)
class Rules:
    """Conditions and groups of conditions of which all must hold (`match` "all") or one ("any"); `negate`: or not.

    Without parts they hold for everybody.
    """

    match: str = "all"
    negate: bool = False
    parts: "tuple[Condition | Rules, ...]" = ()
