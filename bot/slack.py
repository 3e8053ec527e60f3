"""The Bolt app: its threads, what every request passes first, and the last answer when a listener fails."""

import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.error import BoltUnhandledRequestError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler

from bot.settings import Settings, Unset
from commands import (
    approvals,
    automatic,
    calendar,
    codes,
    customers,
    distributions,
    groups,
    home,
    jobs,
    people,
    promo,
    promotions,
    providers,
    segments,
    send,
    team,
)
from commands import settings as workspace_settings
from commands.ui.blocks import modal, section
from distribution.errors import Refused, mark
from distribution.runtime import Runtime

log = structlog.get_logger(__name__)

# Everything that listens.
PACKAGES = (
    promo, home, send, distributions, automatic, calendar, approvals, groups, codes, promotions, customers, segments,
    team, providers, workspace_settings, jobs,
)  # fmt: skip

# Bolt's own pool has 5 threads. A listener waits on the database and on Slack, never on sending, so a busy workspace
# needs more of them, and they cost little.
LISTENER_THREADS = 24
SOCKET_THREADS = 24  # each holds one envelope until its ack

# Slack's refusals that a person can do something about.
SAY_INSTEAD = {
    "not_in_channel": "promobot is not in that channel. Type /invite @promobot there, then try again.",
    "channel_not_found": "promobot cannot see that channel. Type /invite @promobot there, then try again.",
    "is_archived": "That channel is archived. Choose another one.",
    "expired_trigger_id": "That took longer than Slack allows, so the window could not open. Please try again.",
    "ratelimited": "Slack asks promobot to slow down. Please try again in a minute.",
    "missing_scope": "promobot's Slack app lacks a permission. An admin can reinstall it from manifest.yml.",
}
# The person closed the window, it shows something newer by now, or Slack delivered the same click twice and the first
# opened it: there is nothing to tell anybody.
MOVED_ON = frozenset({"not_found", "view_not_found", "hash_conflict", "exchanged_trigger_id"})
OURS = "Something went wrong on our side. Please try again; if it happens again, give an admin this number: "


class StickyAck(Ack):
    """An ack that stays given.

    When a listener fails after its ack, Bolt sets the response back to None; a request thread that had not looked yet
    (it looks every 10 ms) would then never acknowledge, and Slack would show its own error above ours.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name == "response" and value is None and getattr(self, "response", None) is not None):
            super().__setattr__(name, value)


def build_app(runtime: Runtime, settings: Settings) -> App:
    """The app with every package of `commands` registered. Asks Slack nothing."""
    client = WebClient(
        token=settings.token("slack_bot_token"),
        base_url=settings.slack_api_url,
        timeout=15,
        retry_handlers=[ConnectionErrorRetryHandler(max_retry_count=1)],
    )
    app = App(
        client=client,
        name="promobot",
        token_verification_enabled=False,
        request_verification_enabled=False,  # Socket Mode: the connection is ours
        ssl_check_enabled=False,
        url_verification_enabled=False,
        raise_error_for_unhandled_request=True,
        listener_executor=ThreadPoolExecutor(LISTENER_THREADS, thread_name_prefix="listener"),
    )

    @app.middleware
    def know_who_asks(context: BoltContext, client: WebClient, next: Callable[[], None]) -> None:
        """Bind who asks to the log, and make sure that `commands.people.recognise` finds them."""
        context["ack"] = StickyAck()  # type: ignore[no-untyped-call]  # Bolt does not say what making one takes
        structlog.contextvars.clear_contextvars()
        if context.user_id:
            structlog.contextvars.bind_contextvars(user=context.user_id)
            people.meet(runtime, client, context.user_id)
        next()

    @app.error
    def answer_kindly(error: Exception, request: BoltRequest, context: BoltContext, client: WebClient) -> BoltResponse:
        """The last word to whoever asked, when a listener raised."""
        return _answer(error, request, context, client)

    for package in PACKAGES:
        package.register(app, runtime)
    return app


def words_for(error: Exception) -> str:
    """What a person is told about an error: a refusal's own words, what to do about Slack's, or an apology with a mark.

    The mark is in the log beside the stack trace.
    """
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, BoltUnhandledRequestError):
        return "This button or window is from an older version of promobot. Please open it again: type /promo."
    if isinstance(error, SlackApiError) and error.response.get("error") in SAY_INSTEAD:
        return SAY_INSTEAD[error.response["error"]]
    number = mark()
    log.error("listener failed", mark=number, exc_info=error)
    return f"{OURS}{number}."


def _answer(error: Exception, request: BoltRequest, context: BoltContext, client: WebClient) -> BoltResponse:
    """Tell the person what happened where they are looking; returns the ack that goes to Slack if none went yet."""
    body: dict[str, Any] = request.body
    done = BoltResponse(status=200, body="")
    if isinstance(error, BoltUnhandledRequestError) and "event" in body:
        return done  # an event that nobody listens to asks for no answer
    if isinstance(error, SlackApiError) and error.response.get("error") in MOVED_ON:
        log.info("the view moved on", error=error.response.get("error"))
        return done
    text = words_for(error)
    acked = context.ack.response is not None
    kind = body.get("type")
    try:
        if kind == "view_submission" and not acked:
            return _in_the_view(body["view"], text)
        if kind == "block_suggestion":
            return done
        if context.respond is not None and context.response_url:
            context.respond(text=text, response_type="ephemeral", replace_original=False)
        elif kind == "block_actions" and body.get("view", {}).get("type") == "modal" and body.get("trigger_id"):
            client.views_push(trigger_id=body["trigger_id"], view=_notice(text))
        elif context.user_id:
            client.chat_postMessage(channel=context.user_id, text=text)
    except SlackApiError as unanswered:
        if context.user_id and kind != "view_closed":
            log.warning("could not answer in place", error=unanswered.response.get("error"))
            client.chat_postMessage(channel=context.user_id, text=text)
    return done


def _in_the_view(view: dict[str, Any], text: str) -> BoltResponse:
    """The answer to a submit that failed: under the last input, or on a view above, so that nothing typed is lost."""
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    answer: dict[str, Any] = (
        {"response_action": "errors", "errors": {inputs[-1]: text}}
        if inputs
        else {"response_action": "push", "view": _notice(text)}
    )
    return BoltResponse(status=200, body=answer)


def _notice(text: str) -> dict[str, Any]:
    """A view that only says something."""
    return modal("promobot", [section(text)], callback_id="promo.notice", close="Back")


def connect(app: App, settings: Settings) -> SocketModeHandler:
    """Check both tokens with Slack and open the socket. Raises `Unset` when Slack does not take them."""
    try:
        who = app.client.auth_test()
    except SlackApiError as error:
        raise Unset(
            f"Slack does not take SLACK_BOT_TOKEN ({error.response.get('error')}). "
            "Reinstall the app and copy the token again."
        ) from None
    handler = SocketModeHandler(
        app,
        settings.token("slack_app_token"),
        concurrency=SOCKET_THREADS,
        receive_buffer_size=65_536,
        ping_interval=5,
    )
    try:
        handler.connect()
    except SlackApiError as error:
        handler.close()
        raise Unset(
            f"Slack does not take SLACK_APP_TOKEN ({error.response.get('error')}). "
            "It needs the scope connections:write, and Socket Mode must be on."
        ) from None
    log.info("connected to Slack", team=who.get("team"), bot=who.get("user"))
    return handler


def close(handler: SocketModeHandler) -> None:
    """Close the socket at once, after the acks of what is at work.

    slack_sdk alone would cut them off, and wait up to its ping interval for a lock that the reading thread holds and up
    to a second on an empty queue.
    """
    client = handler.client
    client.closed = True
    client.auto_reconnect_enabled = False
    client.message_queue.put("")
    client.message_processor.shutdown()
    client.message_workers.shutdown(wait=True)
    client.current_session_state.terminated = True
    connection = client.current_session
    if connection is not None and connection.sock is not None:
        with contextlib.suppress(OSError):  # closed from the other side
            connection.sock.shutdown(socket.SHUT_RDWR)
    client.disconnect()
    reading = client.current_session_runner
    reading.event.set()
    while reading.is_alive():  # one that has just begun takes back that it is over, and would be waited for in vain
        client.current_session_state.terminated = True
        reading.thread.join(0.05)
    handler.close()
