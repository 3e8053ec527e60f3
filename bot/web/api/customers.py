"""Customers: add and update them, one or many; look at one, and at their promo codes; erase one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field, JsonValue, RootModel, SkipValidation
from sqlalchemy.orm import Session
from starlette.responses import Response

from bot.web.api.call import Answer, Asked, Call, allowed, answer
from bot.web.api.describing import problems, takes
from bot.web.api.problems import Problem, by_reason
from distribution import settings
from distribution.customers.erasing import erase
from distribution.customers.upsert import MOST, Upserted, upsert
from storage import codes, customers

routes = APIRouter(tags=["Customers"])

Reading = Annotated[Call, allowed("customers:read")]
Writing = Annotated[Call, allowed("customers:write")]
SourceId = Annotated[str, Path(description="The customer's id in your system.", examples=["C-1001"])]

# An import is under way that may bring them back: nothing is wrong with the request.
ERASING = {"unknown": 404, "import_under_way": 409}


class Facts(BaseModel):
    """What a customer is changed to. What is left out stays; null takes it away (not a consent)."""

    model_config = ConfigDict(extra="forbid")

    phone: str | None = Field(default=None, description="E.164, or as written in `region`, else in the workspace's.")
    name: str | None = None
    consent: Literal["given", "opted_out", "unknown"] | None = Field(
        default=None, description="To texts. Nobody who opted out is opted in by this; unknown changes nothing."
    )
    region: str | None = Field(default=None, description="Two letters, such as PL.")
    locale: str | None = None
    time_zone: str | None = Field(default=None, description="Such as Europe/Warsaw; left out, that of the number.")
    attributes: dict[str, JsonValue] = Field(
        default={}, description="Texts, numbers, booleans, dates; each keeps the type that it was first seen with."
    )


class CustomerToPut(Facts):
    """A customer of a batch."""

    source_id: str | None = Field(default=None, description="Their id in your system; left out, the phone tells who.")


class Put(RootModel[dict[str, Any]]):
    """A customer's facts as they were sent: the engine looks at them, as at those of a batch."""


class Customers(Asked):
    """A batch of customers."""

    # Looked at one by one, so that one that is wrong does not hold up the others.
    customers: list[SkipValidation[CustomerToPut]] = Field(max_length=MOST, description=f"Up to {MOST:,}.")


class CustomerResult(BaseModel):
    """What became of one customer of a batch."""

    index: int = Field(description="Which, counted from 0.")
    source_id: str | None
    status: Literal["created", "updated", "unchanged", "refused"]
    field: str | None = Field(description="What was wrong.")
    reason: str | None = Field(description="Why, and what to do.")


class CustomerBatch(BaseModel):
    """What became of all of them, in the order in which they were sent."""

    created: int
    updated: int
    unchanged: int
    refused: int
    results: list[CustomerResult]


class Customer(BaseModel):
    """A customer."""

    source_id: str | None
    phone: str | None = Field(description="E.164.")
    name: str
    consent: Literal["given", "opted_out", "unknown"]
    consent_at: datetime | None
    region: str | None
    locale: str | None
    time_zone: str | None
    attributes: dict[str, JsonValue]
    created_at: datetime
    updated_at: datetime


class CodeOfCustomer(BaseModel):
    """A code that a customer has, or one time that it was sent to them again."""

    code: str
    group: str
    issue: Literal["initial", "repeated"]
    distribution: str | None = Field(description="The subject of the distribution that sent it.")
    at: datetime | None = Field(description="When it was issued; null while it is blocked.")
    state: Literal["blocked", "issued", "redeemed", "revoked", "expired"]
    redeemed_at: datetime | None
    expires_at: datetime | None


class CodesOfCustomer(BaseModel):
    """A customer's codes, the newest first; what is blocked before those."""

    promo_codes: list[CodeOfCustomer]


MAYA = {
    "phone": "+48501234218",
    "name": "Maja Nowak",
    "consent": "given",
    "attributes": {"city": "Łódź", "vip": True},
}


@routes.post(
    "/customers",
    response_model=CustomerBatch,
    summary="Add and update customers",
    response_description="A status for each; a reason for each that was refused.",
    responses=problems(400, 413, 415),
    openapi_extra=takes(Customers, {"customers": [{"source_id": "C-1001", **MAYA}]}),
)
def put_many(call: Writing) -> Response:
    """Up to 1,000 in a request. Each is about the customer with its `source_id`, else the one with its `phone`, else a
    new one; it changes what it names and leaves the rest. One that is refused does not hold up the others.

    The same batch sent twice changes nothing the second time.
    """
    rows: Sequence[Any] = call.json(Customers).customers

    def work(session: Session) -> Answer:
        told = _upsert(session, call, rows)
        counts = {
            status: sum(each.status == status for each in told)
            for status in CustomerBatch.model_fields
            if status != "results"
        }
        results = [CustomerResult.model_validate(each, from_attributes=True, extra="ignore") for each in told]
        return Answer(CustomerBatch(**counts, results=results))

    return call.write(work)


@routes.put(
    "/customers/{source_id:name}",
    response_model=Customer,
    summary="Add or update a customer",
    response_description="The customer, who was there already.",
    responses=problems(400, 413, 415) | {201: {"model": Customer, "description": "The customer is added."}},
    openapi_extra=takes(Facts, MAYA),
)
def put(call: Writing, source_id: SourceId) -> Response:
    """Changes what it names and leaves the rest, as in a batch."""
    facts = call.json(Put).root

    def work(session: Session) -> Answer:
        if facts.get("source_id", source_id) != source_id:
            raise Problem(422, "The path names the customer: leave the source_id out.", field="source_id")
        (told,) = _upsert(session, call, [facts | {"source_id": source_id}])
        if told.status == "refused":
            raise Problem(422, told.reason or "Not taken.", field=told.field)
        return Answer(_found(session, told.source_id or source_id), 201 if told.status == "created" else 200)

    return call.write(work)


@routes.get(
    "/customers/{source_id:name}",
    response_model=Customer,
    summary="Look at a customer",
    response_description="The customer.",
    responses=problems(404),
)
def look(call: Reading, source_id: SourceId) -> Response:
    """What is kept of the customer with this id in your system."""
    with call.reading() as session:
        return answer(_found(session, source_id))


@routes.get(
    "/customers/{source_id:name}/promo-codes",
    response_model=CodesOfCustomer,
    summary="List a customer's promo codes",
    response_description="Their codes, the newest first.",
    responses=problems(404),
)
def list_codes(call: Reading, source_id: SourceId) -> Response:
    """Every code that the customer was issued, each time that it was sent again, and what is blocked for them."""
    with call.reading() as session:
        customer = customers.by_source_id(session, source_id)
        if customer is None:
            raise _nobody(source_id)
        lines = codes.of_customer(session, customer.id)
    shown: list[Any] = [
        {
            "code": line.code,
            "group": line.group,
            "issue": line.issue,
            "distribution": line.distribution,
            "at": line.at,
            "state": line.standing(call.now),
            "redeemed_at": line.redeemed_at,
            "expires_at": line.expires_at,
        }
        for line in lines
    ]
    return answer(CodesOfCustomer(promo_codes=shown))


@routes.delete(
    "/customers/{source_id:name}",
    status_code=204,
    summary="Erase a customer",
    response_description="Everything personal is gone, for good.",
    responses=problems(404, 409),
)
def remove(call: Writing, source_id: SourceId) -> Response:
    """Removes everything personal (GDPR). What they were sent stays, without a name, so that codes and costs add up.

    409: a file is being imported that may bring them back. Send it again when that is done.
    """
    with by_reason(ERASING), call.writing() as session:
        customer = customers.by_source_id(session, source_id)
        if customer is None:
            raise _nobody(source_id)
        erase(session, customer.id, call.by, call.now)
    return Response(status_code=204)


def _upsert(session: Session, call: Call, rows: Sequence[Mapping[str, Any]]) -> list[Upserted]:
    """Add or change, on this token's word."""
    return upsert(
        session,
        rows,
        by=f"token '{call.token.name}'",
        source="API",
        now=call.now,
        region=settings.get(session, "region.default"),
    )


def _found(session: Session, source_id: str) -> Customer:
    """The customer with a source id. Raises `Problem` 404."""
    row = customers.by_source_id(session, source_id)
    if row is None:
        raise _nobody(source_id)
    return Customer.model_validate(row, from_attributes=True)


def _nobody(source_id: str) -> Problem:
    return Problem(404, f"No customer has the source id '{source_id[:200]}'.")
