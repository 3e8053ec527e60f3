"""What a segment can ask about: the fields, the operators of each kind of field, and the words for them.

A field has a kind (`kind_of`), a kind has its operators (`OPS`), an operator says what its value is (`Op.takes`), and a
field may take more than a value (`EXTRAS`): which group, which event, within how many days.
"""

from dataclasses import dataclass

from storage.rules import COUNTS
from storage.tables import CONSENTS


@dataclass(frozen=True)
class Op:
    """An operator: its words, what it takes, and the words after that ("in the last" 30 "days").

    It takes "none", "one" value, "many", or "days": a whole number of them, 1 or more.
    """

    words: str
    takes: str = "one"
    unit: str = ""


_SET = {"set": Op("is set", "none"), "unset": Op("is not set", "none")}
_LIST = {"one_of": Op("is one of", "many"), "not_one_of": Op("is none of", "many")}
_COUNT = {
    "ge": Op("at least"),
    "gt": Op("more than"),
    "eq": Op("exactly"),
    "ne": Op("any number but"),
    "le": Op("at most"),
    "lt": Op("fewer than"),
}

# Each kind of value has its operators; the first is what a new row starts with.
OPS: dict[str, dict[str, Op]] = {
    "text": {
        "is": Op("is"),
        "is_not": Op("is not"),
        "contains": Op("contains"),
        "not_contains": Op("does not contain"),
        "starts_with": Op("begins with"),
        **_LIST,
        **_SET,
    },
    "word": {"is": Op("is"), "is_not": Op("is not"), **_LIST, **_SET},
    "number": {
        "eq": Op("is"),
        "ne": Op("is not"),
        "gt": Op("is more than"),
        "ge": Op("is at least"),
        "lt": Op("is less than"),
        "le": Op("is at most"),
        **_LIST,
        **_SET,
    },
    "boolean": {"yes": Op("is yes", "none"), "no": Op("is no", "none"), **_SET},
    # A day of the calendar; today is where the workspace is.
    "date": {
        "on": Op("is"),
        "not_on": Op("is not"),
        "before": Op("is before"),
        "after": Op("is after"),
        "last_days": Op("is in the last", "days", "days"),
        "older_days": Op("is more than", "days", "days ago"),
        "next_days": Op("is in the next", "days", "days"),
        "anniversary": Op("has its anniversary today", "none"),
        **_SET,
    },
    # A moment that everybody has.
    "day": {
        "on": Op("on"),
        "not_on": Op("not on"),
        "before": Op("before"),
        "after": Op("after"),
        "last_days": Op("in the last", "days", "days"),
        "older_days": Op("more than", "days", "days ago"),
    },
    "consent": {"is": Op("is"), "is_not": Op("is not")},
    "presence": {"set": Op("is known", "none"), "unset": Op("is not known", "none")},
    "count": _COUNT,
    "event": {
        "did": Op("did", "none"),
        "did_not": Op("did not do", "none"),
        **{key: Op(f"did {op.words}", unit="times") for key, op in _COUNT.items()},
    },
    "received": {"did": Op("received", "none"), "did_not": Op("did not receive", "none")},
    "texted": {
        "last_days": Op("in the last", "days", "days"),
        "not_last_days": Op("not in the last", "days", "days, or never"),
        "older_days": Op("more than", "days", "days ago"),
        "ever": Op("at any time", "none"),
        "never": Op("never", "none"),
    },
    "outcome": {"failed": Op("failed", "none"), "not_failed": Op("did not fail", "none")},
    "membership": {"in": Op("is in", "none"), "not_in": Op("is not in", "none")},
}

# Profile fields: what they are called, and their kind.
PROFILE: dict[str, tuple[str, str]] = {
    "name": ("Name", "text"),
    "phone": ("Phone number", "presence"),
    "region": ("Country", "word"),
    "locale": ("Locale", "word"),
    "time_zone": ("Time zone", "word"),
    "created": ("Added", "day"),
    "consent": ("Consent to texts", "consent"),
}

COUNT_LABELS = {
    "codes_issued": "Promo codes issued",
    "codes_redeemed": "Promo codes redeemed",
    "codes_unredeemed": "Promo codes issued, not redeemed",
}

# What they did, what they were sent, and what other segments they are in; as `PROFILE`.
OTHERS: dict[str, tuple[str, str]] = {
    "event": ("Event", "event"),
    "received": ("Distribution received", "received"),
    "texted": ("Last texted", "texted"),
    "last_text": ("The last text", "outcome"),
    "segment": ("Segment", "membership"),
}

# Every field, except "attribute", and what it is called.
LABELS: dict[str, str] = {
    **{field: label for field, (label, _) in (PROFILE | OTHERS).items()},
    **COUNT_LABELS,
}

# What a field takes beside operator and value: a key of its JSON, and whether it must be there.
EXTRAS: dict[str, dict[str, bool]] = {
    "attribute": {"attribute": True, "type": True},
    "property": {"property": True, "type": True},
    **{field: {"group_id": False, "days": False} for field in COUNTS},
    "event": {"event": True, "days": False, "where": False},
    "received": {"distribution_id": False, "days": False},
    "segment": {"segment_id": True},
}

CONSENT_LABELS = dict(zip(CONSENTS, ("not asked", "given", "opted out"), strict=True))


def kind_of(field: str, attribute_type: str | None = None) -> str:
    """The kind of a field, which names its operators in `OPS`. Raises `KeyError` for a field that does not exist.

    `attribute_type`: the type of an attribute, or of a property of an event ("property").
    """
    if field in COUNTS:
        return "count"
    if field in ("attribute", "property"):
        return {"text": "text", "number": "number", "boolean": "boolean", "date": "date"}[attribute_type or ""]
    return (PROFILE | OTHERS)[field][1]
