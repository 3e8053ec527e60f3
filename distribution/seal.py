"""The seal: a hash over everything that a person approves, and the facts that it was made of (DESIGN §5.8).

The facts are body, purpose, groups, which of their codes customers get, promotion, audience rule and size or trigger,
provider, schedule, reminders, subject, and after how long a text is given up where somebody chose that. They are
collected anew when somebody approves and when the distribution is launched; if the hash is another, the approval is
void, and `changes` says in words what is different. The audience's size is that of the list which the review wrote down
(docs/decisions/recipients-are-fixed-at-review.md); of one that is sent again and again, nobody knows who will be in it
each time, and its size is no fact. Its copies carry its seal, so a copy's facts are those of the rule, not of the time.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distribution import audience as audiences
from distribution import drafts
from distribution.codes.taking import NEW
from distribution.drafts import rule
from distribution.errors import Refused
from distribution.limits import span
from distribution.schedule import local
from distribution.templates.analyse import analyse
from storage import approvals, promotions
from storage.names import fold
from storage.tables import Approval, Customer, Distribution, Provider, Segment

Facts = dict[str, Any]


def facts(session: Session, distribution: Distribution) -> Facts:
    """What would be approved now, as JSON. What is gone (a deleted group) is left out, so that the hash changes."""
    called, used = _groups(session, distribution)
    promotion = promotions.get(session, distribution.promotion_id) if distribution.promotion_id else None
    provider = session.get(Provider, distribution.provider_id) if distribution.provider_id else None
    return {
        "subject": distribution.subject,
        "mode": distribution.mode,
        "purpose": distribution.purpose,
        "body": distribution.body,
        "groups": [{"id": group_id, "key": fold(called[group_id]), "name": called[group_id]} for group_id in used],
        "promotion": promotion and {"id": promotion.id, "name": promotion.name, "terms": promotion.terms},
        "audience": _audience(session, distribution),
        "provider": provider
        and provider.name_key
        and {"id": provider.id, "name": provider.name, "kind": provider.kind, "config": provider.config},
        "send_at": distribution.send_at.isoformat() if distribution.send_at and not _repeat(distribution) else None,
        # Only where it is not the usual one: what was sealed before there was a choice keeps its seal.
        **({"code_policy": distribution.code_policy} if distribution.code_policy != NEW else {}),
        # Only where it was chosen: the workspace's own may change without anybody's approval.
        **({"lifetime_minutes": distribution.lifetime_minutes} if distribution.lifetime_minutes else {}),
        **_by_itself(session, distribution),
    }


def seal_of(found: Facts) -> str:
    """The hash of facts: the same for the same facts, on any machine."""
    canonical = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def put(session: Session, distribution: Distribution) -> str:
    """Seal a distribution as it is now, and return the seal."""
    distribution.sealed = facts(session, distribution)
    distribution.seal = seal_of(distribution.sealed)
    session.flush()
    return distribution.seal


def lift(session: Session, distribution: Distribution) -> None:
    """Take the seal off: it may be edited again."""
    distribution.seal, distribution.sealed = None, {}
    session.flush()


def broken(session: Session, distribution: Distribution) -> list[str]:
    """What changed since a distribution was sealed, in words for people; empty when the seal holds."""
    now = facts(session, distribution)
    if distribution.seal == seal_of(now):
        return []
    return changes(distribution.sealed, now) or ["something changed since it was sealed"]


def void_if_changed(session: Session, distribution: Distribution, *, now: datetime) -> list[str]:
    """At launch: what changed since the distribution was sealed, in words; empty when it may be sent.

    When something did, its approval is void, it is a draft again, and its `status_reason` says why.
    """
    changed = broken(session, distribution)
    if changed:
        void(session, approvals.latest_of(session, distribution.id), distribution, changed, now)
    return changed


def void(
    session: Session, approval: Approval | None, distribution: Distribution, changed: list[str], now: datetime
) -> None:
    """The distribution is a draft again, without its seal, and says why; an approval that it had is void."""
    words = "; ".join(changed)
    void_approval(session, approval, words, now)
    back_to_draft(session, distribution, f"Back to a draft: {words}.", now)


def void_approval(session: Session, approval: Approval | None, why: str, now: datetime) -> None:
    """An approval, asked for or given, holds no more; nothing where there is none, or it was rejected."""
    if approval is not None:
        states = ("pending", "approved")
        approvals.decide(session, approval.id, state="void", by=None, reason=why, at=now, from_states=states)
        session.refresh(approval)


def back_to_draft(session: Session, distribution: Distribution, reason: str, now: datetime) -> None:
    """Make it a draft again that says why, without its seal, its review, and what was decided after an outage."""
    lift(session, distribution)
    distribution.put_off_to = distribution.late_since = None
    drafts.unfix(session, distribution)
    distribution.status, distribution.status_reason, distribution.updated_at = "draft", reason, now
    distribution.draft = {key: value for key, value in distribution.draft.items() if key not in drafts.REVIEW}
    session.flush()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The differences of two sets of facts, in words: "the audience has 415 customers, not 412"."""
    found: list[str] = []
    for key, words in _WORDS.items():
        old, new = before.get(key), after.get(key)
        if old != new:
            found += words(old, new)
    return found


def _groups(session: Session, distribution: Distribution) -> tuple[dict[int, str], list[int]]:
    """How its texts call the groups that they name, by id, and those ids in the order of the texts."""
    called: dict[int, str] = {}
    used: dict[int, None] = {}
    further = [each["body"] for each in distribution.reminders]
    for body in (distribution.body, *further, distribution.fallback_body):
        if body or body is distribution.body:
            analysis = analyse(session, body, mode=distribution.mode)
            called = {**analysis.called, **called}
            used |= dict.fromkeys(group.id for group in (*analysis.issues_from, *analysis.repeats_from))
    return called, list(used)


def _audience(session: Session, distribution: Distribution) -> Facts | None:
    """An audience's rule and size; of one that no review has written down, the size when it was changed last."""
    audience = distribution.audience
    try:
        name = audiences.name(session, rule(audience))
        members = audiences.where(session, audience, distribution.updated_at)
    except Refused:
        return None
    found = {**rule(audience), "name": name, "rules": _rules(session, audience.get("segment_id"))}
    if not _repeat(distribution):
        found["size"] = session.scalar(select(func.count()).select_from(Customer).where(members)) or 0
    return found


def _rules(session: Session, segment_id: int | None) -> Any:
    """What a segment asks of its members; nothing for a list, or where it is gone."""
    segment = session.get(Segment, segment_id) if segment_id else None
    return segment.rules if segment else {}


def _by_itself(session: Session, distribution: Distribution) -> Facts:
    """Trigger, reminders and schedule, each only where it was chosen: what was sealed without them keeps its seal."""
    found: Facts = {}
    if distribution.mode == "automatic":
        found["trigger"] = {**distribution.trigger}
        if segment_id := distribution.trigger.get("segment_id"):
            segment = session.get(Segment, segment_id)
            found["trigger"] |= {
                "name": segment.name if segment and segment.deleted_at is None else None,
                "rules": _rules(session, segment_id),
            }
        found["when_dry"] = {"do": distribution.when_dry, "body": distribution.fallback_body}
    if distribution.ends_at:
        found["ends_at"] = distribution.ends_at.isoformat()
    if distribution.reminders:
        found["reminders"] = [dict(each) for each in distribution.reminders]
    if distribution.local_at:
        found["local_at"] = distribution.local_at
    if rule_ := _repeat(distribution):
        found["repeat"] = rule_
    return found


def _repeat(distribution: Distribution) -> Facts:
    """How it is repeated; of a copy that goes by the approval of a repeating one, how that is. {}: it is sent once."""
    of_copy = distribution.sealed.get("repeat") if distribution.repeats_id else None
    return dict(distribution.repeat or of_copy or {})


def _changed_subject(old: Any, new: Any) -> list[str]:
    return [f"the subject is '{new}', not '{old}'"]


def _changed_mode(old: Any, new: Any) -> list[str]:
    return [f"it is {new}, not {old}"]


def _changed_purpose(old: Any, new: Any) -> list[str]:
    return ["the purpose was changed"]


def _changed_body(old: Any, new: Any) -> list[str]:
    return ["the text was changed"]


def _changed_groups(old: Any, new: Any) -> list[str]:
    before, after = ({group["id"]: group["name"] for group in groups or []} for groups in (old, new))
    gone = [f"group '{name}' was deleted" for group, name in before.items() if group not in after]
    added = [f"it takes codes from '{name}' now" for group, name in after.items() if group not in before]
    return gone + added or ["the text calls a group by another name"]


def _changed_policy(old: Any, new: Any) -> list[str]:
    same = "customers who have a code that they can still use get that one again now"
    return [same if new else "every customer gets a new code now"]


def _changed_promotion(old: Any, new: Any) -> list[str]:
    if old and new and old["id"] == new["id"]:
        return [f"the promotion '{old['name']}' was edited"]
    return [f"the promotion '{old['name']}' was deleted"] if old and not new else ["it is about another promotion"]


def _changed_audience(old: Any, new: Any) -> list[str]:
    if not new:
        return [f"the audience '{(old or {}).get('name', '')}' was deleted"]
    if not old or rule(old).get("segment_id") != rule(new).get("segment_id") or old["kind"] != new["kind"]:
        return [f"the audience is '{new['name']}' now"]
    found = []
    if old["rules"] != new["rules"]:
        found.append(f"the rules of segment '{new['name']}' were changed")
    if None not in (old.get("size"), new.get("size")) and old["size"] != new["size"]:
        found.append(f"the audience has {new['size']:,} customers, not {old['size']:,}")
    if old["name"] != new["name"]:
        found.append(f"the audience is called '{new['name']}', not '{old['name']}'")
    return found or ["the audience was changed"]


def _changed_provider(old: Any, new: Any) -> list[str]:
    if not new:
        return [f"the provider '{(old or {}).get('name', '')}' was removed"]
    if old and old["id"] == new["id"]:
        return [f"the provider '{new['name']}' was set up differently"]
    return [f"the provider is '{new['name']}' now"]


def _changed_time(old: Any, new: Any) -> list[str]:
    return [f"it is to be sent {_moment(new)}, not {_moment(old)}"]


def _changed_lifetime(old: Any, new: Any) -> list[str]:
    after, before = (f"after {span(each)}" if each else "when the workspace's time is over" for each in (new, old))
    return [f"texts that cannot be sent are given up {after}, not {before}"]


def _changed_trigger(old: Any, new: Any) -> list[str]:
    if not old or not new:
        return []  # it is of the other mode now, and that is said
    before, after = old, new
    if {key: value for key, value in before.items() if key not in ("name", "rules")} != {
        key: value for key, value in after.items() if key not in ("name", "rules")
    }:
        return ["what sets it off was changed"]
    if after.get("name") is None:
        return [f"the segment '{before.get('name')}' was deleted"]
    if before.get("rules") != after.get("rules"):
        return [f"the rules of segment '{after['name']}' were changed"]
    return [f"the segment is called '{after['name']}', not '{before.get('name')}'"]


def _changed_dry(old: Any, new: Any) -> list[str]:
    return ["what is done when codes run out was changed"] if old and new else []


def _changed_end(old: Any, new: Any) -> list[str]:
    if not new:
        return ["it has no end any more"]
    return [f"it ends {_moment(new)}" + (f", not {_moment(old)}" if old else "")]


def _changed_reminders(old: Any, new: Any) -> list[str]:
    before, after = len(old or ()), len(new or ())
    if before != after:
        return [f"it has {after} {'reminder' if after == 1 else 'reminders'}, not {before}"]
    return ["its reminder was changed" if after == 1 else "its reminders were changed"]


def _changed_local_time(old: Any, new: Any) -> list[str]:
    words = [local.words(local.parse(each)) if each else "not by each customer's own clock" for each in (new, old)]
    return [f"it is to be sent {words[0]}, not {words[1]}" if new and old else f"it is to be sent {words[0]}"]


def _changed_repeat(old: Any, new: Any) -> list[str]:
    return ["how it is repeated was changed" if old and new else "it is repeated now" if new else "it is sent once now"]


def _moment(value: str | None) -> str:
    """A time in the facts, in UTC: who reads it may be anywhere."""
    return f"on {datetime.fromisoformat(value):%d %b %Y at %H:%M} UTC" if value else "at once"


_WORDS = {
    "subject": _changed_subject,
    "mode": _changed_mode,
    "purpose": _changed_purpose,
    "body": _changed_body,
    "groups": _changed_groups,
    "code_policy": _changed_policy,
    "promotion": _changed_promotion,
    "audience": _changed_audience,
    "provider": _changed_provider,
    "send_at": _changed_time,
    "lifetime_minutes": _changed_lifetime,
    "trigger": _changed_trigger,
    "when_dry": _changed_dry,
    "ends_at": _changed_end,
    "reminders": _changed_reminders,
    "local_at": _changed_local_time,
    "repeat": _changed_repeat,
}
