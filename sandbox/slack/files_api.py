"""Web API: files.*, the three steps of an upload, and deleting.

docs.slack.dev/messaging/working-with-files#uploading_files
"""

from __future__ import annotations

import secrets

from sandbox import people
from sandbox.blocks import Json
from sandbox.slack.calls import Call, Method, SlackError
from sandbox.workspace import new_id


def get_upload_url(call: Call) -> Json:
    """files.getUploadURLExternal"""
    name = call.required("filename")
    try:
        length = int(call.required("length"))
    except ValueError:
        raise SlackError("invalid_arguments", ["[ERROR] must be an integer [json-pointer:/length]"]) from None
    if length <= 0:
        raise SlackError("invalid_arguments", ["[ERROR] must be more than 0 [json-pointer:/length]"])
    token = secrets.token_urlsafe(18)
    file_id = new_id("F")
    call.slack.uploads[token] = {"file_id": file_id, "name": name, "length": length, "file": None}
    return {"upload_url": f"{call.base_url}/upload/v1/{token}", "file_id": file_id}


def complete_upload(call: Call) -> Json:
    """files.completeUploadExternal"""
    wanted = call.data("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("invalid_arguments", ["[ERROR] missing required field: files"])
    uploads = {u["file_id"]: (token, u) for token, u in call.slack.uploads.items()}
    names = [c for c in (call.text("channel_id") or call.text("channels")).split(",") if c]
    channels = []
    for name in names:
        channel = call.slack.workspace.channel(name)
        if channel is None:
            raise SlackError("channel_not_found")
        if people.BOT_USER_ID not in channel.members:
            raise SlackError("not_in_channel")
        channels.append(channel)
    files: list[Json] = []
    for item in wanted:
        token, upload = uploads.get(item.get("id") if isinstance(item, dict) else None, ("", None))
        if upload is None or upload["file"] is None:
            raise SlackError("file_not_found")
        file = upload["file"] | ({"title": item["title"]} if item.get("title") else {})
        call.slack.workspace.save_file(file)
        del call.slack.uploads[token]
        files.append(file)
    for channel in channels:
        for file in files:
            call.slack.workspace.share_file(call.slack.workspace.files[file["id"]], channel)
        payload: Json = {
            "text": call.text("initial_comment"),
            "blocks": call.data("blocks"),
            "files": [call.slack.workspace.files[file["id"]] for file in files],
            "upload": True,
            "thread_ts": call.text("thread_ts"),
        }
        call.slack.workspace.post(channel.id, call.slack.bot_message(payload))
    return {"files": [call.slack.workspace.files[file["id"]] for file in files]}


def _file(call: Call) -> Json:
    file = call.slack.workspace.files.get(call.required("file"))
    if file is None:
        raise SlackError("file_not_found")
    return file


def files_info(call: Call) -> Json:
    """files.info"""
    return {"file": _file(call), "comments": [], "response_metadata": {"next_cursor": ""}}


def files_delete(call: Call) -> Json:
    """files.delete; the bot may delete only what it uploaded itself"""
    file = _file(call)
    if file["user"] != people.BOT_USER_ID:
        raise SlackError("cant_delete_file")
    call.slack.workspace.delete_file(file["id"])
    return {}


METHODS: dict[str, Method] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": files_info,
    "files.delete": files_delete,
}
