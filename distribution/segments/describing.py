"""Rules in words, for lists, reviews and approvals."""

from sqlalchemy.orm import Session

from distribution.customers.phone import country_name
from distribution.segments.fields import CONSENT_LABELS, COUNT_LABELS, OPS, PROFILE, kind_of
from storage.rules import COUNTS, Condition, Rules
from storage.tables import Distribution, PromoCodeGroup, Segment

# "At most 0" and "exactly 0" are said as people would.
NONE = ("le", "eq")

TEXTED = {
    "last_days": "last texted in the last {days}",
    "not_last_days": "not texted in the last {days}",
    "older_days": "last texted more than {ago}",
    "ever": "was texted at any time",
    "never": "was never texted",
}

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
    if condition.field in COUNTS:
        return _codes(session, condition)
    if condition.field == "event":
        return _event(condition)
    if condition.field in ("received", "segment"):
        op = OPS[kind_of(condition.field)][condition.op].words
        return f"{op} {_named(session, condition)}{_lately(condition)}"
    if condition.field == "texted":
        number = condition.value or 0
        return TEXTED[condition.op].format(days=days(number), ago=_ago(number))
    if condition.field == "last_text":
        return f"the last text {OPS['outcome'][condition.op].words}"
    return plain(condition)


def plain(condition: Condition) -> str:
    """A condition on a value: the customer's own, or a property of an event ("cart total is more than 50")."""
    op = OPS[kind_of(condition.field, condition.type)][condition.op]
    label = (condition.attribute or "").replace("_", " ") or PROFILE[condition.field][0].lower()
    if condition.value is None:
        return f"{label} {op.words}"
    if op.takes == "days":
        since = _ago(condition.value) if op.unit.endswith("ago") else days(condition.value)
        return f"{label} {op.words} {since}"
    return f"{label} {op.words} {_value(condition)}"


def _codes(session: Session, condition: Condition) -> str:
    """How many codes: "at least 2 promo codes issued from 'Summer 10%' in the last 30 days"."""
    what = COUNT_LABELS[condition.field].removeprefix("Promo codes ")
    noun = "promo code" if condition.value == 1 else "promo codes"
    of = "" if condition.group_id is None else f" from {_named(session, condition)}"
    none = condition.value == 0 and condition.op in NONE
    many = "no" if none else f"{OPS['count'][condition.op].words} {condition.value:,}"
    return f"{many} {noun} {what}{of}{_lately(condition)}"


def _event(condition: Condition) -> str:
    """What they did: "did 'cart left' at least 2 times in the last 30 days (where its cart total is more than 50)"."""
    name = f"'{str(condition.event).replace('_', ' ')}'"
    if condition.value is None:
        did = f"{OPS['event'][condition.op].words} {name}"
    else:
        times = "time" if condition.value == 1 else "times"
        did = f"did {name} {OPS['count'][condition.op].words} {condition.value:,} {times}"
    where = " and ".join(f"its {plain(each)}" for each in condition.where)
    return f"{did}{_lately(condition)}{f' (where {where})' if where else ''}"


def _named(session: Session, condition: Condition) -> str:
    """The group, distribution or segment that a condition names, in quotes; its number where it is gone."""
    if condition.field == "received":
        if condition.distribution_id is None:
            return "any distribution"
        distribution = session.get(Distribution, condition.distribution_id)
        return f"'{distribution.subject if distribution else condition.distribution_id}'"
    if condition.field == "segment":
        segment = session.get(Segment, condition.segment_id)
        return f"the segment '{segment.name if segment else condition.segment_id}'"
    group = session.get(PromoCodeGroup, condition.group_id)
    return f"'{group.name if group else condition.group_id}'"


def _lately(condition: Condition) -> str:
    """ " in the last 30 days", where only those count."""
    return "" if condition.days is None else f" in the last {days(condition.days)}"


def days(number: int) -> str:
    """So many days after "in the last": "day", "30 days"."""
    return "day" if number == 1 else f"{number:,} days"


def _ago(number: int) -> str:
    """So many days after "more than": "1 day ago", "30 days ago"."""
    return f"{number:,} {'day' if number == 1 else 'days'} ago"


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
