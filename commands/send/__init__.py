"""`/promo send`: the wizard that makes a distribution, in one modal."""

from slack_bolt import App

from commands.send import beginning, listeners
from commands.verbs import Verb
from distribution.runtime import Runtime

VERB = Verb("send", "[segment, group or draft]", "Send promo codes or a message by SMS", beginning.run, needs="send")


def register(app: App, runtime: Runtime) -> None:
    """The wizard's listeners."""
    listeners.register(app, runtime)
