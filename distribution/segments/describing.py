"""Rules in words, for lists, reviews and approvals."""

from sqlalchemy.orm import Session

from distribution.customers.phone import country_name
from distribution.segments.fields import CONSENT_LABELS, COUNT_LABELS, OPS, PROFILE, kind_of
from storage.rules import COUNTS, Condition, Rules
from storage.tables import PromoCodeGroup

# "At most 0" and "exactly 0" are said as people would.
NONE = ("le", "eq")

# A longer list is named by its first values and its length.
SHOWN = 3


def describe(session: Session, rules: Rules) -> str:
    """What `rules` ask, in plain text: "city is Warsaw, and at least 2 promo codes issued from 'Summer 10%'"."""
    if not rules.parts:
        return "every customer"
    return _group(session, rules)


def _group(session: Session, rules: Rules) -> str:
    """A group's parts, joined."""
    parts = [
        f"({_group(session, part)})" if isinstance(part, Rules) else _condition(session, part) for part in rules.parts
    ]
    joined = (", and " if rules.match == "all" else ", or ").join(parts)
    if not rules.negate:
        return joined
    if len(parts) == 1:
        return f"not: {joined}"
    return f"none of: {joined}" if rules.match == "any" else f"not all of: {joined}"


def _condition(session: Session, condition: Condition) -> str:
    """One condition."""
    kind = kind_of(condition.field, condition.type)
    op = OPS[kind][condition.op].words
    if condition.field in COUNTS:
        none = condition.value == 0 and condition.op in NONE
        return f"no {_codes(session, condition)}" if none else f"{op} {condition.value:,} {_codes(session, condition)}"
    label = (condition.attribute or "").replace("_", " ")
    label = label or PROFILE[condition.field][0].lower()
    if condition.value is None:
        return f"{label} {op}"
    return f"{label} {op} {_value(condition)}"


def _codes(session: Session, condition: Condition) -> str:
    """What is counted: "promo codes issued from 'Summer 10%'"."""
    what = COUNT_LABELS[condition.field].removeprefix("Promo codes ")
    noun = "promo code" if condition.value == 1 else "promo codes"
    if condition.group_id is None:
        return f"{noun} {what}"
    group = session.get(PromoCodeGroup, condition.group_id)
    return f"{noun} {what} from '{group.name if group else condition.group_id}'"


def _value(condition: Condition) -> str:
    """The value, a list by its first ones."""
    if isinstance(condition.value, tuple):
        shown = ", ".join(_word(condition, each) for each in condition.value[:SHOWN])
        more = len(condition.value) - SHOWN
        return f"{shown} and {more:,} more" if more > 0 else shown
    return _word(condition, condition.value)


def _word(condition: Condition, value: object) -> str:
    """One value as people say it."""
    if condition.field == "consent":
        return CONSENT_LABELS[str(value)]
    if condition.field == "region":
        return country_name(str(value))
    return str(value)
