"""What the bot is sent: commands, interactions and events, in Slack's exact shapes. Pure functions.

docs.slack.dev/reference/interaction-payloads and docs.slack.dev/reference/events
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from sandbox import people
from sandbox.blocks import STATE_KEYS, Json, Placed, Values

_IDS = {user.name: user.id for user in people.USERS.values()}
_MENTION = re.compile(rf"(?<![\w.])@({'|'.join(_IDS)})\b(?!\.\w)")
TOKEN = "sandbox-verification-token"  # noqa: S105 - Slack's deprecated verification token; not a secret here


def escaped(text: str) -> str:
    """Typed text as Slack sends it on: & < > as entities, and @promobot, @maya… as mentions (not in maya@lee.com)."""
    return _MENTION.sub(lambda match: f"<@{_IDS[match[1]]}>", _entities(text))


def sent_back(value: Any) -> Any:
    """What the bot posted as it gets it back in a payload: the plain_text in it has `& < >` as entities.

    A bot that copies blocks from a payload into a new message must undo that (bolt-python's issue 513).
    """
    if isinstance(value, list):
        return [sent_back(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("type") == "plain_text" and isinstance(value.get("text"), str):
        return value | {"text": _entities(value["text"])}
    return {key: sent_back(item) for key, item in value.items()}


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _user(user: str) -> Json:
    name = people.USERS[user].name
    return {"id": user, "username": name, "name": name, "team_id": people.TEAM_ID}


def _interaction(kind: str, user: str) -> Json:
    return {
        "type": kind,
        "team": {"id": people.TEAM_ID, "domain": people.TEAM_DOMAIN},
        "user": _user(user),
        "api_app_id": people.APP_ID,
        "token": TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _channel(channel: people.Channel) -> Json:
    return {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name}


def command(*, user: str, channel: people.Channel, command: str, text: str, trigger_id: str, response_url: str) -> Json:
    """A slash command."""
    return {
        "token": TOKEN,
        "team_id": people.TEAM_ID,
        "team_domain": people.TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": _channel(channel)["name"],
        "user_id": user,
        "user_name": people.USERS[user].name,
        "command": command,
        "text": text,
        "api_app_id": people.APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def action(placed: Placed, entry: Json, action_ts: str) -> Json:
    """One entry of `actions`: what was chosen (`entry`), and what the element itself says."""
    element = placed.element
    kind = element["type"]
    result: Json = {"type": kind, "block_id": placed.block_id, "action_id": placed.action_id}
    if kind == "button":
        result |= {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    elif kind == "overflow":
        result["selected_option"] = entry.get("selected_option")
    else:
        key = STATE_KEYS[kind][0]
        result[key] = entry.get(key)
        result |= {k: v for k, v in element.items() if k == "placeholder" or k.startswith("initial_")}
    if element.get("confirm"):
        result["confirm"] = element["confirm"]
    return result | {"action_ts": action_ts}


def _container(message: Json, *, is_ephemeral: bool) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": message["ts"],
        "channel_id": message["channel"],
        "is_ephemeral": is_ephemeral,
    }
    if message.get("thread_ts"):
        container["thread_ts"] = message["thread_ts"]
    return container


def message_action(
    *,
    user: str,
    channel: people.Channel,
    message: Json,
    actions: list[Json],
    state: Values,
    trigger_id: str,
    response_url: str,
) -> Json:
    """block_actions from a message or an ephemeral; the bot never gets an ephemeral's content back."""
    is_ephemeral = bool(message.get("is_ephemeral"))
    payload = _interaction("block_actions", user) | {
        "container": _container(message, is_ephemeral=is_ephemeral),
        "trigger_id": trigger_id,
        "channel": _channel(channel),
        "state": {"values": state},
        "response_url": response_url,
        "actions": sent_back(actions),
    }
    if not is_ephemeral:
        payload["message"] = sent_back({key: value for key, value in message.items() if key != "channel"})
    return payload


def view_action(*, user: str, view: Json, actions: list[Json], trigger_id: str) -> Json:
    """block_actions from a modal or a home tab."""
    return _interaction("block_actions", user) | {
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": trigger_id,
        "view": view,
        "actions": actions,
    }


def submission(*, user: str, view: Json, trigger_id: str) -> Json:
    """view_submission"""
    return _interaction("view_submission", user) | {"trigger_id": trigger_id, "view": view, "response_urls": []}


def closed(*, user: str, view: Json, is_cleared: bool) -> Json:
    """view_closed"""
    return _interaction("view_closed", user) | {"view": view, "is_cleared": is_cleared}


def suggestion(
    *, user: str, placed: Placed, value: str, view: Json | None, message: Json | None, channel: Json | None
) -> Json:
    """block_suggestion: a person types in an external select."""
    payload = _interaction("block_suggestion", user) | {
        "action_id": placed.action_id,
        "block_id": placed.block_id,
        "value": value,
    }
    if view is not None:
        return payload | {"container": {"type": "view", "view_id": view["id"]}, "view": view}
    if message is not None:
        container = _container(message, is_ephemeral=bool(message.get("is_ephemeral")))
        payload |= {"container": container, "channel": channel, "message": message}
    return payload


def event(body: Json) -> Json:
    """The envelope of an Events API event."""
    return {
        "token": TOKEN,
        "team_id": people.TEAM_ID,
        "context_team_id": people.TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": people.APP_ID,
        "event": body,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(float(body["event_ts"])),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": people.TEAM_ID,
                "user_id": people.BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def home_opened(*, user: str, channel: str, view: Json | None, event_ts: str) -> Json:
    """app_home_opened, on the home tab"""
    body: dict[str, Any] = {
        "type": "app_home_opened",
        "user": user,
        "channel": channel,
        "tab": "home",
        "event_ts": event_ts,
    }
    return event(body | ({"view": view} if view else {}))


def message_event(message: Json, channel: people.Channel, kind: str) -> Json:
    """A person's message: `kind` is "message" or "app_mention"."""
    body = {key: value for key, value in message.items() if key not in ("type", "reply_count", "reactions")}
    body |= {"type": kind, "channel": channel.id, "event_ts": message["ts"]}
    if kind == "message":
        body["channel_type"] = "im" if channel.is_im else "mpim" if channel.is_mpim else "channel"
    return event(body)
