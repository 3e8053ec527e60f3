"""What a person typed for a code, and the code that they meant."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from distribution.codes.rules import CODE_MAX, problem
from distribution.errors import Refused
from storage import codes, lives

SHOWN = 60  # characters of what was typed, where it is said back


@dataclass(frozen=True)
class Found:
    """The code that was meant, as it is written, and what was typed for it: the same, or in another case."""

    code: str
    typed: str

    @property
    def note(self) -> str:
        """What to say of a wrong case: "Written 'SUMMER-1a'; you typed 'summer-1A'."; nothing where it was right."""
        return "" if self.typed == self.code else f"Written '{self.code}'; you typed '{self.typed}'."


def find(session: Session, typed: str, *, suggest: bool = False) -> Found:
    """The code that is `typed`, capital and small letters aside where there is only one such.

    Raises `Refused` (field "code", reason "unknown" or "ambiguous"). `suggest`: an unknown code is answered with the
    one that a customer has and that is a slip away; only for people, or the API would help those who guess.
    """
    (found,) = find_many(session, [typed])
    if isinstance(found, Found):
        return found
    if suggest and found.reason == "unknown":
        near = lives.mistyped(session, checked(typed))
        if near:
            raise _unknown(checked(typed), f"Did you mean '{near[0]}'?")
    raise found


def find_many(session: Session, typed: Sequence[str]) -> list[Found | Refused]:
    """The codes that are `typed`, each found or refused as by `find`; those that are written right in one query."""
    words: list[str | Refused] = []
    for each in typed:
        try:
            words.append(checked(each))
        except Refused as refusal:
            words.append(refusal)
    there = codes.already(session, sorted({word for word in words if isinstance(word, str)}))
    return [
        word if isinstance(word, Refused) else Found(word, word) if word in there else _otherwise(session, word)
        for word in words
    ]


def _otherwise(session: Session, word: str) -> Found | Refused:
    """A code that is not there as it was typed."""
    found = lives.spellings(session, word)
    if len(found) == 1:
        return Found(found[0], word)
    if not found:
        return _unknown(word, "Check it letter by letter, or paste it.")
    many = ", ".join(f"'{code}'" for code in found)
    return Refused(
        f"'{word}' is not written so, and could be {many}. Capital and small letters differ: type it as it is.",
        field="code",
        reason="ambiguous",
    )


def _unknown(word: str, hint: str) -> Refused:
    return Refused(f"There is no promo code '{word}'. {hint}", field="code", reason="unknown")


def checked(typed: str) -> str:
    """What was typed, without spaces around. Raises `Refused` (field "code") for what can be no code at all."""
    word = typed.strip()
    if not word:
        raise Refused("Type the promo code.", field="code", reason="unknown")
    why = problem(word)
    if why is not None:
        shown = word if len(word) <= SHOWN else word[: SHOWN - 1] + "…"
        shown = "".join(char if char.isprintable() else "�" for char in shown)
        words = f"'{shown}' is no promo code: {why}. A code has 1 to {CODE_MAX} visible characters."
        raise Refused(words, field="code", reason="unknown")
    return word
