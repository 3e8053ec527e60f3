"""One code among millions: found however it was typed, and everything that is known about it.

Nothing here scans codes, and no index is kept for it (one on the lower-case code would cost every load 10 to 20 %):
see docs/decisions/finding-a-code-however-typed.md.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.codes import already
from storage.tables import (
    CodeState,
    Distribution,
    Message,
    MessageState,
    PromoCode,
    PromoCodeChange,
    PromoCodeGroup,
    PromoCodeLot,
    PromoCodeRepeat,
    Redemption,
)

# Seeks in the unique index that a look-up in any case may take: some tens are usual, whatever the number of codes.
SEEKS = 400

# What codes are written with (`distribution.codes.rules`): the characters that a mistyped one may have had.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def spellings(session: Session, typed: str, most: int = 3) -> list[str]:
    """Up to `most` codes that differ from `typed` in nothing but capital and small letters.

    Two sorted rows leapfrog each other: the spellings that `typed` can have, and the codes in the order of their unique
    index. Each seek skips all spellings before the next code that there is, so few are needed: the codes that agree
    with `typed` grow 26 times fewer with each letter. Gives up after `SEEKS`, with what was found until then.
    """
    found: list[str] = []
    wanted: str | None = _least(typed, "")
    for _ in range(SEEKS):
        if wanted is None or len(found) == most:
            break
        there = session.scalar(select(PromoCode.code).where(PromoCode.code >= wanted).order_by(PromoCode.code).limit(1))
        if there is None:
            break
        if there == wanted:
            found.append(there)
            there += "\x00"  # the least text after it
        wanted = _least(typed, there)
    return found


def _least(typed: str, bound: str) -> str | None:
    """The least spelling of `typed`, byte by byte, that is not less than `bound`; None when all are less."""
    choices = [sorted({char.upper(), char.lower()}) if char.isascii() else [char] for char in typed]
    same = 0  # how many characters of the bound a spelling can begin with
    while same < len(typed) and same < len(bound) and bound[same] in choices[same]:
        same += 1
    if same == len(bound):
        return bound + "".join(options[0] for options in choices[same:])
    for place in range(min(same, len(typed) - 1), -1, -1):  # the last place that can be greater decides
        greater = next((option for option in choices[place] if option > bound[place]), None)
        if greater is not None:
            return bound[:place] + greater + "".join(options[0] for options in choices[place + 1 :])
    return None


def mistyped(session: Session, typed: str) -> list[str]:
    """Codes that customers have, and that are one slip away from `typed`: a character too many, missing, wrong, or two
    swapped. In order; one look-up of a few thousand keys.
    """
    near = already(session, sorted(set(_slips(typed))))
    if not near:
        return []
    held = select(PromoCode.code).where(PromoCode.code.in_(sorted(near)[:100]), PromoCode.customer_id.is_not(None))
    return sorted(session.scalars(held))


def _slips(typed: str) -> Iterator[str]:
    for place in range(len(typed) + 1):
        head, tail = typed[:place], typed[place:]
        yield from (head + char + tail for char in ALPHABET)
        if tail:
            yield head + tail[1:]
            yield from (head + char + tail[1:] for char in ALPHABET)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]


class Sending(NamedTuple):
    """A message that carries or carried a code: of which distribution, and when the code was issued with it."""

    distribution_id: int | None
    subject: str
    state: MessageState | None
    issued_at: datetime | None
    prepared_at: datetime | None  # when its distribution began


class Known(NamedTuple):
    """All rows about one code. `changes` come with the text of the other code that each is about, if any."""

    lot: PromoCodeLot | None
    first: Sending | None
    repeats: Sequence[Sending]
    changes: Sequence[tuple[PromoCodeChange, str | None]]
    redemptions: Sequence[Redemption]


def known(session: Session, code: PromoCode) -> Known:
    """Everything that is kept about a code, each kind in the order of time."""
    other = (
        select(PromoCodeChange, PromoCode.code)
        .outerjoin(PromoCode, PromoCode.id == PromoCodeChange.other_code_id)
        .where(PromoCodeChange.code_id == code.id)
        .order_by(PromoCodeChange.at, PromoCodeChange.id)
    )
    return Known(
        session.get(PromoCodeLot, code.lot_id),
        _first(session, code),
        _repeats(session, code) if code.customer_id is not None else (),
        [(change, text) for change, text in session.execute(other)],
        session.scalars(select(Redemption).where(Redemption.code_id == code.id).order_by(Redemption.id)).all(),
    )


def _first(session: Session, code: PromoCode) -> Sending | None:
    if code.message_id is None:
        return None
    row = session.execute(
        select(Message.distribution_id, Distribution.subject, Message.state, Distribution.started_at)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        .where(Message.id == code.message_id)
    ).first()
    if row is None:
        return Sending(None, "", None, code.issued_at, None)
    return Sending(row[0], row[1] or "", row[2], code.issued_at, row[3])


def _repeats(session: Session, code: PromoCode) -> list[Sending]:
    rows = session.execute(
        select(
            Message.distribution_id,
            Distribution.subject,
            Message.state,
            PromoCodeRepeat.issued_at,
            Distribution.started_at,
        )
        .select_from(PromoCodeRepeat)
        .outerjoin(Message, Message.id == PromoCodeRepeat.message_id)
        .outerjoin(Distribution, Distribution.id == Message.distribution_id)
        # By customer: that has an index.
        .where(PromoCodeRepeat.customer_id == code.customer_id, PromoCodeRepeat.code_id == code.id)
        .order_by(PromoCodeRepeat.message_id)
    )
    return [Sending(row[0], row[1] or "", row[2], row[3], row[4]) for row in rows]


class Holding(NamedTuple):
    """What a blocked code is held for: a distribution, and whether its text may have left (nobody knows yet)."""

    subject: str
    unknown: bool


def held_for(session: Session, code: PromoCode) -> Holding | None:
    """What a blocked code is held for; None where no message of it is there any more.

    Several messages may carry it (`storage.live_codes`): one that may have left says more than those that wait.
    """
    rows = [
        row for row in (_first(session, code), *_repeats(session, code)) if row is not None and row.state is not None
    ]
    if not rows:
        return None
    unknown = [row for row in rows if row.state is MessageState.UNKNOWN]
    return Holding((unknown or rows)[0].subject, bool(unknown))


def planned_for(session: Session, code: PromoCode) -> str | None:
    """The subject of a distribution that still has a message to send with this issued code again; None without any."""
    waiting = (MessageState.QUEUED, MessageState.UNKNOWN)
    return session.scalar(
        select(Distribution.subject)
        .select_from(PromoCodeRepeat)
        .join(Message, Message.id == PromoCodeRepeat.message_id)
        .join(Distribution, Distribution.id == Message.distribution_id)
        .where(
            PromoCodeRepeat.customer_id == code.customer_id,
            PromoCodeRepeat.code_id == code.id,
            PromoCodeRepeat.issued_at.is_(None),
            Message.state.in_(waiting),
        )
        .limit(1)
    )


def by_request(session: Session, request: str) -> PromoCode | None:
    """The code that was given for this very request before."""
    return session.scalars(
        select(PromoCode)
        .join(PromoCodeChange, PromoCodeChange.code_id == PromoCode.id)
        .where(PromoCodeChange.request == request)
    ).first()


def note(
    session: Session,
    code_id: int,
    kind: str,
    *,
    by: str,
    at: datetime,
    reason: str = "",
    other: int | None = None,
    request: str | None = None,
) -> PromoCodeChange:
    """Write down what a person did to a code: "revoked", "replaced", "replacing", "given"."""
    change = PromoCodeChange(
        code_id=code_id, kind=kind, other_code_id=other, reason=reason, request=request, at=at, by=by
    )
    session.add(change)
    session.flush()
    return change


def last_change(session: Session, code_id: int, kinds: Collection[str]) -> PromoCodeChange | None:
    """The last of what people did to a code, of these kinds."""
    return session.scalars(
        select(PromoCodeChange)
        .where(PromoCodeChange.code_id == code_id, PromoCodeChange.kind.in_(sorted(kinds)))
        .order_by(PromoCodeChange.id.desc())
        .limit(1)
    ).first()


def group_of(session: Session, code: PromoCode) -> PromoCodeGroup:
    """The group of a code; deleted ones too."""
    return session.get_one(PromoCodeGroup, code.group_id)


def is_anybodys(code: PromoCode) -> bool:
    """Whether a customer has, or had, the code."""
    return code.state is not CodeState.ACTIVE and code.customer_id is not None
