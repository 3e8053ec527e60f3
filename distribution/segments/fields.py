"""What a segment can ask about: the fields, the operators of each kind of field, and the words for them."""

from dataclasses import dataclass

from storage.rules import COUNTS
from storage.tables import CONSENTS


@dataclass(frozen=True)
class Op:
    """An operator: its words, and what it takes: "none", "one" value or "many"."""

    words: str
    takes: str = "one"


# Each kind of value has its operators; the first is what a new row starts with.
OPS: dict[str, dict[str, Op]] = {
    "text": {
        "is": Op("is"),
        "is_not": Op("is not"),
        "contains": Op("contains"),
        "not_contains": Op("does not contain"),
        "starts_with": Op("begins with"),
        "one_of": Op("is one of", "many"),
        "not_one_of": Op("is none of", "many"),
        "set": Op("is set", "none"),
        "unset": Op("is not set", "none"),
    },
    "word": {
        "is": Op("is"),
        "is_not": Op("is not"),
        "one_of": Op("is one of", "many"),
        "not_one_of": Op("is none of", "many"),
        "set": Op("is set", "none"),
        "unset": Op("is not set", "none"),
    },
    "number": {
        "eq": Op("is"),
        "ne": Op("is not"),
        "gt": Op("is more than"),
        "ge": Op("is at least"),
        "lt": Op("is less than"),
        "le": Op("is at most"),
        "one_of": Op("is one of", "many"),
        "not_one_of": Op("is none of", "many"),
        "set": Op("is set", "none"),
        "unset": Op("is not set", "none"),
    },
    "boolean": {
        "yes": Op("is yes", "none"),
        "no": Op("is no", "none"),
        "set": Op("is set", "none"),
        "unset": Op("is not set", "none"),
    },
    "date": {
        "on": Op("is"),
        "not_on": Op("is not"),
        "before": Op("is before"),
        "after": Op("is after"),
        "set": Op("is set", "none"),
        "unset": Op("is not set", "none"),
    },
    "day": {
        "on": Op("on"),
        "not_on": Op("not on"),
        "before": Op("before"),
        "after": Op("after"),
    },
    "consent": {"is": Op("is"), "is_not": Op("is not")},
    "presence": {"set": Op("is known", "none"), "unset": Op("is not known", "none")},
    "count": {
        "ge": Op("at least"),
        "gt": Op("more than"),
        "eq": Op("exactly"),
        "ne": Op("any number but"),
        "le": Op("at most"),
        "lt": Op("fewer than"),
    },
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

CONSENT_LABELS = dict(zip(CONSENTS, ("not asked", "given", "opted out"), strict=True))


def kind_of(field: str, attribute_type: str | None = None) -> str:
    """The kind of a field, which names its operators in `OPS`. Raises `KeyError` for a field that does not exist."""
    if field in COUNTS:
        return "count"
    if field == "attribute":
        return {"text": "text", "number": "number", "boolean": "boolean", "date": "date"}[attribute_type or ""]
    return PROFILE[field][1]
