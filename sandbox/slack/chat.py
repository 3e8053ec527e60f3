"""Web API: chat.* and reactions.*, and what a `response_url` takes."""

from __future__ import annotations

import time

from sandbox import people
from sandbox.blocks import Json
from sandbox.slack.calls import Call, Method, SlackError, refusal
from sandbox.slack.slack import Slack
from sandbox.slack.triggers import ResponseUrl


def _content(call: Call) -> Json:
    """The message in a call's arguments, checked. Raises SlackError: no_text, invalid_blocks, msg_too_long, …"""
    message: Json = {}
    for key in ("blocks", "attachments", "metadata"):
        value = call.data(key, f"invalid_{key}_format")
        if value is not None:
            message[key] = value
    if call.text("text"):
        message["text"] = call.text("text")
    if not any(message.get(key) for key in ("text", "blocks", "attachments")):
        raise SlackError("no_text")
    problems = call.slack.check_message(message)
    call.problems += problems
    error = refusal(problems, "invalid_blocks")
    if error:
        raise error
    return message


def post_message(call: Call) -> Json:
    """chat.postMessage"""
    channel = call.channel()
    if people.BOT_USER_ID not in channel.members and "chat:write.public" not in call.slack.manifest.scopes:
        raise SlackError("not_in_channel")
    payload = _content(call)
    thread_ts = call.text("thread_ts")
    if thread_ts:
        if call.slack.workspace.message(channel.id, thread_ts) is None:
            raise SlackError("thread_not_found")
        payload["thread_ts"] = thread_ts
    message = call.slack.bot_message(payload)
    if thread_ts and call.flag("reply_broadcast"):
        message["subtype"] = "thread_broadcast"
    message = call.slack.workspace.post(channel.id, message)
    return {"channel": channel.id, "ts": message["ts"], "message": message}


def _own_message(call: Call, refused: str) -> Json:
    channel = call.channel()
    message = call.slack.workspace.message(channel.id, call.required("ts"))
    if message is None:
        raise SlackError("message_not_found")
    if message.get("bot_id") != people.BOT_ID:
        raise SlackError(refused)
    return message


def update(call: Call) -> Json:
    """chat.update.

    New text without `blocks` takes the blocks away; attachments stay until an empty list is sent; only an edit
    without blocks shows "(edited)" (docs.slack.dev/reference/methods/chat.update).
    """
    message = _own_message(call, "cant_update_message")
    _hold_to_rate(call, message)
    content = _content(call)
    fields: Json = {"text": content.get("text", message["text"])}
    if "blocks" in call.args or "text" in content:
        fields["blocks"] = content.get("blocks")
    if "attachments" in call.args:
        fields["attachments"] = content.get("attachments")
    if "metadata" in content:
        fields["metadata"] = content["metadata"]
    if not fields.get("blocks"):
        fields["edited"] = _edited(call.slack)
    changed = call.slack.workspace.change(message, **fields)
    return {"channel": message["channel"], "ts": message["ts"], "text": changed["text"], "message": changed}


def _edited(slack: Slack) -> Json:
    return {"user": people.BOT_USER_ID, "ts": f"{slack.workspace.clock.time():.0f}.000000"}


def _hold_to_rate(call: Call, message: Json) -> None:
    """Refuse edits of one message that come faster than the knob allows."""
    most = call.slack.knobs.chat_update_per_second
    if most is None:
        return
    key = f"{message['channel']}/{message['ts']}"
    now = time.monotonic()
    recent = [at for at in call.slack.recent_updates.get(key, []) if now - at < 1]
    if len(recent) >= most:
        raise SlackError("ratelimited")
    call.slack.recent_updates[key] = [*recent, now]


def delete(call: Call) -> Json:
    """chat.delete"""
    message = _own_message(call, "cant_delete_message")
    call.slack.workspace.delete(message)
    return {"channel": message["channel"], "ts": message["ts"]}


def post_ephemeral(call: Call) -> Json:
    """chat.postEphemeral"""
    channel = call.joined_channel()
    user = call.required("user")
    if user not in people.USERS:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    payload = _content(call)
    if call.text("thread_ts"):
        payload["thread_ts"] = call.text("thread_ts")
    message = call.slack.workspace.post_ephemeral(user, channel.id, call.slack.bot_message(payload))
    return {"message_ts": message["ts"]}


def get_permalink(call: Call) -> Json:
    """chat.getPermalink"""
    channel = call.channel()
    message = call.slack.workspace.message(channel.id, call.required("message_ts"))
    if message is None:
        raise SlackError("message_not_found")
    return {"channel": channel.id, "permalink": f"{call.base_url}/#/{channel.id}/{message['ts']}"}


def react(call: Call) -> Json:
    """reactions.add and reactions.remove"""
    channel = call.joined_channel()
    message = call.slack.workspace.message(channel.id, call.required("timestamp"))
    if message is None:
        raise SlackError("message_not_found")
    name = call.required("name").strip(":")
    add = call.method == "reactions.add"
    if not call.slack.workspace.react(message, name, people.BOT_USER_ID, add=add):
        raise SlackError("already_reacted" if add else "no_reaction")
    return {}


def respond(slack: Slack, where: ResponseUrl, body: Json, via: str = "response_url") -> None:
    """What a `response_url` does with a body; the ack of a command (`via`) does the same.

    Raises SlackError: no_text, invalid_blocks, msg_too_long, invalid_arguments.
    docs.slack.dev/interactivity/handling-user-interaction#message_responses
    """
    workspace = slack.workspace
    problems = slack.check_message(body)
    original = _original(slack, where)
    if body.get("delete_original"):
        slack.record(via, body, [])
        if original is not None and where.is_ephemeral:
            workspace.drop_ephemeral(where.user, where.channel, original["ts"])
        elif original is not None:
            workspace.delete(original)
        return
    error = refusal(problems, "invalid_blocks")
    if error is None and not any(body.get(key) for key in ("text", "blocks", "attachments")):
        error = SlackError("no_text")
    slack.record(via, body, problems, error.name if error else None)
    if error:
        raise error
    if body.get("replace_original") and original is not None:
        fields = {
            "text": str(body.get("text") or ""),
            "blocks": body.get("blocks"),
            "attachments": body.get("attachments"),
        }
        if where.is_ephemeral:
            workspace.change_ephemeral(where.user, original, **fields)
        else:
            workspace.change(original, **fields, edited=None if body.get("blocks") else _edited(slack))
        return
    message = slack.bot_message(body)
    if body.get("thread_ts") is None and where.thread_ts:
        message["thread_ts"] = where.thread_ts
    if body.get("response_type") == "in_channel":
        workspace.post(where.channel, message)
    else:
        workspace.post_ephemeral(where.user, where.channel, message)


def _original(slack: Slack, where: ResponseUrl) -> Json | None:
    if where.message_ts is None:
        return None
    if where.is_ephemeral:
        return slack.workspace.ephemeral(where.user, where.channel, where.message_ts)
    return slack.workspace.message(where.channel, where.message_ts)


METHODS: dict[str, Method] = {
    "chat.postMessage": post_message,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": post_ephemeral,
    "chat.getPermalink": get_permalink,
    "reactions.add": react,
    "reactions.remove": react,
}
