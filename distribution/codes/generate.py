"""Making codes by a group's formats: as many as asked, each new in the whole database, in an order nobody can foresee.

`generate(jobs, session, group_id, count, by=…, now=…, channel=None, recipe=None) -> Added` is the way in for people and
for the API: up to `INLINE` (10,000) codes are there when it returns, more are made by the job `Added.job_id`.

Codes are drawn at random and the database decides which are new; collisions are made up for by drawing more. Where a
format would be used up for the most part, drawing would go on for ever: then its free codes are listed and drawn from.
"""

import secrets
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from distribution.ahead import ahead
from distribution.codes.format import Format
from distribution.codes.lots import Added, open_group, summary
from distribution.codes.order import mixed
from distribution.codes.ranges import Ranges, is_ample
from distribution.codes.recipe import Recipe
from distribution.codes.rules import CHUNK, GENERATE_MAX, INLINE
from distribution.errors import Refused
from storage import code_writes, groups
from storage import codes as rows
from storage.tables import PromoCodeLot, PromoCodeStock

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "generate_codes"

# A format with up to this many codes can be listed (4 bytes each, and three seconds).
LISTED_MAX = 2_000_000
# Among up to so many codes a listener looks for those that a format could have made (a tenth of a second).
LOOKED_THROUGH_MAX = 200_000


def generate(
    jobs: "Jobs",
    session: Session,
    group_id: int,
    count: int,
    *,
    by: str,
    now: datetime,
    channel: str | None = None,
    recipe: Recipe | None = None,
) -> Added:
    """Add `count` codes to a group: at once where that is quick, else in a job (`Added.job_id`) shown in `channel`.

    Quick is up to `INLINE` codes, of formats whose room need not be looked for among many codes. Raises `Refused` as
    `generate_into` does; where room must be looked for, the job does that, and fails with the same words.
    """
    recipe = _asked(session, group_id, count, recipe)
    quick = _quick_to_check(session, recipe.formats, count)
    if quick and count <= INLINE:
        return generate_into(session, group_id, count, by=by, now=now, recipe=recipe)
    if quick:
        check_room(session, recipe, count)
    else:
        _refuse_too_little(recipe, [form.room for form in recipe.formats], count)
    return later(jobs, session, group_id, count, recipe, by=by, now=now, channel=channel)


def later(
    jobs: "Jobs",
    session: Session,
    group_id: int,
    count: int,
    recipe: Recipe,
    *,
    by: str,
    now: datetime,
    channel: str | None = None,
    ceiling: int | None = None,
) -> Added:
    """Let a job add `count` codes to a group, none beyond `ceiling` codes in it; the job sees whether there is room."""
    lot = groups.add_lot(session, group_id, "generate", recipe.detail, by=by, now=now)
    args = {"group_id": group_id, "lot_id": lot.id, "count": count, "ceiling": ceiling}
    job_id = jobs.enqueue(session, KIND, args, by=by, channel=channel, total=count)
    lot.detail = {**lot.detail, "job_id": job_id}
    session.flush()
    return summary(session, lot.id, wanted=count, job_id=job_id)


def generate_into(
    session: Session, group_id: int, count: int, *, by: str, now: datetime, recipe: Recipe | None = None
) -> Added:
    """Add `count` codes here and now, by `recipe` or else the group's: for up to some ten thousand.

    Raises `Refused` (field "count") for a count below 1 or above `GENERATE_MAX` and where the formats have no room for
    it, with the arithmetic; (field "formats") when there is no format.
    """
    recipe = _asked(session, group_id, count, recipe)
    maker = Maker(session, recipe, count)
    lot = groups.add_lot(session, group_id, "generate", recipe.detail, by=by, now=now)
    while maker.goes_on:
        for drawn in maker.chunks():
            maker.store(session, group_id, lot.id, drawn)
    return summary(session, lot.id, wanted=count, note=maker.note)


def generate_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of codes until all are made. Run again, it goes on from what was made.

    A chunk is stored with how many are made by now in one transaction, so the stated count is made exactly once.
    """
    group_id, lot_id, count = run.args["group_id"], run.args["lot_id"], run.args["count"]
    ceiling: int | None = run.args.get("ceiling")
    with runtime.db.read() as session:
        lot = session.get_one(PromoCodeLot, lot_id)
        maker = Maker(session, Recipe.from_detail(lot.detail), count, made=run.done) if run.done < count else None
    note = None
    while maker is not None and maker.goes_on and note is None:
        with closing(ahead(maker.chunks())) as chunks:  # the next are drawn while these are stored
            for drawn in chunks:
                with run.chunk(runtime, lasting=False) as session:
                    open_group(session, group_id)
                    if ceiling is not None:
                        drawn = drawn[: max(0, ceiling - session.get_one(PromoCodeStock, group_id).total)]
                    if not drawn:
                        note = f"The group has its ceiling of {ceiling:,} codes: {count - run.done:,} fewer were made."
                        break
                    run.done += maker.store(session, group_id, lot_id, drawn)
    with runtime.db.read() as session:
        return summary(session, lot_id, wanted=count, note=note or (maker.note if maker else None)).as_result()


def check_room(session: Session, recipe: Recipe, count: int) -> list[int]:
    """How many codes each format still has to give. Raises `Refused` (field "count") when that is less than `count`.

    What already exists is only counted where it could matter, so this is quick for formats with room to spare.
    """
    existing = rows.total(session)
    free = [form.room - _taken(session, form, existing, count) for form in recipe.formats]
    _refuse_too_little(recipe, free, count)
    return free


def _refuse_too_little(recipe: Recipe, free: Sequence[int], count: int) -> None:
    """Raise `Refused` (field "count") with the arithmetic when the formats have less than is asked of them to give."""
    formats, left_out = recipe.formats, " without look-alikes" if recipe.without_lookalikes else ""
    if recipe.shares:
        for form, left, share, part in zip(formats, free, recipe.shares, _parts(recipe, count, free), strict=True):
            if left < part:
                raise Refused(
                    f"{_room(form, left_out)}{_existing(form.room, left)}; its share of {count:,} is {share} of "
                    f"{sum(recipe.shares)}, which is {part:,}, {part - left:,} too many. Make the format longer, or "
                    "change the shares.",
                    field="count",
                )
        return
    if sum(free) >= count:
        return
    room = sum(form.room for form in formats)
    what = (
        _room(formats[0], left_out)
        if len(formats) == 1
        else f"The {len(formats)} formats together{left_out} have room for {room:,} codes"
    )
    ask = f", or ask for {sum(free):,}" if sum(free) else ""
    raise Refused(
        f"{what}{_existing(room, sum(free))}; {count:,} were asked, {count - sum(free):,} too many. Make the format "
        f"longer{ask}.",
        field="count",
    )


def _room(form: Format, left_out: str) -> str:
    """ "VIP{string('0-9', 2)} has room for 10^2 = 100 codes"."""
    return f"{form.text}{left_out} has room for {form.arithmetic} {'code' if form.room == 1 else 'codes'}"


def _existing(room: int, free: int) -> str:
    return f", of which {room - free:,} exist" if free < room else ""


def _parts(recipe: Recipe, count: int, free: Sequence[int]) -> list[int]:
    """How many of `count` codes each format makes: by the shares, or else as evenly as their room allows."""
    return proportional(count, recipe.shares) if recipe.shares else split(count, free)


def _quick_to_check(session: Session, formats: Sequence[Format], count: int) -> bool:
    """Whether a listener may check the room: there is plenty, or there are few codes to look for it among."""
    existing = rows.total(session)
    return existing <= LOOKED_THROUGH_MAX or all(form.room >= existing + count for form in formats)


def _taken(session: Session, form: Format, existing: int, count: int) -> int:
    """How many codes of a format exist, as exactly as it takes to know whether `count` more have room."""
    if form.room >= existing + count:
        return 0
    return rows.count_fitting(session, form.columns, enough=form.room - count)


class Maker:
    """Draws codes of several formats, by their shares or evenly, until `count` are made or none are left."""

    def __init__(self, session: Session, recipe: Recipe, count: int, *, made: int = 0) -> None:
        """Look how many codes each format still has; `made`: of `count`, by an earlier run. Raises as `check_room`."""
        free = check_room(session, recipe, count - made)
        self.wanted = count
        self.made = made
        self._rounds = 0
        # Drawing at random finds its last codes slowly; this is far beyond what any format with room needs.
        self._rounds_max = 100 + 10 * (count // CHUNK)
        self._sources: list[_Plenty | _Listed] = []
        self._shares: list[int] = []
        for form, left, share in zip(recipe.formats, free, _parts(recipe, count - made, free), strict=True):
            scarce = form.room <= LISTED_MAX and 2 * share > left
            self._sources.append(_Listed(session, form) if scarce else _Plenty(form, share))
            self._shares.append(share)

    @property
    def goes_on(self) -> bool:
        """Whether another chunk is to be made."""
        return self.made < self.wanted and self._rounds < self._rounds_max and any(self._weights())

    @property
    def note(self) -> str | None:
        """Why fewer were made than wanted; None when all were."""
        if self.made >= self.wanted:
            return None
        return (
            f"{self.wanted - self.made:,} of {self.wanted:,} could not be made: nearly every code that the format can "
            "make exists by now. Give the group a longer format and generate the rest."
        )

    def chunks(self) -> Iterator[list[str]]:
        """Codes to `store`, by the chunk: as many as are wanted still, or all that there are. No database is asked.

        Some of them may exist: ask again while it `goes_on`.
        """
        left = self.wanted - self.made
        while left and any(weights := self._weights()):
            count = min(CHUNK, left)
            left -= count
            drawn = [
                source.draw(part) for source, part in zip(self._sources, proportional(count, weights), strict=True)
            ]
            # They are handed out in the order in which they are stored: as they were drawn, and several formats mixed.
            yield drawn[0] if len(drawn) == 1 else mixed(sorted(set().union(*drawn)))

    def store(self, session: Session, group_id: int, lot_id: int, drawn: Sequence[str]) -> int:
        """Store one chunk; returns how many of its codes were new."""
        self._rounds += 1
        inserted = code_writes.insert(session, drawn, group_id=group_id, lot_id=lot_id)
        self.made += inserted
        return inserted

    def _weights(self) -> list[int]:
        return [0 if source.drained else share for source, share in zip(self._sources, self._shares, strict=True)]


class _Plenty:
    """A format with far more codes than are wanted."""

    drained = False

    def __init__(self, form: Format, share: int) -> None:
        self.draw = Ranges(form, share).draw if is_ample(form, share) else self._one_by_one
        self._format = form

    def _one_by_one(self, count: int) -> list[str]:
        return list(dict.fromkeys(self._format.codes(count)))  # two that are equal are one


class _Listed:
    """A format whose free codes are known one by one: each is drawn once."""

    def __init__(self, session: Session, form: Format) -> None:
        self._format = form
        taken = bytearray(form.room)
        for code in rows.fitting(session, form.columns):
            taken[form.index(code)] = 1
        self._free = array("I", (index for index in range(form.room) if not taken[index]))

    @property
    def drained(self) -> bool:
        return not self._free

    def draw(self, count: int) -> list[str]:
        drawn = []
        for _ in range(min(count, len(self._free))):
            at = secrets.randbelow(len(self._free))
            self._free[at], last = self._free[-1], self._free[at]
            self._free.pop()
            drawn.append(self._format.nth(last))
        return drawn


def split(count: int, room: Sequence[int]) -> list[int]:
    """`count` in parts as even as `room` (the most of each) allows; their sum is `count` where the room suffices."""
    parts = [0] * len(room)
    left, formats_left = count, len(room)
    for place in sorted(range(len(room)), key=room.__getitem__):
        parts[place] = max(0, min(room[place], -(-left // formats_left)))
        left -= parts[place]
        formats_left -= 1
    return parts


def proportional(count: int, weights: Sequence[int]) -> list[int]:
    """`count` in parts proportional to `weights`, not all 0; the parts' sum is `count`."""
    whole, before, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        before += weight
        upto = count * before // whole
        parts.append(upto - given)
        given = upto
    return parts


def _asked(session: Session, group_id: int, count: int, recipe: Recipe | None) -> Recipe:
    """How to make the codes. Holds the group. Raises `Refused` for what can be known without looking."""
    group = open_group(session, group_id)
    if not 1 <= count <= GENERATE_MAX:
        raise Refused(f"Ask for 1 to {GENERATE_MAX:,} codes at a time, not {count:,}.", field="count")
    recipe = recipe or Recipe.of(group)
    if not recipe.formats:
        raise Refused(
            f"'{group.name}' has no format to make codes by. Write one such as SUMMER-{{string('0-9', 6)}}.",
            field="formats",
        )
    return recipe
