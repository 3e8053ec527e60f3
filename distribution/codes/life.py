"""The whole life of one promo code, as rows all over the database tell it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distribution.codes import spelling
from distribution.errors import Refused
from storage import codes, lives
from storage.standing import expiry_of, state_of
from storage.tables import Customer, MessageState, PromoCode, PromoCodeGroup, PromoCodeLot, Redemption


@dataclass(frozen=True)
class Step:
    """One thing that happened to a code. `at` is None where nobody kept when.

    `kind`: made (`how`: paste, file, generate, api; `detail`: the file's name) · blocked · planned (it will be sent
    again) · issued · repeated · given · replaced (by `other`) · replacing (`other`) · revoked · redeemed ·
    rolled_back · expired · expires (that is still to come). `by`: a person's id, "api:<token's name>", or "import of
    <file> by <person>".
    """

    kind: str
    at: datetime | None
    by: str = ""
    why: str = ""
    how: str = ""
    detail: str = ""
    distribution_id: int | None = None
    subject: str = ""
    message: MessageState | None = None
    place: str = ""
    source_id: str = ""
    other: str = ""


@dataclass(frozen=True)
class Life:
    """Everything about one code. `note` says how it is written where it was typed in another case.

    `state`: active, blocked, issued, redeemed, revoked, expired. `expires_at` is its own or its group's, None for
    never. `redemption` is the one that stands. `steps` are in the order of time, what has no time yet last.
    """

    code_id: int
    code: str
    note: str
    state: str
    group_id: int
    group: str
    group_deleted: bool
    customer: Customer | None
    issued_at: datetime | None
    redeemed_at: datetime | None
    expires_at: datetime | None
    redemption: Redemption | None
    steps: tuple[Step, ...]


def life(session: Session, code: str, now: datetime, *, suggest: bool = False) -> Life:
    """All about the code that is `code`, found in any case where only one is meant.

    Raises `Refused` (field "code", reason "unknown" or "ambiguous"). `suggest`: as in `spelling.find`.
    """
    found = spelling.find(session, code, suggest=suggest)
    row = codes.find(session, found.code)
    if row is None:  # deleted this moment
        raise Refused(f"There is no promo code '{found.code}' any more.", field="code", reason="unknown")
    return of(session, row, now, note=found.note)


def of(session: Session, row: PromoCode, now: datetime, *, note: str = "") -> Life:
    """All about the code in this row."""
    group = session.get_one(PromoCodeGroup, row.group_id)
    known = lives.known(session, row)
    return Life(
        code_id=row.id,
        code=row.code,
        note=note,
        state=state_of(row, group, now),
        group_id=group.id,
        group=group.name,
        group_deleted=group.deleted_at is not None,
        customer=session.get(Customer, row.customer_id) if row.customer_id is not None else None,
        issued_at=row.issued_at,
        redeemed_at=row.redeemed_at,
        expires_at=expiry_of(row, group),
        redemption=next((used for used in known.redemptions if used.rolled_back_at is None), None),
        steps=tuple(_in_time([*_steps(row, known), *_end(row, group, now)], now)),
    )


def _in_time(steps: list[Step], now: datetime) -> list[Step]:
    """By time; what belongs to one moment stays in its order, and what is still to come is last."""
    far = now + timedelta(days=365_00)
    return sorted(steps, key=lambda step: step.at or far)


def _steps(row: PromoCode, known: lives.Known) -> Iterator[Step]:
    """What happened to a code, in the order in which it can happen."""
    yield _made(known.lot)
    yield from _sent(row, known)
    for change, other in known.changes:
        yield Step(change.kind, change.at, change.by, change.reason, other=other or "")
    for used in known.redemptions:
        yield Step("redeemed", used.at, used.recorded_by, place=used.place, source_id=used.source_id or "")
        if used.rolled_back_at is not None:
            yield Step("rolled_back", used.rolled_back_at, used.rolled_back_by or "", used.rolled_back_why)


def _made(lot: PromoCodeLot | None) -> Step:
    if lot is None:
        return Step("made", None)
    return Step("made", lot.created_at, lot.created_by, how=lot.method, detail=str(lot.detail.get("file", "")))


def _sent(row: PromoCode, known: lives.Known) -> Iterator[Step]:
    """Held for a message, issued with it, sent again with others."""
    first = known.first
    if first is not None:
        held = _of("blocked", first.prepared_at, first)
        if held.at is not None and known.lot is not None:  # a retry may take codes that are younger than its sending
            held = replace(held, at=max(held.at, known.lot.created_at))
        yield held
        if row.issued_at is not None:
            yield _of("issued", row.issued_at, first)
    for again in known.repeats:
        if again.issued_at is not None:
            yield _of("repeated", again.issued_at, again)
        elif again.state in (MessageState.QUEUED, MessageState.UNKNOWN):
            yield _of("planned", None, again)


def _of(kind: str, at: datetime | None, sending: lives.Sending) -> Step:
    """A step that a message is about."""
    return Step(kind, at, distribution_id=sending.distribution_id, subject=sending.subject, message=sending.state)


def _end(row: PromoCode, group: PromoCodeGroup, now: datetime) -> Iterator[Step]:
    """When it expired or will; nothing for a code that ended otherwise."""
    state = state_of(row, group, now)
    expiry = expiry_of(row, group)
    if expiry is not None and state in ("active", "blocked", "issued", "expired"):
        yield Step("expired" if expiry <= now else "expires", expiry)
