"""What the builder's selects offer. Pure; few options are a plain select, more a search."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from phonenumbers import SUPPORTED_REGIONS
from slack_sdk.models.blocks import InputInteractiveElement, Option

from commands.segments import draft as drafts
from commands.ui import blocks as ui
from commands.ui import choose
from distribution.customers.phone import country_name
from distribution.segments.asking import Known
from distribution.segments.fields import CONSENT_LABELS, COUNT_LABELS, OTHERS, PROFILE
from distribution.segments.names import MIXED

# A modal may have 250,000 bytes: with twenty rows, each select of a row may take so many options and no more.
FEW, FIELDS = 20, 40

MESSAGES = ("received", "texted", "last_text")


def pick(action_id: str, options: Sequence[Option], chosen: str, placeholder: str) -> InputInteractiveElement:
    """A select of few options, a search among more; `chosen` that is not among them is not preselected."""
    if len(options) <= FEW and options:
        return choose.select(action_id, options, chosen=chosen, placeholder=placeholder)
    initial = next((option for option in options if option.value == chosen), None)
    return choose.search(action_id, initial=initial, placeholder=placeholder)


def fields(known: Known) -> list[tuple[str, list[Option]]]:
    """What a rule may ask about, under headings."""
    profile = [ui.option(label, key) for key, (label, _) in PROFILE.items()]
    own = [ui.option(name.replace("_", " "), f"attribute:{name}") for name in known.attributes]
    did = [ui.option(OTHERS["event"][0], "event")]
    codes = [ui.option(label, key) for key, label in COUNT_LABELS.items()]
    messages = [ui.option(OTHERS[key][0], key) for key in MESSAGES]
    within = [ui.option(OTHERS["segment"][0], "segment")]
    grouped = [
        ("Profile", profile),
        ("Attributes", own),
        ("What they did", did),
        ("Promo codes", codes),
        ("Messages", messages),
        ("Other segments", within),
    ]
    return [(label, options) for label, options in grouped if options]


def properties(known: Known, event: str) -> list[Option]:
    """The properties of an event; one whose values are of several types once for each."""
    of_event = known.events.get(event, {})
    found = []
    for key in known.properties(event):
        _, name, *kind = key.split(":")
        words = name.replace("_", " ")
        found.append(ui.option(f"{words} (as {kind[0]})" if of_event[name] == MIXED else words, key))
    return found


def about(known: Known, what: str) -> list[Option]:
    """The groups, events, distributions or segments that a rule may be about."""
    if what == "event":
        return [ui.option(name.replace("_", " "), name) for name in known.events]
    if what == "group":
        named = [ui.option(f"from {name}", id) for id, name in known.groups.items()]
        return [ui.option("from any group", drafts.ANY), *named]
    if what == "distribution":
        named = [ui.option(subject or f"Distribution {id}", id) for id, subject in known.distributions.items()]
        return [ui.option("any distribution", drafts.ANY), *named]
    return [ui.option(name, id) for id, name in known.segments.items()]


def consents() -> list[Option]:
    """The states of consent."""
    return [ui.option(label, key) for key, label in CONSENT_LABELS.items()]


def region(code: str) -> Option:
    """One country."""
    return ui.option(f"{country_name(code)} ({code})", code)


@lru_cache(maxsize=1)
def regions() -> list[Option]:
    """Every country, by name."""
    return sorted((region(code) for code in SUPPORTED_REGIONS), key=lambda option: str(option.text))


@lru_cache(maxsize=1)
def zones() -> list[Option]:
    """Every time zone that people live in, by its IANA name."""
    return [ui.option(name, name) for name in sorted(available_timezones()) if "/" in name]


def values(found: Sequence[str], typed: str) -> list[dict[str, Any]]:
    """Values to choose from: what is typed, whether anybody has it or not, and those of `found` that it is part of."""
    fitting = [value for value in found if len(value) <= drafts.OPTION_MAX]
    options = [ui.option(typed, typed).to_dict()] if typed and typed not in fitting else []
    return [*options, *choose.matching([ui.option(value, value) for value in fitting], typed)][: choose.MOST]
