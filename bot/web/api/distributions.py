"""Distributions: make one, look at it, list them, and the report. What is done with one: `bot.web.api.sending`."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.automatic_bodies import FIELDS, planned
from bot.web.api.call import Answer, Call, allowed, answer
from bot.web.api.describing import PREFIX, problems, takes
from bot.web.api.distribution_bodies import (
    CodesTaken,
    CustomerNamed,
    Distribution,
    Distributions,
    Line,
    NewDistribution,
    Report,
    Status,
    line,
    shown,
)
from bot.web.api.paging import Limit
from bot.web.api.problems import Problem
from distribution import report as reports
from distribution import requests, unattended
from storage import distributions as rows
from storage.tables import Distribution as Row

routes = APIRouter(tags=["Distributions"])

ID_MAX = 2**31 - 1

_COUNTED = ("repeated", "redeemed", "segments", "pictures", "opted_out", "to_settle")  # in a report

LISTED: tuple[str, ...] = (
    "draft",
    "pending",
    "scheduled",
    "blocking",
    "sending",
    "paused",
    "done",
    "stopped",
    "refused",
)

Reading = Annotated[Call, allowed("distributions:read")]
Writing = Annotated[Call, allowed("distributions:write")]
Id = Annotated[int, Path(le=ID_MAX, description="The distribution's id, as it was answered.", examples=[1])]

EXAMPLE = {
    "mode": "manual",
    "purpose": "unique_codes",
    "subject": "Summer thank-you",
    "provider": "main",
    "body": "Hi {{ client.first_name | default('there') }}, your code: {{ client.promocode('Summer 10%') }}",
    "segment": "VIP in Łódź",
}


@routes.post(
    "/distributions",
    status_code=201,
    response_model=Distribution,
    summary="Make a distribution",
    response_description="The draft. Nothing is sent yet.",
    responses=problems(400, 413, 415),
    openapi_extra=takes(NewDistribution, EXAMPLE),
)
def create(call: Writing) -> Response:
    """Makes a draft and checks all of it: every field that is wrong is named. `/send` or `/request-approval` go on.

    Send an Idempotency-Key: a request that is sent again without one makes a second draft.
    """
    asked = call.json(NewDistribution)
    wanted = asked.asked(_names(asked.customers or ()))

    def work(session: Session) -> Answer:
        try:
            made = requests.create(session, wanted, by=call.by, now=call.now)
        except requests.Unfit as unfit:
            raise unfitting(unfit) from None
        return Answer(shown(session, made), 201)

    return call.write(work)


@routes.get(
    "/distributions",
    response_model=Distributions,
    summary="List distributions",
    response_description="Distributions, the newest first, a page at a time.",
    responses=problems(),
)
def list_distributions(
    call: Reading,
    limit: Limit = 50,
    before: Annotated[int | None, Query(le=ID_MAX, description="Older than this id; `next` has it.")] = None,
    status: Annotated[Status | None, Query(description="Only those of this status.")] = None,
) -> Response:
    """Everybody's, drafts only this token's own."""
    statuses = LISTED if status is None else ("draft",) if status == "reviewing" else (status,)
    with call.reading() as session:
        found = rows.page_before(session, call.by, statuses, before=before, limit=limit + 1)
        lines = [Line(**line(session, row)) for row in found[:limit]]
    following = f"{PREFIX}/distributions?limit={limit}&before={lines[-1].id}" if len(found) > limit else None
    if following and status is not None:
        following += f"&status={status}"
    wanted = [each for each in lines if status is None or each.status == status]
    return answer(Distributions(distributions=wanted, next=following))


@routes.get(
    "/distributions/{id:int}",
    response_model=Distribution,
    summary="Look at a distribution",
    response_description="The distribution, and how far it is.",
    responses=problems(404),
)
def look(call: Reading, id: Id) -> Response:
    """Its numbers are kept, not counted: it may be asked for every second, whatever its size."""
    with call.reading() as session:
        return answer(shown(session, seen(session, call, id)))


@routes.get(
    "/distributions/{id:int}/report",
    response_model=Report,
    summary="Read a distribution's report",
    response_description="What came of it, in numbers that add up.",
    responses=problems(404),
)
def report(call: Reading, id: Id) -> Response:
    """At any time, also while it is being sent. It counts rows: about a second for a million customers."""
    with call.reading() as session:
        row = seen(session, call, id)
        status, reason = unattended.standing(session, row)
        found = reports.report(session, row.id, chart=False, now=call.now)
        counted = found.numbers
    return answer(
        Report(
            id=row.id,
            subject=row.subject,
            status=status,
            reason=reason,
            audience=counted.audience,
            excluded=_excluded(found.excluded, counted),
            failures=dict(found.failures),
            codes=[
                CodesTaken(group=each.group, issued=each.issued, returned=each.returned, blocked=each.held)
                for each in found.codes
            ],
            planned=planned(found.planned),
            balance_error=found.balance_error,
            **{name: getattr(counted, name) for name in ("sent", "delivered", "failed", "unknown", "pending")},
            **{name: getattr(found, name) for name in _COUNTED},
            started_at=row.started_at,
            finished_at=row.finished_at,
        )
    )


def seen(session: Session, call: Call, distribution_id: int) -> Row:
    """The distribution that a path names. Raises `Problem` 404."""
    row = rows.visible(session, call.by, distribution_id)
    if row is None:
        raise Problem(404, f"There is no distribution {distribution_id}.")
    return row


def unfitting(unfit: requests.Unfit) -> Problem:
    """Everything that is wrong with what was asked for, as one problem."""
    errors = [(FIELDS.get(each.field or "", each.field or "body"), str(each)) for each in unfit.faults]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(422, f"{errors[0][0]}: {errors[0][1]}{more}", errors=errors)


def _names(customers: Sequence[str | CustomerNamed]) -> list[str]:
    """What each customer is named by. Raises `Problem` for one that is named by both or by nothing."""
    names = []
    for at, each in enumerate(customers):
        given = [each] if isinstance(each, str) else [name for name in (each.source_id, each.phone) if name is not None]
        if len(given) != 1:
            raise Problem(422, "Name a customer by source_id or by phone.", field=f"customers[{at}]")
        names += given
    return names


def _excluded(by_reason: Any, counted: reports.Numbers) -> dict[str, int]:
    """Who got nothing, by reason: those left out before it began, and those for whom it was stopped."""
    return {**by_reason, **({"stopped": counted.cancelled} if counted.cancelled else {})}
