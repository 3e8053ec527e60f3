"""Promo code groups: create, list, look at one."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, Field, model_validator
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed, answer
from bot.web.api.describing import problems, takes
from bot.web.api.paging import After, Limit, page
from bot.web.api.problems import looked_up
from distribution.codes import forecast, groups
from distribution.codes.format import FORMATS_MAX, parse_all
from distribution.codes.listing import GroupLine, line, listing
from distribution.codes.recipe import Recipe
from storage.tables import PromoCodeGroup

routes = APIRouter(tags=["Promo code groups"])

# What the engine calls fields of a group, and how the request names them.
FIELDS = {
    "expires": "expires_at",
    "validity": "validity_days",
    "low_stock": "low_stock_level",
}

Reading = Annotated[Call, allowed("codes:read")]
Writing = Annotated[Call, allowed("codes:write")]
GroupName = Annotated[
    str, Path(description="The group's name; one that it had before does too.", examples=["Summer 10%"])
]


class NewGroup(Asked):
    """A promo code group to create; all but the name may be left out."""

    name: str = Field(description="What people and messages call it; up to 60 characters.")
    format: str | None = Field(default=None, description="How codes are made: SUMMER-{string('0-9', 4)}.")
    formats: list[str] | None = Field(
        default=None, max_length=FORMATS_MAX, description="Several formats, instead of one."
    )
    shares: list[int] = Field(default=[], description="How many of each hundred or so each format makes; none: alike.")
    prefix: str = Field(default="", description="Text before every code that is made.")
    suffix: str = Field(default="", description="Text after every code that is made.")
    without_lookalikes: bool = Field(default=False, description="Draw no 0 O 1 I l and their like.")
    low_stock_level: int = Field(default=0, description="Warn when so few codes are active; 0: never.")
    expires_at: AwareDatetime | None = Field(default=None, description="When codes that nobody has got expire.")
    validity_days: int | None = Field(default=None, description="An issued code is good for so many days.")
    top_up: int = Field(default=0, description="How many codes are made each time that the stock is low; 0: none.")
    top_up_ceiling: int | None = Field(default=None, description="Top up to so many codes in all.")

    @model_validator(mode="after")
    def _one_way(self) -> "NewGroup":
        if self.format is not None and self.formats is not None:
            raise ValueError("Write format for one, or formats for several, not both.")
        return self

    @property
    def format_lines(self) -> str:
        """The formats, one to a line. Raises nothing: what is no format is found by who reads it."""
        return "\n".join([self.format] if self.format is not None else self.formats or [])


class Group(BaseModel):
    """A promo code group and where its codes stand: total = active + blocked + issued + revoked + expired."""

    name: str
    formats: list[str]
    shares: list[int]
    prefix: str
    suffix: str
    without_lookalikes: bool
    low_stock_level: int
    low_stock: bool = Field(description="Whether so few are active, or fewer.")
    runs_out_at: datetime | None = Field(description="When its active codes are used up at the pace of late.")
    expires_at: datetime | None
    validity_days: int | None
    top_up: int
    top_up_ceiling: int | None
    total: int
    active: int = Field(description="Free to be issued.")
    blocked: int = Field(description="Held for a text that is not sent yet.")
    issued: int
    redeemed: int = Field(description="Of those that were issued.")
    revoked: int
    expired: int


class Groups(BaseModel):
    """One page of the list, by name."""

    groups: list[Group]
    next: str | None = Field(description="The path of the next page; null on the last.")


EXAMPLE = {
    "name": "Summer 10%",
    "format": "SUMMER-{string('0-9', 4)}{string('A-Z', 4)}",
    "low_stock_level": 500,
    "validity_days": 30,
}


@routes.post(
    "/promo-code-groups",
    status_code=201,
    response_model=Group,
    summary="Create a promo code group",
    response_description="The group, without codes yet.",
    responses=problems(400, 409, 413, 415),
    openapi_extra=takes(NewGroup, EXAMPLE),
)
def create(call: Writing) -> Response:
    """Makes a group to load codes into, or to generate them in by its formats."""
    asked = call.json(NewGroup)
    facts: Any = asked.model_dump(exclude={"name", "format", "formats"})

    def work(session: Session) -> Answer:
        recipe = Recipe(without_lookalikes=asked.without_lookalikes)
        formats = parse_all(asked.format_lines, without=recipe.without)
        group = groups.create(session, asked.name, formats=formats, by=call.by, now=call.now, **facts)
        return Answer(shown(session, group, call.now), 201)

    return call.write(work, FIELDS | {"formats": "format" if asked.formats is None else "formats"})


@routes.get(
    "/promo-code-groups",
    response_model=Groups,
    summary="List promo code groups",
    response_description="Groups by name, a page at a time.",
    responses=problems(),
)
def list_groups(call: Reading, limit: Limit = 50, after: After = "") -> Response:
    """Every group that is not deleted, with where its codes stand. The counts are kept, not counted."""
    with call.reading() as session:
        lines, following = page("/promo-code-groups", listing(session, call.now), limit, after)
    return answer(Groups(groups=[as_group(each) for each in lines], next=following))


@routes.get(
    "/promo-code-groups/{name:name}",
    response_model=Group,
    summary="Look at a promo code group",
    response_description="The group and where its codes stand.",
    responses=problems(404),
)
def look(call: Reading, name: GroupName) -> Response:
    """One group, with where its codes stand and when they run out."""
    with call.reading() as session:
        return answer(shown(session, found(session, name), call.now))


def found(session: Session, name: str) -> PromoCodeGroup:
    """The group that a path names. Raises `Problem` 404."""
    with looked_up():
        return groups.by_name(session, name)


def shown(session: Session, group: PromoCodeGroup, now: datetime) -> Group:
    """A group as it is answered."""
    row, stock = groups.found(session, group.id)
    return as_group(line(row, stock, forecast.runs_out(session, row, now)))


def as_group(each: GroupLine) -> Group:
    """A line of the list as it is answered."""
    return Group(
        name=each.name,
        formats=list(each.recipe.texts),
        shares=list(each.recipe.shares),
        prefix=each.recipe.prefix,
        suffix=each.recipe.suffix,
        without_lookalikes=each.recipe.without_lookalikes,
        low_stock_level=each.low_stock_level,
        low_stock=each.low,
        runs_out_at=each.runs_out,
        expires_at=each.expires_at,
        validity_days=each.validity_days,
        top_up=each.top_up,
        top_up_ceiling=each.top_up_ceiling,
        total=each.total,
        active=each.active,
        blocked=each.blocked,
        issued=each.issued,
        redeemed=each.redeemed,
        revoked=each.revoked,
        expired=each.expired,
    )
