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
    "not_last_days": "last_days",
    "did_not": "did",
    "never": "ever",
    "not_failed": "failed",
    "not_in": "in",
}


@dataclass(frozen=True)
class Condition:
    """One row: a field, an operator, a value.

    `field`: "name", "phone", "region", "locale", "time_zone", "created", "consent"; "attribute" (then `attribute` is
    its name and `type` its type); one of `COUNTS` (then `group_id` is the group, None: any); "event" (then `event` is
    its name, and `where` what its properties must be, all at once); "received" (`distribution_id`, None: any);
    "texted"; "last_text"; "segment" (`segment_id`). In `where` the field is "property", its name and type as an
    attribute's.

    `days`: of events, codes and messages only those of so many days before now count. `value` is a string (a date as
    "2026-06-15"), a number, a tuple of either for `one_of`, or None for operators that take none.
    """

    field: str
    op: str
    value: Any = None
    attribute: str | None = None
    type: str | None = None
    group_id: int | None = None
    event: str | None = None
    days: int | None = None
    where: "tuple[Condition, ...]" = ()
    distribution_id: int | None = None
    segment_id: int | None = None


@dataclass(frozen=True)
class Rules:
    """Conditions and groups of conditions of which all must hold (`match` "all") or one ("any"); `negate`: or not.

    Without parts they hold for everybody.
    """

    match: str = "all"
    negate: bool = False
    parts: "tuple[Condition | Rules, ...]" = ()
