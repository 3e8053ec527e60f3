"""Active codes expire with their group, or at an expiry of their own, whichever comes first: swept by the clock.

What is active must be what can be given out. Between two sweeps `storage.issuing.block` passes by what has expired.
"""

from typing import TYPE_CHECKING, Any

from distribution.codes.rules import CHUNK
from storage import codes, groups

if TYPE_CHECKING:
    from distribution.jobs import JobRun
    from distribution.runtime import Runtime

REVIVE_KIND = "revive_codes"


def sweep(runtime: "Runtime") -> int:
    """Let active codes that are past their group's expiry, or their own, expire.

    Called by the clock; works in chunks and may run in several processes. Returns how many codes moved.
    """
    now = runtime.clock.now()
    with runtime.db.read() as session:
        whole = groups.to_expire(session, now)
        some = codes.groups_with_expired(session, now)
    moved = 0
    for group_id in whole:
        while True:
            with runtime.db.write() as session:
                # Looked at again, held: somebody may have moved the expiry meanwhile.
                group, _ = groups.get(session, group_id, lock=True) or (None, None)
                past = group is not None and group.expires_at is not None and group.expires_at <= now
                chunk = codes.expire(session, group_id, CHUNK) if past else 0
            moved += chunk
            if chunk < CHUNK:
                break
    for group_id in some:
        while True:
            with runtime.db.write() as session:
                chunk = codes.expire_own(session, group_id, now, CHUNK)
            moved += chunk
            if chunk < CHUNK:
                break
    return moved


def revive_codes(runtime: "Runtime", run: "JobRun") -> dict[str, Any]:
    """The job after a group's expiry was moved or taken away: its expired codes that nobody had are active again.

    Those past an expiry of their own stay expired.
    """
    group_id, now = run.args["group_id"], runtime.clock.now()
    while True:
        with run.chunk(runtime) as session:
            group, _ = groups.get(session, group_id, lock=True) or (None, None)
            if group is None or (group.expires_at is not None and group.expires_at <= now):
                return {"revived": run.done}
            last, revived = codes.revive(session, group_id, now, after=run.progress.get("after", 0), limit=CHUNK)
            run.done += revived
            run.progress = {"after": last}
        if last is None:
            return {"revived": run.done}
