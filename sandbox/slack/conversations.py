"""Web API: conversations.*, users.*, and who we are (auth.test, team.info, bots.info)."""

from __future__ import annotations

import base64
from typing import Any

from sandbox import people
from sandbox.blocks import Json
from sandbox.slack.calls import Call, Method, SlackError
from sandbox.slack.slack import bot_profile


def _page(call: Call, items: list[Any], default: int = 100, most: int = 1000) -> tuple[list[Any], Json]:
    """One page of `items` by `limit` and `cursor`, and the metadata that names the next."""
    start = 0
    if call.text("cursor"):
        try:
            start = int(base64.b64decode(call.text("cursor"), validate=True).decode().removeprefix("next:"))
        except ValueError:
            raise SlackError("invalid_cursor") from None
    end = start + call.number("limit", default, most)
    cursor = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], {"response_metadata": {"next_cursor": cursor}}


def _user(call: Call) -> people.User:
    user = people.USERS.get(call.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return user


def auth_test(call: Call) -> Json:
    """auth.test"""
    return {
        "url": f"{call.base_url}/",
        "team": people.TEAM_NAME,
        "user": people.BOT.name,
        "team_id": people.TEAM_ID,
        "user_id": people.BOT_USER_ID,
        "bot_id": people.BOT_ID,
        "is_enterprise_install": False,
    }


def team_info(_call: Call) -> Json:
    """team.info"""
    team = {
        "id": people.TEAM_ID,
        "name": people.TEAM_NAME,
        "domain": people.TEAM_DOMAIN,
        "email_domain": "",
        "icon": {},
    }
    return {"team": team}


def bots_info(call: Call) -> Json:
    """bots.info"""
    if call.text("bot") not in ("", people.BOT_ID):
        raise SlackError("bot_not_found")
    return {"bot": bot_profile() | {"user_id": people.BOT_USER_ID, "icons": {}}}


def users_info(call: Call) -> Json:
    """users.info"""
    return {"user": _user(call).for_slack()}


def users_list(call: Call) -> Json:
    """users.list"""
    members, more = _page(call, [user.for_slack() for user in people.USERS.values()])
    return {"members": members, "cache_ts": int(call.slack.workspace.clock.time())} | more


def lookup_by_email(call: Call) -> Json:
    """users.lookupByEmail"""
    email = call.required("email").lower()
    user = next((u for u in people.PEOPLE if u.email == email), None)
    if user is None:
        raise SlackError("users_not_found")
    return {"user": user.for_slack()}


def users_conversations(call: Call) -> Json:
    """users.conversations"""
    user = call.text("user") or people.BOT_USER_ID
    if user not in people.USERS:
        raise SlackError("user_not_found")
    return _listed(call, call.slack.workspace.visible_channels(user))


def conversations_list(call: Call) -> Json:
    """conversations.list"""
    return _listed(call, list(call.slack.workspace.channels.values()))


def _listed(call: Call, channels: list[people.Channel]) -> Json:
    wanted = set((call.text("types") or "public_channel").replace(" ", "").split(","))
    if not wanted <= {"public_channel", "private_channel", "mpim", "im"}:
        raise SlackError("invalid_types")
    kinds = [("im" if c.is_im else "mpim" if c.is_mpim else "public_channel", c) for c in channels]
    page, more = _page(call, [channel.for_slack() for kind, channel in kinds if kind in wanted])
    return {"channels": page} | more


def conversations_info(call: Call) -> Json:
    """conversations.info"""
    return {"channel": call.channel().for_slack()}


def conversations_members(call: Call) -> Json:
    """conversations.members"""
    members, more = _page(call, call.channel().members)
    return {"members": members} | more


def conversations_open(call: Call) -> Json:
    """conversations.open: the DM with one person, or the group DM with several."""
    if call.text("channel"):
        channel = call.channel()
    else:
        raw = call.args.get("users") or ""
        users = raw if isinstance(raw, list) else [u for u in str(raw).replace(" ", "").split(",") if u]
        if not users:
            raise SlackError("users_list_not_supplied")
        if any(u not in people.USERS for u in users):
            raise SlackError("user_not_found")
        if people.BOT_USER_ID in users and len(users) == 1:
            raise SlackError("cannot_dm_bot")
        found = call.slack.workspace.channel(users[0]) if len(users) == 1 else call.slack.workspace.open_group(users)
        if found is None:
            raise SlackError("channel_not_found")
        channel = found
    short = {"id": channel.id}
    return {"channel": channel.for_slack() if call.flag("return_im") else short, "already_open": True, "no_op": True}


def conversations_join(call: Call) -> Json:
    """conversations.join"""
    channel = call.channel()
    if channel.is_im or channel.is_mpim:
        raise SlackError("method_not_supported_for_channel_type")
    if people.BOT_USER_ID not in channel.members:
        channel.members.append(people.BOT_USER_ID)
        call.slack.workspace.save_channel(channel)
    return {"channel": channel.for_slack()}


def conversations_leave(call: Call) -> Json:
    """conversations.leave"""
    channel = call.channel()
    if channel.is_im or channel.is_mpim:
        raise SlackError("method_not_supported_for_channel_type")
    if people.BOT_USER_ID not in channel.members:
        return {"not_in_channel": True}
    channel.members.remove(people.BOT_USER_ID)
    call.slack.workspace.save_channel(channel)
    return {}


def conversations_history(call: Call) -> Json:
    """conversations.history, newest first"""
    channel = call.joined_channel()
    limit = call.number("limit", 100, 999)
    before = call.text("latest") or None
    messages, more = call.slack.workspace.history(channel.id, before=before, limit=limit)
    oldest = call.text("oldest") or "0"
    kept = [m for m in reversed(messages) if m["ts"] > oldest]
    if before and call.flag("inclusive"):
        exact = call.slack.workspace.message(channel.id, before)
        kept = [exact, *kept][:limit] if exact else kept
    return {"messages": kept, "has_more": more, "pin_count": 0}


def conversations_replies(call: Call) -> Json:
    """conversations.replies, oldest first"""
    channel = call.joined_channel()
    messages = call.slack.workspace.thread(channel.id, call.required("ts"))
    if not messages:
        raise SlackError("thread_not_found")
    page, more = _page(call, messages, default=1000)
    return {"messages": page, "has_more": bool(more["response_metadata"]["next_cursor"])} | more


METHODS: dict[str, Method] = {
    "auth.test": auth_test,
    "team.info": team_info,
    "bots.info": bots_info,
    "users.info": users_info,
    "users.list": users_list,
    "users.lookupByEmail": lookup_by_email,
    "users.conversations": users_conversations,
    "conversations.list": conversations_list,
    "conversations.info": conversations_info,
    "conversations.members": conversations_members,
    "conversations.open": conversations_open,
    "conversations.join": conversations_join,
    "conversations.leave": conversations_leave,
    "conversations.history": conversations_history,
    "conversations.replies": conversations_replies,
}
