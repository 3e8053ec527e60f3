"""`/promo settings`: what holds for the whole workspace."""

from typing import Any

from slack_bolt import Ack, App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from commands.people import recognise
from commands.settings import views
from commands.ui.blocks import values
from commands.verbs import Ask, Verb
from distribution import settings
from distribution.errors import Refused
from distribution.runtime import Runtime


def _open(ask: Ask) -> None:
    """`/promo settings`."""
    with ask.runtime.db.read() as session:
        current = {key: settings.get(session, key) for key in settings.SETTINGS}
    ask.client.views_open(trigger_id=ask.trigger_id, view=views.view(current))


VERB = Verb("settings", "", "Approvals, country, time zone, cost of a text", _open, needs="administer")


def register(app: App, runtime: Runtime) -> None:
    """The modal's submit."""

    @app.view(views.CALLBACK)
    def save(ack: Ack, body: dict[str, Any], client: WebClient, view: dict[str, Any]) -> None:
        typed = read(values(view["state"]["values"]))
        user = body["user"]["id"]
        errors = problems(typed)
        if errors:  # all or nothing: what is right stays in the modal, beside what is wrong
            ack(response_action="errors", errors=errors)
            return
        with runtime.db.write() as session:
            recognise(session, user).must("administer")
            before = settings.get(session, "approvals.channel")
            for key, text in typed.items():
                settings.put(session, key, text)
        ack()
        if typed["approvals.channel"] and typed["approvals.channel"] != before:
            _greet(client, typed["approvals.channel"], user)


def read(typed: dict[str, Any]) -> dict[str, str]:
    """What was typed, by setting, as `distribution.settings.put` takes it."""
    found = {
        key.removeprefix(views.PREFIX): str(value or "") for key, value in typed.items() if key.startswith(views.PREFIX)
    }
    if found["approvals.required"] == "above":
        found["approvals.required"] = f"above:{typed.get(views.ABOVE) or ''}"
    return found


def problems(typed: dict[str, str]) -> dict[str, str]:
    """What is wrong with it, by block."""
    found = {}
    for key, text in typed.items():
        try:
            settings.SETTINGS[key].parse(text)
        except Refused as refusal:
            limit = key == "approvals.required" and text.startswith("above")
            found[views.ABOVE if limit else views.PREFIX + key] = str(refusal)
    return found


def _greet(client: WebClient, channel: str, user: str) -> None:
    """Say in the channel what it is for; where it is closed to us, tell whoever chose it."""
    try:
        client.chat_postMessage(channel=channel, text=f"<@{user}> chose this channel: approvals are asked for here.")
    except SlackApiError as error:
        if error.response.get("error") not in ("not_in_channel", "channel_not_found", "is_archived"):
            raise
        client.chat_postMessage(
            channel=user,
            text=f"Saved, but promobot cannot post in <#{channel}> yet. Type /invite @promobot there.",
        )
