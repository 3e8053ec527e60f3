"""From a distribution to what its message, its report and the list say of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from commands.approvals.facts import what
from commands.distributions import live_facts, unknown_views
from commands.distributions.lists import Opened
from commands.distributions.report_views import Codes, Report
from commands.distributions.views import Line
from commands.people import Person
from commands.send import show, words
from commands.ui import paging
from commands.ui.charts import Chart
from commands.ui.text import escape, moment
from distribution import by_day, reasons, settings
from distribution import report as reports
from distribution.clock import SystemClock
from distribution.customers import phone
from distribution.limits import span
from distribution.schedule import holidays, local, repeat
from distribution.sending import evidence, lifetime
from distribution.undoing import called_back
from storage import approvals, batches, leaving_now, planned_counts, reminded
from storage import distributions as rows
from storage.belonging import has_planned
from storage.planned_counts import Counts
from storage.tables import Distribution, Provider, TeamMember

LAUNCHED = ("sending", "paused")
COPIES = 5  # of a repeating one that are named


def line(session: Session, distribution: Distribution, now: datetime, *, redeemed: int = 0) -> Line:
    """A distribution's numbers at `now`, and while it is sent, how long it takes. `redeemed`: if somebody counted."""
    found = reports.progress(session, distribution.id)
    n = found.numbers
    back = called_back(distribution)
    automatic = distribution.mode == "automatic"
    to_come = Counts() if automatic or not distribution.reminders else planned_counts.of(session, distribution.id)
    untouched = distribution.status in ("scheduled", "blocking") and not back
    if distribution.status in LAUNCHED and not automatic:
        untouched = not leaving_now.dispatched(session, distribution.id)
    asleep, wakes = batches.asleep(session, distribution.id) if distribution.status in LAUNCHED else (0, None)
    copies, refused = rows.copies(session, distribution.id) if distribution.repeat else (0, 0)
    held = (distribution.held_until - SystemClock().now()).total_seconds() if distribution.held_until else 0.0
    return Line(
        id=distribution.id,
        subject=distribution.subject or show.title(distribution),
        status=distribution.status,
        requested_by=distribution.created_by,
        reason=distribution.status_reason or "",
        total=n.to_text,
        sent=n.sent,
        delivered=n.delivered,
        failed=n.failed,
        unknown=n.unknown,
        cancelled=n.cancelled,
        excluded=n.excluded,
        send_at=distribution.put_off_to or distribution.send_at,
        started_at=distribution.started_at,
        finished_at=distribution.finished_at,
        seconds_left=found.seconds_left,
        asleep=asleep,
        wakes=wakes,
        resting=bool(wakes) and settings.get(session, "quiet_hours.holidays") != holidays.OFF,
        lapses=_lapses(session, distribution, wakes) if wakes else "",
        gives_up_at=distribution.gives_up_at if distribution.status in LAUNCHED else None,
        held_for=held if held > 0 and untouched else None,
        may_call_back=untouched,
        called_back=back,
        opted_out=reports.opted_out(session, distribution.id) if n.sent else 0,
        redeemed=redeemed,
        to_settle=evidence.count(session, distribution.id) if n.unknown else 0,
        last_batch=batches.latest(session, distribution.id) if n.failed else 0,
        automatic=automatic,
        ends_at=distribution.ends_at,
        ending=automatic and distribution.ends_at is not None and distribution.ends_at <= now,
        reminders_left=len([step for step in to_come.waiting if step]),
        next_reminder_at=to_come.next_reminder_at,
        repeats=_repeats(session, distribution),
        copies=copies,
        copies_refused=refused,
        late=distribution.late_since is not None and distribution.status == "scheduled",
        own_time=_own_time(distribution, now),
    )


def _lapses(session: Session, distribution: Distribution, wakes: datetime) -> str:
    """After how long texts that were planned are given up, where that is before the first who sleep wake; else ""."""
    lasts = lifetime.minutes(session, distribution)
    by = wakes - timedelta(minutes=lasts)
    if not has_planned(distribution) or not reminded.batches_made_by(session, distribution.id, by, limit=1):
        return ""
    return span(lasts)


def _repeats(session: Session, distribution: Distribution) -> str:
    """When it is sent again, in words; "" where it is sent once."""
    rule = repeat.parse(distribution.repeat)
    return rule.words(settings.get(session, "time_zone")) if rule else ""


def _own_time(distribution: Distribution, now: datetime) -> str:
    """The time that each customer's own clock is to show, while one on earth may not; "" else."""
    wall = local.not_yet(distribution.local_at, now)
    return local.words(wall) if wall else ""


def taken_back(session: Session, distribution: Distribution, now: datetime) -> Line:
    """One that is a draft again."""
    asked = approvals.latest_of(session, distribution.id)
    return replace(line(session, distribution, now), void=asked is not None and asked.state == "void")


def opened(session: Session, distribution: Distribution, person: Person, now: datetime, *, link: str) -> Opened:
    """One distribution opened in a modal."""
    about = line(session, distribution, now)
    provider = session.get(Provider, distribution.provider_id) if distribution.provider_id else None
    facts = [f"*What*\n{escape(what(session, distribution))}"]
    if distribution.audience:
        facts.append(f"*To*\n{escape(show.audience_words(session, distribution))}")
    if provider:
        facts.append(f"*Through*\n{escape(provider.name)}")
    if distribution.trigger:
        facts.append(f"*When*\n{escape(words.sets_off(session, distribution))}")
    elif about.repeats:
        at = f", next {moment(distribution.send_at)}" if distribution.send_at else ""
        facts.append(f"*When*\n{escape(about.repeats)}{at}")
    elif distribution.local_at:
        facts.append(f"*When*\n{local.words(local.parse(distribution.local_at))}")
    elif distribution.send_at:
        facts.append(f"*When*\n{moment(distribution.send_at)}")
    return Opened(
        about,
        facts,
        distribution.body,
        further=words.further(distribution),
        link=link,
        mine=distribution.created_by == person.user_id,
        may_send=person.may("send"),
        copies=[line(session, copy, now) for copy in rows.latest_copies(session, distribution.id, COPIES)]
        if distribution.repeat
        else (),
        copy_of=distribution.repeats_id,
    )


def unknown(session: Session, distribution: Distribution, first: int = 0) -> dict[str, Any]:
    """The modal with the texts that only a person can settle, from the one at place `first` on."""
    total = evidence.count(session, distribution.id)
    if not total:
        return unknown_views.nothing_left(distribution.subject)
    size = unknown_views.PAGE
    first = min(first, (total - 1) // size * size)
    found = evidence.unsettled(session, distribution.id, limit=size, offset=first)
    texts = [
        unknown_views.Text(
            each.message_id,
            each.customer_id,
            each.name,
            phone.pretty(each.phone) if each.phone else "",
            each.codes,
            reasons.words(each.reason or "interrupted"),
            each.attempt,
            each.posted,
            each.looks_failed,
        )
        for each in found
    ]
    provider = session.get(Provider, distribution.provider_id) if distribution.provider_id else None
    return unknown_views.settle(
        distribution.id,
        distribution.subject,
        provider.name if provider else "The provider",
        paging.Page(texts, first, total, size),
        stopped=distribution.status == "stopped",
    )


def report(session: Session, distribution: Distribution, now: datetime) -> Report:
    """What the report says at `now`. Counts rows: not for every look."""
    found = reports.report(session, distribution.id, now=now)
    member = session.get(TeamMember, distribution.created_by)
    zone = (member.time_zone if member else None) or settings.get(session, "time_zone")
    about = line(session, distribution, now)
    return Report(
        about,
        codes=[
            Codes(each.group, each.issued, each.returned, each.held, each.redeemed, each.expired, each.kept)
            for each in found.codes
        ],
        excluded={reasons.words(reason): n for reason, n in found.excluded.items()},
        failures={reasons.words(reason): n for reason, n in found.failures.items()},
        unknowns={reasons.words(reason): n for reason, n in found.unknowns.items()},
        redeemed=found.redeemed if found.codes or found.repeated else None,
        repeated=found.repeated,
        without_code=found.without_code,
        retryable=found.retryable,
        segments=found.segments,
        pictures=found.pictures,
        planned=live_facts.to_come(found.planned, now),
        steps=found.steps,
        reminders=words.reminders(distribution),
        chart=_by_day(session, distribution, zone, now) or _over_time(found.series, zone) or _outcomes(about),
        balance_error=found.balance_error,
    )


def _by_day(session: Session, distribution: Distribution, zone: str, now: datetime) -> Chart | None:
    """What a live one sent, and how many codes were used, by days or weeks; None for others, and on its first day."""
    found = by_day.of(session, distribution, ZoneInfo(zone), now) if distribution.mode == "automatic" else None
    if found is None:
        return None
    series = {"Sent": found.sent} | ({"Redeemed": found.redeemed} if any(found.redeemed) else {})
    days = [f"{day.day} {day:%b}" for day in found.days]
    if found.width == 1:
        return Chart("Texts by day", "bar", days, series, x_label=f"Days in {zone}")
    by = "week" if found.width == 7 else f"{found.width // 7} weeks"
    return Chart(f"Texts by {by}", "bar", days, series, x_label=f"From that day, in {zone}")


def _over_time(series: reports.Series | None, zone: str) -> Chart | None:
    """How the texts left and arrived; None where it was over in a moment or two."""
    if series is None or len(series.times) < 3:
        return None
    shape = "%H:%M:%S" if series.width < timedelta(minutes=1) else "%H:%M"
    if series.width >= timedelta(days=1):
        shape = "%d %b"
    lines = {
        "Sent": list(accumulate(series.sent)),
        "Delivered": list(accumulate(series.delivered)),
        "Failed": list(accumulate(series.failed)),
    }
    return Chart(
        "Texts over time",
        "line",
        [at.astimezone(ZoneInfo(zone)).strftime(shape) for at in series.times],
        {name: values for name, values in lines.items() if name != "Failed" or any(values)},
        x_label=f"Time in {zone}",
    )


def _outcomes(about: Line) -> Chart | None:
    """What became of the texts, side by side; None where the same became of all: the receipt says it."""
    found = {
        "Delivered": about.delivered,
        "Sent, not confirmed": about.sent - about.delivered,
        "Failed": about.failed,
        "Unknown": about.unknown,
        "Stopped": about.cancelled,
    }
    found = {name: n for name, n in found.items() if n}
    return (
        Chart("What became of the texts", "bar", list(found), {"Texts": list(found.values())})
        if len(found) > 1
        else None
    )
