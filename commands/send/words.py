"""What a draft's choices mean, in words for its review and its approval card."""

from sqlalchemy.orm import Session

from commands.send.views.reminders import words as reminder_words
from commands.ui.text import moment
from distribution import seal, settings
from distribution.automatic import describing
from distribution.automatic import trigger as triggers
from distribution.errors import Refused
from distribution.schedule import local, repeat
from storage.tables import Distribution

DRY = {
    "wait": "texts wait for codes, and the channel is told",
    "top_up": "more are made by its format, and texts wait for them",
    "fallback": "customers get a text without a code",
    "pause": "it pauses, and nothing is sent",
}


def when(session: Session, row: Distribution) -> str:
    """When a manual one is sent, in mrkdwn; "" for at once."""
    if rule := repeat.parse(row.repeat):
        words = rule.words(settings.get(session, "time_zone"))
        first = f"\nFirst {moment(row.send_at)}" if row.send_at else ""
        return f"{words[0].upper()}{words[1:]}{first}"
    if row.local_at:
        return local.words(local.parse(row.local_at))
    return moment(row.send_at) if row.send_at else ""


def goes_out(session: Session, row: Distribution) -> str:
    """The same after "goes out": "every Monday at 09:00, the first time tomorrow at 09:00"."""
    if rule := repeat.parse(row.repeat):
        first = f", the first time {moment(row.send_at)}" if row.send_at else ""
        return f"{rule.words(settings.get(session, 'time_zone'))}{first}"
    return f"on {when(session, row)}" if row.local_at else when(session, row)


def sets_off(session: Session, row: Distribution) -> str:
    """What sets an automatic one off, and how often, in plain text; "" where that is not said yet."""
    try:
        trigger = triggers.parse(row.trigger)
    except Refused:
        return ""
    return f"{describing.sets_off(session, trigger)} {describing.limits(trigger)}"


def until(row: Distribution) -> str:
    """Until when an automatic one goes on, in mrkdwn."""
    return f"Until {moment(row.ends_at)}" if row.ends_at else "Until somebody stops it"


def dry(row: Distribution) -> str:
    """What happens when its group has no code left, in plain text; "" where it gives none."""
    if row.mode != "automatic" or row.purpose != "unique_codes":
        return ""
    return f"When none is left: {DRY[row.when_dry]}."


def replaces(session: Session, row: Distribution) -> tuple[str, str]:
    """The subject of the live one whose place an edit takes, and what is different from it, in plain text; "" for
    none."""
    replaced = session.get(Distribution, row.replaces_id) if row.replaces_id else None
    if replaced is None:
        return "", ""
    different = seal.changes(replaced.sealed, row.sealed or seal.facts(session, row))
    return replaced.subject, "; ".join(different) or "nothing is different"


def reminders(row: Distribution) -> list[str]:
    """When each reminder goes: "2 days after the first text"."""
    return [reminder_words(each) for each in row.reminders]


def further(row: Distribution) -> list[tuple[str, str]]:
    """The texts beside the first one, as they were written, each with what it is, in plain text."""
    found = [
        (f"Reminder {step} · {reminder_words(each)}, where the code was not used", each["body"])
        for step, each in enumerate(row.reminders, 1)
    ]
    return [*found, ("Where there is no code left", row.fallback_body)] if row.fallback_body else found
