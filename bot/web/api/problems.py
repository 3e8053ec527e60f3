"""Errors as problem details (RFC 9457): what is wrong, at which field, and what to do; never how it looks inside."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from distribution.errors import Refused
from distribution.search import did_you_mean

MEDIA_TYPE = "application/problem+json"

# As RFC 9110 calls them, whatever this version of Python does.
TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}

# Refusals that are no fault of what was sent, by their reason: it is there already.
CONFLICTS = {"taken": 409}


class FieldError(BaseModel):
    """One field that is wrong."""

    field: str = Field(description='Where: "name", "codes[3].expires_at", "Idempotency-Key".')
    message: str = Field(description="What is wrong with it, and what to do.")


class ProblemDetails(BaseModel):
    """What every error answers."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "name: this field is missing.",
                "errors": [{"field": "name", "message": "This field is missing."}],
            }
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default=[], description="The fields to blame; empty where no single one is.")
    reason: str | None = Field(default=None, description='A word to compare, where there is one: "taken", "redeemed".')


class Problem(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str | None = None,
        errors: Sequence[tuple[str, str]] = (),
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`message`: for the person who wrote the client. `field`, or `errors` (field, message): what is to blame."""
        super().__init__(message)
        self.status = status
        self.errors = [FieldError(field=name, message=said) for name, said in errors] or (
            [FieldError(field=field, message=message)] if field else []
        )
        self.reason = reason
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer."""
        details = ProblemDetails(
            title=TITLES.get(self.status) or HTTPStatus(self.status).phrase,
            status=self.status,
            detail=str(self),
            errors=self.errors,
            reason=self.reason,
        )
        left_out = {"reason"} if self.reason is None else None
        return Response(details.model_dump_json(exclude=left_out), self.status, self.headers, MEDIA_TYPE)


def of_refusal(
    refusal: Refused, names: Mapping[str, str] | None = None, statuses: Mapping[str, int] = CONFLICTS
) -> Problem:
    """A refusal of the engine: 422, or what `statuses` has for its reason.

    `names`: how the request names its fields.
    """
    field = (names or {}).get(refusal.field or "", refusal.field)
    return Problem(statuses.get(refusal.reason or "", 422), str(refusal), field=field, reason=refusal.reason)


@contextmanager
def by_reason(statuses: Mapping[str, int]) -> Iterator[None]:
    """Within the block a refusal is answered with what `statuses` has for its reason, else 422."""
    try:
        yield
    except Refused as refusal:
        raise of_refusal(refusal, statuses=statuses) from None


@contextmanager
def looked_up() -> Iterator[None]:
    """Within the block something that the path names is looked for: a refusal means that it is not there (404)."""
    try:
        yield
    except Refused as refusal:
        raise Problem(404, str(refusal), reason=refusal.reason) from None


def of_validation(error: ValidationError, model: type[BaseModel]) -> Problem:
    """A body that is no JSON (400), or not the one that is asked for (422)."""
    found = error.errors(include_url=False, include_context=True, include_input=True)
    if found[0]["type"] == "json_invalid":
        why = found[0]["msg"].removeprefix("Invalid JSON: ")
        return Problem(400, f"The body is not JSON: {why}.", field="body")
    errors = list(dict.fromkeys((_where(each["loc"]), _what(each, model)) for each in found[:20]))
    too_long = any(each["type"] == "too_long" and len(each["loc"]) == 1 for each in found)
    field, said = errors[0]
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    return Problem(413 if too_long else 422, f"{field}: {said[0].lower()}{said[1:]}{more}", errors=errors)


def _where(place: Sequence[int | str]) -> str:
    """A place in the body: "codes[3].expires_at"."""
    path = ""
    for step in place:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step not in ("str", "list", "dict") and not step[:1].isupper():  # pydantic names the branch of a union
            path += f".{step}" if path else step
    return path or "body"


# pydantic's words for what people get wrong most, in ours; the rest keep pydantic's.
_WORDS = {
    "missing": "This field is missing.",
    "string_type": "Write text, in quotes.",
    "int_type": "Write a whole number, without quotes.",
    "int_from_float": "Write a whole number.",
    "bool_type": "Write true or false, without quotes.",
    "list_type": "Write a list, in [ ].",
    "dict_type": "Write an object, in { }.",
    "model_type": "Write an object, in { }.",
    "model_attributes_type": "Write an object, in { }.",
    "timezone_aware": "Write the time with its zone, such as 2026-12-31T23:59:59+01:00.",
    "datetime_from_date_parsing": "Write a time with its zone, such as 2026-12-31T23:59:59+01:00.",
    "datetime_parsing": "Write a time with its zone, such as 2026-12-31T23:59:59+01:00.",
    "datetime_type": "Write a time with its zone, such as 2026-12-31T23:59:59+01:00.",
}


def _what(error: Any, model: type[BaseModel]) -> str:
    """What is wrong with one field, in a sentence."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"There is no such field.{did_you_mean(str(error['loc'][-1]), known_fields(model))}"
    if kind in ("too_long", "too_short"):
        few = "at least" if kind == "too_short" else "at most"
        limit = context.get("min_length" if kind == "too_short" else "max_length")
        return f"Send {few} {limit:,}; here are {context.get('actual_length', 0):,}."
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = context.get("ge", context.get("le"))
        return f"Write a number {'from' if 'ge' in context else 'up to'} {bound:,}{' on' if 'ge' in context else ''}."
    said = _WORDS.get(kind) or str(error["msg"]).removeprefix("Value error, ")
    return said if said.endswith(".") else f"{said}."


def known_fields(model: type[BaseModel]) -> list[str]:
    """The names of a body's fields, those of objects inside it too."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return list(dict.fromkeys(name for part in parts for name in part.get("properties", {})))
