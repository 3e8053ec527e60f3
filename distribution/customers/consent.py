"""Consent to be texted: changed on somebody's word, and the word is kept."""

from datetime import datetime

from sqlalchemy.orm import Session

from distribution.automatic import watching
from storage import customers

# What each state is called where people read it.
WORDS = {"given": "agreed to texts", "opted_out": "opted out", "unknown": "not asked"}

# Whose word it is that somebody who was erased wants no texts.
OPTED_OUT_BEFORE = "opted out before their personal data was erased"


def change(session: Session, customer_id: int, consent: str, source: str, now: datetime) -> bool:
    """Make a customer's consent "given", "opted_out" or "unknown", and write down on whose word (`source`).

    `source` reads as the end of a sentence: "STOP reply", "Maya Lindqvist (U0MAYA): asked at the till". Returns False,
    and writes nothing, where the consent is so already: a STOP that arrives twice is one change.
    """
    if consent not in WORDS:
        raise ValueError(f"no such consent: {consent!r}")
    changed = customers.set_consent(session, customer_id, consent, source=source, at=now)
    if changed:
        watching.touch(session, "profile", [customer_id])
    return changed


def by_person(name: str, user_id: str, statement: str) -> str:
    """The source of a change that a person in Slack stated: their name, their id there, and their words."""
    return f"{name} ({user_id}): {statement}" if statement else f"{name} ({user_id})"
