"""What the page (and the test driver) does in the workspace: looks, types, clicks, submits (README §3)."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.routing import BaseRoute

from sandbox import people
from sandbox.blocks import Json
from sandbox.browser.endpoint import refused, routes_of
from sandbox.browser.timekeeper import Timekeeper
from sandbox.slack.api import base_url
from sandbox.slack.interactions import Interactions, Where
from sandbox.slack.slack import Slack


class Browser:
    """The HTTP side of the page."""

    def __init__(self, slack: Slack, interactions: Interactions, timekeeper: Timekeeper) -> None:
        self.slack = slack
        self.workspace = slack.workspace
        self.interactions = interactions
        self.timekeeper = timekeeper

    def routes(self) -> list[BaseRoute]:
        """The routes of this side."""
        table = [
            ("GET", "/sandbox/state", self.state),
            ("GET", "/sandbox/channels/{channel}/messages", self.messages),
            ("GET", "/sandbox/channels/{channel}/threads/{ts}", self.thread),
            ("GET", "/sandbox/home", self.home),
            ("GET", "/sandbox/screen", self.screen),
            ("POST", "/sandbox/post", self.post),
            ("POST", "/sandbox/action", self.action),
            ("POST", "/sandbox/submit", self.submit),
            ("POST", "/sandbox/close", self.close),
            ("POST", "/sandbox/options", self.options),
            ("POST", "/sandbox/dismiss", self.dismiss),
            ("POST", "/sandbox/upload", self.upload),
        ]
        return routes_of(table)

    # Who and where

    def _user(self, args: Json) -> str:
        user = str(args.get("user", ""))
        if user not in people.USERS or people.USERS[user].is_bot:
            raise refused("user_not_found", f"There is no person '{user}' to act as.", 404)
        return user

    def _channel(self, args: Json, user: str) -> people.Channel:
        channel = self.workspace.channel(str(args.get("channel", "")))
        if channel is None or user not in channel.members:
            raise refused("channel_not_found", f"There is no channel '{args.get('channel')}' for this person.", 404)
        return channel

    def _view(self, user: str, view_id: Any) -> Json:
        home = self.workspace.homes.get(user)
        for view in [*self.slack.views.stack(user), *([home] if home else [])]:
            if view["id"] == view_id:
                return view
        raise refused("not_found", f"The view '{view_id}' is not open any more.", 404)

    def _where(self, args: Json, user: str) -> Where:
        container = args.get("container")
        if not isinstance(container, dict):
            raise refused("invalid_arguments", "container must be an object.")
        if container.get("type") == "view":
            return Where(view=self._view(user, container.get("view_id")))
        channel = self._channel(container, user)
        ts = str(container.get("message_ts", ""))
        message = self.workspace.ephemeral(user, channel.id, ts) or self.workspace.message(channel.id, ts)
        if message is None:
            raise refused("message_not_found", "This message is not there any more.", 404)
        return Where(message=message)

    # What is there

    async def state(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/state"""
        user = self._user(args)
        return {
            "team": {"id": people.TEAM_ID, "name": people.TEAM_NAME, "domain": people.TEAM_DOMAIN},
            "me": people.USERS[user].for_page(),
            "users": [u.for_page() for u in people.USERS.values()],
            "channels": [self.workspace.channel_row(c, user) for c in self.workspace.visible_channels(user)],
            "commands": list(self.slack.manifest.commands),
            "bot": {
                "user_id": people.BOT_USER_ID,
                "name": people.BOT.name,
                "connected": self.slack.sockets.connected,
                "has_home": self.slack.manifest.home_tab,
            },
            "clock": self.timekeeper.reading(),
            "open_views": self.slack.views.shown(user),
        }

    async def messages(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/channels/{id}/messages"""
        user = self._user(args)
        channel = self._channel(args, user)
        limit = str(args.get("limit", "50"))
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            raise refused("invalid_limit", "limit must be from 1 to 1000.")
        before = str(args["before"]) if args.get("before") else None
        messages, has_more = self.workspace.history_for(user, channel.id, before=before, limit=int(limit))
        if before is None:
            self.workspace.mark_read(user, channel.id)
        return {"messages": messages, "has_more": has_more}

    async def thread(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/channels/{id}/threads/{ts}"""
        user = self._user(args)
        channel = self._channel(args, user)
        messages = self.workspace.thread(channel.id, str(args["ts"]))
        if not messages:
            raise refused("thread_not_found", "This message is not there any more.", 404)
        own = self.workspace.ephemerals.get((user, channel.id), {})
        return {"messages": [*messages, *(m for m in own.values() if m.get("thread_ts") == args["ts"])]}

    async def home(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/home"""
        return {"view": self.interactions.home_opened(self._user(args))}

    async def screen(self, args: Json, _request: Request) -> Json:
        """GET /sandbox/screen: the open modals and the home tab as last published; tells the bot nothing"""
        user = self._user(args)
        return {"views": self.slack.views.stack(user), "home": self.workspace.homes.get(user)}

    # What a person does

    async def post(self, args: Json, request: Request) -> Json:
        """POST /sandbox/post"""
        user = self._user(args)
        channel = self._channel(args, user)
        text = str(args.get("text") or "").strip()
        ids = args.get("file_ids") or []
        if text.startswith("/"):
            if args.get("thread_ts"):
                name = text.partition(" ")[0]
                raise refused("not_in_threads", f"{name} is not supported in threads. Sorry.")
            await self.interactions.command(user=user, channel=channel, line=text, base_url=base_url(request))
            return {"ok": True}
        if not text and not ids:
            raise refused("no_text", "There is nothing to send.")
        missing = [i for i in ids if i not in self.workspace.files]
        if missing:
            raise refused("file_not_found", f"There is no file {', '.join(missing)}.", 404)
        files = [self.workspace.files[i] for i in ids]
        thread_ts = args.get("thread_ts")
        message = self.interactions.message(user=user, channel=channel, text=text, thread_ts=thread_ts, files=files)
        return {"ok": True, "ts": message["ts"]}

    async def action(self, args: Json, request: Request) -> Json:
        """POST /sandbox/action"""
        user = self._user(args)
        action = args.get("action")
        if not isinstance(action, dict):
            raise refused("invalid_arguments", "action must be an object.")
        where = self._where(args, user)
        state = self._state(args)
        await self.interactions.act(user=user, where=where, action=action, state=state, base_url=base_url(request))
        return {"ok": True}

    def _state(self, args: Json) -> dict[str, dict[str, Json]]:
        """The page's `state`; files in it may be named by id alone, and are completed here."""
        state = args.get("state") or {}
        if not isinstance(state, dict) or not all(isinstance(entries, dict) for entries in state.values()):
            raise refused("invalid_arguments", "state must be {block_id: {action_id: {…}}}.")
        for entries in state.values():
            for entry in entries.values():
                if isinstance(entry, dict) and isinstance(entry.get("files"), list):
                    ids = [f["id"] if isinstance(f, dict) else f for f in entry["files"]]
                    entry["files"] = [self.workspace.files[i] for i in ids if i in self.workspace.files]
        return state

    async def submit(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/submit"""
        user = self._user(args)
        view = self._view(user, args.get("view_id"))
        answer = await self.interactions.submit(user=user, view=view, state=self._state(args))
        return answer | self.slack.views.shown(user)

    async def close(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/close"""
        user = self._user(args)
        view = self._view(user, args.get("view_id"))
        await self.interactions.close(user=user, view=view, everything=bool(args.get("clear")))
        return {"ok": True, **self.slack.views.shown(user)}

    async def options(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/options"""
        user = self._user(args)
        return await self.interactions.options(
            user=user,
            where=self._where(args, user),
            block_id=str(args.get("block_id")),
            action_id=str(args.get("action_id")),
            value=str(args.get("value") or ""),
            state=self._state(args),
        )

    async def dismiss(self, args: Json, _request: Request) -> Json:
        """POST /sandbox/dismiss: a person takes an ephemeral off their screen"""
        user = self._user(args)
        channel = self._channel(args, user)
        self.workspace.drop_ephemeral(user, channel.id, str(args.get("message_ts", "")))
        return {"ok": True}

    async def upload(self, _args: Json, request: Request) -> Json:
        """POST /sandbox/upload"""
        form = await request.form(max_part_size=64 * 1024 * 1024)
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise refused("no_file_data", "Choose a file to upload.")
        content = await file.read()
        if not content:
            raise refused("file_is_empty", "It is empty, and Slack does not upload empty files.")
        user = self._user({"user": form.get("user")})
        name = file.filename or "file"
        return {"file": self.workspace.add_file(user=user, name=name, content=content, base_url=base_url(request))}
