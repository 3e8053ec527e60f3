"""The review: who would get what, at what cost, and what stands in the way, before anybody is asked to agree.

It also fixes who is meant: the audience's members are written down, so that the number which the marketer sees is the
number that a colleague approves and the number that is sent (docs/decisions/recipients-are-fixed-at-review.md). For a
few thousand recipients it is done at once; for more it is a job that leaves its result on the draft.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import drafts, further, seal, settings, sms
from distribution.automatic import foresight
from distribution.errors import Refused
from distribution.findings import GroupNeed, LastCodes, Offender, Review, Running, Sample, dump, load
from distribution.jobs import JobRun
from distribution.outlook import NOTHING, Outlook, outlook
from distribution.rehearsal import NOTES, Rehearsal, Rehearser
from distribution.runtime import Runtime
from distribution.schedule import conflicts
from distribution.templates import render
from storage import distributions, fixed_lists
from storage.customers import exclusion
from storage.groups import by_keys
from storage.tables import Customer, Distribution, Job, PromoCodeStock

__all__ = ["GroupNeed", "LastCodes", "Offender", "Review", "Running", "Sample", "latest", "left_out", "look", "review"]

# Rendered while somebody waits (Slack gives a listener three seconds); a larger audience is a job.
AT_ONCE = 5_000
CHUNK = 2_500

# A review that is shown again within this time is not counted again.
FRESH = timedelta(minutes=10)


After = Callable[[Session, Runtime, Distribution, Mapping[str, Any], Review], None]


def _nothing(session: Session, runtime: Runtime, draft: Distribution, notes: Mapping[str, Any], found: Review) -> None:
    """A person who looks at the review decides what happens next."""


def look(session: Session, runtime: Runtime, distribution_id: int, *, by: str, again: bool = False) -> Review | None:
    """What takes long about the review of an automatic draft, found without holding up anybody who writes: `review`
    takes it. None where it is another one, something is missing, or it was just counted.

    Raises `Refused` for a draft that is gone or somebody else's, and where its trigger or a text is wrong.
    """
    now = runtime.clock.now()
    draft = drafts.get(session, distribution_id, by=by)
    if draft.mode != "automatic" or drafts.missing(session, draft, now=now):
        return None
    return None if not again and _counted(session, draft, now) else _foreseen(session, runtime, draft, now)


def review(
    session: Session,
    runtime: Runtime,
    distribution_id: int,
    *,
    by: str,
    again: bool = False,
    looked: Review | None = None,
) -> Review | Running:
    """Review a draft of `by`'s. `again`: count anew even when it was just counted. `looked`: what `look` found.

    Raises `Refused`, at the field of the step that is not done, and for a draft that is gone or somebody else's. In a
    write transaction.
    """
    now = runtime.clock.now()
    draft = drafts.locked(session, distribution_id, by=by)
    lacking = drafts.missing(session, draft, now=now)
    if lacking:
        raise Refused(lacking[0].text, field=lacking[0].field)
    if not again and (known := _counted(session, draft, now)):
        return known
    if draft.mode == "automatic":
        drafts.unfix(session, draft)
        if looked is None or looked.seal != seal.seal_of(seal.facts(session, draft)):
            looked = _foreseen(session, runtime, draft, now)
        return _kept(session, draft, looked, now)
    textable = audiences.count(session, drafts.rule(draft.audience), now).textable
    if textable > AT_ONCE:
        job_id = runtime.jobs.enqueue(session, "review", {"distribution_id": draft.id}, by=by, total=textable)
        draft.draft = {**_without(draft), "reviewing": job_id}
        session.flush()
        return Running(job_id, 0, textable)
    fix(session, draft, by=by, now=now)
    rehearser = Rehearser(session, draft, runtime.links, now)
    rehearsal = Rehearsal(total=textable)
    while rehearser.chunk(rehearsal, CHUNK):
        pass
    return keep(session, runtime, draft, rehearsal, outlook(session, draft, now), now=now)


def _counted(session: Session, draft: Distribution, now: datetime) -> Review | Running | None:
    """A review that is under way, or was made just now of the draft as it is."""
    known = latest(session, draft)
    if not isinstance(known, Review):
        return known
    if known.made_at > now - FRESH and known.seal == seal.seal_of(seal.facts(session, draft)):
        return replace(known, conflicts=tuple(conflicts.told(session, draft, now, known)))
    return None


def _foreseen(session: Session, runtime: Runtime, draft: Distribution, now: datetime) -> Review:
    """The review of an automatic one: what it would have done lately (`distribution.automatic.foresight`). It reads
    only."""
    foreseen, rehearsal, events = foresight.foresee(session, draft, runtime.links, now)
    made = foreseen.members if foreseen.at_once else foreseen.made
    counted = audiences.AudienceCount(made or 0, made or 0, {})
    found = _assemble(session, draft, rehearsal, NOTHING, now, "", counted)
    return _told(session, runtime, draft, replace(found, foreseen=foreseen), now, events)


def latest(session: Session, distribution: Distribution) -> Review | Running | None:
    """What the last review found (how many codes are active is of now), or how far it is; None without any."""
    job_id = distribution.draft.get("reviewing")
    job = session.get(Job, job_id) if job_id else None
    if job is not None and job.state in ("queued", "running"):
        return Running(job.id, job.done, job.total or 0)
    kept = distribution.draft.get("review")
    return _fresh_stock(session, load(kept)) if kept else None


def review_job(runtime: Runtime, run: JobRun, after: After = _nothing) -> dict[str, Any]:
    """The job "review": a review of a large audience, a chunk at a time. args: {"distribution_id"}.

    `after` is called in the transaction that ends it, with what the draft noted before.
    """
    distribution_id = run.args["distribution_id"]
    if not run.progress:
        with run.chunk(runtime) as session:
            draft = _reviewed(session, run)
            fix(session, draft, by=run.created_by, now=runtime.clock.now())
            run.total = audiences.count(session, draft.audience, runtime.clock.now()).textable
            run.progress = {"rehearsal": Rehearsal(total=run.total).as_json()}
    rehearsal = Rehearsal(**run.progress["rehearsal"])
    more = True
    while more:
        with runtime.db.read() as session:
            rehearser = Rehearser(session, _reviewed(session, run), runtime.links, runtime.clock.now())
            more = rehearser.chunk(rehearsal, CHUNK)
        with run.chunk(runtime):
            run.done = rehearsal.texts
            run.progress = {"rehearsal": rehearsal.as_json()}
    with runtime.db.read() as session:  # it looks at every recipient: nobody who writes waits for that
        ahead = outlook(session, _reviewed(session, run), runtime.clock.now())
    with run.chunk(runtime) as session:
        draft = _reviewed(session, run, lock=True)
        notes = draft.draft
        found = keep(session, runtime, draft, rehearsal, ahead, now=runtime.clock.now())
        after(session, runtime, draft, notes, found)
    return {"distribution_id": distribution_id, "recipients": found.recipients, "segments": found.segments}


def fix(session: Session, draft: Distribution, *, by: str, now: datetime) -> None:
    """Write down who is in the audience now; these are meant from here on. A list and one customer are fixed anyway.

    One that is sent again and again goes to whoever is in the segment then: nobody is written down.
    """
    drafts.unfix(session, draft)
    if not draft.repeat and draft.audience.get("kind") == "segment":
        name = audiences.name(session, draft.audience)
        fixed_id, _ = fixed_lists.write(session, name, audiences.members(session, draft.audience, now), by=by, at=now)
        draft.audience = {**draft.audience, "fixed": fixed_id}
        session.flush()


def keep(
    session: Session, runtime: Runtime, draft: Distribution, rehearsal: Rehearsal, ahead: Outlook, *, now: datetime
) -> Review:
    """Turn a finished rehearsal into the review, and leave it on the draft."""
    name = audiences.name(session, drafts.rule(draft.audience))
    found = _assemble(session, draft, rehearsal, ahead, now, name, audiences.count(session, draft.audience, now))
    return _kept(session, draft, _told(session, runtime, draft, found, now), now)


def _told(
    session: Session,
    runtime: Runtime,
    draft: Distribution,
    found: Review,
    now: datetime,
    events: Mapping[int, Mapping[str, str]] | None = None,
) -> Review:
    """A review whose samples have what follows the first text, with what stands beside its numbers."""
    samples = further.told(session, draft, runtime.links, found.samples, now, events)
    found = replace(found, samples=samples, further_too_long=further.too_long(samples))
    found = replace(found, hints=further.hints(session, draft))
    return replace(found, conflicts=tuple(conflicts.told(session, draft, now, found)))


def _kept(session: Session, draft: Distribution, found: Review, now: datetime) -> Review:
    """Leave a review on the draft."""
    draft.draft = {**_without(draft), "review": dump(found)}
    draft.updated_at = now
    session.flush()
    return found


def left_out(
    session: Session, distribution: Distribution, now: datetime, *, limit: int = 100
) -> tuple[list[tuple[Customer, str]], int]:
    """The first `limit` customers who are left out, each with the reason's key, and how many there are in all."""
    why = exclusion().label("why")
    members = audiences.where(session, distribution.audience, now)
    rows = session.execute(select(Customer, why).where(members, why.is_not(None)).order_by(Customer.id).limit(limit))
    total = sum(audiences.count(session, distribution.audience, now).excluded.values())
    return [(customer, str(reason)) for customer, reason in rows], total


def _reviewed(session: Session, run: JobRun, *, lock: bool = False) -> Distribution:
    """The draft that a job reviews. Raises `Refused` when it is no draft any more or was edited meanwhile."""
    fetch = distributions.locked if lock else distributions.get
    draft = fetch(session, run.args["distribution_id"])
    if draft is None or draft.status != "draft" or draft.draft.get("reviewing") != run.id:
        raise Refused("The draft was changed while it was counted. Open its review again.")
    return draft


def _without(draft: Distribution) -> dict[str, Any]:
    """A draft's notes without an earlier review."""
    return {key: value for key, value in draft.draft.items() if key not in drafts.REVIEW}


def _assemble(
    session: Session,
    draft: Distribution,
    rehearsal: Rehearsal,
    ahead: Outlook,
    now: datetime,
    audience: str,
    counted: audiences.AudienceCount,
) -> Review:
    """A review of a finished rehearsal. `audience`: what it is called; `counted`: how many are in it."""
    template = render.compile(draft.body)
    groups = by_keys(session, (*template.issues_from, *template.repeats_from))
    cost, unpriced = _cost(session, rehearsal)
    found = Review(
        made_at=now,
        audience=audience,
        total=counted.total,
        recipients=counted.textable,
        left_out=counted.excluded,
        codes=tuple(
            GroupNeed(
                groups[key].id,
                groups[key].name,
                counted.textable - rehearsal.keep_theirs.get(key, 0),
                0,
                bool(groups[key].formats),
                rehearsal.keep_theirs.get(key, 0),
            )
            for key in template.issues_from
        ),
        last_codes=tuple(
            LastCodes(groups[key].id, groups[key].name, rehearsal.without_last.get(key, 0))
            for key in template.repeats_from
        ),
        segments=rehearsal.segments,
        by_segments={int(number): texts for number, texts in sorted(rehearsal.by_segments.items())},
        unicode_texts=rehearsal.unicode_texts,
        cost=cost,
        currency=settings.get(session, "cost.currency"),
        offenders=tuple(_offender(key, texts) for key, texts in _by_count(rehearsal.offenders)),
        holes=dict(_by_count(rehearsal.holes)),
        empty=rehearsal.empty,
        too_long=rehearsal.too_long,
        samples=_samples(rehearsal, {key: group.name for key, group in groups.items()}),
        seal=seal.seal_of(seal.facts(session, draft)),
        pictures=rehearsal.pictures,
        unpriced=unpriced,
        outlook=ahead,
    )
    return _fresh_stock(session, found)


def _cost(session: Session, rehearsal: Rehearsal) -> tuple[float | None, str]:
    """What all texts cost, and what is left out of that because nobody has set its price; None without any price."""
    parts = [
        (rehearsal.segments, "cost.per_segment", "SMS segments"),
        (rehearsal.pictures, "cost.per_picture", "picture messages"),
    ]
    prices = [(n, float(settings.get(session, key)), what) for n, key, what in parts]
    total = sum(n * price for n, price, _ in prices)
    unpriced = " and ".join(what for n, price, what in prices if n and not price)
    if not any(price for _, price, _ in prices) or (unpriced and not total):
        return None, ""
    return round(total, 2), unpriced


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The most frequent first."""
    return sorted(counts.items(), key=lambda item: -item[1])


def _offender(key: str, texts: int) -> Offender:
    """An entry of `Rehearsal.offenders`."""
    char, where = key[0], key[2:]
    return Offender(char, where, texts, sms.replacement(char))


def _samples(rehearsal: Rehearsal, names: Mapping[str, str]) -> tuple[Sample, ...]:
    """A typical text first, then the unusual ones, then more typical ones; each customer once.

    `names`: of groups, by their folded names.
    """
    unusual = dict(rehearsal.worst)
    if "longest" in unusual and all(s["characters"] == unusual["longest"]["characters"] for s in rehearsal.typical):
        del unusual["longest"]  # all are as long
    ordered = [*rehearsal.typical[:1], *unusual.values(), *rehearsal.typical[1:]]
    first: dict[int, dict[str, Any]] = {}
    for sample in ordered:
        known = first.setdefault(sample["customer_id"], dict(sample))
        known["note"] = known["note"] or sample["note"]
    return tuple(Sample(**{**sample, "note": _note(sample["note"], names)}) for sample in first.values())


def _note(note: str, names: Mapping[str, str]) -> str:
    """Why a text is among the samples, in words; "" for a typical one."""
    kind, _, about = note.partition("|")
    return NOTES.get(kind, "").format(names.get(about, about))


def _fresh_stock(session: Session, found: Review) -> Review:
    """The review with how many codes are active now."""
    ids = [need.group_id for need in found.codes]
    if not ids:
        return found
    rows = session.execute(
        select(PromoCodeStock.group_id, PromoCodeStock.active).where(PromoCodeStock.group_id.in_(ids))
    )
    active: dict[int, int] = {row.group_id: row.active for row in rows}
    return replace(found, codes=tuple(replace(need, active=active.get(need.group_id, 0)) for need in found.codes))
