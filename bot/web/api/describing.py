"""What the API says of itself: bodies, errors and examples for OpenAPI, which `/docs` and the tests read."""

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from bot.web.api.call import KEY_HEADER, REPLAYED_HEADER
from bot.web.api.problems import MEDIA_TYPE, ProblemDetails

PREFIX = "/v1"
REFS = "#/components/schemas/{model}"

SAID = {
    400: "The body is not JSON.",
    401: "No token, or one that opens nothing.",
    403: "The token lacks the scope.",
    404: "There is nothing of this name; the nearest name is suggested.",
    409: "It is there already, or was done already.",
    413: "The body, or the list in it, is longer than the limit that is named.",
    415: "The body is of another content type.",
    422: "A field is wrong, and is named; or it cannot be done, and why is said.",
    503: "The database is busy, or it takes too long: send it again later.",
}

ABOUT = """\
Everything is JSON, in and out, and times are ISO 8601 with a zone. Every request shows a token:
`Authorization: Bearer promobot_…` (`promobot token create NAME` prints one, once).

Names and codes in a path are percent-encoded: `Summer 10%` is `Summer%2010%25`, and a slash is `%2F`.

A POST with an `Idempotency-Key` header may be sent again, for three days: it is done once, and the answer of that once
comes again, marked `Idempotent-Replayed: true`.

Errors are `application/problem+json` (RFC 9457): `detail` says what is wrong, `errors` at which field.
"""


def takes(model: type[BaseModel], example: Any, *, text: str | None = None, required: bool = True) -> dict[str, Any]:
    """What an endpoint's body is, with an example; `text`: one as text/plain, where it may be that too.

    Not `required`: it may be left out.
    """
    schema = model.model_json_schema(ref_template=REFS)
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if text is not None:
        content["text/plain"] = {"schema": {"type": "string"}, "example": text}
    return {"requestBody": {"required": required, "content": content}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors that an endpoint answers, those of all endpoints too."""
    schema = {"$ref": REFS.format(model=ProblemDetails.__name__)}
    return {
        status: {"description": SAID[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({401, 403, 422, *statuses})
    }


def schema(routers: Sequence[APIRouter]) -> dict[str, Any]:
    """The OpenAPI document of the routers under `PREFIX`."""
    routes = [route for router in routers for route in router.routes]
    found = get_openapi(title="promobot", version=version("promobot"), description=ABOUT, routes=routes)
    found["paths"] = {f"{PREFIX}{path}": operations for path, operations in found["paths"].items()}
    components = found.setdefault("components", {}).setdefault("schemas", {})
    components[ProblemDetails.__name__] = ProblemDetails.model_json_schema(ref_template=REFS)
    for each in list(_objects(found)):
        components.update(each.pop("$defs", {}))
    for path, method, operation in operations(found):
        if method == "post":
            _keyed(operation)
        operation["operationId"] = f"{method}{path.removeprefix(PREFIX)}"
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of an OpenAPI document: path, method, operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _keyed(operation: dict[str, Any]) -> None:
    """Say that a POST may carry an Idempotency-Key."""
    operation.setdefault("parameters", []).append(
        {
            "name": KEY_HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "maxLength": 255},
            "description": "Sent again under the same key, the request is done once and its answer comes again "
            f"({REPLAYED_HEADER}: true).",
        }
    )


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, the outer ones first."""
    if isinstance(value, dict):
        yield value
        for inner in list(value.values()):
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)
