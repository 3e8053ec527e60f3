"""Where a promo code stands at a moment, in a word: its row keeps facts, and time does the rest."""

from datetime import datetime

from storage.tables import CodeState, PromoCode, PromoCodeGroup


def state_of(code: PromoCode, group: PromoCodeGroup, now: datetime) -> str:
    """Where a code of this group stands now, in a word: active, blocked, issued, redeemed, revoked, expired."""
    return standing(code.state, code.redeemed_at, expiry_of(code, group), now)


def expiry_of(code: PromoCode, group: PromoCodeGroup) -> datetime | None:
    """When a code of this group expires: one that nobody has by its own expiry or the group's, whichever comes first;
    one that somebody has by its own, if it has one (`validity_days` gives it one when it is issued).
    """
    both = [expiry for expiry in (code.expires_at, group.expires_at) if expiry is not None]
    return min(both, default=None) if code.customer_id is None else code.expires_at or group.expires_at


def standing(state: CodeState, redeemed_at: datetime | None, expires_at: datetime | None, now: datetime) -> str:
    """The same from a code's facts; `expires_at` is when it expires (`expiry_of`)."""
    if state is CodeState.REVOKED:
        return "revoked"
    if redeemed_at is not None:
        return "redeemed"
    if state in (CodeState.ACTIVE, CodeState.ISSUED) and expires_at is not None and expires_at <= now:
        return "expired"
    return state.name.lower()
