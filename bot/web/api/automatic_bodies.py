"""What goes out by itself, over HTTP: triggers, reminders and repetitions, by names and in minutes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from bot.web.api.call import Asked
from bot.web.api.problems import Problem
from distribution.automatic.reminders import MOST
from distribution.segments.names import with_names
from storage.planned_counts import Counts


class Happening(Asked):
    """An event, and conditions on its properties, all of which must hold."""

    event: str = Field(description="Its name: cart_abandoned.")
    where: list[dict[str, Any]] = Field(
        default=[],
        description='Conditions, as in rules of segments: {"property": "cart_total", "op": "ge", "value": 100}; `type` '
        "where the property was never seen.",
    )


class Trigger(Asked):
    """What sets an automatic distribution off: an event, or a segment that a customer enters."""

    event: str | None = Field(default=None, description="The event that sets it off.")
    where: list[dict[str, Any]] = Field(default=[], description="Conditions on its properties, all of which must hold.")
    segment: str | int | None = Field(default=None, description="Or the segment that they enter: its name, or its id.")
    members: Literal["new", "all"] = Field(
        default="new", description="`all`: whoever is in the segment when it is set live gets it, too."
    )
    delay_minutes: int = Field(default=0, description="How long after the event or the entry; up to 90 days.")
    unless: Happening | None = Field(default=None, description="What calls it off when it happens before that.")
    reentry: Literal["once", "always", "days"] = Field(
        default="once", description="How often one customer gets it: once, every time, or at most once every `days`."
    )
    days: int | None = None
    most: int | None = Field(default=None, description="How many first texts at most, in all.")
    most_daily: int | None = Field(default=None, description="How many a day, of the workspace's time zone.")

    @model_validator(mode="after")
    def _one(self) -> "Trigger":
        if (self.event is None) == (self.segment is None):
            raise ValueError("Say what sets it off: an event, or a segment.")
        return self


class Reminder(Asked):
    """A further text, for those who have not used their code by then."""

    after_minutes: int | None = Field(default=None, description="After the first text is known to have been sent.")
    before_expiry_minutes: int | None = Field(default=None, description="Or before the code that it gave expires.")
    body: str = Field(description="Its text, usually with {{ client.last_promocode('<group>') }}.")


class Repeat(Asked):
    """When it is sent again and again, by the workspace's clock; each time with a report of its own."""

    every: Literal["day", "week", "month"]
    weekdays: list[int] | None = Field(default=None, description="Of a week: 0 is Monday.")
    day: int | None = Field(default=None, description="Of a month: 1 to 31; in a shorter month its last day.")
    at: str = Field(description="The time of day: 09:00.")
    until: str | None = Field(default=None, description="The last day: 2026-12-31.")


class Planned(BaseModel):
    """Texts to come, and those that will not: beside what the report balances, which was made."""

    texts: int = Field(description="First texts that wait for their time.")
    reminders: int = Field(description="Reminders that wait for theirs; checked then, so not all of them go.")
    without_code: int = Field(description="Were due, and wait for codes in the group.")
    late: int = Field(description="Fell due while promobot was not running, and wait for a person's word in Slack.")
    next_at: datetime | None = Field(description="When the next is looked at.")
    dropped: dict[str, int] = Field(description="First texts that were not made, by reason: called_off, ceiling, …")
    dropped_reminders: dict[str, int] = Field(description="Likewise reminders: redeemed, opted_out, first_failed, …")


# What `distribution.requests` calls fields, and a request otherwise.
FIELDS: Mapping[str, str] = {
    "trigger.delay": "trigger.delay_minutes",
    **{f"reminders[{at}].after": f"reminders[{at}].after_minutes" for at in range(MOST)},
}


def trigger_asked(trigger: Trigger | None) -> dict[str, Any] | None:
    """A trigger as `distribution.requests` takes it: the engine's form, with names for ids."""
    if trigger is None:
        return None
    _all_of_it_counts(trigger)
    found = trigger.model_dump(exclude_none=True, exclude={"delay_minutes", "members", "segment", "event", "where"})
    found["delay"] = trigger.delay_minutes
    if trigger.event is not None:
        return found | {"kind": "event", "event": trigger.event, "where": trigger.where}
    return found | {"kind": "segment", "segment": trigger.segment, "members": trigger.members}


def _all_of_it_counts(trigger: Trigger) -> None:
    """Raise `Problem` where something is said that another choice makes void: who asks for it expects it to count."""
    void = {
        "where": bool(trigger.where) and trigger.event is None,
        "members": trigger.members == "all" and trigger.segment is None,
        "days": trigger.days is not None and trigger.reentry != "days",
    }
    says = {
        "where": "Conditions are on an event's properties. Put these into the segment's rules, and take this out.",
        "members": "Only a segment has members: take this out.",
        "days": 'This is how far apart two texts are with "reentry": "days": say that, or take this out.',
    }
    wrong = [(f"trigger.{name}", says[name]) for name, is_so in void.items() if is_so]
    if wrong:
        raise Problem(422, f"{wrong[0][0]}: {wrong[0][1]}", errors=wrong)


def trigger_shown(session: Session, kept: Mapping[str, Any]) -> Trigger | None:
    """A trigger as it is answered; None for none."""
    if not kept:
        return None
    named = with_names(session, kept)
    segment = named.pop("segment", named.pop("segment_id", None))
    unless = named.pop("unless", None)
    fields = {name: value for name, value in named.items() if name in Trigger.model_fields}
    return Trigger(
        **fields,
        segment=segment,
        delay_minutes=kept.get("delay", 0),
        unless=Happening(**unless) if unless else None,
    )


def reminders_asked(reminders: Sequence[Reminder]) -> list[dict[str, Any]]:
    """Reminders in the engine's form."""
    names = {"after": "after_minutes", "before_expiry": "before_expiry_minutes"}
    return [
        {key: value for key, name in names.items() if (value := getattr(each, name)) is not None} | {"body": each.body}
        for each in reminders
    ]


def reminders_shown(kept: Sequence[Mapping[str, Any]]) -> list[Reminder]:
    """Reminders as they are answered."""
    return [
        Reminder(after_minutes=each.get("after"), before_expiry_minutes=each.get("before_expiry"), body=each["body"])
        for each in kept
    ]


def planned(counts: Counts) -> Planned:
    """What is to come, and what was dropped, as a report answers it."""
    reminders: dict[str, int] = {}
    for step, reasons in counts.dropped.items():
        for reason, n in reasons.items() if step else ():
            reminders[reason] = reminders.get(reason, 0) + n
    return Planned(
        texts=counts.waiting.get(0, 0),
        reminders=sum(n for step, n in counts.waiting.items() if step),
        without_code=counts.dry,
        late=counts.late,
        next_at=counts.next_at,
        dropped=dict(counts.dropped.get(0, {})),
        dropped_reminders=reminders,
    )
