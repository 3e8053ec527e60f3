"""Every message of a distribution with its outcome, as a CSV in the thread of its report."""

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands import posting
from commands.people import Person
from commands.ui.text import escape
import importlib

from distribution.runtime import Runtime
from storage.tables import Distribution


def post(runtime: Runtime, client: WebClient, distribution: Distribution, person: Person) -> None:
    """Upload it under the report, or to whoever asked where that channel is closed to us.

    files.uploadV2 (docs.slack.dev/messaging/working-with-files): three requests, none inside a transaction.
    """
    with runtime.db.read() as session:
        content = importlib.import_module("distribution.report").csv(session, distribution.id)
    name = f"distribution-{distribution.id}.csv"
    comment = f"Every message of *{escape(distribution.subject)}*, for <@{person.user_id}>."
    if distribution.channel and distribution.progress_ts:
        try:
            client.files_upload_v2(
                channel=distribution.channel,
                thread_ts=distribution.progress_ts,
                content=content,
                filename=name,
                title=f"{distribution.subject} – messages",
                initial_comment=comment,
            )
            return
        except SlackApiError as error:
            if error.response.get("error") not in posting.CLOSED:
                raise
    opened = client.conversations_open(users=person.user_id)
    client.files_upload_v2(
        channel=opened["channel"]["id"], content=content, filename=name, title=name, initial_comment=comment
    )
