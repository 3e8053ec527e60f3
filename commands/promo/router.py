"""`/promo …`: from what somebody typed to the verb that answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from commands.verbs import Verb
from distribution.search import nearest

# What people type for a verb's name besides its name. A singular is understood without being listed.
ALIASES = {
    "home": "",
    "stock": "groups",
    "lookup": "codes",
    "people": "customers",
    "roles": "team",
    "gateways": "providers",
    "schedule": "calendar",
    "planned": "calendar",
    "?": "help",
    "commands": "help",
    "new": "send",
}

# What phones and word processors make of a quote.
QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "«": '"', "»": '"'})


@dataclass(frozen=True)
class Typed:
    """What somebody typed after `/promo`: a verb, or None and the nearest there is; and the words after it."""

    verb: Verb | None
    word: str
    words: str
    suggestion: str | None = None


def read(text: str, verbs: Sequence[Verb]) -> Typed:
    """Take apart the text after `/promo`: case, spaces and quotes around words do not count.

    An empty text is the word "" (the home summary), which is no verb.
    """
    head, _, rest = " ".join(text.split()).partition(" ")
    word, words = unquote(head).lower().lstrip("/"), unquote(rest)
    by_name = {verb.name: verb for verb in verbs}
    name = ALIASES.get(word, word)
    verb = by_name.get(name) or by_name.get(f"{name}s")
    if verb is not None or not name:
        return Typed(verb, name, words)
    return Typed(None, word, words, nearest(word, list(by_name)))


def unquote(text: str) -> str:
    """`text` without one pair of quotes around all of it, straight or typographic."""
    plain = text.translate(QUOTES)
    if len(plain) >= 2 and plain[0] == plain[-1] and plain[0] in "\"'":
        return text[1:-1].strip()
    return text
