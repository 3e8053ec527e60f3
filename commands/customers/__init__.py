"""`/promo customers`: find, open, add, edit and import customers, record their consent, import their events.

For other surfaces: a button with the action id `customers.open` and a customer's id as value opens the profile, from
a message or a modal; `customers.add`, `customers.import` and `events.import` (no value) open their forms. A select made
by `commands.customers.views.customer_select("customers.options:whatever")` finds customers as a person types; choosing
one in a select with the plain id `customers.options` opens the profile.
"""

from slack_bolt import App

from commands.customers import events_importing, importing, listeners
from commands.verbs import Verb
from distribution.runtime import Runtime

VERB = Verb("customers", "[name or number]", "Find, add and import customers", listeners.run)


def register(app: App, runtime: Runtime) -> None:
    """Every listener of this package."""
    listeners.register(app, runtime)
    importing.register(app, runtime)
    events_importing.register(app, runtime)
