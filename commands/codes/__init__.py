"""`/promo codes`, `/promo redeem`, `/promo replace`: one promo code and its whole life.

For other surfaces: a button with the action id `codes.open` and a code as value opens it, from a message or a modal;
`codes.give` opens the form that gives one by hand (with a code as value that one, else one of a group that is chosen),
`codes.import` the one that takes a file of redemptions.
"""

from slack_bolt import App

from commands.codes import importing, listeners
from commands.verbs import Verb
from distribution.runtime import Runtime

VERBS = (
    Verb("codes", "[code]", "One promo code: its whole life, and what can be done with it", listeners.look_up),
    Verb("redeem", "[code] [where]", "Say that a code was used", listeners.redeem, needs="edit"),
    Verb("replace", "[code]", "Revoke a code and give its customer another", listeners.replace, needs="codes"),
)


def register(app: App, runtime: Runtime) -> None:
    """Every listener of this package."""
    listeners.register(app, runtime)
    importing.register(app, runtime)
