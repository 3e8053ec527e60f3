"""Making codes by a group's formats: as many as asked, each new in the whole database, in an order nobody can foresee.

Codes are drawn at random and the database decides which are new; collisions are made up for by drawing more. Where a
format would be used up for the most part, drawing would go on for ever: then its free codes are listed and drawn from.
"""

import secrets
from array import array
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from distribution.codes.format import Format
from distribution.codes.lots import Added, open_group, summary
from distribution.codes.rules import CHUNK, GENERATE_MAX, INLINE
from distribution.errors import Refused
from storage import codes as rows
from storage import groups
from storage.tables import PromoCodeGroup, PromoCodeLot

if TYPE_CHECKING:
    from distribution.jobs import JobRun, Jobs
    from distribution.runtime import Runtime

KIND = "generate_codes"

# A format with up to this many codes can be listed (4 bytes each, and three seconds).
LISTED_MAX = 2_000_000
# Among up to so many codes a listener looks for those that a format could have made (a tenth of a second).
LOOKED_THROUGH_MAX = 200_000


def generate(
    jobs: "Jobs", session: Session, group_id: int, count: int, *, by: str, now: datetime, channel: str | None = None
) -> Added:
    """Add `count` codes to a group: at once where that is quick, else in a job (`Added.job_id`) shown in `channel`.

    Quick is up to `INLINE` codes, of formats whose room need not be looked for among many codes. Raises `Refused` as
    `generate_into` does; where room must be looked for, the job does that, and fails with the same words.
    """
    group, formats = _asked(session, group_id, count)
    quick = _quick_to_check(session, formats, count)
    if quick and count <= INLINE:
        return generate_into(session, group_id, count, by=by, now=now)
    if quick:
        check_room(session, formats, count)
    else:
        _refuse_too_little(formats, [form.room for form in formats], count)
    lot = groups.add_lot(session, group_id, "generate", {"formats": group.formats}, by=by, now=now)
    args = {"group_id": group_id, "lot_id": lot.id, "count": count}
    job_id = jobs.enqueue(session, KIND, args, by=by, channel=channel, total=count)
    return summary(session, lot.id, wanted=count, job_id=job_id)


def generate_into(session: Session, group_id: int, count: int, *, by: str, now: datetime) -> Added:
    """Add `count` codes made by the group's formats, here and now: for up to some ten thousand.

    Raises `Refused` (field "count") for a count below 1 or above `GENERATE_MAX` and where the formats have no room for
    it, with the arithmetic; (field "formats") when the group has no format.
    """
    group, formats = _asked(session, group_id, count)
    maker = Maker(session, formats, count)
    lot = groups.add_lot(session, group_id, "generate", {"formats": group.formats}, by=by, now=now)
    while maker.goes_on:
        maker.make(session, group_id, lot.id)
    return summary(session, lot.id, wanted=count, note=maker.note)


def generate_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job: chunks of codes until all are made. Run again, it goes on from what was made."""
    group_id, lot_id, count = run.args["group_id"], run.args["lot_id"], run.args["count"]
    with runtime.db.read() as session:
        lot = session.get_one(PromoCodeLot, lot_id)
        maker = Maker(session, [Format.parse(text) for text in lot.detail["formats"]], count - run.done)
    while maker.goes_on:
        with run.chunk(runtime) as session:
            open_group(session, group_id)
            run.done += maker.make(session, group_id, lot_id)
    with runtime.db.read() as session:
        return summary(session, lot_id, wanted=count, note=maker.note).as_result()


def check_room(session: Session, formats: Sequence[Format], count: int) -> list[int]:
    """How many codes each format still has to give. Raises `Refused` (field "count") when that is less than `count`.

    What already exists is only counted where it could matter, so this is quick for formats with room to spare.
    """
    existing = rows.total(session)
    free = [form.room - _taken(session, form, existing, count) for form in formats]
    _refuse_too_little(formats, free, count)
    return free


def _refuse_too_little(formats: Sequence[Format], free: Sequence[int], count: int) -> None:
    """Raise `Refused` (field "count") with the arithmetic when the formats have less than `count` codes to give."""
    if sum(free) >= count:
        return
    room = sum(form.room for form in formats)
    if len(formats) == 1:
        noun = "code" if formats[0].room == 1 else "codes"
        what = f"{formats[0].text} has room for {formats[0].arithmetic} {noun}"
    else:
        what = f"The {len(formats)} formats together have room for {room:,} codes"
    taken = f", of which {room - sum(free):,} exist" if sum(free) < room else ""
    ask = f", or ask for {sum(free):,}" if sum(free) else ""
    raise Refused(
        f"{what}{taken}; {count:,} were asked, {count - sum(free):,} too many. Make the format longer{ask}.",
        field="count",
    )


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
    """Draws codes of several formats, evenly as far as their room goes, until `count` are made or none are left."""

    def __init__(self, session: Session, formats: Sequence[Format], count: int) -> None:
        """Look how many codes each format still has. Raises `Refused` as `check_room` does."""
        free = check_room(session, formats, count)
        self.wanted = count
        self.made = 0
        self._rounds = 0
        # Drawing at random finds its last codes slowly; this is far beyond what any format with room needs.
        self._rounds_max = 100 + 10 * (count // CHUNK)
        self._sources: list[_Plenty | _Listed] = []
        self._shares: list[int] = []
        for form, left, share in zip(formats, free, split(count, free), strict=True):
            scarce = form.room <= LISTED_MAX and 2 * share > left
            self._sources.append(_Listed(session, form) if scarce else _Plenty(form))
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

    def make(self, session: Session, group_id: int, lot_id: int) -> int:
        """Make and store one chunk; returns how many of its codes were new."""
        self._rounds += 1
        count = min(CHUNK, self.wanted - self.made)
        drawn: set[str] = set()
        for source, part in zip(self._sources, _proportional(count, self._weights()), strict=True):
            drawn.update(source.draw(part))
        inserted = rows.insert(session, sorted(drawn), group_id=group_id, lot_id=lot_id)
        self.made += inserted
        return inserted

    def _weights(self) -> list[int]:
        return [0 if source.drained else share for source, share in zip(self._sources, self._shares, strict=True)]


class _Plenty:
    """A format with far more codes than are wanted."""

    drained = False

    def __init__(self, form: Format) -> None:
        self._format = form

    def draw(self, count: int) -> list[str]:
        return self._format.codes(count)


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


def _proportional(count: int, weights: Sequence[int]) -> list[int]:
    """`count` in parts proportional to `weights`, not all 0; the parts' sum is `count`."""
    whole, before, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        before += weight
        upto = count * before // whole
        parts.append(upto - given)
        given = upto
    return parts


def _asked(session: Session, group_id: int, count: int) -> tuple[PromoCodeGroup, list[Format]]:
    """The group, held against deletion, and its formats. Raises `Refused` for what can be known without looking."""
    group = open_group(session, group_id)
    if not 1 <= count <= GENERATE_MAX:
        raise Refused(f"Ask for 1 to {GENERATE_MAX:,} codes at a time, not {count:,}.", field="count")
    if not group.formats:
        raise Refused(
            f"'{group.name}' has no format to make codes by. Write one such as SUMMER-{{string('0-9', 6)}}.",
            field="formats",
        )
    return group, [Format.parse(text) for text in group.formats]
