"""Promo codes: load those that were made elsewhere, generate, and the life of one."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, answer
from bot.web.api.describing import problems, takes
from bot.web.api.groups import GroupName, Reading, Writing, found
from bot.web.api.jobs import JobLink, link
from bot.web.api.problems import Problem, by_reason
from distribution.codes.generate import generate
from distribution.codes.intake import CodeResult, add_codes
from distribution.codes.life import Life, life
from distribution.codes.recipe import Recipe
from distribution.codes.rules import GENERATE_MAX, INLINE
from distribution.team import called

routes = APIRouter(tags=["Promo codes"])

Code = Annotated[
    str, Path(description="The code; another case is found where only one is meant.", examples=["SUMMER-4821"])
]

_LINE_END = re.compile(r"\r\n|\n|\r")


class CodeToLoad(Asked):
    """A code with an expiry of its own."""

    code: str
    expires_at: AwareDatetime | None = Field(default=None, description="When it expires if nobody has got it by then.")


class Codes(Asked):
    """Codes that were made elsewhere."""

    codes: list[str | CodeToLoad] = Field(max_length=INLINE, description=f"Up to {INLINE:,}.")


class Loaded(BaseModel):
    """What became of all of them, in the order in which they were sent."""

    group: str
    inserted: int
    duplicated: int
    discarded: int
    results: list[CodeResult]


class Wanted(Asked):
    """How many codes are to be made."""

    count: int = Field(ge=1, le=GENERATE_MAX, description=f"1 to {GENERATE_MAX:,}.")
    format: str | None = Field(default=None, description="Make them by this format instead of the group's own.")


class Generated(BaseModel):
    """What was made; or, where it is a job, what was begun. The codes themselves are not answered: see docs/api.md."""

    group: str
    wanted: int
    inserted: int
    note: str | None = Field(description="Why fewer were made than wanted.")
    job: JobLink | None = Field(description="The job that makes them, where it is one: look at it until it is done.")


class Step(BaseModel):
    """One thing that happened to a code, or will (`expires`)."""

    kind: str = Field(description="made, blocked, issued, repeated, given, redeemed, rolled_back, revoked, …")
    at: datetime | None
    by: str = Field(description="A person's name, api:<a token's>, or the file that it came in and who brought it.")
    why: str
    distribution: str | None = Field(description="The subject of the distribution that it belongs to.")
    place: str
    other_code: str | None = Field(description="The code that replaced it, or that it replaced.")


class PromoCode(BaseModel):
    """One code and its whole life."""

    code: str
    note: str | None = Field(description="How it is written, where it was asked for in another case.")
    group: str
    state: Literal["active", "blocked", "issued", "redeemed", "revoked", "expired"]
    customer: str | None = Field(description="The source id of the customer who has it, where they have one.")
    issued_at: datetime | None
    redeemed_at: datetime | None
    expires_at: datetime | None
    life: list[Step]


@routes.post(
    "/promo-code-groups/{name:name}/codes",
    response_model=Loaded,
    summary="Load promo codes into a group",
    response_description="A status for each code, and a reason for each that was not inserted.",
    responses=problems(400, 404, 413, 415),
    openapi_extra=takes(
        Codes,
        {"codes": ["SUMMER-4821", {"code": "SUMMER-4822", "expires_at": "2030-12-31T23:59:59+01:00"}]},
        text="SUMMER-4821\nSUMMER-4822\n",
    ),
)
def load(call: Writing, name: GroupName) -> Response:
    """Up to 10,000 codes in a request, as JSON or as `text/plain` with one on each line; send more in several.

    A code that exists already, in any group, is *duplicated*; one that cannot be a code is *discarded*. So the same
    request may be sent twice: the second time all of them are duplicated, or with an Idempotency-Key it is answered
    as the first was.
    """
    given = _lines(call) if call.content_type == "text/plain" else _listed(call)

    def work(session: Session) -> Answer:
        group = found(session, name)
        taken = add_codes(session, group.id, given, method="api", by=call.by, now=call.now)
        return Answer(
            Loaded(
                group=group.name,
                inserted=taken.inserted,
                duplicated=taken.duplicated,
                discarded=taken.discarded,
                results=list(taken.results),
            )
        )

    return call.write(work)


@routes.post(
    "/promo-code-groups/{name:name}/generate",
    status_code=201,
    response_model=Generated,
    summary="Generate promo codes in a group",
    response_description="They are made.",
    responses=problems(400, 404, 413, 415)
    | {202: {"model": Generated, "description": "They are being made, by a job: `job.url` tells how far it is."}},
    openapi_extra=takes(Wanted, {"count": 500}),
)
def make(call: Writing, name: GroupName) -> Response:
    """Makes codes by the group's formats, or by one that is given.

    Up to 10,000 are there when it answers; more are made by a job. Send an Idempotency-Key: a request that is sent
    again without one makes as many again.
    """
    asked = call.json(Wanted)

    def work(session: Session) -> Answer:
        group = found(session, name)
        recipe = replace(Recipe.of(group), texts=(asked.format,), shares=()) if asked.format is not None else None
        added = generate(call.runtime.jobs, session, group.id, asked.count, by=call.by, now=call.now, recipe=recipe)
        body = Generated(
            group=group.name,
            wanted=asked.count,
            inserted=added.inserted,
            note=added.note,
            job=link(added.job_id),
        )
        return Answer(body, 201 if added.job_id is None else 202)

    return call.write(work, {"formats": "format"})


@routes.get(
    "/promo-codes/{code:name}",
    response_model=PromoCode,
    summary="Look at a promo code",
    response_description="The code and its whole life.",
    responses=problems(404),
)
def look(call: Reading, code: Code) -> Response:
    """Where it stands, who has it, and everything that happened to it, in order."""
    with call.reading() as session, by_reason({"unknown": 404}):
        return answer(_shown(session, life(session, code, call.now)))


def _lines(call: Call) -> list[str]:
    """The codes of a text/plain body, one to a line. Raises `Problem` 400 for what is no UTF-8, 413 for too many."""
    try:
        text = call.body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, f"The text is not UTF-8 at byte {error.start + 1}.", field="body") from None
    codes = [line.strip() for line in _LINE_END.split(text) if line.strip()]
    if len(codes) > INLINE:
        raise Problem(
            413, f"{len(codes):,} lines are too many for one request. Send up to {INLINE:,} in each.", field="body"
        )
    return codes


def _listed(call: Call) -> list[str | tuple[str, datetime | None]]:
    """The codes of a JSON body. Raises `Problem`."""
    return [each if isinstance(each, str) else (each.code, each.expires_at) for each in call.json(Codes).codes]


def _shown(session: Session, found: Life) -> PromoCode:
    """A code's life as it is answered."""
    steps = [
        Step(
            kind=step.kind,
            at=step.at,
            by=called(session, step.by),
            why=step.why,
            distribution=step.subject or None,
            place=step.place,
            other_code=step.other or None,
        )
        for step in found.steps
    ]
    facts: dict[str, Any] = {
        name: getattr(found, name) for name in ("code", "group", "state", "issued_at", "redeemed_at", "expires_at")
    }
    customer = found.customer.source_id if found.customer else None
    return PromoCode(**facts, note=found.note or None, customer=customer, life=steps)
