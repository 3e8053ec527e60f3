"""Bearer tokens: what other systems show to use the API, and what each may do with it.

A token is 256 random bits. Only its SHA-256 is stored: who reads the database cannot use the API, and a hash made for
passwords would add nothing, for nobody can guess 256 bits.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distribution.errors import Refused
from distribution.search import did_you_mean
from storage import idempotency
from storage import tokens as rows
from storage.names import fold
from storage.tables import ApiToken

if TYPE_CHECKING:
    from distribution.runtime import Runtime

# So that people, and programs that look for leaked secrets, see what it is.
PREFIX = "promobot_"
HINT = 4  # its last characters that lists show
NAME_MAX = 60

# What a token may be limited to, and what each allows.
SCOPES = {
    "codes:read": "see promo code groups, and the life of a code",
    "codes:write": "create groups, load and generate codes",
    "customers:read": "see a customer and their promo codes",
    "customers:write": "add, update and erase customers",
    "segments:read": "see segments and count them",
    "segments:write": "create segments",
    "redemptions:write": "record redemptions and roll them back",
    "events:write": "tell what customers did",
    "distributions:read": "see distributions and their reports",
    "distributions:write": "make distributions and ask for their approval",
    "distributions:send": "text customers: send distributions, pause, resume, stop, retry and call them back",
}

# `last_used_at` is this exact and no more: a write for each request would cost more than the request.
USE_KEPT = timedelta(minutes=1)
# How long a request may be sent again under one Idempotency-Key.
ANSWERS_KEPT = timedelta(days=3)


def create(session: Session, name: str, scopes: Sequence[str] = (), *, by: str, now: datetime) -> tuple[ApiToken, str]:
    """A new token, and its text, which is shown now or never. No scopes: all of them.

    Raises `Refused` at "name" (empty, too long, in use) or "scope" (there is no such scope).
    """
    shown = " ".join(name.split())
    if not shown or len(shown) > NAME_MAX or not shown.isprintable():
        raise Refused(f"Name the token by the system that uses it, in 1 to {NAME_MAX} characters.", field="name")
    other = rows.by_name(session, shown)
    if other is not None:
        raise _taken(other.name)
    for scope in scopes:
        if scope not in SCOPES:
            raise Refused(
                f"There is no scope '{scope}'.{did_you_mean(scope, SCOPES)} There are: {', '.join(SCOPES)}.",
                field="scope",
            )
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=shown,
        name_key=fold(shown),
        hash=_digest(text),
        hint=text[-HINT:],
        scopes=[scope for scope in SCOPES if scope in scopes or not scopes],
        created_at=now,
        created_by=by,
    )
    session.add(token)
    try:
        session.flush()
    except IntegrityError:  # somebody else took the name at this very moment
        raise _taken(shown) from None
    return token, text


def listing(session: Session) -> Sequence[ApiToken]:
    """The tokens that may be used, by name."""
    return rows.live(session)


def revoke(session: Session, name: str, *, now: datetime) -> ApiToken:
    """Let a token open nothing from now on; its name is free again. Raises `Refused`, field "name"."""
    token = rows.by_name(session, name)
    if token is None:
        names = [each.name for each in rows.live(session)]
        raise Refused(f"There is no token '{name}'.{did_you_mean(name, names)}", field="name")
    token.revoked_at, token.name_key = now, None
    session.flush()
    return token


def check(session: Session, text: str) -> ApiToken | None:
    """The token whose text this is; None when there is none, or it was revoked.

    It is looked for by its hash, so how long that takes says nothing about any token's text.
    """
    digest = _digest(text)
    token = rows.by_hash(session, digest)
    return token if token is not None and hmac.compare_digest(token.hash, digest) else None


def is_due(token: ApiToken, now: datetime) -> bool:
    """Whether the use of a token at `now` is to be recorded (`note_use`)."""
    return token.last_used_at is None or now - token.last_used_at >= USE_KEPT


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Record that a token is used, at most once a minute."""
    rows.note_use(session, token_id, at=now, unless_since=now - USE_KEPT)


def sweep(runtime: "Runtime") -> int:
    """Forget the answers kept longer than `ANSWERS_KEPT`; returns how many. Cheap where there are none."""
    before = runtime.clock.now() - ANSWERS_KEPT
    with runtime.db.read() as session:
        if not idempotency.any_before(session, before):
            return 0
    with runtime.db.write() as session:
        return idempotency.drop_before(session, before)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _taken(name: str) -> Refused:
    return Refused(
        f"There is a token '{name}' already. Revoke it first (promobot token revoke), or choose another name.",
        field="name",
        reason="taken",
    )
