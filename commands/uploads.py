"""Files that people upload in a modal, fetched from Slack with the bot's token; and files that we upload."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from distribution.errors import Refused

log = structlog.get_logger(__name__)

TIMEOUT = 10  # seconds
SEND_TIMEOUT = 120
MIB = 1024 * 1024


@dataclass(frozen=True)
class Upload:
    """An uploaded file."""

    name: str
    data: bytes


def check_size(file: Mapping[str, Any], *, largest: int, field: str) -> None:
    """Raise `Refused` at `field` for a file (Slack's object of it) of more than `largest` bytes."""
    if int(file.get("size", 0)) > largest:
        raise Refused(
            f"{file['name']} has {file['size'] / MIB:.1f} MB. Files up to {largest / MIB:g} MB can be read here.",
            field=field,
        )


def fetch(client: WebClient, file_id: str, *, largest: int, field: str) -> Upload:
    """Fetch a file by its id; takes two requests. Raises `Refused` at `field` for one over `largest` bytes, or gone.

    docs.slack.dev/reference/methods/files.info; `url_private_download` wants the token in a header.
    """
    try:
        file = client.files_info(file=file_id)["file"]
    except SlackApiError as error:
        log.warning("file not readable", file=file_id, why=error.response.get("error"))
        raise Refused("Slack does not let promobot read this file. Upload it once more.", field=field) from None
    check_size(file, largest=largest, field=field)
    url = file.get("url_private_download") or file["url_private"]
    if urlsplit(url).scheme not in ("http", "https"):
        raise Refused("This file is not one that Slack keeps. Upload it once more.", field=field)
    request = Request(url, headers={"Authorization": f"Bearer {client.token}"})  # noqa: S310 - the scheme was checked
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return Upload(file["name"], answer.read(largest + 1))
    except (URLError, TimeoutError) as error:
        log.warning("file not fetched", file=file_id, why=str(error))
        raise Refused("The file could not be fetched from Slack. Try again.", field=field) from None


def spooled(text: Iterable[str]) -> Iterator[str]:
    """`text`, read now (to a file on disk where it is long) and given back later, when no transaction is open."""
    file = tempfile.SpooledTemporaryFile(MIB, "w+", encoding="utf-8", newline="")  # noqa: SIM115 - closed when read
    file.writelines(text)
    file.seek(0)

    def parts() -> Iterator[str]:
        with file:
            while part := file.read(MIB):
                yield part

    return parts()


def send(
    client: WebClient,
    text: Iterable[str],
    *,
    name: str,
    title: str,
    channel: str,
    thread_ts: str | None = None,
    comment: str | None = None,
) -> None:
    """Upload a file of `text` to a channel or thread, with a comment. Raises `SlackApiError`, or `URLError`.

    The text goes through a file on disk: slack_sdk's own `files_upload_v2` would hold it in memory, whole, and an
    export may have hundreds of megabytes (docs.slack.dev/messaging/working-with-files, "Uploading files").
    """
    with tempfile.TemporaryFile() as file:
        for part in text:
            file.write(part.encode())
        size = file.tell()
        file.seek(0)
        ticket = client.files_getUploadURLExternal(filename=name, length=size)
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        request = Request(ticket["upload_url"], data=file, headers=headers, method="POST")  # noqa: S310 - Slack's own
        with urlopen(request, timeout=SEND_TIMEOUT):  # noqa: S310
            pass
    client.files_completeUploadExternal(
        files=[{"id": ticket["file_id"], "title": title}],
        channel_id=channel,
        thread_ts=thread_ts,
        initial_comment=comment,
    )
