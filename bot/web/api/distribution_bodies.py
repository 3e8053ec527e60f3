"""What a distribution is over HTTP: how one is asked for, and how it and its report are answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from bot.web.api.automatic_bodies import (
    Planned,
    Reminder,
    Repeat,
    Trigger,
    reminders_asked,
    reminders_shown,
    trigger_asked,
    trigger_shown,
)
from bot.web.api.call import Asked
from distribution import audience as audiences
from distribution import drafts, requests, team, unattended
from distribution import report as reports
from distribution.automatic.reminders import MOST
from distribution.errors import Refused
from distribution.findings import Review as Found
from distribution.review import latest
from storage import approvals
from storage.tables import Distribution as Row
from storage.tables import PromoCodeGroup, Promotion, Provider

Status = Literal[
    "draft", "reviewing", "pending", "scheduled", "blocking", "sending", "paused", "done", "stopped", "refused"
]


class CustomerNamed(Asked):
    """A customer by one of the two, where a bare text could be either."""

    source_id: str | None = None
    phone: str | None = None


class NewDistribution(Asked):
    """A distribution to make. It is a draft until it is sent."""

    mode: Literal["manual", "automatic"] = Field(
        default="manual",
        description="Sent to those who are in the audience then; or live from then on, to each who sets it off.",
    )
    purpose: Literal["unique_codes", "promotion", "custom"] = Field(
        description="A code of its own for each customer; news of a promotion, which needs no code; or any other text."
    )
    subject: str = Field(description="What colleagues and reports call it, up to 100 characters; not sent.")
    body: str = Field(description="The text, with tags: see docs/tags.md.")
    provider: str | None = Field(default=None, description="The provider's name; left out, the default one.")
    group: str | None = Field(
        default=None, description="The group whose codes are given; left out, the one that the body takes codes from."
    )
    promotion: str | None = Field(default=None, description="The promotion's name, where that is the purpose.")
    code_policy: Literal["new", "same"] = Field(
        default="new", description="A new code for everybody, or the one that a customer has until it is redeemed."
    )
    segment: str | int | None = Field(default=None, description="Who gets it: a segment's name, or its id.")
    customers: list[str | CustomerNamed] | None = Field(
        default=None,
        min_length=1,
        max_length=requests.MOST_CUSTOMERS,
        description=f"Or who gets it, each by source id or phone number; up to {requests.MOST_CUSTOMERS:,}.",
    )
    trigger: Trigger | None = Field(default=None, description="What sets an automatic one off.")
    ends_at: AwareDatetime | None = Field(default=None, description="Until when; left out, until it is stopped.")
    when_dry: Literal["wait", "top_up", "fallback", "pause"] | None = Field(
        default=None,
        description="What an automatic one does where its group has no active code: wait for codes (the default), make "
        "some by the group's format, send `fallback_body`, or pause.",
    )
    fallback_body: str | None = Field(default=None, description="The text without a code, for `fallback`.")
    reminders: list[Reminder] = Field(
        default=[], description=f"Further texts for those who have not used their code; up to {MOST}."
    )
    send_at: AwareDatetime | None = Field(default=None, description="When it goes out; left out, as soon as it may.")
    local_at: str | None = Field(
        default=None, description="Or when each customer's own clock shows this: 2026-07-01T09:00."
    )
    repeat: Repeat | None = Field(default=None, description="Or again and again.")
    lifetime_minutes: int | None = Field(
        default=None, description="A text that could not be sent so long after is given up; left out, by the settings."
    )
    channel: str | None = Field(
        default=None,
        pattern=r"^[CGD][A-Z0-9]{2,}$",
        description="The id of the Slack channel that shows its progress and report; it needs none.",
    )

    @model_validator(mode="after")
    def _one_audience(self) -> "NewDistribution":
        if self.mode == "manual" and (self.segment is None) == (self.customers is None):
            raise ValueError("Say who gets it: segment, or customers.")
        return self

    def asked(self, names: Sequence[str]) -> requests.Asked:
        """It as the engine takes it; `names`: its customers'."""
        own = {"customers", "trigger", "reminders", "repeat"}
        return requests.Asked(
            **self.model_dump(exclude=own),
            customers=names,
            trigger=trigger_asked(self.trigger),
            reminders=reminders_asked(self.reminders),
            repeat=self.repeat.model_dump(exclude_none=True) if self.repeat else None,
        )


class Audience(BaseModel):
    """Who it is for: a segment, or customers by name."""

    segment: str | None = Field(description="The segment's name.")
    customers: int | None = Field(description="How many customers were named instead.")


class Approval(BaseModel):
    """The last request for a second person's decision, and the decision."""

    state: Literal["pending", "approved", "rejected", "void"]
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None = Field(description="Why it was rejected, or what changed so that it is void.")


class CodesNeeded(BaseModel):
    """Codes that it takes from a group. What is active and missing is of now, and null once its codes are blocked."""

    group: str
    needed: int
    active: int | None
    missing: int | None


class Review(BaseModel):
    """What its review found when it was sent, or asked to be approved."""

    made_at: datetime
    audience: int
    excluded: dict[str, int] = Field(description="By reason.")
    recipients: int
    codes: list[CodesNeeded]
    segments: int = Field(description="SMS segments of all texts.")
    pictures: int = Field(description="Picture messages, which have no segments.")
    cost: float | None = Field(description="Of what has a price in the workspace; null where nothing has.")
    currency: str
    warnings: list[str]


class Progress(BaseModel):
    """How far it is: audience = excluded + sent + failed + unknown + pending."""

    audience: int
    excluded: int
    sent: int = Field(description="Taken by the provider, and not said to have failed.")
    delivered: int = Field(description="Those of them that arrived.")
    failed: int
    unknown: int = Field(description="The provider has been asked, or a person has to say, what became of them.")
    pending: int = Field(description="Still to send.")


class Line(BaseModel):
    """A distribution in a list."""

    id: int
    status: Status
    reason: str | None = Field(description="Why it stands where it stands, in words, where there is something to say.")
    subject: str
    purpose: Literal["unique_codes", "promotion", "custom"]
    send_at: datetime | None
    created_by: str = Field(description="A person's name, or api:<the token's>.")
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Distribution(Line):
    """A distribution."""

    mode: Literal["manual", "automatic"]
    group: str | None
    promotion: str | None
    code_policy: Literal["new", "same"]
    provider: str | None
    body: str
    audience: Audience | None = Field(description="Null for an automatic one: it has a trigger.")
    trigger: Trigger | None
    ends_at: datetime | None = Field(description="An automatic one fires until then.")
    when_dry: Literal["wait", "top_up", "fallback", "pause"] | None
    fallback_body: str | None
    reminders: list[Reminder]
    local_at: str | None
    repeat: Repeat | None
    late_since: datetime | None = Field(
        description="It fell due while promobot was not running, and waits for a person's word in Slack."
    )
    lifetime_minutes: int | None
    channel: str | None
    held_until: datetime | None = Field(description="Nothing leaves before; until then it can be called back.")
    approval: Approval | None
    review: Review | None
    progress: Progress


class Distributions(BaseModel):
    """One page of the list, the newest first."""

    distributions: list[Line]
    next: str | None = Field(description="The path of the next page; null on the last.")


class CodesTaken(BaseModel):
    """What became of the codes that it took from one group."""

    group: str
    issued: int = Field(description="Also where only a person said that the text did not arrive.")
    returned: int = Field(description="Active again, because nothing left.")
    blocked: int = Field(description="Held for texts that are pending or unknown.")


class Report(BaseModel):
    """What came of a distribution: audience = the sum of excluded + sent + failed + unknown + pending."""

    id: int
    subject: str
    status: Status
    reason: str | None
    audience: int
    excluded: dict[str, int] = Field(description="Who got nothing, by reason: no_consent, opted_out, stopped, …")
    sent: int = Field(description="Taken by the provider, and not said to have failed.")
    delivered: int = Field(description="Those of them that arrived.")
    failed: int = Field(description="Refused by the provider, or taken and not delivered.")
    failures: dict[str, int] = Field(description="Those, by reason.")
    unknown: int
    pending: int = Field(description="Still to send.")
    codes: list[CodesTaken]
    repeated: int = Field(description="Codes sent again that their customers had.")
    redeemed: int = Field(description="Of the codes that it sent.")
    segments: int = Field(description="SMS segments, as the provider counted.")
    pictures: int = Field(description="Picture messages, which have none.")
    opted_out: int = Field(description="Customers who answered STOP.")
    to_settle: int = Field(description="Unknown ones that only a person can settle, in Slack.")
    planned: Planned
    balance_error: str | None = Field(description="What does not add up; null, as it should be.")
    started_at: datetime | None
    finished_at: datetime | None


def shown(session: Session, row: Row) -> Distribution:
    """A distribution as it is answered."""
    group = session.get(PromoCodeGroup, row.group_id) if row.group_id else None
    promotion = session.get(Promotion, row.promotion_id) if row.promotion_id else None
    provider = session.get(Provider, row.provider_id) if row.provider_id else None
    facts: dict[str, Any] = {
        name: getattr(row, name)
        for name in (
            "mode", "code_policy", "body", "lifetime_minutes", "channel",
            "held_until", "local_at", "late_since", "ends_at",
        )
    }  # fmt: skip
    takes_codes = row.mode == "automatic" and row.purpose == "unique_codes"
    return Distribution(
        **line(session, row),
        **facts,
        group=group.name if group else None,
        promotion=promotion.name if promotion else None,
        provider=provider.name if provider else None,
        audience=_audience(session, row) if row.mode == "manual" else None,
        trigger=trigger_shown(session, row.trigger),
        when_dry=row.when_dry if takes_codes else None,
        fallback_body=row.fallback_body or None,
        reminders=reminders_shown(row.reminders),
        repeat=Repeat(**row.repeat) if row.repeat else None,
        approval=_approval(session, row),
        review=_review(session, row),
        progress=_progress(reports.numbers(session, row)),
    )


def line(session: Session, row: Row) -> dict[str, Any]:
    """What a list shows of a distribution, too."""
    status, reason = unattended.standing(session, row)
    named = team.called(session, row.created_by)
    own = {"status", "reason", "created_by"}
    kept = {name: getattr(row, name) for name in Line.model_fields if name not in own}
    return kept | {"status": status, "reason": reason, "created_by": named}


def _audience(session: Session, row: Row) -> Audience:
    rule = drafts.rule(row.audience)
    if rule.get("kind") == "segment":
        try:
            return Audience(segment=audiences.name(session, rule), customers=None)
        except Refused:  # it was deleted
            return Audience(segment=(row.sealed.get("audience") or {}).get("name"), customers=None)
    size = 1 if rule.get("kind") == "customer" else audiences.listed(session, rule)
    return Audience(segment=None, customers=size)


def _approval(session: Session, row: Row) -> Approval | None:
    last = approvals.latest_of(session, row.id)
    if last is None:
        return None
    decided_by = team.called(session, last.decided_by) if last.decided_by else None
    state: Any = last.state
    return Approval(
        state=state,
        requested_at=last.requested_at,
        decided_by=decided_by,
        decided_at=last.decided_at,
        reason=last.reason,
    )


def _review(session: Session, row: Row) -> Review | None:
    found = latest(session, row)
    if not isinstance(found, Found):
        return None
    free = row.status in ("draft", "pending", "scheduled", "refused")
    return Review(
        made_at=found.made_at,
        audience=found.total,
        excluded=dict(found.left_out),
        recipients=found.recipients,
        codes=[
            CodesNeeded(
                group=need.name,
                needed=need.needed,
                active=need.active if free else None,
                missing=need.missing if free else None,
            )
            for need in found.codes
        ],
        segments=found.segments,
        pictures=found.pictures,
        cost=found.cost,
        currency=found.currency,
        warnings=found.warnings,
    )


def _progress(counted: reports.Numbers) -> Progress:
    names: Sequence[str] = ("audience", "sent", "delivered", "failed", "unknown", "pending")
    return Progress(excluded=counted.excluded + counted.cancelled, **{name: getattr(counted, name) for name in names})
