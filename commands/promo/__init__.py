"""`/promo`: routes to the verbs of every package, and answers what is none of them."""

import re
from collections.abc import Callable
from typing import Any

import structlog
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient

from commands import (
    approvals,
    calendar,
    codes,
    customers,
    distributions,
    groups,
    home,
    promotions,
    providers,
    segments,
    send,
    settings,
    team,
)
from commands.people import recognise
from commands.promo import router, views
from commands.ui.blocks import as_dicts
from commands.ui.text import plain
from commands.verbs import Ask, Verb
from distribution.errors import Refused
from distribution.runtime import Runtime

log = structlog.get_logger(__name__)

Tell = Callable[..., object]


def _help(ask: Ask) -> None:
    """`/promo help`."""
    blocks = as_dicts(views.help_blocks(VERBS, ask.person))
    ask.tell(text="What promobot does: " + ", ".join(verb.name for verb in VERBS), blocks=blocks)


HELP = Verb("help", "", "What promobot does, and how to ask", _help)


VERBS = (
    send.VERB,
    distributions.VERB,
    calendar.VERB,
    approvals.VERB,
    groups.VERB,
    *codes.VERBS,
    promotions.VERB,
    customers.VERB,
    segments.VERB,
    team.VERB,
    providers.VERB,
    settings.VERB,
    HELP,
)


def register(app: App, runtime: Runtime) -> None:
    """The slash command, and the buttons that run a verb as if it had been typed."""

    @app.command("/promo")
    def promo(ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond) -> None:
        ack()
        ask = _ask(runtime, client, body["user_id"], body["channel_id"], body["trigger_id"], respond)
        _answer(ask, plain(body["text"]))

    # Action ids must differ within a block, so some say more: "promo.run:help".
    @app.action(re.compile(r"^promo\.run(:\w+)?$"))
    def run(ack: Ack, body: dict[str, Any], client: WebClient, respond: Respond, action: dict[str, Any]) -> None:
        ack()
        channel = body.get("channel", {}).get("id", "")
        _answer(_ask(runtime, client, body["user"]["id"], channel, body["trigger_id"], respond), action["value"])


def _ask(runtime: Runtime, client: WebClient, user: str, channel: str, trigger_id: str, respond: Respond) -> Ask:
    """An ask without its words yet."""
    with runtime.db.read() as session:
        person = recognise(session, user)
    return Ask(runtime, client, person, channel, "", trigger_id, _teller(client, user, channel, respond))


def _teller(client: WebClient, user: str, channel: str, respond: Respond) -> Tell:
    """A way to tell the asker: under their command, else (home tab, dead response URL) in a direct message."""

    def tell(text: str, blocks: Any = None, **more: Any) -> object:
        if respond.response_url:
            answer = respond(text=text, blocks=blocks, response_type="ephemeral", replace_original=False, **more)
            if answer.status_code == 200:
                return answer
            log.warning("response url refused", status=answer.status_code, body=answer.body)
        return client.chat_postMessage(channel=user, text=text, blocks=blocks)

    return tell


def _answer(ask: Ask, text: str) -> None:
    """Run what was typed, or say what could have been meant."""
    typed = router.read(text, VERBS)
    ask = Ask(ask.runtime, ask.client, ask.person, ask.channel, typed.words, ask.trigger_id, ask.tell)
    try:
        if typed.verb is None and not typed.word:
            home.summary(ask)
        elif typed.verb is None:
            blocks = as_dicts(views.unknown_blocks(typed.word, typed.words, typed.suggestion))
            hint = f"Did you mean /promo {typed.suggestion}?" if typed.suggestion else "Try /promo help."
            ask.tell(text=f"There is no /promo {typed.word}. {hint}", blocks=blocks)
        else:
            if typed.verb.needs:
                ask.person.must(typed.verb.needs)
            typed.verb.run(ask)
    except Refused as refusal:
        ask.tell(text=str(refusal))
