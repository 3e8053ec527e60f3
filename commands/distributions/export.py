"""Every message of a distribution with its outcome, as a CSV in the thread of its report."""

import tempfile

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands import posting
from commands.people import Person
from commands.ui.text import escape
from distribution import report_csv
from distribution.runtime import Runtime
from storage.tables import Distribution


def post(runtime: Runtime, client: WebClient, distribution: Distribution, person: Person) -> None:
    """Upload it under the report, or to whoever asked where that channel is closed to us.

    files.uploadV2 (docs.slack.dev/messaging/working-with-files): three requests, none inside a transaction.
    """
    name = f"distribution-{distribution.id}.csv"
    comment = f"Every message of *{escape(distribution.subject)}*, for <@{person.user_id}>."
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
        with runtime.db.read() as session:
            file.writelines(report_csv.lines(session, distribution.id))
        file.flush()
        channel = distribution.channel or client.conversations_open(users=person.user_id)["channel"]["id"]
        try:
            _upload(client, file.name, name, comment, channel=channel, thread_ts=distribution.progress_ts)
        except SlackApiError as error:
            if error.response.get("error") not in posting.CLOSED:
                raise
            direct = client.conversations_open(users=person.user_id)["channel"]["id"]
            _upload(client, file.name, name, comment, channel=direct)


def _upload(
    client: WebClient, path: str, name: str, comment: str, *, channel: str, thread_ts: str | None = None
) -> None:
    client.files_upload_v2(
        file=path, filename=name, title=name, initial_comment=comment, channel=channel, thread_ts=thread_ts
    )
