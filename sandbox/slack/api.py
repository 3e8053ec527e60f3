"""`/api/<method>`, Socket Mode's address, uploads and response URLs, over HTTP."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sandbox import people
from sandbox.blocks import Json
from sandbox.slack import chat, conversations, files_api, views_api
from sandbox.slack.calls import Call, Method, SlackError
from sandbox.slack.slack import Slack
from sandbox.slack.triggers import HandleError

METHODS: dict[str, Method] = {**chat.METHODS, **conversations.METHODS, **views_api.METHODS, **files_api.METHODS}

# The bot scopes of which one is enough, per method. Methods that are not named need none.
SCOPES: dict[str, tuple[str, ...]] = {
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "reactions.add": ("reactions:write",),
    "reactions.remove": ("reactions:write",),
    "users.info": ("users:read",),
    "users.list": ("users:read",),
    "users.lookupByEmail": ("users:read.email",),
    "bots.info": ("users:read",),
    "team.info": ("team:read",),
    "conversations.open": ("im:write", "mpim:write"),
    "conversations.join": ("channels:join",),
    "conversations.list": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.info": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.members": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.history": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "conversations.replies": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "users.conversations": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
    "files.delete": ("files:write",),
    "files.info": ("files:read",),
}


def base_url(request: Request | WebSocket) -> str:
    """The sandbox's own address as the caller reached it, without a slash at the end."""
    return f"http://{request.headers.get('host', request.url.netloc)}"


async def _arguments(request: Request) -> Json:
    """A call's arguments: query, form or JSON body. Raises SlackError invalid_json, json_not_object."""
    arguments: Json = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "application/json":
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return arguments | body
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        arguments |= dict(await request.form())
    return arguments


def _token(request: Request, arguments: Json) -> str:
    header = request.headers.get("authorization", "")
    return header.removeprefix("Bearer ").strip() if header else str(arguments.pop("token", ""))


def _check_token(token: str, method: str) -> None:
    if not token:
        raise SlackError("not_authed")
    if token not in (people.BOT_TOKEN, people.APP_TOKEN):
        raise SlackError("invalid_auth")
    wants_app_token = method == "apps.connections.open"
    if wants_app_token != (token == people.APP_TOKEN):
        raise SlackError("not_allowed_token_type")


class Api:
    """The HTTP side of what the bot sees."""

    def __init__(self, slack: Slack) -> None:
        self.slack = slack

    def routes(self) -> list[BaseRoute]:
        """The routes of this side."""
        return [
            Route("/api/{method}", self.call, methods=["GET", "POST"]),
            Route("/response/{token}", self.respond, methods=["POST"]),
            Route("/upload/v1/{token}", self.upload, methods=["POST"]),
            Route("/files/{file_id}/{name}", self.file, methods=["GET"]),
            Route("/sign-in", self.sign_in, methods=["GET"]),
            WebSocketRoute("/link/", self.slack.sockets.serve),
        ]

    async def call(self, request: Request) -> Response:
        """One call of the Web API."""
        call = Call(self.slack, request.path_params["method"], {}, base_url(request))
        try:
            call.args = await _arguments(request)
            _check_token(_token(request, call.args), call.method)
            self._hold_to_limit(call.method)
            answer = {"ok": True} | self._run(call)
        except SlackError as error:
            self._record(call, error.name)
            if error.name == "ratelimited":
                return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "1"})
            return JSONResponse({"ok": False, "error": error.name} | error.extra)
        self._record(call, None)
        scopes = ",".join(sorted(self.slack.manifest.scopes))
        return JSONResponse(answer, headers={"x-oauth-scopes": scopes})

    def _run(self, call: Call) -> Json:
        if call.method == "apps.connections.open":
            host = call.base_url.removeprefix("http://")
            return {"url": f"ws://{host}/link/?ticket={self.slack.sockets.new_ticket()}&app_id={people.APP_ID}"}
        if call.method == "api.test":
            return {"args": call.args}
        handler = METHODS.get(call.method)
        if handler is None:
            raise SlackError("unknown_method", req_method=call.method)
        needed = SCOPES.get(call.method, ())
        granted = self.slack.manifest.scopes
        if self.slack.manifest.is_given and needed and not granted & set(needed):
            raise SlackError("missing_scope", needed=",".join(needed), provided=",".join(sorted(granted)))
        return handler(call)

    def _hold_to_limit(self, method: str) -> None:
        knobs = self.slack.knobs
        if method in ("apps.connections.open", "auth.test"):
            return
        if knobs.rate_limit_next > 0:
            knobs.rate_limit_next -= 1
            raise SlackError("ratelimited")
        if knobs.rate_limit_methods.get(method, 0) > 0:
            knobs.rate_limit_methods[method] -= 1
            raise SlackError("ratelimited")

    def _record(self, call: Call, error: str | None) -> None:
        payload = {key: _decoded(value) for key, value in call.args.items()}
        self.slack.record(call.method, payload, call.problems, error)

    async def respond(self, request: Request) -> Response:
        """A post to a `response_url`."""
        try:
            where = self.slack.handles.use_response_url(request.path_params["token"])
        except HandleError as error:
            return JSONResponse({"ok": False, "error": error.name}, 404)
        try:
            body = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("invalid_payload", 400)
        try:
            chat.respond(self.slack, where, body)
        except SlackError as error:
            return JSONResponse({"ok": False, "error": error.name} | error.extra, 400)
        return PlainTextResponse("ok")

    async def upload(self, request: Request) -> Response:
        """The bytes of an upload, raw or as a form's file."""
        upload = self.slack.uploads.get(request.path_params["token"])
        if upload is None:
            return PlainTextResponse("upload_not_found", 404)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            parts = [part for part in (await request.form()).values() if isinstance(part, UploadFile)]
            content = await parts[0].read() if parts else b""
        else:
            content = await request.body()
        upload["file"] = self.slack.workspace.add_file(
            user=people.BOT_USER_ID,
            name=upload["name"],
            content=content,
            base_url=base_url(request),
            file_id=upload["file_id"],
        )
        return PlainTextResponse(f"OK - {len(content)}")

    async def file(self, request: Request) -> Response:
        """A file's bytes, for the bot with its token or the page with `?user=`; else a page to sign in, as in Slack."""
        token = _token(request, {})
        if token != people.BOT_TOKEN and request.query_params.get("user") not in people.USERS:
            return RedirectResponse("/sign-in", 302)
        if (
            token == people.BOT_TOKEN
            and self.slack.manifest.is_given
            and "files:read" not in self.slack.manifest.scopes
        ):
            return RedirectResponse("/sign-in", 302)
        file_id = request.path_params["file_id"]
        file = self.slack.workspace.files.get(file_id)
        if file is None:
            return PlainTextResponse("File not found", 404)
        headers = {
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(file['name'])}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        }
        return Response(self.slack.workspace.store.file(file_id), media_type=file["mimetype"], headers=headers)

    async def sign_in(self, _request: Request) -> Response:
        """What a download without a token gets: a web page instead of the file, a trap that Slack sets too."""
        return Response(
            "<!doctype html><title>Sign in | Slack</title><p>Sign in to see this file.", media_type="text/html"
        )


def _decoded(value: Any) -> Any:
    """A form's JSON string as data, for the record; anything else as it is."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
