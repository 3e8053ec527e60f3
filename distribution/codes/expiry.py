"""Codes expire with their group: swept by the clock, because what is active must be what can be given out."""

from typing import TYPE_CHECKING

from distribution.codes.rules import CHUNK
from storage import codes, groups

if TYPE_CHECKING:
    from distribution.runtime import Runtime


def sweep(runtime: "Runtime") -> int:
    """Let the active codes of groups past their expiry expire, and bring those back whose group got a later one.

    Called by the clock every minute; works in chunks and may run in several processes. Returns how many codes moved.
    """
    moved = 0
    with runtime.db.read() as session:
        due = [(group_id, True) for group_id in groups.to_expire(session, runtime.clock.now())]
        due += [(group_id, False) for group_id in groups.to_revive(session, runtime.clock.now())]
    for group_id, expire in due:
        while True:
            with runtime.db.write() as session:
                chunk = (codes.expire if expire else codes.revive)(session, group_id, CHUNK)
            moved += chunk
            if chunk < CHUNK:
                break
    return moved
