"""Long work as people see it: one message, edited in place, that says how it ended; and a way to cancel it."""

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient

from commands.people import recognise
from distribution.errors import Refused
from distribution.runtime import Runtime
from storage import jobs
from storage.tables import Job


def register(app: App, runtime: Runtime) -> None:
    """The cancel button."""

    @app.action("jobs.cancel")
    def cancel(ack: Ack, body: dict[str, Any], client: WebClient, action: dict[str, Any]) -> None:
        ack()
        with runtime.db.write() as session:
            person = recognise(session, body["user"]["id"])
            job = session.get(Job, int(action["value"]))
            if job is None or job.created_by != person.user_id:
                person.must("administer")
            if not jobs.cancel(session, int(action["value"]), at=runtime.clock.now()):
                raise Refused("This is over already: there is nothing left to cancel.")
