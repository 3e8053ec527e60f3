"""Launch: fix the audience and block the codes, before anything is sent (DESIGN §6, Block).

A job, in chunks that a kill may fall between: each commits what it did and how far it is. Whatever stops it (too few
codes, a change since the seal, a person) is undone in chunks too (`distribution.undoing`), so that nothing is left.

A person's word holds texts back for a while, in which they may be called back: `held_until` goes by the machine's
clock, as leases do, because it gives a person time to think (docs/decisions/calling-back.md).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import Integer, Select, case, func, insert, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import recipients, seal, settings, team
from distribution.automatic import held_up, live, outage, reminding
from distribution.clock import SystemClock
from distribution.codes import taking
from distribution.codes.usable import missing, unusable
from distribution.errors import Refused
from distribution.jobs import JobRun, JobStopped
from distribution.runtime import Runtime
from distribution.schedule import repeating
from distribution.sending import lifetime
from distribution.templates import render
from distribution.undoing import called_back, undo
from storage import distributions, fixed_lists, issuing, tally
from storage.batches import lock
from storage.bulk import fetch
from storage.customers import exclusion
from storage.database import is_away
from storage.plain import table_of
from storage.sequences import take
from storage.tables import (
    Customer,
    Distribution,
    Job,
    Message,
    MessageState,
    PromoCodeGroup,
    PromoCodeStock,
)

log = structlog.get_logger(__name__)

KIND = "launch"
MESSAGES = 20_000  # in a chunk; half a second at most, on either database
CODES = 25_000


def launch(session: Session, runtime: Runtime, distribution_id: int, *, hold: timedelta | None = None) -> bool:
    """Start a sealed distribution, whether it waits for its time or not: its status is `blocking`, a job does the rest.
    An automatic one is live at once.

    `hold`: how long from now no text of it may leave. False when it was started already, or is not sealed. Raises
    `Refused` where an automatic one cannot be set live (`distribution.automatic.live`).
    """
    row = lock(session, distribution_id)
    if row.seal is None or row.status not in ("draft", "pending", "scheduled"):
        return False
    if row.mode == "automatic":
        return live.go_live(session, runtime, row)
    now = runtime.clock.now()
    row.launched_at = now
    row.held_until = SystemClock().now() + hold if hold else None
    session.flush()
    distributions.move(session, row.id, was=(row.status,), to="blocking", reason=None, at=now)
    runtime.jobs.enqueue(session, KIND, {"distribution_id": row.id}, by=row.created_by)
    return True


def hold_left(session: Session, row: Distribution, waited: timedelta = timedelta()) -> timedelta | None:
    """How long texts stay back after the word that they may go, `waited` ago; None where they need not.

    What a system asked for goes at once: nobody is looking who could call it back.
    """
    if team.is_system(row.created_by):
        return None
    left = timedelta(seconds=settings.get(session, "sending.hold")) - waited
    return left if left > timedelta() else None


def undo_launch(session: Session, runtime: Runtime, row: Distribution) -> None:
    """Have everything undone that the launch of a distribution did; its row is locked and `blocking`."""
    job_id = runtime.jobs.enqueue(session, KIND, {"distribution_id": row.id}, by=row.created_by)
    session.get_one(Job, job_id).progress = {"phase": "undo"}


def due(runtime: Runtime) -> None:
    """Launch what is scheduled and whose time has come, and go on with a launch whose job broke off.

    What fell due while nothing ran, too long ago, is not launched: it waits for a person's word (`outage`). One that
    repeats and cannot go on is paused (`held_up`).
    """
    now = runtime.clock.now()
    outage.look(runtime)
    repeating.realign(runtime, now)
    at = func.coalesce(Distribution.put_off_to, Distribution.send_at)
    time_has_come = (Distribution.status == "scheduled") & Distribution.late_since.is_(None) & (at <= now)
    with runtime.db.read() as session:
        ids = [*session.scalars(select(Distribution.id).where(time_has_come).order_by(Distribution.id))]
        ids += repeating.overtaken(session, now)
        blocking = session.scalars(select(Distribution.id).where(Distribution.status == "blocking")).all()
    for distribution_id in ids:
        try:
            with runtime.db.write() as session:
                row = lock(session, distribution_id)
                if repeating.is_due(session, row, now):
                    _launch_due(session, runtime, row, now)
        except Exception as error:  # it keeps no other back
            if isinstance(error, DBAPIError) and is_away(error):
                raise
            if not held_up.hold(runtime, distribution_id, error):
                log.exception("what is due could not be launched; trying again", distribution=distribution_id)
    for distribution_id in blocking:
        with runtime.db.write() as session:
            _resume_broken(session, runtime, distribution_id)


def _launch_due(session: Session, runtime: Runtime, row: Distribution, now: datetime) -> None:
    """Launch what is due, or the copy for its time of what is repeated; the row is locked.

    What was scheduled at the last moment can be called back as long as any other.
    """
    hold = hold_left(session, row, now - row.updated_at)
    going = repeating.fire(session, row, now) if row.repeat else row
    if going is not None:
        session.flush()
        launch(session, runtime, going.id, hold=hold)


def _resume_broken(session: Session, runtime: Runtime, distribution_id: int) -> None:
    """A launch whose job failed by the machine's fault (the database was away) gets another, from where it was.

    One at a time: two jobs of one launch would each block codes for the same messages.
    """
    row = lock(session, distribution_id)
    if row.status != "blocking":
        return
    mine = Job.args["distribution_id"].as_integer() == row.id
    last = session.scalars(select(Job).where(Job.kind == KIND, mine).order_by(Job.id.desc()).limit(1)).first()
    if last is None or last.state in ("failed", "cancelled"):
        job_id = runtime.jobs.enqueue(session, KIND, {"distribution_id": row.id}, by=row.created_by)
        session.get_one(Job, job_id).progress = last.progress if last else {}


def run_launch(runtime: Runtime, run: JobRun) -> dict[str, Any]:
    """The job: audience, codes, repeats, then `sending`; or everything undone, then `refused`."""
    distribution_id = int(run.args["distribution_id"])
    steps = {
        "start": _start,
        "audience": _audience,
        "codes": _codes,
        "repeats": _repeats,
        "reminders": _reminders,
        "undo": undo,
    }
    while (phase := run.progress.get("phase", "start")) != "over":
        try:
            with run.chunk(runtime) as session:
                row = lock(session, distribution_id)
                if called_back(row) or row.status == "stopped":
                    _give_up(run, None)  # by a person
                    undo(session, runtime, run, row)
                elif row.status != "blocking":
                    run.progress = {"phase": "over"}
                else:
                    steps[phase](session, runtime, run, row)
        except JobStopped:
            raise
        except Refused as refusal:
            with run.chunk(runtime):
                _give_up(run, str(refusal))
    return dict(run.progress.get("result", {}))


def _give_up(run: JobRun, reason: str | None) -> None:
    """Go on by undoing everything; `reason` is what people are told, None where they did it themselves."""
    run.progress = {**run.progress, "phase": "undo", "reason": reason}


def _start(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Look at the seal once more, and reserve ids for the audience."""
    changed = seal.void_if_changed(session, row, now=runtime.clock.now())
    if changed:
        run.progress = {"phase": "over", "result": {"changed": changed}}
        return
    if row.repeats_id is not None:
        _fix(session, row, runtime.clock.now())
    members = audiences.where(session, row.audience, runtime.clock.now())
    size = session.scalar(select(func.count()).select_from(Customer).where(members)) or 0
    first = take(session, "message", max(size, 1))
    row.first_message_id, row.last_message_id, row.claimed_to = first, first - 1, first - 1
    issues, repeats = _groups(session, row)
    run.total = size * (1 + len(issues) + len(repeats))
    run.progress = {"phase": "audience", "after": 0, "end": first + size - 1}


def _fix(session: Session, row: Distribution, now: datetime) -> None:
    """Write down who is in the audience of a repeated one this time: there is no review that has."""
    if row.audience.get("kind") == "segment" and not row.audience.get("fixed"):
        name, members = audiences.name(session, row.audience), audiences.members(session, row.audience, now)
        fixed_id, _ = fixed_lists.write(session, name, members, by=row.created_by, at=now)
        row.audience = {**row.audience, "fixed": fixed_id}
        session.flush()


def _groups(session: Session, row: Distribution) -> tuple[list[int], list[int]]:
    """Ids of the groups that the body takes codes from, and of those whose last code it repeats."""
    template = render.compile(row.body)
    keys = recipients.group_keys(session, row, template)
    issues = sorted(group_id for group_id, key in keys.items() if key in template.issues_from)
    repeats = sorted(group_id for group_id, key in keys.items() if key in template.repeats_from)
    return issues, repeats


def _audience(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """The next customers as messages, in the order of their ids; those who cannot be texted with the reason."""
    before = row.last_message_id or 0
    room = min(MESSAGES, run.progress["end"] - before)
    why = exclusion().label("why")
    chosen = (
        select(Customer.id.label("customer_id"), Customer.phone.label("phone"), why)
        .where(audiences.where(session, row.audience, runtime.clock.now()), Customer.id > run.progress["after"])
        .order_by(Customer.id)
        .limit(room)
        .subquery()
    )
    place = func.row_number().over(order_by=chosen.c.customer_id)
    state = case(
        (chosen.c.why.is_not(None), literal(int(MessageState.EXCLUDED), Integer)),
        else_=literal(int(MessageState.QUEUED), Integer),
    )
    first = before + 1
    session.execute(
        insert(table_of(Message)).from_select(
            ["id", "distribution_id", "customer_id", "state", "reason", "phone"],
            select(
                place + before,
                literal(row.id, Integer),
                chosen.c.customer_id,
                state,
                chosen.c.why,
                chosen.c.phone,
            ),
        )
    )
    counts = session.execute(
        select(Message.state, func.count(), func.max(Message.customer_id))
        .where(Message.id >= first, Message.id < first + max(room, 1), Message.distribution_id == row.id)
        .group_by(Message.state)
    ).all()
    added = sum(n for _, n, _ in counts)
    tally.move(session, row.id, {state: n for state, n, _ in counts})
    row.last_message_id = before + added
    run.done += added
    if added and row.last_message_id < run.progress["end"]:
        run.progress = {**run.progress, "after": max(last for _, _, last in counts)}
    else:
        _audience_fixed(session, runtime, run, row)


def _audience_fixed(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Enough codes for everybody, in every group? Raises `Refused` that names what is missing."""
    queued = tally.read(session, row.id)[MessageState.QUEUED]
    issues, _ = _groups(session, row)
    now, same = runtime.clock.now(), row.code_policy == taking.SAME
    problems = []
    for group_id in issues:
        group, active = session.execute(
            select(PromoCodeGroup, PromoCodeStock.active)
            .join(PromoCodeStock, PromoCodeStock.group_id == PromoCodeGroup.id)
            .where(PromoCodeGroup.id == group_id)
        ).one()
        problem = unusable(group, now)
        needed = taking.needed(session, row, group_id, now) if same else queued
        if problem is not None:
            problems.append(problem)
        elif active < needed:
            problems.append(missing(needed - active, group.name))
    if problems:
        raise Refused(" ".join(problems))
    run.progress = {"phase": "codes", "queued": queued, "group": 0, "after": 0, "code": 0, "bound": 0}


def _codes(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Codes of one group for the next messages."""
    at = run.progress
    issues, _ = _groups(session, row)
    if at["group"] >= len(issues):
        run.progress = {"phase": "repeats", "after": 0}
        return
    group_id, now = issues[at["group"]], runtime.clock.now()
    waiting = _next(session, row, at["after"])
    if not waiting.size:
        run.progress = {**at, "group": at["group"] + 1, "after": 0, "code": 0, "bound": 0}
        return
    same = row.code_policy == taking.SAME
    new: issuing.Waiting | list[tuple[int, int]] = waiting
    kept: set[int] = set()
    if same:
        everybody = _queued(session, row, at["after"], CODES)
        kept = taking.keep(session, group_id, everybody, now)
        new = [recipient for recipient in everybody if recipient[0] not in kept]
    asked = waiting.size - len(kept)
    bound, code = issuing.block(session, group_id, new, after=at["code"], now=now)
    if bound < asked and at["code"]:  # codes that came back meanwhile are below: look once from the start
        rest = [each for each in _queued(session, row, at["after"], CODES) if each[0] not in kept][bound:]
        more, code = issuing.block(session, group_id, rest, after=0, now=now)
        bound += more
    issuing.count_taken(row, group_id, bound)
    session.flush()
    run.done += len(kept) + bound
    if bound < asked:
        group = session.get_one(PromoCodeGroup, group_id)
        lacking = taking.needed(session, row, group_id, now) if same else at["queued"] - at["bound"] - bound
        # Undone below, in chunks of its own: what this chunk bound is committed first.
        _give_up(run, missing(lacking, group.name))
        return
    run.progress = {**at, "after": waiting.last, "code": code, "bound": at["bound"] + len(kept) + bound}


def _next(session: Session, row: Distribution, after: int) -> issuing.Waiting:
    """The next messages that are to be sent, above `after`: as many as a chunk holds."""
    after = max(after, (row.first_message_id or 1) - 1)
    count, last = session.execute(_extent(), {"after": after, "last": row.last_message_id, "limit": CODES}).one()
    return issuing.Waiting(after, last or after, count)


@lru_cache(1)
def _extent() -> Select[int, int | None]:
    """How many messages `issuing.waiting` finds, and the last one."""
    found = issuing.waiting().subquery()
    return select(func.count(), func.max(found.c.id))


def _queued(session: Session, row: Distribution, after: int, limit: int) -> Sequence[tuple[int, int]]:
    """The next messages (message id, customer id) that are to be sent."""
    after = max(after, (row.first_message_id or 1) - 1)
    found = fetch(session, issuing.waiting(), {"after": after, "last": row.last_message_id, "limit": limit})
    return sorted((message_id, customer_id) for message_id, customer_id in found)


def _repeats(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Plan which code each of the next messages repeats."""
    _, repeats = _groups(session, row)
    waiting = _queued(session, row, run.progress["after"], CODES) if repeats else []
    if not waiting:
        run.progress = {"phase": "reminders", "after": 0}
        return
    taking.repeat_last(session, repeats, waiting, runtime.clock.now())
    run.done += len(waiting) * len(repeats)
    run.progress = {**run.progress, "after": waiting[-1][0]}


def _reminders(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Plan the reminders of the next messages, if there are any; when none is left, sending begins."""
    waiting = _queued(session, row, run.progress["after"], CODES) if row.reminders else []
    if not waiting:
        _go(session, runtime, run, row)
        return
    reminding.plan_launched(session, row, waiting, runtime.clock.now())
    run.progress = {**run.progress, "after": waiting[-1][0]}


def _go(session: Session, runtime: Runtime, run: JobRun, row: Distribution) -> None:
    """Everything is fixed: it may be sent."""
    now = runtime.clock.now()
    held = row.held_until - SystemClock().now() if row.held_until else timedelta()
    row.started_at = now + max(held, timedelta())  # when the first text may leave: what it took counts from there
    lifetime.begin(session, row, row.started_at)
    session.flush()
    distributions.move(session, row.id, was=("blocking",), to="sending", reason=None, at=now)
    run.progress = {"phase": "over", "result": {"messages": tally.read(session, row.id)[MessageState.QUEUED]}}
