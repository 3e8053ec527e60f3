"""What sets an automatic distribution off, and when its reminders go, in words for cards, reviews and approvals."""

from sqlalchemy.orm import Session

from distribution.automatic import trigger as triggers
from distribution.automatic.reminders import Reminder
from distribution.automatic.trigger import ALL, ALWAYS, ONCE, Happening, Trigger
from distribution.limits import span
from distribution.segments.describing import plain
from storage.tables import Segment


def sets_off(session: Session, trigger: Trigger) -> str:
    """What sets it off, in plain text of one sentence.

    "A customer does 'cart abandoned' (where its cart total is at least 100): texted 2 hours later, unless they do
    'order paid' before."
    """
    if trigger.kind == triggers.SEGMENT:
        segment = session.get(Segment, trigger.segment_id)
        what = f"A customer enters “{segment.name}”" if segment else "A customer enters a segment that was deleted"
        what += " or is in it when it is set live" if trigger.members == ALL else ""
    else:
        what = f"A customer does {_happening(trigger.happening)}"
    if not trigger.delay:
        return f"{what}: texted at once."
    unless = f", unless they do {_happening(trigger.unless)} before" if trigger.unless else ""
    return f"{what}: texted {span(trigger.delay)} later{unless}."


def limits(trigger: Trigger) -> str:
    """How often, and how many: "Once for each customer. At most 5,000 texts, 200 a day"."""
    if trigger.reentry == ONCE:
        often = "Once for each customer."
    elif trigger.reentry == ALWAYS:
        often = "Every time it happens."
    else:
        often = f"At most once every {'day' if trigger.days == 1 else f'{trigger.days:,} days'} for each customer."
    most = [f"{trigger.most:,} in all"] if trigger.most is not None else []
    most += [f"{trigger.most_daily:,} a day"] if trigger.most_daily is not None else []
    return f"{often} At most {' and '.join(most)}." if most else often


def when(reminder: Reminder) -> str:
    """When a reminder goes: "2 days after the first text", "1 day before the code expires"."""
    if reminder.before_expiry is not None:
        return f"{span(reminder.before_expiry)} before the code expires"
    return f"{span(reminder.after or 0)} after the first text"


def _happening(happening: Happening | None) -> str:
    """An event with its conditions: "'cart abandoned' (where its cart total is at least 100)"."""
    if happening is None:
        return "an event"
    where = " and ".join(f"its {plain(each)}" for each in happening.where)
    return f"'{happening.event.replace('_', ' ')}'" + (f" (where {where})" if where else "")
