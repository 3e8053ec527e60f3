"""The words after `/promo`: what a verb is, and what it is given."""

from collections.abc import Callable
from dataclasses import dataclass

from slack_sdk import WebClient

from commands.people import Person
from distribution.runtime import Runtime


@dataclass(frozen=True)
class Ask:
    """One `/promo …`: who asks, in which channel, the words after the verb, and the ways to answer.

    The command is acked already; `trigger_id` opens one modal within three seconds (Slack's limit), so open it first
    and fill it afterwards where filling could take long. `tell` answers with a message that only the asker sees.
    """

    runtime: Runtime
    client: WebClient
    person: Person
    channel: str
    words: str
    trigger_id: str
    tell: Callable[..., object]


@dataclass(frozen=True)
class Verb:
    """A word after `/promo`. `run` may raise `Refused`: its text is told to the asker."""

    name: str
    usage: str  # the words after it, as help shows them: "[name]"
    summary: str  # what it does, in a line of help
    run: Callable[[Ask], None]
    needs: str | None = None  # what the asker must be allowed (`commands.people.MAY`), None: everybody
