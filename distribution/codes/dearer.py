"""Codes whose characters make the texts that carry them dearer: outside of the plain SMS alphabet."""

from collections.abc import Iterable

from distribution.sms import GSM_SINGLE, UCS_SINGLE, measure

SHOWN = 5


def dearer(codes: Iterable[str]) -> str:
    """What to say before such codes are sent, in a sentence; "" where there are none. Spaces around do not count."""
    offenders = [found for each in codes if (found := measure(each.strip()).offenders)]
    if not offenders:
        return ""
    chars = list(dict.fromkeys(char for found in offenders for char in found))
    named = ", ".join(chars[:SHOWN]) + (" …" if len(chars) > SHOWN else "")
    return (
        f"No plain SMS has {named}: a text with such a code is Unicode, "
        f"{UCS_SINGLE} characters to a segment instead of {GSM_SINGLE}."
    )
