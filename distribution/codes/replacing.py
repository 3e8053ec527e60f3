"""What a person does to one code: revoke it, replace it, give one to a customer by hand.

Each happens whole or not at all, moves the group's stock, and is a page in the code's life (`promo_code_change`). Done
twice, by a double click or in two processes at once, the second changes nothing and answers with what the first did.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from distribution.codes import spelling
from distribution.codes.redemptions import blocked, moment
from distribution.codes.usable import unusable
from distribution.errors import Refused
from storage import codes, issuing, live_codes, lives, stock
from storage.tables import CodeState, Customer, PromoCode, PromoCodeGroup

WHY_MAX = 500


@dataclass(frozen=True)
class Revoked:
    """A code that is good for nothing any more. `again`: it was revoked before."""

    code: PromoCode
    again: bool


@dataclass(frozen=True)
class Replaced:
    """A code that was revoked, and the one that its customer has in its place. `again`: it was replaced before."""

    old: PromoCode
    new: PromoCode
    again: bool


@dataclass(frozen=True)
class Given:
    """A code that was issued by hand. `others`: codes of the group that the customer can still use besides."""

    code: PromoCode
    again: bool
    others: tuple[str, ...] = ()


def revoke(session: Session, code: str, *, why: str, by: str, now: datetime) -> Revoked:
    """Make a code worthless, whether somebody has it or not.

    Raises `Refused` (fields "code", "why"; reasons "unknown", "ambiguous", "blocked", "redeemed", "expired").
    """
    reason = _why(why)
    row = _held(session, spelling.find(session, code).code)
    if row.state is CodeState.REVOKED:
        return Revoked(row, True)
    _may_go(session, row)
    before = "active" if row.state is CodeState.ACTIVE else "issued"
    row.state = CodeState.REVOKED
    session.flush()
    stock.move(session, row.group_id, **{before: -1, "revoked": 1})
    lives.note(session, row.id, "revoked", by=by, at=now, reason=reason)
    return Revoked(row, False)


def replace(session: Session, code: str, *, why: str, by: str, now: datetime) -> Replaced:
    """Revoke a code that a customer has, and issue them another of the same group; no text is sent.

    Raises `Refused` as `revoke` does, with reason "active" for a code that nobody has, and "missing" where the group
    has no active code or may not give any out.
    """
    reason = _why(why)
    found = spelling.find(session, code)
    if (seen := codes.find(session, found.code)) is not None:
        live_codes.turn(session, seen.group_id)  # a launch that looks who has a code sees the new one, or waits
    row = _held(session, found.code)
    if row.state is CodeState.REVOKED:
        before = lives.last_change(session, row.id, ("replaced",))
        new = session.get(PromoCode, before.other_code_id) if before and before.other_code_id else None
        if new is None:
            raise _revoked(session, row)
        return Replaced(row, new, True)
    if row.state is not CodeState.BLOCKED and row.customer_id is None:
        text = f"'{row.code}' is nobody's yet, so there is nobody to give another one to. It can be revoked."
        raise Refused(text, field="code", reason="active")
    _may_go(session, row)
    customer_id = row.customer_id or 0
    _whole(session, customer_id)
    row.state = CodeState.REVOKED
    session.flush()
    new = _issue(session, row.group_id, customer_id, now)
    stock.move(session, row.group_id, issued=-1, revoked=1)
    lives.note(session, row.id, "replaced", by=by, at=now, reason=reason, other=new.id)
    lives.note(session, new.id, "replacing", by=by, at=now, reason=reason, other=row.id)
    return Replaced(row, new, False)


def give(
    session: Session,
    group_id: int,
    customer_id: int,
    *,
    why: str = "",
    by: str,
    now: datetime,
    request: str,
    code_id: int | None = None,
) -> Given:
    """Issue a code of a group to a customer by hand, the next one or the one with `code_id`; no text is sent.

    `request` is an id of the wish (of the form that was filled in): said twice, one code is given. Raises `Refused`
    (fields "group", "customer", "why"; reason "missing" where no code, or not this one, can be given out).
    """
    reason = _why(why, needed=False)
    live_codes.turn(session, group_id)  # as in `replace`
    stock.hold(session, group_id)  # two submits of one form take turns here
    before = lives.by_request(session, request)
    if before is not None:
        return Given(before, True)
    _whole(session, customer_id)
    others = live_codes.all_of(session, group_id, customer_id, now)
    code = _issue(session, group_id, customer_id, now, code_id)
    lives.note(session, code.id, "given", by=by, at=now, reason=reason, request=request)
    return Given(code, False, tuple(others))


def _held(session: Session, text: str) -> PromoCode:
    """The code, held and as it is now; one that is nobody's behind its stock, as by whoever takes active codes."""
    seen = codes.find(session, text)
    if seen is not None and seen.state is CodeState.ACTIVE:
        stock.hold(session, seen.group_id)
        session.refresh(seen)
        if seen.state is not CodeState.ACTIVE:  # waiting for it now, with the stock held, could be for ever
            raise Refused(f"'{text}' is being taken this very moment. Try again.", field="code", reason="busy")
    row = codes.find(session, text, lock=True)
    if row is None:
        raise Refused(f"There is no promo code '{text}' any more.", field="code", reason="unknown")
    return row


def _may_go(session: Session, row: PromoCode) -> None:
    """Raise `Refused` where a code cannot be taken out of the world now."""
    name = f"'{row.code}'"
    if row.redeemed_at is not None:
        text = f"{name} was redeemed {moment(row.redeemed_at)}. Roll the redemption back first, if it was a mistake."
        raise Refused(text, field="code", reason="redeemed")
    if row.state is CodeState.EXPIRED:
        raise Refused(f"{name} has expired, and nobody ever had it.", field="code", reason="expired")
    if row.state is CodeState.BLOCKED:
        held = lives.held_for(session, row)
        if held is not None and held.unknown:
            text = f"{name} {blocked(session, row)}"
        else:
            text = (
                f"{name} is held for a message that is not sent yet. Stop its distribution, or wait until it is sent."
            )
        raise Refused(text, field="code", reason="blocked")
    subject = lives.planned_for(session, row) if row.customer_id is not None else None
    if subject is not None:
        text = f"{name} is about to be sent again, with '{subject}'. Stop that, or wait until it is sent."
        raise Refused(text, field="code", reason="blocked")


def _issue(session: Session, group_id: int, customer_id: int, now: datetime, code_id: int | None = None) -> PromoCode:
    """The next active code of the group, or that one, issued. Raises `Refused`, field "group", reason "missing"."""
    group = session.get(PromoCodeGroup, group_id)
    if group is None:
        raise Refused("Choose the group that the code comes from.", field="group", reason="missing")
    problem = unusable(group, now)
    if problem is not None:
        raise Refused(problem, field="group", reason="missing")
    code = issuing.issue_one(session, group_id, customer_id, now, code_id=code_id)
    if code is None and code_id is not None:
        text = "This code is not active any more: somebody got it, or it was revoked or expired. Look it up again."
        raise Refused(text, field="group", reason="missing")
    if code is None:
        text = f"'{group.name}' has no active code. Add codes to it with /promo groups, then try again."
        raise Refused(text, field="group", reason="missing")
    return code


def _whole(session: Session, customer_id: int) -> None:
    """Raise `Refused` for a customer who is not there, or was erased."""
    customer = session.get(Customer, customer_id)
    if customer is None or customer.erased_at is not None:
        raise Refused("This customer was erased. Nobody can be given a code.", field="customer", reason="erased")


def _revoked(session: Session, row: PromoCode) -> Refused:
    change = lives.last_change(session, row.id, ("revoked",))
    when = f" {moment(change.at)}" if change else ""
    text = f"'{row.code}' was revoked{when}, without another in its place. Give the customer a code by hand instead."
    return Refused(text, field="code", reason="revoked")


def _why(why: str, *, needed: bool = True) -> str:
    """A reason as it is kept. Raises `Refused`, field "why"."""
    kept = " ".join(why.replace("\x00", "").split())
    if needed and not kept:
        raise Refused("Say why: it stays in the code's life.", field="why")
    if len(kept) > WHY_MAX:
        raise Refused(f"The reason has {len(kept)} characters. It may have {WHY_MAX}.", field="why")
    return kept
