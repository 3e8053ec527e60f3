"""Redemptions: a code was used, or was not after all; said by the API, by a person, or in a file.

    redeem(session, code, source_id="order 17", place="Warsaw shop", by="api:shop", now=now)   # Redeemed
    roll_back(session, code, why="order cancelled", by="U0ADA", now=now)                       # RolledBack

Both raise `Refused` at "code", "source_id", "at" or "place"; its `reason`, which programs may compare, is one of
`REASONS`. A use that was said before (by its source id) is answered with what was recorded then, and changes nothing. A
code that is typed in another case is found where only one is meant; the answer says how it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distribution.automatic import watching
from distribution.codes import spelling
from distribution.errors import Refused
from storage import live_codes, lives
from storage import redemptions as rows
from storage.standing import expiry_of, state_of
from storage.tables import PromoCode, PromoCodeGroup, Redemption

REASONS = {
    "unknown": "there is no such code",
    "ambiguous": "several codes are written so, but for capital and small letters",
    "active": "nobody has it yet",
    "blocked": "it is held for a message that is not sent yet",
    "expired": "it had expired when it was used",
    "revoked": "it was revoked",
    "redeemed": "it was redeemed before",
    "taken": "the source id was said of another code",
    "not_redeemed": "there is no redemption to roll back",
    "time": "it cannot have been used then",
    "words": "the place, the source id or the reason cannot be kept as it is",
}

# A use may be dated by the day alone, and by a clock that is not ours.
BEFORE_ISSUE, AHEAD = timedelta(days=1), timedelta(days=1)

PLACE_MAX, SOURCE_MAX, WHY_MAX = 200, 200, 500


@dataclass(frozen=True)
class Use:
    """A code that was used: when (None: now) and where, and the id of the use in the system that says so."""

    code: str
    source_id: str | None = None
    at: datetime | None = None
    place: str = ""


@dataclass(frozen=True)
class Redeemed:
    """A use that is recorded. `again`: it was before, and nothing changed. `note`: how the code is really written."""

    redemption: Redemption
    again: bool
    code: str
    note: str = ""


@dataclass(frozen=True)
class RolledBack:
    """A redemption that does not count. `again`: it did not before either, and nothing changed.

    `others`: codes of the group that its customer can still use besides this one, which can be used again.
    """

    redemption: Redemption
    again: bool
    code: str
    note: str = ""
    others: tuple[str, ...] = ()


def redeem(
    session: Session,
    code: str,
    *,
    source_id: str | None = None,
    at: datetime | None = None,
    place: str = "",
    by: str,
    now: datetime,
) -> Redeemed:
    """Record that a code was used. Raises `Refused`, as the module says."""
    (answer,) = redeem_many(session, [Use(code, source_id, at, place)], by=by, now=now)
    if isinstance(answer, Refused):
        raise answer
    return answer


def redeem_many(session: Session, uses: Sequence[Use], *, by: str, now: datetime) -> list[Redeemed | Refused]:
    """Record uses in their order, each with what it came to. Holds their codes until the transaction ends."""
    found = spelling.find_many(session, [use.code for use in uses])
    held = rows.held(session, {each.code for each in found if isinstance(each, spelling.Found)})
    # After the codes are held: whoever said the same of the same code is done by now.
    desk = _Desk(
        session,
        now,
        held,
        {group_id: session.get_one(PromoCodeGroup, group_id) for group_id in {c.group_id for c in held.values()}},
        rows.by_source(session, {use.source_id for use in uses if use.source_id}),
        rows.standing(session, [code.id for code in held.values()]),
    )
    refusals = [desk.take(use, each) for use, each in zip(uses, found, strict=True)]
    stored = rows.add(session, [_row(use, code, by, now) for use, code in desk.new.values()], desk.groups_of_new())
    watching.touch(session, "codes", {each.customer_id for each in stored.values() if each.customer_id is not None})
    answers: list[Redeemed | Refused] = []
    for use, each, refusal in zip(uses, found, refusals, strict=True):
        if isinstance(each, Refused) or refusal is not None:
            answers.append(refusal or _taken(use))
            continue
        code = held[each.code]
        row = desk.said.get(use.source_id or "") or stored.get(code.id)
        if row is None:  # another transaction said the source id of another code while this waited for it
            answers.append(_taken(use))
        else:
            mine = code.id in desk.new and desk.new[code.id][0] is use
            answers.append(Redeemed(row, not mine, code.code, each.note))
    return answers


@dataclass
class _Desk:
    """Takes uses one after the other: what was recorded before, and `new`, what is to be (by code id)."""

    session: Session
    now: datetime
    held: dict[str, PromoCode]
    groups: dict[int, PromoCodeGroup]
    said: dict[str, Redemption]
    used: dict[int, Redemption]
    new: dict[int, tuple[Use, PromoCode]] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)  # code ids by the source ids in `new`

    def take(self, use: Use, found: spelling.Found | Refused) -> Refused | None:
        """Take one use, or nothing where it was said before; or why not."""
        try:
            if isinstance(found, Refused):
                return found
            self._take(use, found.code)
            return None
        except Refused as refusal:
            return refusal

    def _take(self, use: Use, written: str) -> None:
        code = self.held.get(written)
        if code is None:
            raise Refused(f"There is no promo code '{written}' any more.", field="code", reason="unknown")
        _check_words(use)
        source = use.source_id or ""
        before = self.said[source].code_id if source in self.said else self.sources.get(source)
        if before is not None:
            if before != code.id:
                raise _taken(use)
            return
        if code.id in self.new:
            earlier = self.new[code.id][0]
            raise _twice(code, earlier.at or self.now, earlier.place)
        _check(self.session, code, self.groups[code.group_id], use.at or self.now, self.used.get(code.id), self.now)
        self.new[code.id] = use, code
        if source:
            self.sources[source] = code.id

    def groups_of_new(self) -> dict[int, int]:
        """The groups of the codes that are to be redeemed, by code id."""
        return {code_id: code.group_id for code_id, (_, code) in self.new.items()}


def roll_back(
    session: Session,
    code: str,
    *,
    source_id: str | None = None,
    why: str = "",
    by: str,
    now: datetime,
    redemption_id: int | None = None,
) -> RolledBack:
    """Take back the redemption of a code that stands; with a `source_id` (or an id of ours), that one and no other.

    Said twice of one redemption, the second changes nothing. Raises `Refused`, reason "not_redeemed" where there is
    none, "unknown" or "ambiguous" for the code.
    """
    found = spelling.find(session, code)
    row = rows.held(session, {found.code})[found.code]
    if len(why) > WHY_MAX:
        raise Refused(f"The reason has {len(why)} characters. It may have {WHY_MAX}.", field="why", reason="words")
    stands = rows.standing(session, [row.id]).get(row.id)
    meant = stands
    if source_id is not None:
        meant = rows.by_source(session, {source_id}).get(source_id)
    elif redemption_id is not None:
        meant = session.get(Redemption, redemption_id, populate_existing=True)
    if meant is None or meant.code_id != row.id:
        raise _not_redeemed(session, row, source_id)
    if meant.rolled_back_at is not None:
        return RolledBack(meant, True, row.code, found.note)
    rows.roll_back(session, row, meant, by=by, why=why.strip(), at=now)
    if row.customer_id is not None:
        watching.touch(session, "codes", [row.customer_id])
    return RolledBack(meant, False, row.code, found.note, _others(session, row, now))


def _others(session: Session, row: PromoCode, now: datetime) -> tuple[str, ...]:
    """The live codes that a customer has beside this one of the same group; none where this one is not live itself."""
    if row.customer_id is None:
        return ()
    live = live_codes.all_of(session, row.group_id, row.customer_id, now)
    return tuple(each for each in live if each != row.code) if row.code in live else ()


def moment(at: datetime) -> str:
    """A time in a refusal, in UTC: who reads it may be anywhere."""
    return f"on {at:%d %b %Y at %H:%M} UTC"


def blocked(session: Session, code: PromoCode) -> str:
    """What a blocked code is held for and what to do, as the end of a sentence that its name begins."""
    held = lives.held_for(session, code)
    if held is None:
        return "is blocked: it is held for a message that is not sent yet."
    subject = f"'{held.subject}'" if held.subject else "a distribution without a subject"
    if not held.unknown:
        return f"is blocked: it is held for a message of {subject} that is not sent yet."
    return (
        f"is blocked: it left with {subject}, and nobody knows yet whether that text arrived. The report of {subject} "
        "tells once it is known, or lets you settle it; then try again."
    )


def _taken(use: Use) -> Refused:
    return Refused(
        f"Source id '{use.source_id}' was said of another code before. Each use has an id of its own.",
        field="source_id",
        reason="taken",
    )


def _check(
    session: Session, code: PromoCode, group: PromoCodeGroup, at: datetime, used: Redemption | None, now: datetime
) -> None:
    """Raise `Refused` unless a held code could be used at `at`."""
    if at > now + AHEAD:
        raise Refused(f"It cannot have been used {moment(at)}: that is still to come.", field="at", reason="time")
    if used is not None:
        raise _twice(code, used.at, used.place)
    state = state_of(code, group, at)  # what was used in time may be said later
    name = f"'{code.code}'"
    if state == "active":
        raise Refused(f"{name} is active: no customer has it yet.", field="code", reason="active")
    if state == "blocked":
        raise Refused(f"{name} {blocked(session, code)}", field="code", reason="blocked")
    if state == "revoked":
        change = lives.last_change(session, code.id, ("revoked", "replaced"))
        when = f" {moment(change.at)}" if change else ""
        raise Refused(f"{name} was revoked{when}: it is good for nothing.", field="code", reason="revoked")
    if state == "expired":
        expiry = expiry_of(code, group)
        when = f" {moment(expiry)}" if expiry else ""
        raise Refused(f"{name} expired{when}.", field="code", reason="expired")
    if code.issued_at is not None and at < code.issued_at - BEFORE_ISSUE:
        raise Refused(
            f"{name} cannot have been used {moment(at)}: it was issued {moment(code.issued_at)}.",
            field="at",
            reason="time",
        )


def _check_words(use: Use) -> None:
    if len(use.place) > PLACE_MAX:
        raise Refused(
            f"The place has {len(use.place)} characters. It may have {PLACE_MAX}.", field="place", reason="words"
        )
    if use.source_id is not None and not 0 < len(use.source_id) <= SOURCE_MAX:
        raise Refused(f"A source id has 1 to {SOURCE_MAX} characters.", field="source_id", reason="words")
    if "\x00" in f"{use.place}{use.source_id}":
        raise Refused("There is an invisible character in it.", field="place", reason="words")


def _twice(code: PromoCode, at: datetime, place: str) -> Refused:
    where = f", {place}" if place else ""
    return Refused(f"'{code.code}' was redeemed before: {moment(at)}{where}.", field="code", reason="redeemed")


def _not_redeemed(session: Session, code: PromoCode, source_id: str | None) -> Refused:
    last = rows.last_of(session, code.id)
    if source_id is not None:
        text = f"No redemption of '{code.code}' has the source id '{source_id}'."
    elif last is not None and last.rolled_back_at is not None:
        text = f"The redemption of '{code.code}' was rolled back {moment(last.rolled_back_at)} already."
    else:
        text = f"'{code.code}' was not redeemed."
    return Refused(text, field="code" if source_id is None else "source_id", reason="not_redeemed")


def _row(use: Use, code: PromoCode, by: str, now: datetime) -> dict[str, object]:
    return {
        "code_id": code.id,
        "customer_id": code.customer_id,
        "source_id": use.source_id,
        "at": use.at or now,
        "place": use.place.strip(),
        "recorded_at": now,
        "recorded_by": by,
        "rolled_back_why": "",
    }
