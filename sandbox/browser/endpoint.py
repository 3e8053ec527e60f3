"""An HTTP endpoint of the browser API: arguments in, JSON out, refusals as `{"error", "detail"}`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.blocks import Json
from sandbox.slack.interactions import InteractionError

Handler = Callable[[Json, Request], Awaitable[Any]]


def refused(name: str, detail: str, status: int = 400) -> InteractionError:
    """What a person sees instead of the effect."""
    return InteractionError(name, detail, status)


def routes_of(table: Sequence[tuple[str, str, Handler]]) -> list[BaseRoute]:
    """Routes of (verb, path, handler)."""
    return [Route(path, _endpoint(handler), methods=[verb]) for verb, path, handler in table]


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """An HTTP endpoint of a handler: arguments from path, query and JSON body; refusals as `{"error", "detail"}`."""

    async def endpoint(request: Request) -> Response:
        args: Json = {**request.query_params}
        try:
            if request.method != "GET" and request.headers.get("content-type", "").startswith("application/json"):
                body = json.loads(await request.body() or b"{}")
                if not isinstance(body, dict):
                    raise refused("invalid_arguments", "The body must be a JSON object.")
                args |= body
            args |= request.path_params
            return JSONResponse(await handler(args, request))
        except InteractionError as error:
            return JSONResponse({"error": error.name, "detail": error.detail}, error.status)
        except ValueError:
            return JSONResponse({"error": "invalid_json", "detail": "The body is not valid JSON."}, 400)

    return endpoint
