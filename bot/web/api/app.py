"""The API put together: its endpoints behind its door, its errors, and its description."""

from functools import cache
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route

from bot.web.api import codes, customers, distributions, events, groups, jobs, redemptions, segments, sending
from bot.web.api.describing import PREFIX, schema
from bot.web.api.entry import REQUEST_ID, Entry, failure
from bot.web.api.page import HEADERS, page
from bot.web.api.problems import Problem, of_refusal
from distribution.errors import Refused
from distribution.runtime import Runtime

ROUTERS: tuple[APIRouter, ...] = (
    groups.routes,
    codes.routes,
    redemptions.routes,
    customers.routes,
    events.routes,
    segments.routes,
    distributions.routes,
    sending.routes,
    jobs.routes,
)


def routes(runtime: Runtime) -> list[BaseRoute]:
    """What the HTTP service gets: the API under `/v1`, and what it says of itself, which nobody needs a token for."""
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for router in ROUTERS:
        api.include_router(router)
    api.add_exception_handler(Problem, _problem)
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _failure)

    def openapi(_request: Request) -> Response:
        return JSONResponse(document())

    def docs(_request: Request) -> Response:
        return HTMLResponse(page(document(), runtime.links.public_url), headers=HEADERS)

    return [
        Mount(PREFIX, Entry(api, runtime)),
        Route("/openapi.json", openapi, methods=["GET"]),
        Route("/docs", docs, methods=["GET"]),
    ]


@cache
def document() -> dict[str, Any]:
    """The API's OpenAPI document; made when it is first asked for, not at each start."""
    return schema(ROUTERS)


def _problem(_request: Request, error: Exception) -> Response:
    return cast(Problem, error).response()


def _refused(_request: Request, error: Exception) -> Response:
    return of_refusal(cast(Refused, error)).response()


def _invalid(_request: Request, error: Exception) -> Response:
    """A parameter of the query that is not what is asked for."""
    found = cast(RequestValidationError, error).errors()
    errors = [(str(each["loc"][-1]), f"{each['msg']}.") for each in found]
    return Problem(422, f"{errors[0][0]}: {errors[0][1]}", errors=errors).response()


def _http(request: Request, error: Exception) -> Response:
    """No such path, or not with this method: then it says with which."""
    refused = cast(HTTPException, error)
    if refused.status_code == 404:
        return Problem(404, "There is nothing at this path. /docs lists what there is.").response()
    if refused.status_code == 405:
        methods = sorted(_methods(request))
        said = f"This path takes {' and '.join(methods)}, not {request.method}."
        return Problem(405, said, headers={"Allow": ", ".join(methods)}).response()
    return Problem(refused.status_code, str(refused.detail), headers=refused.headers).response()


def _failure(request: Request, error: Exception) -> Response:
    return failure(error, request.scope[REQUEST_ID]).response()


def _methods(request: Request) -> set[str]:
    """What the path of a request can be asked with."""
    found: set[str] = set()
    for router in ROUTERS:
        for route in router.routes:
            if route.matches(request.scope)[0] is not Match.NONE:
                found |= getattr(route, "methods", None) or set()
    return found
