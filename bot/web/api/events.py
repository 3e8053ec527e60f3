"""Events: what customers did, as your system tells it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, SkipValidation
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed
from bot.web.api.describing import problems, takes
from distribution.events import record

routes = APIRouter(tags=["Events"])

MOST = 1_000

Writing = Annotated[Call, allowed("events:write")]


class Event(BaseModel):
    """One thing that a customer did."""

    model_config = ConfigDict(extra="forbid")

    customer: str = Field(description="Whose it is: their source id, or their phone number.")
    name: str = Field(description="What they did: letters, digits and _, such as cart_abandoned.")
    at: AwareDatetime | None = Field(default=None, description="When; left out, it is now.")
    source_id: str | None = Field(default=None, description="Its id in your system: told twice, it is one.")
    properties: dict[str, JsonValue] = Field(default={}, description="Up to 50 texts, numbers, booleans, dates.")


class Events(Asked):
    """A batch of events."""

    # Looked at one by one, so that one that is wrong does not hold up the others.
    events: list[SkipValidation[Event]] = Field(max_length=MOST, description=f"Up to {MOST:,}.")


class EventResult(BaseModel):
    """What became of one event of a batch."""

    index: int = Field(description="Which, counted from 0.")
    status: Literal["recorded", "again", "refused"] = Field(description="`again`: its source id was told before.")
    field: str | None = Field(description="What was wrong.")
    reason: str | None = Field(description="Why, and what to do; of `again`: what it says that was not taken.")


class EventBatch(BaseModel):
    """What became of all of them, in the order in which they were sent."""

    recorded: int
    again: int
    refused: int
    results: list[EventResult]


@routes.post(
    "/events",
    response_model=EventBatch,
    summary="Tell what customers did",
    response_description="A status for each; a reason for each that was refused.",
    responses=problems(400, 413, 415),
    openapi_extra=takes(
        Events,
        {
            "events": [
                {
                    "source_id": "cart-17",
                    "customer": "C-1001",
                    "name": "cart_abandoned",
                    "at": "2026-06-15T12:00:00Z",
                    "properties": {"cart_total": 59.9},
                }
            ]
        },
    ),
)
def tell(call: Writing) -> Response:
    """Up to 1,000 in a request. One that is refused does not hold up the others; an event with a `source_id` that was
    told before is not recorded again.
    """
    given: list[Any] = call.json(Events).events

    def work(session: Session) -> Answer:
        told = record(session, given, now=call.now)
        results: list[Any] = [
            {"index": each.index, "status": each.status, "field": each.field, "reason": each.reason} for each in told
        ]
        counts = {status: sum(each.status == status for each in told) for status in ("recorded", "again", "refused")}
        return Answer(EventBatch(**counts, results=results))

    return call.write(work)
