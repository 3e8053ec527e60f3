"""Whether a group's codes may be given out, and what is said where they may not or are too few."""

from datetime import datetime

from storage.tables import PromoCodeGroup


def unusable(group: PromoCodeGroup, now: datetime) -> str | None:
    """Why no code of a group may be given out any more, in words; None while they may."""
    if group.deleted_at is not None:
        return f"Group '{group.name}' was deleted."
    if group.expires_at is not None and group.expires_at <= now:
        return f"The codes of '{group.name}' have expired."
    return None


def missing(n: int, group: str) -> str:
    """ "98 codes are missing in 'Summer 10%'." """
    return f"1 code is missing in '{group}'." if n == 1 else f"{n:,} codes are missing in '{group}'."
