"""Redemptions: a code was used, or was not after all."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed
from bot.web.api.codes import Code
from bot.web.api.describing import problems, takes
from distribution.codes.redemptions import PLACE_MAX, SOURCE_MAX, WHY_MAX, Redeemed, RolledBack, redeem, roll_back

routes = APIRouter(tags=["Redemptions"])

Writing = Annotated[Call, allowed("redemptions:write")]

# 404: the path names no code. 409: it is as it is already.
STATUSES = {"unknown": 404, "redeemed": 409, "taken": 409, "not_redeemed": 409}


class Use(Asked):
    """A code was used; all of it may be left out."""

    source_id: str | None = Field(
        default=None, description=f"Its id in your system, up to {SOURCE_MAX} characters: said twice, it is one."
    )
    at: AwareDatetime | None = Field(default=None, description="When; left out, it is now.")
    place: str = Field(default="", description=f"Where: a shop, an order; up to {PLACE_MAX} characters.")


class Redemption(BaseModel):
    """A redemption that is recorded, or was rolled back."""

    code: str
    note: str | None = Field(description="How the code is written, where it was sent in another case.")
    source_id: str | None
    at: datetime
    place: str
    recorded_at: datetime
    rolled_back_at: datetime | None
    again: bool = Field(description="Whether it was said before, so that nothing changed now.")


@routes.post(
    "/promo-codes/{code:name}/redemptions",
    status_code=201,
    response_model=Redemption,
    summary="Redeem a promo code",
    response_description="The redemption is recorded.",
    responses=problems(400, 404, 409, 413, 415)
    | {200: {"model": Redemption, "description": "It was recorded before, under this source id."}},
    openapi_extra=takes(Use, {"source_id": "order-17", "place": "Warsaw shop"}),
)
def record(call: Writing, code: Code) -> Response:
    """Records that the customer used the code. One that is expired, revoked or not issued is refused, with the reason.

    `reason` is one of: unknown, ambiguous, active, blocked, expired, revoked, redeemed, taken (the source id was said
    of another code), time, words.
    """
    use = call.json(Use, empty=True)

    def work(session: Session) -> Answer:
        done = redeem(session, code, source_id=use.source_id, at=use.at, place=use.place, by=call.by, now=call.now)
        return Answer(_shown(done), 200 if done.again else 201)

    return call.write(work, statuses=STATUSES)


@routes.delete(
    "/promo-codes/{code:name}/redemptions",
    response_model=Redemption,
    summary="Roll a redemption back",
    response_description="The redemption does not count any more.",
    responses=problems(404, 409),
)
def take_back(
    call: Writing,
    code: Code,
    source_id: Annotated[
        str | None, Query(max_length=SOURCE_MAX, description="This one and no other; left out: the one that stands.")
    ] = None,
    why: Annotated[str, Query(max_length=WHY_MAX, description="Why, for people to read.")] = "",
) -> Response:
    """The code can be redeemed again. Sent twice with a `source_id`, the second changes nothing, as `again` says."""

    def work(session: Session) -> Answer:
        return Answer(_shown(roll_back(session, code, source_id=source_id, why=why, by=call.by, now=call.now)))

    return call.write(work, statuses=STATUSES)


def _shown(done: Redeemed | RolledBack) -> Redemption:
    """A redemption as it is answered."""
    row = done.redemption
    return Redemption(
        code=done.code,
        note=done.note or None,
        source_id=row.source_id,
        at=row.at,
        place=row.place,
        recorded_at=row.recorded_at,
        rolled_back_at=row.rolled_back_at,
        again=done.again,
    )
