"""The workspace's memory: channels, messages, ephemerals, files, home tabs and read marks.

Holds what the bot and the people see, stores what must survive a restart, and pushes each change to the pages.
It knows nothing of HTTP. Everything runs on one event loop, so nothing here is locked.
"""

from __future__ import annotations

import bisect
import copy
import mimetypes
import secrets
from typing import Any

from sandbox import people
from sandbox.blocks import Json, with_ids
from sandbox.clock import Clock
from sandbox.hub import Hub
from sandbox.store import Store

PRETTY_TYPES = {
    "csv": "CSV",
    "txt": "Plain Text",
    "png": "PNG",
    "pdf": "PDF",
    "json": "JSON",
    "xlsx": "Excel Spreadsheet",
}


def new_id(prefix: str) -> str:
    """A fresh id in Slack's style: a letter that says what it is, and ten characters."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    return prefix + "0" + "".join(secrets.choice(alphabet) for _ in range(9))


class Workspace:
    """What exists in the workspace; the only place that changes it."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self.store = store
        self.hub = hub
        self.clock = Clock(float(dict(store.load("setting")).get("clock_offset", 0.0)))
        self.channels = people.default_channels()
        self.messages: dict[str, dict[str, Json]] = {}
        self.ephemerals: dict[tuple[str, str], dict[str, Json]] = {}
        self.files: dict[str, Json] = dict(store.load("file"))
        self.homes: dict[str, Json] = dict(store.load("home"))
        self._read: dict[str, str] = dict(store.load("read"))
        for key, channel in store.load("channel"):
            self.channels[key] = people.Channel(**channel)
        for _key, message in store.load("message"):
            self.messages.setdefault(message["channel"], {})[message["ts"]] = message
            self.clock.seen_ts(message["ts"])

    # Channels

    def channel(self, name: str) -> people.Channel | None:
        """A conversation by id, by name (with or without #), or by a user id (that person's DM with the bot)."""
        if name in self.channels:
            return self.channels[name]
        if name in people.USERS:
            return next((c for c in self.channels.values() if c.is_im and c.person == name), None)
        bare = name.removeprefix("#")
        return next((c for c in self.channels.values() if not c.is_im and c.name == bare), None)

    def open_group(self, users: list[str]) -> people.Channel:
        """The group DM of the bot and these people, made if there is none."""
        members = sorted({*users, people.BOT_USER_ID})
        for channel in self.channels.values():
            if channel.is_mpim and channel.members == members:
                return channel
        names = "--".join(people.USERS[m].name for m in members)
        channel = people.Channel(new_id("G"), f"mpdm-{names}-1", is_mpim=True, members=members)
        self.channels[channel.id] = channel
        self.save_channel(channel)
        return channel

    def save_channel(self, channel: people.Channel) -> None:
        """Store a channel that changed, and tell the pages of its members."""
        self.store.put("channel", channel.id, vars(channel))
        self.hub.push_each(lambda user: {"type": "channel", "channel": self.channel_row(channel, user)})

    def visible_channels(self, user: str) -> list[people.Channel]:
        """The conversations that `user` is a member of."""
        return [c for c in self.channels.values() if user in c.members]

    def channel_row(self, channel: people.Channel, user: str) -> Json:
        """A channel as the page lists it: with the unread count and the newest message's `ts`."""
        own = self.messages.get(channel.id, {})
        read = self._read.get(f"{user}/{channel.id}", "")
        top_level = [m for m in own.values() if not is_reply(m)]
        return {
            "id": channel.id,
            "name": channel.name,
            "is_im": channel.is_im,
            "is_mpim": channel.is_mpim,
            "is_bot_dm": channel.is_im,
            "topic": channel.topic,
            "members": channel.members,
            "unread": sum(1 for m in top_level if m["ts"] > read and m.get("user") != user),
            "latest": top_level[-1]["ts"] if top_level else None,
        }

    def mark_read(self, user: str, channel_id: str) -> None:
        """Note that `user` has seen all of a channel."""
        newest = next(reversed(self.messages.get(channel_id, {})), None)
        key = f"{user}/{channel_id}"
        if newest is not None and self._read.get(key, "") < newest:
            self._read[key] = newest
            self.store.put("read", key, newest)
            row = self.channel_row(self.channels[channel_id], user)
            self.hub.push({"type": "channel", "channel": row}, user=user)

    # Messages

    def post(self, channel_id: str, message: Json) -> Json:
        """Add a message (without `ts`; the ids of its blocks are filled in) and return it as stored."""
        message = {
            "type": "message",
            **message,
            "ts": self.clock.next_ts(),
            "team": people.TEAM_ID,
            "channel": channel_id,
        }
        if "blocks" in message:
            message["blocks"] = with_ids(message["blocks"])
        parent = self.messages.get(channel_id, {}).get(str(message.get("thread_ts")))
        if parent is not None:
            message["parent_user_id"] = parent.get("user")
        self._save(message)
        self._push_message("message", message)
        if parent is not None:
            self._count_reply(parent, message)
        return message

    def change(self, message: Json, **fields: Any) -> Json:
        """Replace fields of a stored message (None removes one); marks it edited and returns it."""
        changed = {**message, **fields}
        changed = {key: value for key, value in changed.items() if value is not None}
        if fields.get("blocks"):
            changed["blocks"] = with_ids(fields["blocks"])
        self._save(changed)
        self._push_message("message_changed", changed)
        return changed

    def delete(self, message: Json) -> None:
        """Remove a message."""
        channel_id, ts = message["channel"], message["ts"]
        self.messages[channel_id].pop(ts, None)
        self.store.remove("message", f"{channel_id}/{ts}")
        self._push_message("message_deleted", message)

    def message(self, channel_id: str, ts: str) -> Json | None:
        """A message by channel and `ts`, or None."""
        return self.messages.get(channel_id, {}).get(ts)

    def history(self, channel_id: str, *, before: str | None, limit: int) -> tuple[list[Json], bool]:
        """Top-level messages older than `before`, oldest first, and whether there are more."""
        return _newest(self.messages.get(channel_id, {}), before, limit)

    def history_for(self, user: str, channel_id: str, *, before: str | None, limit: int) -> tuple[list[Json], bool]:
        """As `history`, with the ephemerals that only `user` sees."""
        mixed = self.messages.get(channel_id, {}) | self.ephemerals.get((user, channel_id), {})
        return _newest(mixed, before, limit)

    def thread(self, channel_id: str, ts: str) -> list[Json]:
        """A message and its replies, oldest first; empty when there is no such message."""
        own = self.messages.get(channel_id, {})
        return [m for key, m in own.items() if key == ts or m.get("thread_ts") == ts]

    def react(self, message: Json, name: str, user: str, *, add: bool) -> bool:
        """Add or take away a reaction; False when there was nothing to change."""
        reactions: list[Json] = copy.deepcopy(message.get("reactions", []))
        mine = next((r for r in reactions if r["name"] == name), None)
        if add == (mine is not None and user in mine["users"]):
            return False
        if add and mine is None:
            reactions.append({"name": name, "users": [user], "count": 1})
        elif mine is not None:
            users = [*mine["users"], user] if add else [u for u in mine["users"] if u != user]
            mine |= {"users": users, "count": len(users)}
        self.change(message, reactions=[r for r in reactions if r["count"]] or None)
        return True

    # Ephemerals

    def post_ephemeral(self, user: str, channel_id: str, message: Json) -> Json:
        """Show a message to one person; it lives until it is replaced, dismissed, or the sandbox stops."""
        message = {
            "type": "message",
            **message,
            "ts": self.clock.next_ts(),
            "channel": channel_id,
            "is_ephemeral": True,
        }
        if "blocks" in message:
            message["blocks"] = with_ids(message["blocks"])
        self.ephemerals.setdefault((user, channel_id), {})[message["ts"]] = message
        self.hub.push({"type": "ephemeral", "channel": channel_id, "message": message}, user=user)
        return message

    def ephemeral(self, user: str, channel_id: str, ts: str) -> Json | None:
        """An ephemeral that `user` still has on screen, or None."""
        return self.ephemerals.get((user, channel_id), {}).get(ts)

    def change_ephemeral(self, user: str, message: Json, **fields: Any) -> None:
        """Replace fields of an ephemeral in place (None removes one)."""
        changed = {key: value for key, value in {**message, **fields}.items() if value is not None}
        if fields.get("blocks"):
            changed["blocks"] = with_ids(fields["blocks"])
        self.ephemerals[user, message["channel"]][message["ts"]] = changed
        self.hub.push({"type": "ephemeral", "channel": message["channel"], "message": changed}, user=user)

    def drop_ephemeral(self, user: str, channel_id: str, ts: str) -> None:
        """Take an ephemeral off the screen."""
        self.ephemerals.get((user, channel_id), {}).pop(ts, None)
        self.hub.push({"type": "ephemeral_gone", "channel": channel_id, "ts": ts}, user=user)

    # Files

    def add_file(self, *, user: str, name: str, content: bytes, base_url: str, file_id: str | None = None) -> Json:
        """Keep a file that was uploaded; returns Slack's file object. `base_url` is the sandbox's own address."""
        file_id = file_id or new_id("F")
        suffix = name.rpartition(".")[2].lower() if "." in name else "binary"
        link = f"{base_url}/files/{file_id}/{name.replace('/', '_')}"
        file = {
            "id": file_id,
            "created": int(self.clock.time()),
            "timestamp": int(self.clock.time()),
            "name": name,
            "title": name,
            "mimetype": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "filetype": suffix,
            "pretty_type": PRETTY_TYPES.get(suffix, suffix.upper()),
            "user": user,
            "user_team": people.TEAM_ID,
            "editable": False,
            "size": len(content),
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": False,
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": link,
            "url_private_download": link,
            "permalink": link,
            "channels": [],
            "groups": [],
            "ims": [],
            "has_rich_preview": False,
            "file_access": "visible",
        }
        self.store.put_file(file_id, content)
        self.save_file(file)
        return file

    def save_file(self, file: Json) -> None:
        """Store a file object that changed."""
        self.files[file["id"]] = file
        self.store.put("file", file["id"], file)

    def share_file(self, file: Json, channel: people.Channel) -> None:
        """Note on a file that it was posted in a channel."""
        key = "ims" if channel.is_im else "channels"
        if channel.id not in file[key]:
            self.save_file(file | {key: [*file[key], channel.id], "is_public": not channel.is_im})

    def delete_file(self, file_id: str) -> None:
        """Remove a file, and show it as deleted in the messages that carried it."""
        del self.files[file_id]
        self.store.remove("file", file_id)
        self.store.remove_file(file_id)
        for channel in list(self.messages.values()):
            for message in list(channel.values()):
                if any(f["id"] == file_id for f in message.get("files", [])):
                    files = [
                        {"id": file_id, "mode": "tombstone"} if f["id"] == file_id else f for f in message["files"]
                    ]
                    self.change(message, files=files)

    # Home tabs and the clock

    def set_home(self, user: str, view: Json) -> None:
        """Keep the home tab that the bot published for a person, and show it."""
        self.homes[user] = view
        self.store.put("home", user, view)
        self.hub.push({"type": "home", "view": view}, user=user)

    def set_offset(self, seconds: float) -> None:
        """Move the clock to real time plus this many seconds."""
        self.clock.offset_seconds = seconds
        self.store.put("setting", "clock_offset", seconds)
        self.hub.push({"type": "clock", "now": self.clock.iso(), "offset_seconds": seconds})

    # Inside

    def _save(self, message: Json) -> None:
        self.messages.setdefault(message["channel"], {})[message["ts"]] = message
        self.store.put("message", f"{message['channel']}/{message['ts']}", message)

    def _push_message(self, kind: str, message: Json) -> None:
        members = self.channels[message["channel"]].members
        event = {"type": kind, "channel": message["channel"], "message": message, "ts": message["ts"]}
        self.hub.push_each(lambda user: event if user in members else None)

    def _count_reply(self, parent: Json, reply: Json) -> None:
        users = parent.get("reply_users", [])
        users = users if reply.get("user") in users else [*users, reply.get("user")]
        changed = {
            **parent,
            "thread_ts": parent["ts"],
            "reply_count": parent.get("reply_count", 0) + 1,
            "reply_users": users,
            "reply_users_count": len(users),
            "latest_reply": reply["ts"],
        }
        self._save(changed)
        self._push_message("message_changed", changed)


def is_reply(message: Json) -> bool:
    """Whether a message shows only in a thread."""
    in_thread = "thread_ts" in message and message["thread_ts"] != message["ts"]
    return in_thread and message.get("subtype") != "thread_broadcast"


def _newest(messages: dict[str, Json], before: str | None, limit: int) -> tuple[list[Json], bool]:
    """The `limit` newest top-level messages before a `ts`, oldest first, and whether there are older ones."""
    stamps = sorted(ts for ts, message in messages.items() if not is_reply(message))
    end = bisect.bisect_left(stamps, before) if before else len(stamps)
    start = max(0, end - limit)
    return [messages[ts] for ts in stamps[start:end]], start > 0
