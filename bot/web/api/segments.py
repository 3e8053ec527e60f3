"""Segments: create one by its rules, look, count."""

import threading
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed, answer
from bot.web.api.describing import problems, takes
from bot.web.api.paging import After, Limit, page
from bot.web.api.problems import Problem, looked_up
from distribution.segments import counting, editing, looking
from distribution.segments.names import with_ids, with_names
from distribution.segments.rules import parse
from storage import segments as rows
from storage.names import fold
from storage.patience import TooSlow
from storage.tables import Segment as Row

routes = APIRouter(tags=["Segments"])

Reading = Annotated[Call, allowed("segments:read")]
Writing = Annotated[Call, allowed("segments:write")]
SegmentName = Annotated[str, Path(description="The segment's name.", examples=["VIP in Łódź"])]

# Seconds that a count may take.
LONGEST = 20.0


class NewSegment(Asked):
    """A segment to create."""

    name: str = Field(description="What people call it; up to 60 characters.")
    rules: dict[str, Any] = Field(
        description='{"match": "all" or "any", "negate": true or false, "rules": […]}: see docs/segments.md. Groups, '
        "segments and distributions are named as people name them."
    )


class Segment(BaseModel):
    """A segment."""

    name: str
    kind: Literal["dynamic", "static"] = Field(description="By its rules, or a fixed list.")
    rules: dict[str, Any] = Field(description="By names, as they may be sent; empty for a fixed list.")
    counted: int | None = Field(description="How many were in it when it was counted last.")
    counted_at: datetime | None
    created_at: datetime


class Segments(BaseModel):
    """One page of the list, by name."""

    segments: list[Segment]
    next: str | None = Field(description="The path of the next page; null on the last.")


class Count(BaseModel):
    """How many customers are in a segment now."""

    segment: str
    count: int
    textable: int = Field(description="Those of them who have a number and agreed to texts.")
    counted_at: datetime


RULES = {
    "match": "all",
    "rules": [
        {"field": "region", "op": "is", "value": "PL"},
        {"field": "codes_issued", "group": "Summer 10%", "op": "lt", "value": 2},
    ],
}


@routes.post(
    "/segments",
    status_code=201,
    response_model=Segment,
    summary="Create a segment",
    response_description="The segment.",
    responses=problems(400, 409, 413, 415),
    openapi_extra=takes(NewSegment, {"name": "VIP in Łódź", "rules": RULES}),
)
def create(call: Writing) -> Response:
    """Makes a dynamic segment: whoever matches its rules is in it, at any time. No rules ({}) are everybody."""
    asked = call.json(NewSegment)

    def work(session: Session) -> Answer:
        rules = parse(with_ids(session, asked.rules))
        return Answer(_shown(session, editing.create(session, asked.name, rules, by=call.by, now=call.now)), 201)

    return call.write(work)


@routes.get(
    "/segments",
    response_model=Segments,
    summary="List segments",
    response_description="Segments by name, a page at a time.",
    responses=problems(),
)
def list_segments(call: Reading, limit: Limit = 50, after: After = "") -> Response:
    """Every segment that has a name, with the number that was counted last."""
    with call.reading() as session:
        live = sorted(rows.live(session), key=lambda each: fold(each.name))
        lines, following = page("/segments", live, limit, after)
        return answer(Segments(segments=[_shown(session, each) for each in lines], next=following))


@routes.get(
    "/segments/{name:name}",
    response_model=Segment,
    summary="Look at a segment",
    response_description="The segment and its rules.",
    responses=problems(404),
)
def look(call: Reading, name: SegmentName) -> Response:
    """One segment; `/count` tells how many are in it."""
    with call.reading() as session:
        return answer(_shown(session, _found(session, name)))


@routes.get(
    "/segments/{name:name}/count",
    response_model=Count,
    summary="Count a segment",
    response_description="How many are in it now.",
    responses=problems(404, 503),
)
def count(call: Reading, name: SegmentName) -> Response:
    """Counts anew each time: a second or so for a million customers. After 20 seconds it gives up (503)."""
    now = call.now
    with call.reading() as session:
        segment = _found(session, name)
        where = counting.belongs(session, segment, now)
        try:
            found = looking.look(session, where, threading.Event(), members=0, seconds=LONGEST)
        except TooSlow:
            raise Problem(
                503,
                f"Counting '{segment.name}' takes longer than {LONGEST:.0f} seconds.",
                headers={"Retry-After": "60"},
            ) from None
    return answer(Count(segment=segment.name, count=found.size, textable=found.textable, counted_at=now))


def _found(session: Session, name: str) -> Row:
    """The segment that a path names. Raises `Problem` 404."""
    with looked_up():
        return editing.by_name(session, name)


def _shown(session: Session, row: Row) -> Segment:
    """A segment as it is answered."""
    kept: dict[str, Any] = {name: getattr(row, name) for name in Segment.model_fields}
    return Segment(**kept | {"rules": with_names(session, row.rules or {})})
